"""What the transcript page shows for each event, without a database."""

from datetime import timedelta

import pytest
from django.utils import timezone

from sessions.models import Attachment, Event
from sessions.reading import bodies
from sessions.reading.entries import Answered, Call, Mark, Notice, Said, TurnEnd
from sessions.reading.lines import Answer, line
from sessions.reading.places import Place, Places
from sessions.reading.previews import Previews
from sessions.reading.reader import Reader

pytestmark = pytest.mark.once
NOTES = "/mnt/memory/notes"


def mount(name="notes", store="memstore_1"):
    return Attachment(name=name, mount_path=f"/mnt/memory/{name}", store_id=store)


def places(*mounts):
    return Places(mounts or [mount()], lambda attachment, path: f"/{attachment.name}:{path}")


def event(type, payload=None, *, private=None, after=0):
    at = timezone.now() + timedelta(seconds=after)
    event.number += 1
    return Event(
        pk=f"sevt_{event.number}",
        type=type,
        payload=payload or {},
        private=private,
        created_at=at,
        processed_at=at,
    )


event.number = 0


def said(text, type="user.message", **options):
    return event(type, {"content": [{"type": "text", "text": text}]}, **options)


def call(name="grep", **given):
    return event("agent.tool_use", {"name": name, "input": given})


def result(call, text="", *, error=False, **facts):
    content = [{"type": "text", "text": text}]
    payload = {"tool_use_id": call.pk, "content": content, "is_error": error}
    return event("agent.tool_result", payload, private=facts)


def read(*events):
    return Reader(places()).read(events)


# -- Places ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (f"{NOTES}/a/b.md", Place("notes", "/a/b.md", "/notes:/a/b.md", NOTES)),
        (NOTES, Place("notes", "/", "/notes:/", NOTES)),
        ("/workspace/x.md", Place("the scratch folder", "/x.md", "", "/workspace")),
        ("x.md", Place("the scratch folder", "/x.md", "", "/workspace")),
        ("/mnt/memory/notes-2/a.md", None),
        (f"{NOTES}/../../../etc/passwd", None),
    ],
)
def test_a_path_is_named_by_its_store(path, found):
    assert places().find(path) == found


def test_links_to_memories_work_and_other_relative_ones_do_not():
    link = places().link
    assert link(f"{NOTES}/my%20talk.md#top") == "/notes:/my talk.md"
    assert link("/etc/passwd") is None
    assert link("elsewhere.md") is None


def test_a_deleted_stores_files_have_no_page():
    assert places(mount(store=None)).find(f"{NOTES}/a.md").url == ""


# -- One line per call --------------------------------------------------------------------------


def words(name, given, text="", *, error=False, facts=None, at=None):
    facts = {"ms": 1} if facts is None else facts
    said = line(name, given, Answer(text, error, facts), at or places())
    subject = f"‘{said.subject}’" if said.is_quoted else said.subject
    outcome = f"→ {said.outcome}" if said.outcome else ""
    return " ".join(filter(None, [said.done, subject, said.place, outcome]))


@pytest.mark.parametrize(
    ("expected", "name", "given", "facts"),
    [
        ("Searched ‘cma’ in notes → 3 hits", "grep", {"pattern": "cma", "path": NOTES}, {"hits": 3}),
        ("Searched ‘cma’ → nothing", "grep", {"pattern": "cma"}, {"hits": 0}),
        ("Searched ‘x’ → 200 hits and more", "grep", {"pattern": "x"}, {"hits": 200, "more": True}),
        ("Searched ‘a | b’ → 1 hit", "grep", {"pattern": r"(?i)\b(?:a|b)\b"}, {"hits": 1}),
        ("Searched ‘2.50 | eur’ → 1 hit", "grep", {"pattern": r"(?i)\b(?:2\.50|eur)"}, {"hits": 1}),
        ("Searched ‘a+(b)’ → nothing", "grep", {"pattern": "a+(b)"}, {"hits": 0}),
        ("Listed **/*.md → nothing yet", "glob", {"pattern": "**/*.md"}, {"hits": 0}),
        ("Listed * in notes/people → 2 files", "glob", {"pattern": "*", "path": f"{NOTES}/people"}, {"hits": 2}),
        ("Read cma-talk.md → 4 lines", "read", {"file_path": f"{NOTES}/cma-talk.md"}, {"lines": 4}),
        ("Wrote a.md → new, 312 B", "write", {"file_path": f"{NOTES}/a.md"}, {"created": True, "before": 0, "after": 312}),
        ("Edited a.md → 330 B (+18 B)", "edit", {"file_path": f"{NOTES}/a.md"}, {"created": False, "before": 312, "after": 330}),
        ("Wrote x.md in the scratch folder → 2 B (−3 B)", "write", {"file_path": "x.md"}, {"before": 5, "after": 2}),
        ("$ ls -l → exit 0", "bash", {"command": "ls -l"}, {"exit": 0, "how": "exited"}),
        ("$ x → stopped: out of time", "bash", {"command": "x"}, {"exit": None, "how": "timed out"}),
        ("$ x → exit 1, 2 files changed, 1 not kept", "bash", {"command": "x"}, {"exit": 1, "how": "exited", "changes": 2, "leavings": 1}),
        ("Called book_flight: Oslo", "book_flight", {"to": "Oslo"}, {}),
        ("Called ping", "ping", {"times": 3}, {}),
    ],
)  # fmt: skip
def test_a_call_is_one_readable_line(expected, name, given, facts):
    assert words(name, given, facts={**facts, "ms": 1}) == expected


