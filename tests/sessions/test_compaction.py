"""A conversation that outgrows its model's window: what is condensed, what stays, what a person sees."""

import base64
import json

import pytest

from sessions import compaction, conversation, events, loop, tasks
from sessions.events import Entry
from sessions.models import Session
from sessions.providers.http import TOO_LONG
from tests.factories import make_agent, make_api, make_memory, make_session, make_store
from tests.sessions.fake_models import Call, FakeModels, Raw, Turn

pytestmark = pytest.mark.django_db(transaction=True)
WINDOW = 32_000  # what an OpenAI-style endpoint is taken for when it does not say
SUMMARY = "The person looks for the heron. Its file is heron.md."
OVERFLOW = Raw(400, {"error": {"message": "maximum context length is 4096 tokens", "code": "x"}})
FILLER = "reeds and water " * 1_000  # some 5,000 tokens


def is_summary(asked: dict) -> bool:
    return "You condense the earlier part" in asked["messages"][0]["content"]


@pytest.fixture
def fake(settings):
    with FakeModels() as fake:
        settings.OPENAI_BASE_URL, settings.OPENAI_MODELS = fake.openai_url, ["fake-model"]
        yield fake


@pytest.fixture
def session(workspace, fake):
    model = {"id": "fake-model", "effort": None, "speed": "standard", "inference_geo": None}
    store = make_store(name="Notes", files={"/heron.md": "The heron is here.\n"})
    session = make_session(agent=make_agent(model=model), stores=[store])
    yield session
    make_api(workspace).get(f"/v1/sessions/{session.pk}/events")


def work(session: Session, *said: str) -> Session:
    for words in said:
        conversation.say(session, words)
        loop.run(session.primary.pk, tasks.CHAT)
    session.refresh_from_db()
    return session


def past(session: Session, turns: int, filler: str = FILLER) -> None:
    """Write turns of some 5,000 tokens each into the log, each with a call and its result."""
    thread = session.primary
    for number in range(turns):
        said = [{"type": "text", "text": f"Question {number}."}]
        [_, call] = events.append(
            thread,
            Entry("user.message", {"content": said}),
            Entry("agent.tool_use", {"name": "read", "input": {"file_path": f"/w/{number}.md"}}),
        )
        result = {"tool_use_id": call.pk, "content": [{"type": "text", "text": filler}]}
        answer = {"content": [{"type": "text", "text": f"Answer {number}."}]}
        ended = {"session_thread_id": thread.pk, "stop_reason": {"type": "end_turn"}}
        events.append(
            thread,
            Entry("agent.tool_result", {**result, "is_error": False}),
            Entry("agent.message", answer),
            Entry("session.thread_status_idle", {**ended, "agent_name": thread.name}),
        )


def types(session: Session) -> list[str]:
    return [event.type for event in events.in_order(session.events.all())]


def asked(fake: FakeModels) -> list[dict]:
    return [request.json for request in fake.requests]


def whole(request: dict) -> str:
    return json.dumps(request["messages"])


# -- When the window fills --------------------------------------------------------------------------


def test_a_short_conversation_is_shown_as_it_is(fake, session):
    past(session, 2)
    fake.script(Turn("Here."))
    work(session, "Where is the heron?")
    assert compaction.TYPE not in types(session)
    assert "Question 0." in whole(asked(fake)[0])


def test_older_turns_are_summarised_once_and_the_log_keeps_all(fake, session):
    past(session, 8)
    before = types(session)
    fake.script(Turn(SUMMARY), Turn("Here."), Turn("Still here."))
    work(session, "Where is the heron?", "And now?")
    assert types(session)[: len(before)] == before
    assert types(session).count(compaction.TYPE) == 1
    told, first, second = asked(fake)
    assert is_summary(told) and "Answer 0." in whole(told)
    for request in (first, second):
        assert SUMMARY in whole(request) and "Where is the heron?" in whole(request)
        assert "Answer 0." not in whole(request) and "Answer 7." in whole(request)
    # What both begin with is the same, so that a cache may keep it.
    assert second["messages"][: len(first["messages"])] == first["messages"]


