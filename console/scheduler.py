"""Celery's scheduler, but one that looks before it rings: mostly there is nothing to sweep.

A sweep that finds nothing costs a few queries here. As a task it costs five times that: a message
written, taken and settled, a thread of the worker, and the same queries.
"""

import functools
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from celery import beat
from django.conf import settings
from django.db import Error, close_old_connections, connection
from django.utils.module_loading import import_string

logger = logging.getLogger(__name__)
LONG_AGO = timedelta(days=1)


class Scheduler(beat.Scheduler):
    """Sends a task of `settings.SWEEPS` only when there is something for it to do.

    It keeps no file, which a full disk would not take: what is due is due at each start.
    """

    def setup_schedule(self) -> None:
        super().setup_schedule()
        for entry in self.schedule.values():
            entry.last_run_at -= LONG_AGO

    def apply_entry(self, entry: beat.ScheduleEntry, producer=None) -> None:
        if _has_work(entry.task):
            super().apply_entry(entry, producer)

    def tick(self, **options: Any) -> float:
        """Send what is due. A clock that was set back must not silence the sweeps until it caught up."""
        for entry in self.schedule.values():
            if entry.last_run_at > (now := entry.default_now()):
                entry.last_run_at = now
                self._heap = None  # sorted by the old clock
        return super().tick(**options)

    def adjust(self, seconds: float | None, drift: float = 0.0) -> float | None:
        """Sleep until an entry is due. Celery wakes 10 ms before, and then spins until it is."""
        return super().adjust(seconds, drift)


def _has_work(task: str) -> bool:
    looks = settings.SWEEPS.get(task)
    if looks is None:
        return True
    close_old_connections()  # the database may have been away since the last look
    try:
        return _imported(looks)()
    except Error as trouble:
        logger.warning("Could not see whether there is something for %s: %s", task, trouble)
        connection.close()
        return False


@functools.cache
def _imported(name: str) -> Callable[[], bool]:
    return import_string(name)