def test_with_several_stores_each_file_says_where_it_is():
    two = places(mount(), mount("handbook"))
    assert words("read", {"file_path": f"{NOTES}/a.md"}, at=two) == "Read a.md in notes"


def test_a_failed_call_says_why_in_its_first_line():
    text = words("write", {"file_path": f"{NOTES}/a.md"}, "Read it first.\nMore.", error=True)
    assert text == "Could not write a.md → Read it first."


def test_a_call_that_never_ran_is_no_failure():
    text = words("read", {"file_path": f"{NOTES}/a.md"}, "Stopped.", error=True, facts={})
    assert text == "Skipped: read a.md → Stopped."


def test_nonsense_from_a_model_still_makes_a_line():
    assert words("read", {"file_path": None}) == "Read a file without a name"
    assert words("grep", {"_unparsed": "{"}, error=True, text="Bad JSON").startswith("Could not")


def test_long_subjects_are_cut():
    assert len(line("grep", {"pattern": "x" * 9999}, None, places()).subject) <= 160


# -- Entries --------------------------------------------------------------------------------------


def test_a_call_and_its_result_are_one_entry():
    asked = call(pattern="cma")
    entries = read(asked, result(asked, hits=3, ms=12))
    assert [(type(entry), entry.id) for entry in entries] == [(Call, asked.pk)]
    assert (entries[0].state, entries[0].seconds) == ("done", 0.012)


def test_a_call_without_a_result_runs_and_a_programs_call_waits():
    waiting = event("agent.custom_tool_use", {"name": "book", "input": {}})
    assert [entry.state for entry in read(call(), waiting)] == ["running", "waiting"]


def test_a_turn_ends_with_what_it_took():
    usage = {
        "input_tokens": 100,
        "output_tokens": 7,
        "cache_read_input_tokens": 20,
        "cache_creation_input_tokens": 3,
    }
    span = {"model_request_start_id": "x", "is_error": False, "model_usage": usage}
    entries = read(
        event("session.thread_status_running"),
        event("span.model_request_end", span),
        event("span.model_request_end", span),
        event("session.thread_status_idle", {"stop_reason": {"type": "end_turn"}}, after=4),
    )
    (end,) = entries
    assert isinstance(end, TurnEnd)
    assert (end.requests, end.input_tokens, end.output_tokens) == (2, 246, 14)
    assert round(end.seconds) == 4
    assert end.text == ""


def test_a_refusal_says_so_at_the_end_of_the_turn():
    payload = {"stop_reason": {"type": "refusal"}, "stop_details": {"explanation": "Not this."}}
    assert (
        read(event("session.thread_status_idle", payload))[0].text == "The model refused: Not this."
    )


def test_a_long_silence_gets_a_row():
    entries = read(said("Hi"), said("Are you there?", after=900))
    assert [type(entry) for entry in entries] == [Said, Mark, Said]


@pytest.mark.parametrize(
    ("retry", "kind", "tone"), [("retrying", Mark, "warn"), ("exhausted", Notice, "danger")]
)
def test_an_error_tells_what_happens_next(retry, kind, tone):
    error = {"type": "billing_error", "message": "Pay.", "retry_status": {"type": retry}}
    (notice,) = read(event("session.error", {"error": error}))
    assert isinstance(notice, kind)
    assert notice.tone == tone
    assert "Pay." in notice.text


def test_the_agents_words_are_rendered_safely_and_their_links_lead_to_files():
    text = f"See [it]({NOTES}/a.md) <script>alert(1)</script> [x](javascript:alert(1))"
    (entry,) = read(said(text, "agent.message"))
    assert isinstance(entry, Answered)
    assert 'href="/notes:/a.md"' in entry.html
    assert "<script" not in entry.html
    assert "javascript:" not in entry.html


def test_a_long_message_shows_its_beginning():
    (entry,) = read(said("x" * 5000))
    assert (len(entry.text), entry.length) == (2000, 5000)
    (lines,) = read(said("a\n" * 100))
    assert lines.text.count("\n") == 39


