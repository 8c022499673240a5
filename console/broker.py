"""`embedded://`: a Celery broker that needs no server (a kombu virtual transport).

The messages are rows of one SQLite file, and a datagram wakes the workers when there is a new one.
kombu has two brokers of this kind, and neither will do. Its `filesystem://` lets a worker see a
file before its content is written: with two publishers and two workers, 43 to 81 of 1400 tasks
ran, and both workers died. Its `sqlalchemy` polls, never deletes a row, and forgets what a killed
worker had taken. This one starts a task in 2 ms, as Redis does, and idles at 0 % of a core.

The rules that make it safe:

* A row is there whole or not at all, and one UPDATE decides who gets it.
* A message belongs to the *process* that took it, until that process acknowledges it, rejects it
  or dies. Dying needs no time-out to guess at: every consumer holds a lock on a file, and the
  kernel lets go of it with the process. Within five seconds the others find the lock free and put
  its messages back.
* The database of Reverie is the truth and this is a doorbell (ARCHITECTURE.md), so the file
  survives processes, not power cuts: `synchronous=NORMAL` saves an fsync per message.

Any number of threads and processes may publish. Not supported: priorities and fanout (and with it
Celery's remote control), which Reverie does not use.
"""

import fcntl
import functools
import os
import secrets
import sqlite3
import threading
import time
import weakref
from pathlib import Path
from queue import Empty

from kombu.transport import virtual
from kombu.utils.json import dumps, loads

from console import bells

SAFETY_NET = 2.0  # seconds a consumer sleeps at most, should a wake-up ever get lost
RESCUE_EVERY = 5.0  # seconds between two looks for dead consumers

SCHEMA = """
PRAGMA journal_mode=WAL;
CREATE TABLE IF NOT EXISTS message (
    id INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, body TEXT NOT NULL, owner TEXT
);
CREATE INDEX IF NOT EXISTS ready ON message (queue, id) WHERE owner IS NULL;
CREATE INDEX IF NOT EXISTS taken ON message (owner) WHERE owner IS NOT NULL;
"""


class Box:
    """The message file of one folder, as one process sees it; all of its threads share it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._database = sqlite3.connect(
            folder / "broker.sqlite3", timeout=20, isolation_level=None, check_same_thread=False
        )
        self._database.execute("PRAGMA synchronous=NORMAL")
        # One at a time: switching to WAL fails at once, without waiting, while another does it.
        with (folder / "opening").open("w") as door:
            fcntl.flock(door, fcntl.LOCK_EX)
            self._database.executescript(SCHEMA)

    def put(self, queue: str, body: str) -> None:
        self._execute("INSERT INTO message (queue, body) VALUES (?, ?)", queue, body)
        bells.ring(self.folder)

    def take(self, queue: str) -> tuple[int, str] | None:
        """Make the oldest waiting message ours and return its id and body; None when none waits."""
        ready = "SELECT id FROM message WHERE queue = ? AND owner IS NULL ORDER BY id LIMIT 1"
        if not self._execute(ready, queue):
            return None  # an idle consumer must not take the write lock
        take = f"UPDATE message SET owner = ? WHERE id = ({ready}) RETURNING id, body"  # noqa: S608
        return next(iter(self._execute(take, self.owner, queue)), None)

    def remove(self, key: int) -> None:
        self._execute("DELETE FROM message WHERE id = ?", key)

    def put_back(self, key: int) -> None:
        self._execute("UPDATE message SET owner = NULL WHERE id = ?", key)
        bells.ring(self.folder)

    def purge(self, queue: str) -> int:
        purge = "DELETE FROM message WHERE queue = ? AND owner IS NULL RETURNING id"
        return len(self._execute(purge, queue))

    def size(self, queue: str) -> int:
        size = "SELECT count(*) FROM message WHERE queue = ? AND owner IS NULL"
        return self._execute(size, queue)[0][0]

    def rescue(self) -> None:
        """Put back what dead processes had taken, and clear away what they left in the folder."""
        owners = {lock.stem for lock in self.folder.glob("*.lock")}
        taken = "SELECT DISTINCT owner FROM message WHERE owner IS NOT NULL"
        owners.update(owner for (owner,) in self._execute(taken))
        for owner in owners - {self.owner}:
            lock = self._lock_of(owner)
            if not _is_held(lock):
                self._execute("UPDATE message SET owner = NULL WHERE owner = ?", owner)
                lock.unlink(missing_ok=True)

    @functools.cached_property
    def owner(self) -> str:
        """The name this process signs with; its lock is held until the process ends."""
        name = f"{os.getpid()}-{secrets.token_hex(4)}"
        unborn = self.folder / f"{name}.new"
        self._life = unborn.open("w")
        fcntl.flock(self._life, fcntl.LOCK_EX)
        unborn.rename(self._lock_of(name))  # nobody sees it before it is locked
        return name

    def _lock_of(self, owner: str) -> Path:
        return self.folder / f"{owner}.lock"

    def _execute(self, sql: str, *values: str | int) -> list[tuple]:
        with self._lock:
            return self._database.execute(sql, values).fetchall()


def _is_held(lock: Path) -> bool:
    try:
        with lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


def consumers(folder: Path) -> int:
    """How many processes are waiting for messages here."""
    return sum(_is_held(lock) for lock in folder.glob("*.lock"))


@functools.cache
def _box(folder: str, process: int) -> Box:
    """The box of this process. A forked child gets its own and never touches its parent's."""
    return Box(Path(folder).resolve())


