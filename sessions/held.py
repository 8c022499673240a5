"""A thread that a worker holds: its log and its status, as nobody else may change them meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.utils import timezone

from console import rows
from sessions import budgets, counting, events, leases, memo, telling, transcript
from sessions.events import Entry
from sessions.models import BUDGET_REACHED, Event, Status, Thread

RELEASED = {"lease_owner": "", "lease_until": None}


class Held:
    """What one worker knows of its thread and does to it; every write checks the lease first."""

    def __init__(self, lease: leases.Lease) -> None:
        self.lease = lease
        [self.thread] = rows.find(Thread, "id = %s", Thread._meta.pk.get_prep_value(lease.pk))
        self.session = rows.follow(self.thread, "session")
        for name in ("workspace", "environment"):
            rows.follow(self.session, name)
        self.is_primary = self.thread.parent_id is None
        self._known = memo.take(self.thread.pk)
        self._has_failed = False
        self._known.read_on(self.thread)  # a long log is read before the thread is locked

    # -- The log ------------------------------------------------------------------------

    @property
    def log(self) -> list[Event]:
        return self._known.events

    def turn(self) -> transcript.Turn:
        """Where the turn under way stands."""
        return self._known.turn()

    def queued(self) -> list[Event]:
        return events.queued(self.thread)

    def remember(self) -> None:
        """Keep what was read for the next turn, unless this one failed."""
        if not self._has_failed:
            memo.keep(self.thread.pk, self._known)

    def doubt(self) -> None:
        """Read the log anew: some of what was read may have been rolled back."""
        self._known, self._has_failed = memo.Log(), True

    @contextmanager
    def transaction(self) -> Iterator[Thread]:
        """A transaction that holds the thread; `log` is all there is of it until the end."""
        with self.lease.transaction() as thread:
            self._known.read_on(self.thread)
            yield thread

    def append(self, *entries: Entry) -> list[Event]:
        written = events.append(self.thread, *entries) if entries else []
        if written:
            self._known.wrote(self.thread, written)
        return written

    def take_up(self, event: Event) -> None:
        self._known.wrote(self.thread, [events.take_up(event)])

    # -- The status ---------------------------------------------------------------------

    def wake_up(self) -> None:
        """Go on after a pause between two tries."""
        self.append(*telling.status_entries(self.thread, "running"))
        self._set_status(Status.RUNNING, retry_at=None)

    def put_off(self, told: Entry, *, retries: int, seconds: float) -> None:
        """Let go of the thread for so long."""
        counting.add_time(self.session, self.log)
        self.append(told, *telling.status_entries(self.thread, "rescheduled"))
        retry_at = timezone.now() + timedelta(seconds=seconds)
        self._set_status(Status.RESCHEDULING, retries=retries, retry_at=retry_at, **RELEASED)

    def idle(self, stop_reason: dict, *, explanation: str = "") -> bool:
        """Close the turn; True when messages already wait for the next one."""
        details = {"type": "refusal", "category": None, "explanation": explanation or None}
        shown = {"stop_reason": stop_reason, "stop_details": details if explanation else None}
        named = {"session_thread_id": self.thread.pk, "agent_name": self.thread.name}
        facts = self._whose_budget() if stop_reason["type"] == BUDGET_REACHED else None
        entries = [Entry("session.thread_status_idle", {**named, **shown}, private=facts)]
        if self.is_primary:
            counting.add_time(self.session, self.log)
            entries.append(Entry("session.usage", counting.so_far(self.session)))
            entries.append(Entry("session.status_idle", shown))
        self.append(*entries)
        if self._goes_on(stop_reason):
            self.append(*telling.status_entries(self.thread, "running"))
            return True
        rest = {"stop_requested": False, "retries": 0, "retry_at": None, **RELEASED}
        self._set_status(Status.IDLE, reason=stop_reason["type"], **rest)
        return False

    def _whose_budget(self) -> dict:
        return {"of": "session" if budgets.is_own_spent(self.session) else "workspace"}

    def _goes_on(self, stop_reason: dict) -> bool:
        # Whoever stops a dream means all of it; and what holds the turn has to be settled first.
        if self.session.is_dream or stop_reason["type"] in {"requires_action", BUDGET_REACHED}:
            return False
        return bool(self.queued())

    def _set_status(self, status: str, *, reason: str = "", **changes) -> None:
        told = {"status": status, "idle_reason": reason, "updated_at": timezone.now()}
        rows.change(self.thread, **told, **changes)
        if self.is_primary:
            rows.change(self.session, **told, save_at=self._save_at() if reason else None)

    def _save_at(self) -> datetime | None:
        if self.session.is_dream:
            return None
        minutes = rows.follow(self.session, "agent").saves_after
        return None if minutes is None else timezone.now() + timedelta(minutes=minutes)
