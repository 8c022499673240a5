"""The live streams: what programs and pages hear, from where on, and when it ends."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.test import Client

from console import accounts, live
from console.models import Membership, Role
from sessions import conversation, events, feeds, stream, telling
from sessions.events import Entry
from sessions.models import Session, Thread
from tests import factories
from tests.factories import make_session
from tests.sessions.streams import Until, fresh_thread, listen

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def thread(monkeypatch):
    with fresh_thread(monkeypatch):
        yield


@pytest.fixture
def session(workspace):
    return make_session(title="Talks")


@pytest.fixture
def key(owner_key):
    return {"x-api-key": owner_key}


def url(session, query=""):
    return f"/v1/sessions/{session.pk}/events/stream{query}"


def text(words):
    return {"content": [{"type": "text", "text": words}]}


def said(session, words="Hello", **options):
    """An act: append a message to the session's primary thread."""
    return lambda: events.append(session.primary, Entry("agent.message", text(words), **options))


def whisper(session, event, number=0):
    thread = session.primary.pk
    return lambda: live.whisper(session.pk, {"thread": thread, "number": number, "event": event})


def start(id="sevt_a", type="agent.message"):
    return {"type": "event_start", "event": {"type": type, "id": id}}


def delta(words, id="sevt_a"):
    content = {"type": "text", "text": words}
    piece = {"type": "content_delta", "index": 0, "content": content}
    return {"type": "event_delta", "event_id": id, "delta": piece}


def frames(number):
    return lambda heard: len(heard.frames) >= number


def its_end(heard):
    return heard.has_ended


# -- For programs ---------------------------------------------------------------------------


def test_events_arrive_as_the_list_shows_them(session, key, api):
    heard = listen(url(session), said(session, "Grüße\n\u2028"), headers=key, enough=frames(1))
    listed = api.get(f"/v1/sessions/{session.pk}/events").json()["data"]
    assert [frame.json for frame in heard.frames] == listed
    assert heard.frames[0].event == "agent.message"
    assert heard.frames[0].id == listed[0]["id"]


def test_the_headers_forbid_buffering(session, key):
    heard = listen(url(session), headers=key)
    assert heard.headers["content-type"].startswith("text/event-stream")
    assert heard.headers["x-accel-buffering"] == "no"
    assert heard.headers["request-id"].startswith("req_")


def test_a_stream_begins_now_and_does_not_replay(session, key):
    said(session, "before")()
    heard = listen(url(session), said(session, "after"), headers=key, enough=frames(1))
    assert [frame.json["content"][0]["text"] for frame in heard.frames] == ["after"]


def test_the_last_event_id_brings_all_that_came_after_it(session, key):
    first, *_ = said(session, "one")()
    said(session, "two")()
    headers = {**key, "last-event-id": first.pk}
    heard = listen(url(session), said(session, "three"), headers=headers, enough=frames(2))
    assert [frame.json["content"][0]["text"] for frame in heard.frames] == ["two", "three"]


def test_whoever_comes_back_hears_nothing_twice_wherever_it_left(session, key):
    def after(place, number):
        headers = {**key, "last-event-id": place}
        return listen(url(session), headers=headers, enough=frames(number)).frames

    first, *_ = said(session, "first")()
    conversation.send(session, [Entry("user.message", text("Hello"))])
    events.take_up(*events.queued(session.primary))
    said(session, "Hello to you")()
    whole = after(first.pk, 5)
    assert [frame.event for frame in whole].count("user.message") == 2
    for number, frame in enumerate(whole[:-1], 1):
        assert after(frame.id, len(whole) - number) == whole[number:]
    # Who knows the event only, not which of its places, rather hears something twice.
    assert after(whole[0].json["id"], 4) == whole[1:]


def test_the_older_spelling_of_a_sessions_id_is_understood(session, key):
    older = session.pk.replace("sesn_", "session_")
    heard = listen(
        f"/v1/sessions/{older}/events/stream", said(session), headers=key, enough=frames(1)
    )
    assert heard.status == 200


@pytest.mark.parametrize("place", ["sevt_nonsense", "{}.1", "{}.None"])
def test_an_unknown_last_event_id_is_refused(session, key, place):
    place = place.format(said(session)()[0].pk)
    heard = listen(url(session), headers={**key, "last-event-id": place})
    assert (heard.status, heard.json["error"]["type"]) == (400, "invalid_request_error")


def test_a_stream_names_its_request_and_its_workspace(session, key):
    heard = listen(url(session), said(session), headers=key, enough=frames(1))
    assert heard.headers["request-id"].startswith("req_")
    assert heard.headers["anthropic-workspace-id"] == session.workspace_id


