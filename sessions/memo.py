"""What this process has read of threads' logs, so that their next turns only read on.

A log is append-only, so what was read stays true. The least recently used are forgotten first.
"""

import json
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from console import rows
from sessions import events, transcript
from sessions.models import Event, Thread

MOST = 64 << 20  # letters of JSON, of all logs together


@dataclass
class Log:
    """What a thread's turns have to do with, in order of position.

    All of it is known as of the time when the log of the session, which other threads write to as
    well, was `length` entries long.
    """

    events: list[Event] = field(default_factory=list)
    length: int = 0
    size: int = 0  # letters of JSON
    measured: int = 0  # how many of the events are in `size`
    standing: transcript.Standing = field(default_factory=transcript.Standing)
    followed: int = 0  # how many of the events are in `standing`

    def read_on(self, thread: Thread) -> None:
        """Read what has come in since: results of custom tools come from outside, at any time."""
        length = events.length(thread.session_id)
        if length != self.length:
            self.events += events.taken_in(thread, self.events[-1].position if self.events else 0)
            self.length = length

    def turn(self) -> transcript.Turn:
        """Where the turn under way stands."""
        for event in self.events[self.followed :]:
            self.standing.take(event)
        self.followed = len(self.events)
        return self.standing.turn()

    def wrote(self, thread: Thread, written: Sequence[Event]) -> None:
        """Take in what the reader itself has just written."""
        if written[0].position == self.length + 1:
            self.events += written
            self.length = written[-1].position
        else:  # others wrote before
            self.read_on(thread)


class _Shelf:
    """The logs that are not being worked on, the least recently used in front."""

    def __init__(self) -> None:
        self._logs: OrderedDict[str, Log] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def take(self, thread: str) -> Log:
        with self._lock:
            return self._without(thread) or Log()

    def put(self, thread: str, log: Log) -> None:
        with self._lock:
            self._without(thread)
            self._logs[thread] = log
            self._size += log.size
            while self._size > MOST:
                self._without(next(iter(self._logs)))

    def _without(self, thread: str) -> Log | None:
        log = self._logs.pop(thread, None)
        self._size -= log.size if log else 0
        return log


_shelf = _Shelf()


def take(thread: str) -> Log:
    """What is known of the thread's log; whoever takes it has it alone."""
    log = _shelf.take(thread)
    # A database that was restored meanwhile knows nothing of it.
    stands = not log.events or rows.find(Event, "id = %s", rows.key(log.events[-1]))
    return log if stands else Log()


def keep(thread: str, log: Log) -> None:
    """Remember the log. It must hold nothing that was read in a transaction that came to nothing."""
    for event in log.events[log.measured :]:
        log.size += len(json.dumps([event.payload, event.private]))
    log.measured = len(log.events)
    _shelf.put(thread, log)
