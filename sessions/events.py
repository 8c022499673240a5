"""The event log: the one writer, the one order, the one way events look on the wire.

Source of types and fields: wire contract §12.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from console import ids, live, rows
from console.api import stamp
from sessions import tidings
from sessions.models import WITHDRAWN, Event, Session, Thread
from sessions.providers.http import storable
from sessions.tidings import Told

FEW = 20  # events that a ring may have room for
POSITION = Coalesce("processed_seq", "seq")


@dataclass(frozen=True)
class Entry:
    """An event about to be written. A queued one waits for a turn to take it up.

    `at` is when it happened, if not now: long ago and elsewhere, for an imported transcript. `id` is
    given when live readers already saw a preview under it; `private` never leaves us.
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
    before = _lengthen(thread.session_id, len(entries), now) - len(entries)
    written = [
        Event(
            pk=entry.id,
            session_id=thread.session_id,
            thread=thread,
            seq=before + number,
            type=entry.type,
            payload=storable(entry.payload),
            private=storable(entry.private),
            created_at=entry.at or now,
            processed_at=None if entry.queued else entry.at or now,
        )
        for number, entry in enumerate(entries, 1)
    ]
    for event in written:
        event.position = event.seq
    rows.insert_all(written)
    _tell(thread.session_id, [Sighting(row.seq, row, row.processed_at is None) for row in written])
    return written


def take_up(event: Event) -> Event:
    """Note that a turn has begun with a queued event: its second place in the log."""
    return _settle(event)


def withdraw(event: Event, by: str) -> Event:
    """Note that a queued event was taken back: its second place in the log, and no turn hears it."""
    return _settle(event, {**(event.private or {}), WITHDRAWN: by})


@transaction.atomic(savepoint=False)
def _settle(event: Event, private: dict[str, Any] | None = None) -> Event:
    # Lock the session, not the last event: an empty log has no row to lock.
    end = length(event.session_id, lock=True) + 1
    event.processed_at, event.processed_seq, event.position = timezone.now(), end, end
    with connection.cursor() as cursor:
        cursor.execute(SETTLE, [rows.moment(event.processed_at), end, rows.key(event)])
        is_settled = cursor.rowcount == 1
    if is_settled:
        if private:
            event.private = private
            rows.update(event, "private")
        _lengthen(event.session_id, 1, event.processed_at)
        _tell(event.session_id, [Sighting(end, event, False)])
    return event


def length(session_id: str, *, lock: bool = False) -> int:
    """How long the session's log is now; with `lock` it stays so until the transaction ends.

    Raises `Session.DoesNotExist`.
    """
    can_lock = lock and connection.features.has_select_for_update
    with connection.cursor() as cursor:
        cursor.execute(LENGTH + (" FOR NO KEY UPDATE" if can_lock else ""), [_key(session_id)])
        found = cursor.fetchone()
    if found is None:
        raise Session.DoesNotExist
    return found[0]


def standing(session_id: str) -> tuple[int, str] | None:
    """How long the session's log is and what status it has; None when there is no such session."""
    with connection.cursor() as cursor:
        cursor.execute(STANDING, [_key(session_id)])
        return cursor.fetchone()


def _lengthen(session_id: str, entries: int, now: datetime) -> int:
    """Make room in the log and return its new length; nobody else's entries come in between."""
    with connection.cursor() as cursor:
        cursor.execute(LENGTHEN, [entries, rows.moment(now), _key(session_id)])
        found = cursor.fetchone()
    if found is None:
        raise Session.DoesNotExist
    return found[0]


def _tell(session_id: str, seen: list["Sighting"]) -> None:
    """Ring the log's readers once this is committed; what one ring can hold, they need not read."""
    news = [sighting.told() for sighting in seen] if len(seen) <= FEW else []
    live.ring_after_commit(session_id, *map(tidings.line, news))


def _key(session_id: str) -> int:
    return Session._meta.pk.get_prep_value(session_id)


LENGTH = f"SELECT last_seq FROM {Session._meta.db_table} WHERE id = %s"  # noqa: S608 - of constants
STANDING = f"SELECT last_seq, status FROM {Session._meta.db_table} WHERE id = %s"  # noqa: S608 - of constants
LENGTHEN = (
    f"UPDATE {Session._meta.db_table} SET last_seq = last_seq + %s, updated_at = %s"  # noqa: S608 - of constants
    " WHERE id = %s RETURNING last_seq"
)
LATER = "session_id = %s AND (seq > %s OR processed_seq > %s)"
# The one change an entry ever sees, and only from null.
SETTLE = (
    f"UPDATE {Event._meta.db_table} SET processed_at = %s, processed_seq = %s"  # noqa: S608 - of constants
    " WHERE id = %s AND processed_at IS NULL"
)


def queued(thread: Thread) -> list[Event]:
    """What was sent and no turn has taken up yet, oldest first."""
    return rows.find(
        Event, "thread_id = %s AND processed_at IS NULL ORDER BY seq", rows.key(thread)
    )


def taken_in(thread: Thread, position: int) -> list[Event]:
    """What the thread's turns have to do with, after a position, in order of it."""
    where = f"{LATER} AND thread_id = %s AND processed_at IS NOT NULL"
    values = (_key(thread.session_id), position, position, rows.key(thread))
    found = rows.find(Event, where, *values)
    for event in found:
        event.position = event.processed_seq or event.seq
    heard = (event for event in found if not event.is_withdrawn)
    return sorted(heard, key=lambda event: event.position)


def in_order(events: QuerySet[Event]) -> QuerySet[Event]:
    """Sort as the conversation went: queued events stand where they were taken up."""
    return events.annotate(position=POSITION).order_by("position")


def place(event: Event, position: int) -> str:
    """Names a place in the log: the event's id, and for its second place which one that is."""
    return event.pk if position == event.seq else f"{event.pk}.{position}"


def position_at(session: Session, place: str) -> int | None:
    """The position that such a name stands for; None when it is no place of this log."""
    id, _, second = place.partition(".")
    event = session.events.filter(pk=id).first()
    if event is None or not second:
        return event and event.seq
    return event.processed_seq if second == str(event.processed_seq) else None


@dataclass(frozen=True)
class Sighting:
    """An event as the log shows it at `position`; `waiting` when no turn had taken it up then."""

    position: int
    event: Event
    waiting: bool

    def told(self) -> Told:
        event, shown = self.event, wire(self.event, waiting=self.waiting)
        data = tidings.compact(shown)
        at = place(event, self.position)
        return Told(self.position, event.thread_id, event.type, at, data)


def since(session_id: str, position: int, *, thread_id: str | None = None) -> list[Sighting]:
    """All that entered the log after `position`, in the order readers must see it."""
    where, values, sightings = LATER, [_key(session_id), position, position], []
    if thread_id:
        where += " AND thread_id = %s"
        values.append(Thread._meta.pk.get_prep_value(thread_id))
    # Sorted below: with an order here, SQLite would read the whole log to spare itself the sorting.
    for event in rows.find(Event, where, *values):
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