def test_a_stream_is_only_read(session, key):
    heard = listen(url(session), headers=key, method="POST")
    assert (heard.status, heard.headers["allow"]) == (405, "GET")
    assert "try GET" in heard.json["error"]["message"]


def test_without_a_key_nobody_hears_anything(session):
    heard = listen(url(session))
    assert (heard.status, heard.json["error"]["type"]) == (401, "authentication_error")


def test_a_strangers_session_is_one_that_does_not_exist(session, key):
    other = make_session(factories.make_workspace())
    refused = listen(url(other), headers=key)
    assert (refused.status, refused.json["error"]["type"]) == (404, "not_found_error")
    unknown = listen(url(session).replace(session.pk, "sesn_none"), headers=key)
    assert unknown.status == 404


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (psycopg.OperationalError("secret"), 529, "overloaded_error"),
        (None, 500, "api_error"),
    ],
)
def test_what_keeps_a_stream_from_opening_is_told_in_the_envelope(
    session, key, monkeypatch, error, status, kind
):
    def broken(request):
        raise OperationalError("secret") from error

    monkeypatch.setattr(stream, "_open", broken)
    heard = listen(url(session), headers=key)
    assert (heard.status, heard.json["error"]["type"]) == (status, kind)
    assert "secret" not in heard.body


def test_a_queued_message_is_seen_waiting_and_then_taken_up(session, key):
    def send():
        conversation.send(session, [Entry("user.message", text("Hi"))])

    def take_up():
        events.take_up(*events.queued(session.primary))

    heard = listen(
        url(session),
        send,
        take_up,
        headers=key,
        enough=lambda heard: heard.events.count("user.message") == 2,
    )
    waiting, taken = [frame.json for frame in heard.frames if frame.event == "user.message"]
    assert waiting["id"] == taken["id"]
    assert waiting["processed_at"] is None
    assert taken["processed_at"]


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (1,), (), (0, 0, 1), (1, 1, 0)])
def test_rings_that_get_lost_doubled_or_mixed_up_cost_no_event(session, key, monkeypatch, order):
    send, held = live.carrier().send, hold_rings(monkeypatch)

    def deliver(*numbers):
        for number in numbers:
            send(held[number], patient=True)

    acts = (
        *(said(session, words) for words in ("one", "two")),
        lambda: deliver(*order),
        said(session, "three"),
        lambda: deliver(2),
    )
    heard = listen(url(session), *acts, headers=key, enough=frames(3))
    assert [frame.json["content"][0]["text"] for frame in heard.frames] == ["one", "two", "three"]


def hold_rings(monkeypatch):
    """Rings as they would travel, in a list; safety rings are none but at the begin."""
    held = []
    monkeypatch.setattr(live.carrier(), "tick", 3600)
    monkeypatch.setattr(live.carrier(), "send", lambda text, *, patient: held.append(text))
    return held


def test_what_many_say_at_once_comes_once_and_in_order(session, key):
    def say(number):
        said(session, f"{number} " + "x" * (number % 3) * 4000)()
        connection.close()

    def all_at_once():
        with ThreadPoolExecutor(4) as people:
            list(people.map(say, range(60)))

    heard = listen(url(session), all_at_once, headers=key, enough=frames(60))
    in_order = list(session.events.order_by("seq").values_list("pk", flat=True))
    assert [frame.id for frame in heard.frames] == in_order


def test_what_a_ring_tells_is_what_the_log_says_and_needs_no_look(session, key, monkeypatch):
    monkeypatch.setattr(live.carrier(), "tick", 3600)

    def work():
        with transaction.atomic():
            conversation.send(session, [Entry("user.message", text("a\n\u2028\0\ud83c 🌱"))])
            conversation.send(session, [Entry("user.message", text("Never mind"))])
        first, second = events.queued(session.primary)
        events.take_up(first)
        events.withdraw(second, "Alice")
        events.append(session.primary, Entry("agent.thinking", private={"blocks": ["secret"]}))
        said(session, "x" * 5000)()

    def go_blind():
        monkeypatch.setattr(feeds.EventLog, "news", None)

    first, *_ = said(session, "first")()
    acts = said(session, "second"), Until(frames(1)), go_blind, work
    told = listen(url(session), *acts, headers=key, enough=frames(9))
    monkeypatch.undo()
    with fresh_thread(monkeypatch):
        headers = {**key, "last-event-id": first.pk}
        read = listen(url(session), headers=headers, enough=frames(9))
    assert len(told.frames) == 9
    assert [(frame.event, frame.id, frame.json) for frame in told.frames] == [
        (frame.event, frame.id, frame.json) for frame in read.frames
    ]
    assert "secret" not in told.body


