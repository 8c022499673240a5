"""Transcripts of other programs: the plan, and what becomes of them."""

import json

import pytest
from django.urls import reverse
from django.utils import timezone

from console.models import Role
from dreaming import transcripts
from sessions import conversation, events, imported, importing, transcript
from sessions.conversation import Refused
from sessions.models import Import, Session
from tests import factories
from tests.sessions.foreign.clients import carry_out, send
from tests.sessions.foreign.conversations import (
    CODE,
    HOSTILE,
    OPENAI,
    PLAIN,
    claude,
    lines,
)

pytestmark = pytest.mark.django_db


# -- The plan and what comes of it --------------------------------------------------------------------


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


def test_who_the_assistant_is_can_be_chosen(as_bob, workspace):
    sent = send(as_bob, ("talk.txt", PLAIN.encode()))
    carry_out(as_bob, sent, 0, **{"assistant-0": "Alice"})
    [session] = workspace.sessions.all()
    kinds = [event.type for event in events.in_order(session.events.all())][:3]
    assert kinds == ["agent.message", "user.message", "agent.message"]


@pytest.mark.parametrize(("assistant", "agents"), [("Bot", {"Bot: Here."}), ("", set())])
def test_of_many_speakers_all_but_the_assistant_are_people(as_bob, workspace, assistant, agents):
    text = "Ann: Hello.\nBen: Hi.\nBot: Here.\nAnn: Good.\nBen: Bye.\n"
    sent = send(as_bob, ("talk.txt", text.encode()))
    page = sent.content.decode()
    assert '<option value="Bot" selected>' in page and "Everybody else is a person" in page
    carry_out(as_bob, sent, 0, **{"assistant-0": assistant})
    [session] = workspace.sessions.all()
    said = session.events.filter(type="agent.message")
    assert {event.payload["content"][0]["text"] for event in said} == agents


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


def test_an_import_that_died_half_way_goes_on_where_it_was(workspace, bob, monkeypatch):
    talks = [("code.jsonl", lines(*CODE)), ("talk.txt", PLAIN.encode())]
    kept = importing.plan(workspace, bob, talks)
    pk = kept.pk
    monkeypatch.setattr(importing, "TOGETHER", 1)
    make, made = imported.make, []

    def dies(*given):
        if made:
            raise OSError("The disk is full.")
        made.append(make(*given))
        return made[0]

    monkeypatch.setattr(imported, "make", dies)
    with pytest.raises(OSError, match="full"):
        importing.carry_out(kept, [0, 1], {})
    assert [item.known for item in importing.items(kept)] == [made[0], None]
    monkeypatch.setattr(imported, "make", make)
    assert len(importing.carry_out(kept, [0, 1], {})) == 1 and workspace.sessions.count() == 2
    kept.pk = pk
    with pytest.raises(importing.Gone):
        importing.carry_out(kept, [0], {})


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


def test_a_result_that_comes_after_somebody_spoke_is_the_calls_result(as_bob, workspace, bob):
    use = {"type": "tool_use", "id": "t", "name": "Bash", "input": {"command": "sleep 9"}}
    outcome = {"type": "tool_result", "tool_use_id": "t", "content": "finally here"}
    rows = [
        claude("assistant", [use]),
        claude("user", "Are you there?"),
        claude("assistant", "One moment."),
        claude("user", [outcome]),
    ]
    kept = importing.plan(workspace, bob, [("a.jsonl", lines(*rows))])
    [session] = importing.carry_out(kept, [0], {})
    log = list(events.in_order(session.events.all()))[:4]
    assert [event.type for event in log] == [
        "agent.tool_use",
        "user.message",
        "agent.message",
        "agent.tool_result",
    ]
    assert log[3].payload["tool_use_id"] == log[0].pk
    read = transcripts.lines(events.in_order(session.primary.events.all()))
    assert [line["role"] for line in read] == ["user", "agent", "tool"]
    assert read[2]["text"] == "finally here"
    call = as_bob.get(reverse("sessions:event", args=["lab", session.pk, log[0].pk]))
    assert "finally here" in call.content.decode()


def test_a_call_that_failed_there_is_shown_as_failed(as_bob, workspace, bob):
    use = {"type": "tool_use", "id": "t", "name": "Bash", "input": {"command": "cat heron"}}
    outcome = {
        "type": "tool_result",
        "tool_use_id": "t",
        "content": "No such file",
        "is_error": True,
    }
    rows = [claude("assistant", [use]), claude("user", [outcome])]
    kept = importing.plan(workspace, bob, [("a.jsonl", lines(*rows))])
    [session] = importing.carry_out(kept, [0], {})
    page = as_bob.get(session.get_absolute_url()).content.decode()
    assert "Bash: cat heron" in page and "octagon-alert" in page and "Skipped" not in page


def test_a_call_without_a_result_says_so_where_it_stands(workspace, bob):
    use = {"type": "tool_use", "id": "t", "name": "Bash", "input": {}}
    rows = [claude("assistant", [use]), claude("user", "So?")]
    kept = importing.plan(workspace, bob, [("a.jsonl", lines(*rows))])
    [session] = importing.carry_out(kept, [0], {})
    told = [(e.type, transcript.text_of(e)) for e in events.in_order(session.events.all())][1:3]
    assert told == [("agent.tool_result", imported.NO_RESULT), ("user.message", "So?")]


def test_where_several_speak_each_ones_words_carry_the_name(workspace, bob):
    rows = [
        {"role": "user", "name": "Ann", "content": "Hello."},
        {"role": "user", "name": "Ben", "content": "Hi."},
        {"role": "assistant", "name": "bot", "content": "Welcome."},
    ]
    talks = [("two.json", json.dumps(rows)), ("one.json", json.dumps(rows[1:]))]
    kept = importing.plan(workspace, bob, [(name, told.encode()) for name, told in talks])
    for session in importing.carry_out(kept, [0, 1], {}):
        said = [transcript.text_of(event) for event in events.in_order(session.events.all())]
        several = session.title == "two"
        assert said[-4] == ("Ben: Hi." if several else "Hi.") and said[-3] == "Welcome."


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


def test_a_number_that_no_transcript_has_is_no_choice(as_bob, workspace):
    sent = send(as_bob, ("code.jsonl", lines(*CODE)))
    assert "Choose at least one" in carry_out(as_bob, sent, "9" * 5_000).content.decode()
    assert not workspace.sessions.exists()


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


def test_the_plan_says_from_when_to_when(as_bob):
    page = send(as_bob, ("code.jsonl", lines(*CODE))).content.decode()
    assert 'datetime="2026-11-20T10:00:00+00:00"' in page
    assert 'datetime="2026-11-20T10:01:00+00:00"' in page
    page = send(as_bob, ("code.jsonl", lines(CODE[1]))).content.decode()
    assert page.count('datetime="2026-11-20') == 1


def test_an_imported_session_is_recognised_in_the_list(as_bob, workspace):
    factories.make_session(workspace)
    carry_out(as_bob, send(as_bob, ("code.jsonl", lines(*CODE))), 0)
    listed = reverse("sessions:sessions", args=["lab"])
    page = as_bob.get(listed, {"status": "imported"}).content.decode()
    assert "Imported · Claude Code" in page
    assert "Imported · " not in as_bob.get(listed).content.decode()


def test_an_imported_session_stands_in_an_environment_that_is_not_archived(workspace):
    factories.make_environment(name="Old", archived_at=timezone.now())
    current = factories.make_environment(name="Current")
    factories.make_environment(name="Older", archived_at=timezone.now())
    assert imported.environment_of(workspace) == current
