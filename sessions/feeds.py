"""What each kind of live stream says: the log as events, the log as HTML, or just rings."""

import re
from collections.abc import Iterable
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib import auth
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest
from django.utils import timezone

from console import ids
from console.access import CREDENTIALS, key_from, membership_of
from console.api import ApiError, find, invalid, key_auth, not_found, stamp
from console.models import Role
from console.queries import whole_number
from sessions import events, news, tidings
from sessions.models import Session, Status, Thread
from sessions.reading.previews import Previews
from sessions.tidings import Told, compact

PREVIEWED = {"agent.message", "agent.thinking"}
LINE_ENDS = re.compile(r"\r\n|\r|\n")
WELCOME = b": welcome\n\n"
GLANCE_AGAIN = 2_000  # milliseconds


def frame(name: str, data: str, id: str = "") -> bytes:
    """One server-sent event. Data may have many lines."""
    head = f"id: {id}\n" if id else ""
    body = "\n".join(f"data: {line}" for line in LINE_ENDS.split(data))
    return f"event: {name}\n{head}{body}\n\n".encode()


# -- For programs: the log as it is ----------------------------------------------------------


def session_log(request: ASGIRequest, session_id: str) -> "EventLog":
    return _log(request, session_id, None)


def thread_log(request: ASGIRequest, session_id: str, thread_id: str) -> "EventLog":
    return _log(request, session_id, thread_id)


def _log(request: ASGIRequest, session_id: str, thread_id: str | None) -> "EventLog":
    key_auth(request)
    mine = request.workspace.sessions.all()
    session = find(mine, ids.spelt_now(session_id), "The session")
    threads = session.threads.all()
    thread = find(threads, thread_id, "The thread") if thread_id else session.primary
    kinds = request.GET.getlist("event_deltas")
    if not set(kinds) <= PREVIEWED or len(kinds) > 100:
        raise invalid(f"`event_deltas[]` takes {' and '.join(sorted(PREVIEWED))}, at most 100.")
    position = _position(session, request.headers.get("last-event-id"))
    return EventLog(request, session, thread, position, set(kinds), only_thread=bool(thread_id))


def _position(session: Session, last_event_id: str | None) -> int:
    if not last_event_id:
        return session.last_seq
    # A bare id is where its event was first seen: better an event twice, under the same id, than one lost.
    position = events.position_at(session, last_event_id)
    if position is None:
        raise invalid(f"`Last-Event-ID` {last_event_id!r} is no event of this session.")
    return position


class EventLog:
    """A thread's events in the shapes of wire contract §12."""

    greeting = WELCOME
    pause = 0.0

    def __init__(
        self,
        request: ASGIRequest,
        session: Session,
        thread: Thread,
        position: int,
        kinds: set[str],
        *,
        only_thread: bool,
    ) -> None:
        # No more than needed of the request: a stream may be open for hours.
        self.headers = {name: request.headers.get(name, "") for name in CREDENTIALS}
        self.topics = [session.pk]
        self.is_over = False
        self.session_id, self.thread_id, self.only_thread = session.pk, thread.pk, only_thread
        self.is_primary = thread.parent_id is None
        self.position = position
        self.previews = Previews(kinds)

    def is_allowed(self) -> bool:
        return key_from(self.headers) is not None

    def news(self) -> list[bytes]:
        found = events.standing(self.session_id)
        if found is None:
            self.is_over = True
            return [_deleted()]
        (length, status), frames = found, []
        if length > self.position:
            thread_id = self.thread_id if self.only_thread else None
            seen = events.since(self.session_id, self.position, thread_id=thread_id)
            frames = self._frames(sighting.told() for sighting in seen)
            self.position = max([length, *(sighting.position for sighting in seen)])
        self.is_over = self._has_ended(status)
        return frames

    def rung(self, told: str) -> list[bytes] | None:
        seen = [event for event in tidings.read(told) if event.position > self.position]
        for position, event in enumerate(seen, self.position + 1):
            if event.position != position or event.type.endswith("_terminated"):
                return None
        self.position += len(seen)
        return self._frames(seen)

    def whispered(self, payload: dict[str, Any]) -> bytes:
        if payload.get("thread") != self.thread_id:
            return b""
        admitted = self.previews.admit(payload)
        return b"".join(frame(event["type"], compact(event)) for event in admitted)

    def _frames(self, seen: Iterable[Told]) -> list[bytes]:
        return [self._frame(event) for event in seen if self._concerns(event)]

    def _concerns(self, event: Told) -> bool:
        if event.thread_id == self.thread_id:
            return True
        return not self.only_thread and event.type.startswith("session.thread_")

    def _frame(self, event: Told) -> bytes:
        if event.type in PREVIEWED:
            self.previews.end(event.id)
        return f"event: {event.type}\nid: {event.id}\ndata: {event.data}\n\n".encode()

    def _has_ended(self, status: str) -> bool:
        ended = Status.TERMINATED
        if status == ended or self.is_primary:
            return status == ended
        return Thread.objects.filter(pk=self.thread_id, status=ended).exists()