def test_what_people_said_stays_word_for_word(fake, session):
    past(session, 8)
    fake.script(Turn(SUMMARY), Turn("Here."))
    work(session, "Where is the heron?")
    shown = whole(asked(fake)[1])
    assert all(f"Question {number}." in shown for number in range(8))


def test_a_call_keeps_its_result(fake, session):
    past(session, 12)
    fake.script(Turn(SUMMARY), Turn("Here."))
    work(session, "Where is the heron?")
    calls, results = set(), set()
    for message in asked(fake)[1]["messages"]:
        calls |= {call["id"] for call in message.get("tool_calls") or []}
        results |= {message["tool_call_id"]} if message["role"] == "tool" else set()
    assert calls == results and calls


def test_a_single_turn_that_is_too_long_is_cut_between_its_rounds(fake, session):
    make_memory(session.attachments.get().store, "/long.md", "reeds\n" * 15_000)
    read = Call("read", {"file_path": "/mnt/memory/notes/long.md"})
    fake.script(*[Turn(f"Round {number}.", read) for number in range(3)], Turn(SUMMARY))
    fake.script(*[Turn("Found.")] * 3)
    work(session, "Find the heron in the long file")
    assert compaction.TYPE in types(session)
    assert "Find the heron in the long file" in whole(asked(fake)[-1])


def test_it_is_done_again_when_the_window_fills_again(fake, session):
    past(session, 8)
    fake.script(Turn(SUMMARY), Turn("Here."))
    work(session, "Where is the heron?")
    past(session, 8)
    fake.script(Turn("Second summary."), Turn("There."))
    work(session, "And the egret?")
    assert types(session).count(compaction.TYPE) == 2
    assert SUMMARY in whole(asked(fake)[2])  # the first is part of what the second is made of
    shown = whole(asked(fake)[3])
    assert "Second summary." in shown and SUMMARY not in shown
    assert "Question 0." in shown


# -- When the model says that it is too long -----------------------------------------------------------


def test_a_model_with_a_smaller_window_is_asked_again_with_less(fake, session):
    past(session, 3)
    fake.script(OVERFLOW, Turn(SUMMARY), Turn("Here."))
    work(session, "Where is the heron?")
    assert compaction.TYPE in types(session) and "session.error" not in types(session)
    assert types(session)[-1] == "session.status_idle"
    assert len(whole(asked(fake)[2])) < len(whole(asked(fake)[0]))


def test_what_cannot_be_condensed_is_told(fake, session):
    fake.script(*[OVERFLOW] * 4)
    work(session, "Where is the heron?")
    error = session.events.get(type="session.error").payload["error"]
    assert error["type"] == "compaction_limit_reached_error"
    assert "start a new session" in error["message"]
    assert session.status == "idle"


def test_a_model_that_fails_to_summarise_is_done_without(fake, session):
    past(session, 8)
    fake.script(Raw(500, {"error": {"message": "no"}}), Turn("Here."))
    work(session, "Where is the heron?")
    shown = whole(asked(fake)[1])
    assert "/w/0.md: read" in shown and "Question 0." in shown
    assert types(session)[-1] == "session.status_idle"


@pytest.mark.parametrize(
    "words",
    [
        "prompt is too long: 210000 tokens > 200000 maximum",
        '{"error": {"code": "context_length_exceeded"}}',
        "This model's maximum context length is 4096 tokens.",
        '{"error": {"type": "exceed_context_size_error"}}',
        "the request exceeds the available context size",
        # llama.cpp 0.5.0, recorded
        "request (10365 tokens) exceeds the available context size (4096 tokens), try increasing it",
    ],
)
def test_every_dialect_of_too_long_is_understood(words):
    assert TOO_LONG.search(words)