def test_a_stream_goes_on_when_the_session_is_idle(session, key):
    def idle():
        events.append(session.primary, Entry("session.status_idle", {"stop_reason": {}}))

    heard = listen(url(session), idle, said(session), headers=key, enough=frames(2))
    assert heard.events == ["session.status_idle", "agent.message"]
    assert not heard.has_ended


def test_archiving_ends_the_stream_after_its_last_event(session, key):
    heard = listen(url(session), lambda: conversation.archive(session), headers=key, enough=its_end)
    assert heard.events == ["session.thread_status_terminated", "session.status_terminated"]
    assert heard.has_ended


def test_the_stream_of_an_ended_session_ends_at_once(session, key):
    conversation.archive(session)
    heard = listen(url(session), headers=key, enough=its_end)
    assert (heard.status, heard.frames, heard.has_ended) == (200, [], True)


def test_deleting_says_so_and_ends_the_stream(session, key):
    heard = listen(url(session), lambda: conversation.delete(session), headers=key, enough=its_end)
    assert heard.events == ["session.deleted"]
    assert heard.frames[0].json["type"] == "session.deleted"
    assert heard.has_ended


def test_a_quiet_stream_pings(session, key, monkeypatch):
    monkeypatch.setattr(stream, "PING_SECONDS", 0.05)
    heard = listen(url(session), headers=key, enough=frames(2))
    assert heard.events[:2] == ["ping", "ping"]


def test_a_revoked_key_hears_no_more(session, workspace, monkeypatch):
    monkeypatch.setattr(stream, "PING_SECONDS", 0.05)
    key, secret = accounts.issue_key(workspace, "Passing", Role.VIEWER)
    heard = listen(
        url(session),
        lambda: accounts.revoke_key(key),
        headers={"authorization": f"Bearer {secret}"},
        enough=its_end,
    )
    assert heard.has_ended


def test_the_session_stream_tells_of_sub_agents_only_that_they_come_and_go(session, key):
    child = Thread.objects.create(session=session, parent=session.primary, name="Reader")

    def work():
        entries = telling.status_entries(child, "running")
        events.append(child, *entries, Entry("agent.message", text("secret")))

    heard = listen(url(session), work, said(session), headers=key, enough=frames(2))
    assert heard.events == ["session.thread_status_running", "agent.message"]
    assert "secret" not in heard.body


def test_a_thread_stream_tells_of_its_thread_alone(session, key):
    child = Thread.objects.create(session=session, parent=session.primary, name="Reader")

    def work():
        events.append(child, Entry("agent.message", text("mine")))

    where = f"/v1/sessions/{session.pk}/threads/{child.pk}/stream"
    heard = listen(where, said(session, "not mine"), work, headers=key, enough=frames(1))
    assert [frame.json["content"][0]["text"] for frame in heard.frames] == ["mine"]


# -- Previews ---------------------------------------------------------------------------------

DELTAS = "?event_deltas%5B%5D=agent.message"


def test_previews_come_only_to_those_who_asked(session, key):
    acts = [whisper(session, start()), whisper(session, delta("He"), 1)]
    without = listen(url(session), *acts, said(session), headers=key, enough=frames(1))
    assert without.events == ["agent.message"]
    acts += [Until(frames(2)), said(session)]
    heard = listen(url(session, DELTAS), *acts, headers=key, enough=frames(3))
    assert heard.events == ["event_start", "event_delta", "agent.message"]
    assert heard.frames[1].json == delta("He")


def test_who_joins_in_the_middle_of_a_message_gets_it_whole_at_its_end(session, key):
    acts = [whisper(session, delta("llo"), 2), said(session)]
    heard = listen(url(session, DELTAS), *acts, headers=key, enough=frames(1))
    assert heard.events == ["agent.message"]


def test_after_a_lost_piece_nothing_more_of_the_message_is_previewed(session, key):
    acts = [
        whisper(session, start()),
        whisper(session, delta("a"), 1),
        whisper(session, delta("c"), 3),
        whisper(session, delta("d"), 4),
        Until(frames(2)),
        said(session),
    ]
    heard = listen(url(session, DELTAS), *acts, headers=key, enough=frames(3))
    assert heard.events == ["event_start", "event_delta", "agent.message"]


def test_what_cannot_be_previewed_is_refused(session, key):
    heard = listen(url(session, "?event_deltas[]=agent.tool_use"), headers=key)
    assert (heard.status, heard.json["error"]["type"]) == (400, "invalid_request_error")


# -- For pages --------------------------------------------------------------------------------


