"""Transcripts of other programs: what is read, what is left out and told, and what becomes of them."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from console.models import Role
from dreaming import transcripts
from sessions import conversation, events, foreign, importing
from sessions.conversation import Refused
from sessions.foreign import Unreadable
from sessions.models import Import, Session
from tests import factories

pytestmark = pytest.mark.django_db
HOSTILE = "<script>alert('x')</script>"


def claude(kind, content, **more):
    message = {"role": kind, "content": content}
    head = {"type": kind, "sessionId": "a-1", "uuid": "u", "parentUuid": None}
    return {**head, "timestamp": "2026-11-20T10:00:00.000Z", "message": message, **more}


CODE = [
    {"type": "summary", "summary": "Find the heron", "leafUuid": "u"},
    claude("user", "Where is the heron?"),
    claude("user", "<local-command>", isMeta=True),
    claude(
        "assistant",
        [
            {"type": "thinking", "thinking": "Hm."},
            {"type": "text", "text": "Let me look."},
            {"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "ls"}},
        ],
    ),
    claude("user", [{"type": "tool_result", "tool_use_id": "t1", "content": "heron.md"}]),
    claude(
        "assistant", [{"type": "text", "text": "In heron.md."}], timestamp="2026-11-20T10:01:00Z"
    ),
    claude("user", "Aside.", isSidechain=True),
]
OPENAI = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "When is the talk?"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "c1", "function": {"name": "look", "arguments": '{"for": "talk"}'}}],
    },
    {"role": "tool", "tool_call_id": "c1", "content": "14:30"},
    {"role": "assistant", "content": [{"type": "text", "text": "At 14:30."}]},
]
PLAIN = "Alice: When is the talk?\nI forgot.\nBot: At 14:30.\nAlice: Thanks.\n"


def lines(*rows):
    return "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows).encode()


def read(data, name="talk.jsonl"):
    return foreign.read(name, data)


def told(transcript):
    return [(each.role, each.text or each.name) for each in transcript.messages]


# -- Reading ----------------------------------------------------------------------------------------


def test_a_claude_code_session_is_read_with_its_calls():
    [transcript] = read(lines(*CODE))
    assert transcript.title == "Find the heron" and transcript.format == foreign.CLAUDE_CODE
    assert told(transcript) == [
        ("user", "Where is the heron?"),
        ("agent", "Let me look."),
        ("call", "Bash"),
        ("result", "heron.md"),
        ("agent", "In heron.md."),
    ]
    assert transcript.messages[0].at == "2026-11-20T10:00:00+00:00"


def test_what_is_left_out_is_told():
    left_out = read(lines(*CODE, "{broken", {"type": "system", "sessionId": "a-1"}))[0].left_out
    assert left_out == {
        "thoughts": 1,
        "messages of sub-agents": 1,
        "the program’s own notes": 2,
        "line 8: no JSON": 1,
    }


def test_several_sessions_of_a_file_come_apart():
    other = claude("user", "Another one.", sessionId="b-2")
    assert [each.title for each in read(lines(*CODE[1:], other))] == [
        "Where is the heron?",
        "Another one.",
    ]


@pytest.mark.parametrize(
    "data",
    [
        json.dumps(OPENAI).encode(),
        json.dumps({"messages": OPENAI}).encode(),
        json.dumps([{"messages": OPENAI}]).encode(),
        lines({"messages": OPENAI}),
    ],
)
def test_messages_as_json_are_read_in_each_of_their_wrappings(data):
    [transcript] = read(data, "talk.json")
    assert told(transcript) == [
        ("user", "When is the talk?"),
        ("call", "look"),
        ("result", "14:30"),
        ("agent", "At 14:30."),
    ]
    assert transcript.messages[1].given == {"for": "talk"}
    assert transcript.left_out == {"system prompts": 1}


def test_plain_text_is_read_by_its_speakers():
    [transcript] = read(PLAIN.encode(), "talk.txt")
    assert told(transcript)[0] == ("said", "When is the talk?\nI forgot.")
    assert transcript.speakers == ["Alice", "Bot"] and transcript.person == "Alice"


def test_the_person_is_known_by_a_usual_name():
    [transcript] = read(b"Assistant: Hello.\nHuman: Hi.\nAssistant: How are you?\n", "a.txt")
    assert transcript.person == "Human"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\xff\xfe", "no UTF-8 text"),
        (b"a\0b", "NUL"),
        (b"", "No messages"),
        (b"Just some prose without anybody speaking.", "No messages"),
        (b"Note: this.\nTime: noon.\nPlace: here.\nRoom: four.\nHost: Bob.\n", "No conversation"),
        (b'{"a": 1}', "No messages"),
        (b"[1, 2]", "No messages"),
        (b"{broken\n{too", "no line of it can be read"),
        (b"[" * 100_000, "can be read"),
    ],
)
def test_what_is_no_transcript_is_refused_in_words(data, why):
    with pytest.raises(Unreadable, match=why):
        read(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)
KEYS = st.sampled_from(["type", "role", "content", "message", "messages", "sessionId", "timestamp"])
WORDS = st.sampled_from(["user", "assistant", "tool", "text", "tool_use", "tool_result"])


@given(
    st.lists(st.dictionaries(KEYS, WORDS | JSON | st.lists(st.dictionaries(KEYS, WORDS | JSON))))
)
def test_no_json_breaks_the_reader(rows):
    for data in (json.dumps(rows).encode(), lines(*rows)):
        try:
            found = read(data)
        except Unreadable:
            continue
        assert all(each.messages for each in found)


# -- The plan and what comes of it --------------------------------------------------------------------


def send(client, *files, follow=True):
    sent = [SimpleUploadedFile(name, data) for name, data in files]
    return client.post(reverse("sessions:import_new", args=["lab"]), {"files": sent}, follow=follow)


def carry_out(client, answer, *chosen, **more):
    where = answer.redirect_chain[-1][0]
    return client.post(where, {"transcript": chosen, **more}, follow=True)


def test_nothing_is_imported_before_the_plan_is_accepted(as_bob, workspace):
    page = send(as_bob, ("code.jsonl", lines(*CODE)), ("pic.png", b"\xff\xd8")).content.decode()
    assert "Find the heron" in page and "2 × the program" not in page
    assert "pic.png" in page and "no UTF-8 text" in page
    assert not workspace.sessions.exists()


def test_an_imported_session_reads_like_any_other_and_has_ended(as_bob, api, workspace):
    answer = carry_out(as_bob, send(as_bob, ("code.jsonl", lines(*CODE))), 0)
    [session] = workspace.sessions.all()
    page = answer.content.decode()
    assert "Where is the heron?" in page and "In heron.md." in page and "has ended" in page
    log = api.get(f"/v1/sessions/{session.pk}/events").json()["data"]
    assert [event["type"] for event in log] == [
        "user.message",
        "agent.message",
        "agent.tool_use",
        "agent.tool_result",
        "agent.message",
        "session.thread_status_terminated",
        "session.status_terminated",
    ]
    assert log[0]["processed_at"].startswith("2026-11-20T10:00:00")
    assert log[3]["tool_use_id"] == log[2]["id"]
    shown = api.get(f"/v1/sessions/{session.pk}").json()
    assert shown["status"] == "terminated" and shown["agent"]["name"] == "Imported"
    with pytest.raises(Refused):
        conversation.say(session, "Go on.")


def test_only_the_person_is_evidence_and_foreign_tools_are_no_memory(workspace, bob):
    kept = importing.plan(workspace, bob, [("code.jsonl", lines(*CODE))])
    [session] = importing.carry_out(kept, [0], {})
    read = transcripts.lines(events.in_order(session.primary.events.all()))
    assert [line["role"] for line in read] == ["user", "agent", "tool", "agent"]


def test_who_the_person_is_can_be_chosen(as_bob, workspace):
    sent = send(as_bob, ("talk.txt", PLAIN.encode()))
    carry_out(as_bob, sent, 0, **{"person-0": "Bot"})
    [session] = workspace.sessions.all()
    kinds = [event.type for event in events.in_order(session.events.all())][:3]
    assert kinds == ["agent.message", "user.message", "agent.message"]


def test_a_transcript_comes_in_once(as_bob, workspace):
    carry_out(as_bob, send(as_bob, ("code.jsonl", lines(*CODE))), 0)
    again = send(as_bob, ("renamed.jsonl", lines(*CODE)))
    assert "Imported already" in again.content.decode()
    carry_out(as_bob, again, 0)
    assert workspace.sessions.count() == 1


def test_a_plan_is_carried_out_once(as_bob, workspace):
    sent = send(as_bob, ("talk.json", json.dumps(OPENAI).encode()))
    carry_out(as_bob, sent, 0)
    where = sent.redirect_chain[-1][0]
    assert as_bob.post(where, {"transcript": [0]}).status_code == 404
    assert workspace.sessions.count() == 1


def test_calls_and_results_always_pair(workspace, bob):
    use = {"type": "tool_use", "id": "t", "name": "Bash", "input": {}}
    stray = {"type": "tool_result", "tool_use_id": "nobody", "content": "x"}
    rows = [claude("user", "Go."), claude("assistant", [use, use]), claude("user", [stray])]
    kept = importing.plan(workspace, bob, [("a.jsonl", lines(*rows, claude("user", "So?")))])
    [session] = importing.carry_out(kept, [0], {})
    log = list(session.events.all())
    calls = {event.pk for event in log if event.type == "agent.tool_use"}
    answered = [e.payload["tool_use_id"] for e in log if e.type == "agent.tool_result"]
    assert sorted(answered) == sorted(calls) and len(calls) == 2


def test_hostile_words_are_shown_and_never_run(as_bob, workspace):
    rows = [{"role": "user", "content": f"{HOSTILE}\0\ud800"}]
    sent = send(as_bob, (f"{HOSTILE}.json", json.dumps(rows).encode()))
    assert HOSTILE not in sent.content.decode()
    assert HOSTILE not in carry_out(as_bob, sent, 0).content.decode()


def test_nothing_chosen_is_told_and_nothing_sent_too(as_bob):
    sent = send(as_bob, ("talk.txt", PLAIN.encode()))
    answer = as_bob.post(sent.redirect_chain[-1][0], {})
    assert answer.status_code == 422 and "Choose at least one" in answer.content.decode()
    assert "Choose one or more" in send(as_bob, follow=False).content.decode()


def test_a_plan_is_for_the_eyes_of_its_owner(as_alice, as_bob, as_vera):
    where = send(as_bob, ("talk.txt", PLAIN.encode())).redirect_chain[-1][0]
    assert as_alice.get(where).status_code == 404
    assert as_vera.get(reverse("sessions:import_new", args=["lab"])).status_code == 403


def test_plans_nobody_carried_out_are_thrown_away(workspace, bob):
    for _ in range(importing.KEPT + 2):
        kept = importing.plan(workspace, bob, [("talk.txt", PLAIN.encode())])
    assert Import.objects.count() == importing.KEPT
    Import.objects.filter(pk=kept.pk).update(created_at=kept.created_at - importing.LIFETIME * 2)
    importing.sweep()
    assert not Import.objects.filter(pk=kept.pk).exists()


def test_workspaces_know_nothing_of_each_others_imports(workspace, bob, eve):
    kept = importing.plan(workspace, bob, [("talk.txt", PLAIN.encode())])
    importing.carry_out(kept, [0], {})
    elsewhere = eve.memberships.get(role=Role.OWNER).workspace
    kept = importing.plan(elsewhere, eve, [("talk.txt", PLAIN.encode())])
    assert importing.items(kept)[0].known is None
    assert len(importing.carry_out(kept, [0], {})) == 1
    assert Session.objects.filter(workspace=elsewhere).count() == 1


def test_an_imported_session_is_a_dreams_input(workspace, bob):
    kept = importing.plan(workspace, bob, [("code.jsonl", lines(*CODE))])
    [session] = importing.carry_out(kept, [0], {})
    dream = factories.make_dream(store=factories.make_store(), sessions=[session])
    assert dream.transcripts.get().session == session
