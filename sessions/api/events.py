"""Events: send and list (wire contract §12). The streams are served by `sessions.stream`."""

from typing import Any

from django.db.models import Q, QuerySet
from ninja import Router

from console.api import cursor_of, find, invalid, limit_of, needs, position_of, within
from memory.paths import Invalid
from sessions import conversation, events
from sessions.api.bodies import EventsSend
from sessions.api.sessions import entry_of, find_session
from sessions.events import Entry
from sessions.models import Event, Session

router = Router()


@router.post("/{session_id}/events")
@needs("editor")
def send(request, session_id: str, body: EventsSend):
    session = find_session(request, session_id)
    entries = [_entry(session, event) for event in body.events]
    try:
        rows = conversation.send(session, entries, by=request.actor)
    except (Invalid, conversation.Refused) as error:
        raise invalid(str(error)) from None
    return {"data": [events.wire(row) for row in rows]}


def _entry(session: Session, event) -> Entry:
    if event.type == "user.tool_confirmation" and event.deny_message and event.result != "deny":
        raise invalid("`deny_message` goes with the result deny only.")
    if event.type == "user.interrupt" and event.session_thread_id:
        find(session.threads, event.session_thread_id, "The thread")
    return entry_of(event)


@router.get("/{session_id}/events")
def list_events(request, session_id: str, limit: int | None = None, order: str = "asc"):
    session = find_session(request, session_id)
    return _listed(request, of_session(session), limit, order)


@router.get("/{session_id}/threads/{thread_id}/events")
def list_thread_events(request, session_id: str, thread_id: str, limit: int | None = None):
    session = find_session(request, session_id)
    thread = find(session.threads, thread_id, "The thread")
    return _listed(request, thread.events.all(), limit, "asc")


def of_session(session: Session) -> QuerySet[Event]:
    """What a session's own list and stream show: the primary thread, and how its children fare."""
    lifecycle = Q(type__startswith="session.thread_")
    return session.events.filter(Q(thread__parent=None) | lifecycle)


def _listed(request, rows: QuerySet[Event], limit: int | None, order: str) -> dict[str, Any]:
    if order not in {"asc", "desc"}:
        raise invalid("`order` must be asc or desc.")
    limit = limit_of(limit, default=1000, most=1000)
    rows = _filtered(request, events.in_order(rows))
    position = position_of(request.GET.get("page"))
    if position:
        if position.get("o") != order or not isinstance(position.get("at"), int):
            raise invalid("`page` is not a cursor of this list; start again without it.")
        after = "position__gt" if order == "asc" else "position__lt"
        rows = rows.filter(**{after: position["at"]})
    found = list(rows.order_by("position" if order == "asc" else "-position")[: limit + 1])
    shown = found[:limit]
    more = len(found) > limit
    return {
        "data": [events.wire(event) for event in shown],
        "next_page": cursor_of(o=order, at=shown[-1].position) if more else None,
    }


def _filtered(request, rows: QuerySet[Event]) -> QuerySet[Event]:
    if types := request.GET.getlist("types"):
        rows = rows.filter(type__in=types)
    return within(rows, request.GET, "created_at", "processed_at")