def _deleted() -> bytes:
    event = {
        "id": ids.fresh("sevt"),
        "type": "session.deleted",
        "processed_at": stamp(timezone.now()),
    }
    return frame(event["type"], compact(event))


# -- For pages -------------------------------------------------------------------------------


def page(request: ASGIRequest, slug: str) -> "Page | Rings":
    """What a page asks for: `session` (and `thread`, `after`, `glance`) or `rings`."""
    visitor = Visitor(request, slug)
    if watched := request.GET.getlist("rings"):
        return Rings(visitor, [visitor.session(pk).pk for pk in watched[:20]])
    return Page(visitor, request)


class Visitor:
    """A signed-in member of a workspace, known by the cookie."""

    def __init__(self, request: ASGIRequest, slug: str) -> None:
        store = import_module(settings.SESSION_ENGINE).SessionStore
        self.cookie = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
        self.store, self.slug = store, slug
        self.membership = self.look_up()
        if self.membership is None:
            raise not_found("Workspace", slug)

    def look_up(self) -> Any:
        """The membership as it is now; None for strangers. Raises `ApiError` when signed out."""
        request = HttpRequest()
        request.session = self.store(self.cookie)
        user = auth.get_user(request)
        if not user.is_authenticated:
            raise ApiError(401, "authentication_error", "You are signed out.")
        return membership_of(user, self.slug)

    def is_allowed(self) -> bool:
        try:
            self.membership = self.look_up()
        except ApiError:
            return False
        return self.membership is not None

    def session(self, pk: str) -> Session:
        return find(self.membership.workspace.sessions.all(), pk, "Session")


class Rings:
    """Says only that there is something new; the page asks for what it shows."""

    greeting = WELCOME
    pause = 0.25
    is_over = False

    def __init__(self, visitor: Visitor, topics: list[str]) -> None:
        self.is_allowed, self.topics = visitor.is_allowed, topics
        self._has_begun = False

    def news(self) -> list[bytes]:
        # Nothing is new to a page that has just been made.
        begun, self._has_begun = self._has_begun, True
        return [frame("ring", "{}")] if begun else []

    def rung(self, told: str) -> list[bytes] | None:
        return None

    def whispered(self, payload: dict[str, Any]) -> bytes:
        return b""


class Page:
    """A session's page: new entries and changed panels as HTML, previews as text.

    A page that hears no welcome asks for a `glance`: what is new by now, and then the end, which no
    proxy can hold back. Its browser asks again by itself.
    """

    pause = 0.0

    def __init__(self, visitor: Visitor, request: ASGIRequest) -> None:
        self.is_over = "glance" in request.GET
        again = f"retry: {GLANCE_AGAIN}\n".encode() if self.is_over else b""
        self.greeting = again + frame("welcome", "{}")
        session = visitor.session(request.GET.get("session", ""))
        thread_id = request.GET.get("thread")
        thread = find(session.threads.all(), thread_id, "Thread") if thread_id else session.primary
        after = request.headers.get("last-event-id") or request.GET.get("after", "")
        self.is_allowed = visitor.is_allowed
        self.topics = [session.pk]
        self.previews = Previews(PREVIEWED)
        known = whole_number(after)
        position = session.last_seq if known is None else min(known, session.last_seq)
        self.digest = news.Digest(session, thread, position, Role(visitor.membership.role))

    def news(self) -> list[bytes]:
        updates = self.digest.catch_up()
        if updates is None:
            self.is_over = True
            return [frame("gone", "{}")]
        for update in updates:
            for event_id in update.stored:
                self.previews.end(event_id)
        return [frame("log", update.html, str(update.position)) for update in updates]

    def rung(self, told: str) -> list[bytes] | None:
        return None

    def whispered(self, payload: dict[str, Any]) -> bytes:
        if payload.get("thread") != self.digest.thread.pk:
            return b""
        admitted = self.previews.admit(payload)
        return b"".join(frame("preview", compact(event)) for event in admitted)
