"""Events over raw HTTP: what may be sent, how it is echoed, how the log is listed."""

import base64
from datetime import timedelta

import pytest

from sessions import conversation, events
from sessions.events import Entry
from sessions.models import Session
from sessions.providers.base import Request
from sessions.providers.builtin import Builtin
from sessions.providers.openai import payload
from sessions.transcript import messages
from tests.factories import make_agent, make_environment, make_session
from tests.sessions.builtin.world import DAY
from tests.sessions.test_api import error
from tests.sessions.test_loop import work

pytestmark = pytest.mark.django_db(transaction=True)
DATA = base64.b64encode(b"not really a picture").decode()
TEXT = {"type": "text", "text": "Hello"}
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": DATA}}
LINKED = {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}}
NOTE = {
    "type": "document",
    "source": {"type": "text", "media_type": "text/plain", "data": "The talk is at noon."},
    "title": "Notes",
    "context": None,
}
FOUND = {
    "type": "search_result",
    "source": "https://example.org",
    "title": "Example",
    "content": [{"type": "text", "text": "It rains."}],
    "citations": {"enabled": False},
}


def send(api, session: Session, *sent: dict):
    return api.post(f"/v1/sessions/{session.pk}/events", {"events": list(sent)})


def said(*blocks: dict) -> dict:
    return {"type": "user.message", "content": list(blocks)}


def listed(api, session: Session, **query) -> list[dict]:
    return api.get(f"/v1/sessions/{session.pk}/events", query).json()["data"]


def called(session: Session) -> str:
    """An open call of a custom tool, and the session waits for its result."""
    conversation.say(session, "Hello")
    call = Entry("agent.custom_tool_use", {"name": "get_weather", "input": {}})
    events.append(session.primary, call)
    return call.id


def test_a_message_of_every_kind_of_block_is_echoed_as_it_was(api):
    session = make_session()
    (echo,) = send(api, session, said(TEXT, IMAGE, LINKED, NOTE)).json()["data"]
    assert echo["content"] == [TEXT, IMAGE, LINKED, NOTE] and echo["processed_at"] is None
    assert (
        "Hello"
        in listed(api, work(session), **{"types[]": "user.message"})[0]["content"][0]["text"]
    )


