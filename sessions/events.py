"""The event log: the one writer, the one order, the one way events look on the wire.

Source of types and fields: wire contract §12.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from console import ids, live, rows
from console.api import stamp
from sessions.models import WITHDRAWN, Event, Session, Thread
from sessions.providers.http import storable

POSITION = Coalesce("processed_seq", "seq")


@dataclass(frozen=True)
class Entry:
    """An event about to be written. A queued one waits for a turn to take it up.

    `at` is when it happened, if not now: long ago and elsewhere, for an imported transcript. `id` is given when live readers already saw a preview under it; `private` never leaves us.
    """

    type: str
    payload: dict[str, Any] = field(default_factory=dict)
    private: dict[str, Any] | None = None
    queued: bool = False
    at: datetime | None = None
    id: str = field(default_factory=lambda: ids.fresh("sevt"))


@transaction.atomic(savepoint=False)
def append(thread: Thread, *entries: Entry) -> list[Event]:
    """Write entries to the end of the session's log, in order, and ring its readers."""
    now = timezone.now()
    length = _lengthen(thread.session_id, len(entries), now) - len(entries)
    written = [
        Event(
            pk=entry.id,
            session_id=thread.session_id,
            thread=thread,
            seq=length + number,
            type=entry.type,
            payload=storable(entry.payload),
            private=storable(entry.private),
            created_at=entry.at or now,
            processed_at=None if entry.queued else entry.at or now,
        )
        for number, entry in enumerate(entries, 1)
    ]
    for event in written:
        rows.insert(event)
    return written


def take_up(event: Event) -> Event:
    """Note that a turn has begun with a queued event: its second place in the log."""
    return _settle(event, {})


def withdraw(event: Event, by: str) -> Event:
    """Note that a queued event was taken back: its second place in the log, and no turn hears it."""
    return _settle(event, {"private": {**(event.private or {}), WITHDRAWN: by}})


@transaction.atomic(savepoint=False)
def _settle(event: Event, kept: dict[str, Any]) -> Event:
    # Lock the session, not the last event: an empty log has no row to lock.
    held = Session.objects.select_for_update(no_key=True).filter(pk=event.session_id)
    length = held.values_list("last_seq", flat=True).get()
    event.processed_at, event.processed_seq = timezone.now(), length + 1
    # The one change an entry ever sees, and only from null.
    taken = QuerySet(Event).filter(pk=event.pk, processed_at=None)
    settled = {"processed_at": event.processed_at, "processed_seq": event.processed_seq, **kept}
    if taken.update(**settled):
        event.private = kept.get("private", event.private)
        _lengthen(event.session_id, 1, event.processed_at)
    return event


def _lengthen(session_id: str, entries: int, now: datetime) -> int:
    """Make room in the log and return its new length; nobody else's entries come in between."""
    values = [entries, rows.moment(now), Session._meta.pk.get_prep_value(session_id)]
    with connection.cursor() as cursor:
        cursor.execute(LENGTHEN, values)
        found = cursor.fetchone()
    if found is None:
        raise Session.DoesNotExist
    transaction.on_commit(lambda: live.ring(session_id))
    return found[0]


LENGTHEN = (
    f"UPDATE {Session._meta.db_table} SET last_seq = last_seq + %s, updated_at = %s"  # noqa: S608 - of constants
    " WHERE id = %s RETURNING last_seq"
)


def queued(thread: Thread) -> QuerySet[Event]:
    """What was sent and no turn has taken up yet, oldest first."""
    return thread.events.filter(processed_at=None).order_by("seq")


def in_order(events: QuerySet[Event]) -> QuerySet[Event]:
    """Sort as the conversation went: queued events stand where they were taken up."""
    return events.annotate(position=POSITION).order_by("position")


@dataclass(frozen=True)
class Sighting:
    """An event as the log shows it at `position`; `waiting` when no turn had taken it up then."""

    position: int
    event: Event
    waiting: bool

    def wire(self) -> dict[str, Any]:
        return wire(self.event, waiting=self.waiting)


def since(session: Session, position: int, *, thread_id: str | None = None) -> list[Sighting]:
    """All that entered the log after `position`, in the order readers must see it."""
    events = Event.objects.filter(session=session)
    if thread_id:
        events = events.filter(thread=thread_id)
    sightings = []
    # Sorted below: with an order here, SQLite would read the whole log to spare itself the sorting.
    for event in events.filter(Q(seq__gt=position) | Q(processed_seq__gt=position)).order_by():
        was_queued = event.processed_at is None or event.processed_seq is not None
        if event.seq > position:
            sightings.append(Sighting(event.seq, event, was_queued))
        if event.processed_seq and event.processed_seq > position:
            sightings.append(Sighting(event.processed_seq, event, False))
    return sorted(sightings, key=lambda sighting: sighting.position)


def wire(event: Event, *, waiting: bool = False) -> dict[str, Any]:
    """Show an event as the API does."""
    shown = {
        "id": event.pk,
        "type": event.type,
        **event.payload,
        "processed_at": None if waiting else stamp(event.processed_at),
    }
    return {**shown, "withdrawn": True} if event.is_withdrawn and not waiting else shown