def test_no_longer_answer_is_asked_for_than_a_small_window_can_hold(fake, session, workspace):
    served = [{"id": "fake-model", "window": 4096}]
    workspace.endpoints.create(
        name="Small", protocol="openai", base_url=fake.openai_url, served=served
    )
    fake.script(Turn("Here."))
    work(session, "Where is the heron?")
    assert asked(fake)[0]["max_tokens"] == 2048


# -- What goes with it ----------------------------------------------------------------------------------


def test_the_summary_is_paid_for(fake, session):
    past(session, 8)
    fake.script(Turn(SUMMARY), Turn("Here."))
    work(session, "Where is the heron?")
    alone = make_session(agent=session.agent)
    fake.script(Turn("Here."))
    work(alone, "Where is the heron?")
    assert session.input_tokens > alone.input_tokens


def test_a_worker_that_dies_after_it_asks_no_second_time(fake, session):
    past(session, 8)
    fake.script(Turn(SUMMARY), Raw(529, {"error": {"message": "busy"}}), Turn("Here."))
    work(session, "Where is the heron?")  # put off after the summary
    session.threads.update(retry_at=session.created_at)
    loop.run(session.primary.pk, tasks.CHAT)
    assert types(session).count(compaction.TYPE) == 1
    assert SUMMARY in whole(asked(fake)[2]) and len(asked(fake)) == 3


def test_the_request_for_the_summary_stands_among_the_requests(fake, session, as_vera):
    past(session, 8)
    fake.script(Turn(SUMMARY), Turn("Here."))
    work(session, "Where is the heron?")
    spans = [type for type in types(session) if "model_request" in type]
    assert spans == ["span.model_request_start", "span.model_request_end"] * 2
    page = as_vera.get(f"/w/lab/sessions/{session.pk}/requests").content.decode()
    assert page.count("summary of older turns") == 1
    ends = session.events.filter(type="span.model_request_end")
    told = [sum(end.payload["model_usage"].values()) for end in ends]
    session.refresh_from_db()
    counted = session.input_tokens + session.cache_read_input_tokens + session.output_tokens
    assert sum(told) == counted > 0


def test_pictures_are_not_counted_by_their_bytes(fake, session):
    data = base64.b64encode(bytes(1_000_000)).decode()
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}
    words = {"type": "text", "text": "What is this?"}
    conversation.send(session, [Entry("user.message", {"content": [image, words]})])
    loop.run(session.primary.pk, tasks.CHAT)
    assert len(asked(fake)) == 1 and compaction.TYPE not in types(session)


def test_every_block_that_a_result_may_hold_is_weighed(fake, session):
    [call] = events.append(
        session.primary, Entry("agent.custom_tool_use", {"name": "search", "input": {}})
    )
    cited = {"source": "https://example.com", "title": "Herons", "citations": {"enabled": False}}
    words = [{"type": "text", "text": "Herons wade."}]
    linked = {"type": "url", "url": "https://example.com/herons.pdf"}
    plain = {"type": "text", "media_type": "text/plain", "data": "Herons wade."}
    content = [
        {"type": "search_result", **cited, "content": words},
        {"type": "document", "source": linked},
        {"type": "document", "source": plain},
        {"type": "image", "source": {**linked, "url": "https://example.com/heron.png"}},
    ]
    result = {"custom_tool_use_id": call.pk, "content": content, "is_error": False}
    events.append(session.primary, Entry("user.custom_tool_result", result))
    fake.respond = lambda request: Turn("They wade.")
    work(session, "What do herons do?")
    assert [event.payload for event in session.events.filter(type="session.error")] == []
    assert "agent.message" in types(session)


def test_the_page_shows_where_and_what(fake, session, as_vera):
    past(session, 8)
    fake.script(Turn("<b>Summary</b> of it."), Turn("Here."))
    work(session, "Where is the heron?")
    page = as_vera.get(session.get_absolute_url()).content.decode()
    assert "Older turns were summarised" in page
    assert "&lt;b&gt;Summary&lt;/b&gt; of it." in page
    assert compaction.TYPE in types(session)