@pytest.mark.parametrize(
    "block",
    [
        {"type": "redacted"},
        {"type": "text"},
        {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
        {"type": "image", "source": {**IMAGE["source"], "data": "%%%"}},
        {"type": "image", "source": {**IMAGE["source"], "media_type": "image/tiff"}},
        {"type": "image", "source": {"type": "url", "url": "file:///etc/passwd"}},
        {"type": "document", "source": {"type": "text", "media_type": "text/html", "data": "x"}},
        {"type": "image", "source": {**IMAGE["source"], "data": "A" * 8_000_004}},
        {"type": "text", "text": " \n"},
        FOUND,
    ],
)
def test_a_block_that_cannot_be_shown_is_refused_and_nothing_is_sent(api, block):
    session = make_session()
    error(send(api, session, said(TEXT), said(block)))
    assert not session.events.exists()


@pytest.mark.parametrize(
    ("event", "word"),
    [
        ({"type": "user.define_outcome", "description": "x"}, "outcomes"),
        ({"type": "user.tool_result", "tool_use_id": "sevt_1"}, "self_hosted"),
        ({"type": "system.message", "content": [TEXT]}, "mid_conversation_system"),
        ({"type": "agent.message", "content": [TEXT]}, "type"),
        ({"type": ["user.message"]}, "type"),
        ({}, "type"),
    ],
)
def test_events_that_are_not_offered_say_so(api, event, word):
    assert word in error(send(api, make_session(), event))


def test_an_outcome_cannot_be_an_initial_event_either(api):
    body = {"agent": make_agent().pk, "environment_id": make_environment().pk}
    first = {"type": "user.define_outcome", "description": "x", "rubric": {}}
    assert "outcomes" in error(api.post("/v1/sessions", {**body, "initial_events": [first]}))
    blank = said({"type": "text", "text": " "})
    assert "empty" in error(api.post("/v1/sessions", {**body, "initial_events": [blank]}))


def test_a_result_of_every_kind_of_block_is_taken_at_once(api):
    session = make_session()
    result = {"type": "user.custom_tool_result", "custom_tool_use_id": called(session)}
    result |= {"content": [TEXT, IMAGE, NOTE, FOUND], "is_error": False}
    (echo,) = send(api, session, result).json()["data"]
    assert echo["processed_at"] and echo["content"] == result["content"]
    assert echo["is_error"] is False and "private" not in echo


def test_every_provider_can_show_what_was_said_and_returned(api):
    session = make_session()
    result = {"type": "user.custom_tool_result", "custom_tool_use_id": called(session)}
    send(api, session, {**result, "content": [TEXT, IMAGE, NOTE, FOUND]}, said(TEXT, IMAGE, NOTE))
    log = events.in_order(session.events.all())
    request = Request("m", "", messages(list(log)), [], DAY)
    tool, user = payload(request)["messages"][-2:]
    assert tool["role"] == "tool" and "It rains." in tool["content"] and "noon" in tool["content"]
    assert [part["type"] for part in user["content"]] == ["text", "image_url", "text"]
    *_, reply = Builtin().stream(request)
    assert reply.stop_reason == "end_turn"


def test_an_interrupt_of_an_idle_session_is_done_at_once(api):
    session = make_session()
    (echo,) = send(api, session, {"type": "user.interrupt"}).json()["data"]
    assert echo["processed_at"] and session.primary.status == "idle"


# -- Lists --------------------------------------------------------------------------------


def test_the_log_is_listed_by_type_order_and_time(api):
    session = make_session()
    conversation.say(session, "Hello")
    whole = [event["id"] for event in listed(api, work(session))]
    assert [event["id"] for event in listed(api, session, order="desc")] == whole[::-1]
    kinds = {event["type"] for event in listed(api, session, **{"types[]": "session.usage"})}
    assert kinds == {"session.usage"}
    middle = listed(api, session)[5]["processed_at"]
    before = listed(api, session, **{"created_at[lt]": middle})
    after = listed(api, session, **{"created_at[gte]": middle})
    assert [event["id"] for event in before + after] == whole
    assert (
        listed(api, session, **{"created_at[gt]": session.events.last().processed_at.isoformat()})
        == []
    )


def test_a_page_of_the_log_goes_on_where_the_last_one_ended(api):
    session = make_session()
    conversation.say(session, "Hello")
    whole = [event["id"] for event in listed(api, work(session))]
    where, query, seen = f"/v1/sessions/{session.pk}/events", {"limit": 4, "order": "desc"}, []
    while True:
        page = api.get(where, query).json()
        seen += [event["id"] for event in page["data"]]
        if not page["next_page"]:
            break
        query["page"] = page["next_page"]
    assert seen == whole[::-1] and "prev_page" not in page
    error(api.get(where, {**query, "order": "asc"}))


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 1001}, {"order": "up"}, {"page": "x"}])
def test_a_list_that_cannot_be_is_refused(api, query):
    error(api.get(f"/v1/sessions/{make_session().pk}/events", query))


def test_a_queued_event_is_listed_with_the_time_when_a_turn_took_it(api):
    session = make_session()
    conversation.say(session, "One")
    assert [event["processed_at"] for event in listed(api, session)][0] is None
    work(session)
    (taken,) = listed(api, session, **{"types[]": "user.message"})
    sent = session.events.get(pk=taken["id"])
    assert taken["processed_at"] and sent.processed_at - sent.created_at < timedelta(minutes=1)


def test_a_cursor_is_bound_to_its_session_and_its_thread(api):
    one, other = make_session(), make_session()
    for session in (one, other):
        events.append(session.primary, Entry("user.interrupt"), Entry("user.interrupt"))
    thread = f"threads/{one.primary.pk}/events"
    for rest, stranger in (("events", thread), (thread, "events")):
        page = {"page": api.get(f"/v1/sessions/{one.pk}/{rest}", {"limit": 1}).json()["next_page"]}
        assert len(api.get(f"/v1/sessions/{one.pk}/{rest}", page).json()["data"]) == 1
        error(api.get(f"/v1/sessions/{one.pk}/{stranger}", page))
        error(api.get(f"/v1/sessions/{other.pk}/events", page))
