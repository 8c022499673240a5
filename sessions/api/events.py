"""Events: send and list (wire contract §12). The streams are served by `sessions.stream`."""

from typing import Annotated, Any, Literal

from django.db.models import Q, QuerySet
from ninja import Query, Router

from console.api import cursor_of, find, invalid, needs, position_of
from console.queries import Between, Cursor, LongLimit, Says
from console.shapes import Page
from sessions import afterthoughts, conversation, events, shapes
from sessions.api.bodies import EventsSend
from sessions.api.sessions import entry_of, find_session
from sessions.events import Entry
from sessions.models import Event, Session

router = Router(tags=["Events"])
Types = list[Annotated[str, Says("Only events of these types.")]]


@router.post("/{session_id}/events")
@needs("editor")
def send_events(request, session_id: str, body: EventsSend) -> shapes.SentEvents:
    """Send events

    All or none of them. A message waits until the running turn takes it up; an interrupt does not wait.
    """
    session = find_session(request, session_id)
    entries = [_entry(session, event) for event in body.events]
    rows = conversation.send(session, entries, by=request.actor)
    return {"data": [events.wire(row) for row in rows]}


def _entry(session: Session, event) -> Entry:
    if event.type == "user.tool_confirmation" and event.deny_message and event.result != "deny":
        raise invalid("`deny_message` goes with the result deny only.")
    if event.type == "user.interrupt" and event.session_thread_id:
        find(session.threads, event.session_thread_id, "The thread")
    return entry_of(event)


@router.delete("/{session_id}/events/{event_id}")
@needs("editor")
def withdraw_event(request, session_id: str, event_id: str) -> shapes.Event:
    """Withdraw a queued message

    One that no turn has taken up yet. It stays in the log, marked as `withdrawn`, and the agent never has it. Not part
    of Anthropic's API.
    """
    session = find_session(request, session_id)
    find(session.events, event_id, "The event")
    return events.wire(afterthoughts.withdraw(session, event_id, by=request.actor))


@router.get("/{session_id}/events")
def list_events(
    request,
    session_id: str,
    created: Query[Between],
    types: Query[Types] = [],  # noqa: B006 - pydantic copies it
    limit: LongLimit = 1000,
    page: Cursor | None = None,
    order: Literal["asc", "desc"] = "asc",
) -> Page[shapes.Event]:
    """List a session's events

    Of its primary thread, in the order of the conversation; bounds are compared with `processed_at`.
    """
    session = find_session(request, session_id)
    rows = _filtered(of_session(session), types, created)
    return _listed(rows, limit, page, order, of=session.pk)


@router.get("/{session_id}/threads/{thread_id}/events")
def list_thread_events(
    request,
    session_id: str,
    thread_id: str,
    created: Query[Between],
    types: Query[Types] = [],  # noqa: B006 - pydantic copies it
    limit: LongLimit = 1000,
    page: Cursor | None = None,
) -> Page[shapes.Event]:
    """List a thread's events

    In the order of the conversation; bounds are compared with `processed_at`.
    """
    session = find_session(request, session_id)
    thread = find(session.threads, thread_id, "The thread")
    rows = _filtered(thread.events.all(), types, created)
    return _listed(rows, limit, page, "asc", of=thread.pk)


def of_session(session: Session) -> QuerySet[Event]:
    """What a session's own list and stream show: the primary thread, and how its children fare."""
    lifecycle = Q(type__startswith="session.thread_")
    return session.events.filter(Q(thread__parent=None) | lifecycle)


def _filtered(rows: QuerySet[Event], types: list[str], created: Between) -> QuerySet[Event]:
    rows = rows.filter(type__in=types) if types else rows
    return created.within(rows, "processed_at")


def _listed(
    rows: QuerySet[Event], limit: int, page: str | None, order: str, *, of: str
) -> dict[str, Any]:
    """A page of the log of a session or a thread, `of` which the cursors are."""
    rows = events.in_order(rows)
    position = position_of(page)
    if position:
        ours = position.get("k") == of and position.get("o") == order
        if not ours or not isinstance(position.get("at"), int):
            raise invalid("`page` is not a cursor of this list; start again without it.")
        after = "position__gt" if order == "asc" else "position__lt"
        rows = rows.filter(**{after: position["at"]})
    found = list(rows.order_by("position" if order == "asc" else "-position")[: limit + 1])
    shown = found[:limit]
    more = len(found) > limit
    return {
        "data": [events.wire(event) for event in shown],
        "next_page": cursor_of(k=of, o=order, at=shown[-1].position) if more else None,
    }