_process_ends = threading.Event()
_sleepers: weakref.WeakSet[bells.Bell] = weakref.WeakSet()


def hurry() -> None:
    """Let consumers of this process sleep no more: Celery drains twice before it notices the end."""
    _process_ends.set()
    for bell in _sleepers:
        bell.ring()


class QoS(virtual.QoS):
    """What a channel has delivered and not yet seen settled; Celery settles from pool threads."""

    def ack(self, delivery_tag: int) -> None:
        self.channel.box.remove(delivery_tag)
        self._settle(delivery_tag)

    def reject(self, delivery_tag: int, requeue: bool = False) -> None:
        if requeue:
            self.channel.box.put_back(delivery_tag)
        else:
            self.channel.box.remove(delivery_tag)
        self._settle(delivery_tag)

    def _settle(self, delivery_tag: int) -> None:
        super().ack(delivery_tag)
        self.channel.transport.slot_is_free()


class Channel(virtual.Channel):
    QoS = QoS
    # A closing channel keeps what it delivered: the tasks still run, and acknowledge when done.
    do_restore = False

    def __init__(self, connection: "Transport", **options) -> None:
        super().__init__(connection, **options)
        self.transport = connection  # kombu takes `connection` away on close

    @property
    def box(self) -> Box:
        return self.transport.box

    def basic_consume(self, queue, no_ack, callback, consumer_tag, **options):
        if no_ack:
            callback = _then_ack(callback)
        super().basic_consume(queue, False, callback, consumer_tag, **options)

    def basic_get(self, queue, no_ack=False, **options):
        message = super().basic_get(queue, **options)
        if message and no_ack:
            message.ack()
        return message

    def _put(self, queue: str, message: dict, **options) -> None:
        self.box.put(queue, dumps(message))

    def _get(self, queue: str, timeout: float | None = None) -> dict:
        taken = self.box.take(queue)
        if taken is None:
            raise Empty
        key, body = taken
        message = loads(body)
        message["properties"]["delivery_tag"] = key
        return message

    def _purge(self, queue: str) -> int:
        return self.box.purge(queue)

    def _size(self, queue: str) -> int:
        return self.box.size(queue)


def _then_ack(callback):
    def deliver(message):
        message.ack()
        return callback(message)

    return deliver


class Transport(virtual.Transport):
    """`transport_options["path"]` names the folder; every process of an installation shares it."""

    Channel = Channel
    driver_type = driver_name = "embedded"
    default_connection_params: dict[str, str] = {}  # kombu warns when it has to fill in a host
    # A worker then reconnects, as it does to any broker, instead of ending.
    connection_errors = (*virtual.Transport.connection_errors, sqlite3.OperationalError)

    _bell: bells.Bell | None = None
    _is_listening = False
    _next_rescue = 0.0

    def driver_version(self) -> str:
        return sqlite3.sqlite_version

    @property
    def box(self) -> Box:
        return _box(self.client.transport_options["path"], os.getpid())

    def drain_events(self, connection, timeout: float | None = None) -> None:
        """Deliver a message; when none waits, sleep until it rings, at most `timeout` seconds.

        A ring ends the call even if it brought no message, as any frame does with other brokers:
        whoever drains calls again.
        """
        bell = self._bell = self._bell or bells.Bell(self.box.folder)
        _sleepers.add(bell)
        bell.clear()  # before looking: what comes after the look rings again
        self._rescue()
        self._is_listening = True
        try:
            self.cycle.get(self._deliver)
        except Empty:
            nap = SAFETY_NET if timeout is None else min(SAFETY_NET, timeout)
            rang = bell.wait(0 if _process_ends.is_set() else nap)
            if not rang and timeout is not None and timeout <= SAFETY_NET:
                raise TimeoutError from None
        finally:
            self._is_listening = False

    def close_connection(self, connection) -> None:
        super().close_connection(connection)
        if self._bell:
            self._bell.close()
            self._bell = None

    def slot_is_free(self) -> None:
        """Wake the consumer, which may be asleep because its hands were full."""
        if self._is_listening and self._bell:
            self._bell.ring()

    def _rescue(self) -> None:
        if time.monotonic() >= self._next_rescue:
            self._next_rescue = time.monotonic() + RESCUE_EVERY
            self.box.rescue()