def test_what_a_program_told_the_agent_takes_little_room():
    (entry,) = Reader(places(), is_machine=True).read([said("{}\n" * 100)])
    assert (entry.text.count("\n"), entry.length) == (7, 300)


def test_images_and_documents_are_named():
    content = [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "…"}},
        {"type": "document", "title": "Plan", "source": {}},
    ]
    (entry,) = read(event("user.message", {"content": content}))
    assert entry.extras == ("Image image/png", "Document Plan")


def test_events_that_nobody_need_see_leave_nothing():
    assert read(event("session.usage"), event("span.model_request_start"), event("new.type")) == []


# -- What opens below a call ----------------------------------------------------------------------------


def body(name, given, text, *, whole=False, **facts):
    return bodies.body(name, given, Answer(text, False, facts), places(), whole=whole)


def test_hits_are_grouped_by_file_and_marked():
    text = f"{NOTES}/a.md:3:the CMA talk\n{NOTES}/a.md:9:cma again\n{NOTES}/b.md:1:x: 2: CMA"
    found = body("grep", {"pattern": "(?i)cma"}, text, hits=3).files
    assert [(file.place.path, [hit.number for hit in file.hits]) for file in found] == [
        ("/a.md", [3, 9]),
        ("/b.md", [1]),
    ]
    assert found[0].hits[0].parts == ["the ", "CMA", " talk"]


def test_a_pattern_that_cannot_be_read_marks_nothing():
    found = body("grep", {"pattern": "("}, f"{NOTES}/a.md:3:the (", hits=1).files
    assert found[0].hits[0].parts == ["the ("]


def test_read_lines_count_from_where_the_reading_began():
    shown = body("read", {"file_path": f"{NOTES}/a.md", "view_range": [40, 41]}, "x\ny\n")
    assert (shown.first, shown.lines) == (40, ["x", "y"])


def test_five_thousand_lines_come_in_part_until_all_are_asked_for():
    text = "line\n" * 5000
    assert (body("read", {}, text).hidden, len(body("read", {}, text).lines)) == (4600, 400)
    assert len(body("read", {}, text, whole=True).lines) == 5000


def test_letters_that_turn_the_text_are_shown():
    assert "\u202e" not in body("read", {}, "abc\u202etxt").lines[0]


def test_an_edit_shows_what_changed():
    shown = body("edit", {"file_path": "x", "old_string": "a\nb", "new_string": "a\nc"}, "Edited")
    assert (shown.diff.added, shown.diff.removed, shown.is_new) == (1, 1, False)
    assert body("write", {"content": "new\n"}, "Created").is_new


# -- Previews ---------------------------------------------------------------------------------------------


def start(id="sevt_a", type="agent.message"):
    return {"number": 0, "event": {"type": "event_start", "event": {"type": type, "id": id}}}


def recap(number, *texts, id="sevt_a"):
    event = {"type": "event_recap", "event_id": id, "texts": texts}
    return {"number": number, "event": event}


def delta(number, id="sevt_a"):
    return {"number": number, "event": {"type": "event_delta", "event_id": id}}


@pytest.mark.parametrize(
    ("whispers", "passed"),
    [
        ([start(), delta(1), delta(2)], 3),
        ([delta(1), delta(2)], 0),
        ([start(), start(), delta(1)], 2),
        ([start(), delta(1), delta(3), delta(4)], 2),
        ([start(), delta(2), delta(3)], 1),
        ([start(), delta(1), delta(1)], 2),
        ([start(type="agent.thinking")], 0),
        ([start(), start("sevt_b"), delta(1), delta(1, "sevt_b")], 4),
        ([delta(2), recap(2, "Hel"), delta(3)], 3),
        ([start(), delta(1), recap(1, "Hel"), delta(2)], 3),
        ([start(), delta(2), recap(2, "Hello"), delta(3)], 1),
    ],
)
def test_only_whole_beginnings_of_messages_are_previewed(whispers, passed):
    previews = Previews({"agent.message"})
    assert sum(len(previews.admit(whisper)) for whisper in whispers) == passed


def test_stragglers_of_a_stored_message_are_dropped():
    previews = Previews({"agent.message"})
    previews.admit(start())
    previews.end("sevt_a")
    assert previews.admit(delta(1)) == []
    assert previews.admit(start()) == []


def test_that_a_turn_waits_is_said_once_however_many_answers_come_one_by_one():
    waits = {"stop_reason": {"type": "requires_action", "event_ids": ["sevt_9"]}}
    usage = {"model_usage": {"input_tokens": 1, "output_tokens": 1}}
    ends = [
        entry
        for entry in read(
            event("session.thread_status_running"),
            event("span.model_request_end", usage),
            event("session.thread_status_idle", waits),
            event("session.thread_status_running"),
            event("session.thread_status_idle", waits),
        )
        if entry.template == "turn_end"
    ]
    assert [end.text for end in ends] == ["Paused to ask"]