def cookie(user):
    client = Client()
    client.force_login(user)
    return {"cookie": f"{settings.SESSION_COOKIE_NAME}={client.cookies['reverie'].value}"}


def page(session, query=""):
    return f"/w/lab/live?session={session.pk}{query}"


def test_a_page_gets_new_entries_as_html(session, alice):
    heard = listen(page(session), said(session, "**Hi**"), headers=cookie(alice), enough=frames(1))
    assert heard.frames[0].event == "log"
    assert "<strong>Hi</strong>" in heard.frames[0].data


def test_a_page_that_comes_back_loses_and_doubles_nothing(session, alice):
    for number in range(3):
        said(session, f"number {number}")()
    first = listen(page(session, "&after=1"), headers=cookie(alice), enough=frames(1))
    assert "number 0" not in first.body
    assert first.body.count("number 1") == first.body.count("number 2") > 0
    headers = {**cookie(alice), "last-event-id": first.frames[-1].id}
    again = listen(page(session), said(session, "number 3"), headers=headers, enough=frames(1))
    assert "number 2" not in again.body
    assert "number 3" in again.body


def test_a_call_that_stands_on_the_page_gets_its_result(session, alice):
    call = Entry("agent.tool_use", {"name": "grep", "input": {"pattern": "cma"}})
    events.append(session.primary, call)
    result = {"tool_use_id": call.id, **text("no matches"), "is_error": False}

    def answer():
        events.append(session.primary, Entry("agent.tool_result", result, private={"hits": 0}))

    heard = listen(page(session), answer, headers=cookie(alice), enough=frames(1))
    assert f'id="{call.id}" hx-swap-oob="true"' in heard.frames[0].data
    assert "Searched" in heard.frames[0].data


def test_what_waits_is_shown_waiting_until_a_turn_takes_it_up(session, alice):
    def send():
        conversation.send(session, [Entry("user.message", text("Later, please"))])

    def take_up():
        events.take_up(*events.queued(session.primary))

    def shown(times):
        return lambda heard: sum("Later, please" in frame.data for frame in heard.frames) >= times

    acts = (send, Until(shown(1)), take_up)
    heard = listen(page(session), *acts, headers=cookie(alice), enough=shown(2))
    waiting, taken = [frame.data for frame in heard.frames if "Later, please" in frame.data]
    assert 'id="waiting-sevt_' in waiting
    assert '<div id="waiting" hx-swap-oob="true"></div>' in taken


def test_previews_reach_the_page_as_text(session, alice):
    acts = [whisper(session, start()), whisper(session, delta("<b>"), 1)]
    heard = listen(page(session), *acts, headers=cookie(alice), enough=frames(2))
    assert heard.events == ["preview", "preview"]
    assert heard.frames[1].json["delta"]["content"]["text"] == "<b>"


def test_a_glance_tells_what_is_new_and_ends(session, alice):
    for number in range(2):
        said(session, f"number {number}")()
    heard = listen(page(session, "&after=1&glance=1"), headers=cookie(alice), enough=its_end)
    assert heard.body.startswith("retry: 2000\nevent: welcome\n")
    assert "number 1" in heard.body and heard.has_ended
    headers = {**cookie(alice), "last-event-id": heard.frames[-1].id}
    again = listen(page(session, "&glance=1"), headers=headers, enough=its_end)
    assert again.events == [] and again.has_ended


def test_a_page_is_told_when_its_session_is_deleted(session, alice):
    def delete():
        conversation.delete(Session.objects.get(pk=session.pk))

    heard = listen(page(session), delete, headers=cookie(alice), enough=its_end)
    assert heard.events == ["gone"]
    assert heard.has_ended


def test_strangers_get_404_and_the_signed_out_401(session, alice, eve):
    assert listen(page(session), headers=cookie(eve)).status == 404
    assert listen(page(session)).status == 401
    other = make_session(factories.make_workspace())
    assert listen(page(other), headers=cookie(alice)).status == 404
    assert listen(f"/w/lab/live?rings={other.pk}", headers=cookie(alice)).status == 404


def test_who_is_no_longer_a_member_hears_no_more(session, bob, monkeypatch):
    monkeypatch.setattr(stream, "PING_SECONDS", 0.05)

    def leave():
        Membership.objects.filter(user=bob).delete()

    heard = listen(page(session), leave, headers=cookie(bob), enough=its_end)
    assert heard.has_ended


def test_rings_say_only_that_there_is_news(session, alice):
    where = f"/w/lab/live?rings={session.pk}"
    heard = listen(where, said(session, "secret"), headers=cookie(alice), enough=frames(1))
    assert (heard.frames[0].event, heard.frames[0].data) == ("ring", "{}")
    assert "secret" not in heard.body
