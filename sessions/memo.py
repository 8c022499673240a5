"""What this process has read of threads' logs, so that their next turns only read on.

A log is append-only, so what was read stays true. The least recently used are forgotten first.
"""

import json
import threading
from collections import OrderedDict
from dataclasses import dataclass, field

from sessions.models import Event

MOST = 64 << 20  # letters of JSON, of all logs together


@dataclass
class Log:
    """A thread's committed events in order of position, as far as `read_to`."""

    events: list[Event] = field(default_factory=list)
    read_to: int = 0
    size: int = 0  # letters of JSON
    measured: int = 0  # how many of the events are in `size`


_logs: OrderedDict[str, Log] = OrderedDict()
_lock = threading.Lock()


def take(thread: str) -> Log:
    """What is known of the thread's log; whoever takes it has it alone."""
    with _lock:
        log = _logs.pop(thread, None) or Log()
    # A database that was restored meanwhile knows nothing of it.
    stands = not log.events or Event.objects.filter(pk=log.events[-1].pk).exists()
    return log if stands else Log()


def keep(thread: str, log: Log) -> None:
    """Remember the log. It must hold nothing that was read in a transaction that came to nothing."""
    for event in log.events[log.measured :]:
        log.size += len(json.dumps([event.payload, event.private]))
    log.measured = len(log.events)
    with _lock:
        _logs[thread] = log
        while sum(each.size for each in _logs.values()) > MOST:
            _logs.popitem(last=False)
