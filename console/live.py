"""Live wake-ups: whoever commits something rings, and every web process hears it.

    live.ring_after_commit(session.pk)                          # "look again"
    live.ring_after_commit(session.pk, line)                    # and what there is to see
    live.whisper(session.pk, {"delta": "Hel"})                  # a preview; may get lost

    async with live.hub.subscribe([session_id]) as feed:        # subscribe first, then read the log
        async for message in feed: ...

The log in the database is the truth. A ring can get lost, overtake another or leave its news
behind, so a reader takes news only when they go on where it stands, and looks otherwise. The hub
rings by itself now and then: a lost ring costs a second or so, never an event. What carries the
messages between processes is a matter of the database in use: see `live_datagrams` and
`live_postgres`.
"""

import asyncio
import contextlib
import json
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence
from functools import cache, partial
from typing import Any, NamedTuple, Protocol, Self

from django.conf import settings
from django.db import connection, transaction
from django.utils.module_loading import import_string

logger = logging.getLogger(__name__)

RING, WHISPER = "ring", "whisper"
LARGEST = 7_000  # bytes; PostgreSQL refuses a NOTIFY of 8000
FEED_SIZE = 256  # messages kept for a reader that is slow
RINGS_PER_TICK = 200  # so that 2000 idle readers do not all query in the same second
START_SECONDS = 5.0
SHORTEST_PAUSE, LONGEST_PAUSE = 0.1, 5.0  # seconds before listening again


def ring(topic: str, news: Sequence[str] = ()) -> None:
    """Tell every web process that something about `topic` was committed. Never raises.

    `news` are lines that say what, to spare readers the look; of more than 7 kB none is sent.
    """
    line = _line(RING, topic, "\n".join(news)) if news else ""
    carrier().send(line or f"{RING} {topic}", patient=True)


def ring_after_commit(topic: str, *news: str) -> None:
    """Ring once the transaction is done: once, with all the news, however often it is asked to."""
    savepoints = set(connection.savepoint_ids)
    for within, call, _ in connection.run_on_commit:
        if isinstance(call, partial) and call.func is ring and call.args[0] == topic:
            told = call.args[1]
            if not told:
                return  # readers will look, whatever else there is
            if news and within == savepoints:  # what is rolled back must not be told
                told.extend(news)
                return
    transaction.on_commit(partial(ring, topic, list(news)))


def whisper(topic: str, payload: dict[str, Any]) -> None:
    """Send `payload` to those who watch `topic` now, transaction or not. Never raises.

    What exceeds 7 kB, finds nobody listening or comes too fast is dropped.
    """
    body = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    if line := _line(WHISPER, topic, body):
        carrier().send(line, patient=False)


def _line(kind: str, topic: str, payload: str) -> str:
    """The message as it travels; empty when that would be too long."""
    data = f"{kind} {topic} {payload}".encode(errors="replace")  # a model may cut an emoji in two
    return data.decode() if len(data) <= LARGEST else ""


class Message(NamedTuple):
    kind: str
    topic: str
    payload: Any  # of a ring its news as one text, of a whisper what was whispered


class Carrier(Protocol):
    """How a line of text gets from any process to the hubs of all web processes."""

    tick: float  # seconds between two safety rings

    def send(self, text: str, *, patient: bool) -> None:
        """Send now or drop; a patient sender may wait some 20 ms first. Never raises."""

    async def listen(self, hub: "Hub") -> None:
        """Call `hub.listening()` once connected and `hub.heard(text)` ever after.

        Runs until cancelled; raises OSError when the connection is lost, to be called again.
        """

    def saw_changes(self) -> bool:
        """Whether the database may have changed since the last time this was asked."""

    def close(self) -> None:
        """Let go of the connections kept for `send` and `saw_changes`; both open them anew."""


@cache
def carrier() -> Carrier:
    return import_string(settings.LIVE_CARRIER)()


class Feed:
    """What one reader is to hear, in order; it ends when the hub stops. One reader per feed."""

    def __init__(self, topics: Iterable[str]) -> None:
        self.topics = frozenset(topics)
        self._messages: deque[Message] = deque()
        self._rung: set[str] = set()
        self._waiting: asyncio.Future | None = None
        self.has_ended = False

    def put(self, message: Message) -> None:
        """Keep a message for the reader. A second bare ring adds nothing to one that still waits."""
        is_full = len(self._messages) >= FEED_SIZE
        if message.kind == RING and (is_full or not message.payload):
            if message.topic in self._rung:
                return
            self._rung.add(message.topic)
            message = Message(RING, message.topic, "")
        elif is_full:
            return
        self._messages.append(message)
        self._wake()

    def end(self) -> None:
        self.has_ended = True
        self._wake()

    def _wake(self) -> None:
        if self._waiting and not self._waiting.done():
            self._waiting.set_result(None)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        """Wait for the next message. May be cancelled, by `asyncio.timeout` say, and called again."""
        message = await self.next()
        if message is None:
            raise StopAsyncIteration
        return message

    async def next(self, until: float | None = None) -> Message | None:
        """Wait for the next message; None at the end, or when the loop's clock says `until`."""
        if not self._messages and not self.has_ended:
            await self._wait(until)
        if not self._messages:
            return None
        message = self._messages.popleft()
        if message.kind == RING and not message.payload:
            self._rung.discard(message.topic)
        return message

    async def _wait(self, until: float | None) -> None:
        loop = asyncio.get_running_loop()
        self._waiting = loop.create_future()
        # In a fifth of the time that asyncio.timeout takes, and with less to keep for each reader.
        timer = loop.call_at(until, self._wake) if until else None
        try:
            await self._waiting
        finally:
            if timer:
                timer.cancel()


class Hub:
    """The one listener of a web process: it hands each message to the feeds of its topic.

    It lives on one event loop, starts with the first subscriber or by `start()`, and runs until
    `stop()`. Nothing here is thread-safe.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: list[asyncio.Task] = []
        self._ready = asyncio.Event()
        self._by_topic: dict[str, set[Feed]] = {}
        self._feeds: deque[Feed] = deque()

    async def start(self) -> None:
        """Begin to listen, unless it does already, and return once it does."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop, self._ready = loop, asyncio.Event()
            self._tasks = [loop.create_task(self._listen()), loop.create_task(self._keep_ticking())]
        with contextlib.suppress(TimeoutError):  # the safety rings serve until it listens
            async with asyncio.timeout(START_SECONDS):
                await self._ready.wait()

    async def stop(self) -> None:
        """Stop listening and end all feeds, so that streams finish by themselves."""
        self._loop = None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for feed in list(self._feeds):
            feed.end()

    @contextlib.asynccontextmanager
    async def subscribe(self, topics: Iterable[str]) -> AsyncIterator[Feed]:
        """Hear of these topics from here on: what is committed later will ring."""
        await self.start()
        feed = Feed(topics)
        self._feeds.append(feed)
        for topic in feed.topics:
            self._by_topic.setdefault(topic, set()).add(feed)
        try:
            yield feed
        finally:
            self._forget(feed)

    def _forget(self, feed: Feed) -> None:
        self._feeds.remove(feed)
        for topic in feed.topics:
            self._by_topic[topic].discard(feed)
            if not self._by_topic[topic]:
                del self._by_topic[topic]

    def heard(self, text: str) -> None:
        """Pass on one line from the carrier."""
        kind, topic, *rest = text.split(" ", 2)
        if feeds := self._by_topic.get(topic):
            payload = "".join(rest)
            message = Message(kind, topic, json.loads(payload) if kind == WHISPER else payload)
            for feed in feeds:
                feed.put(message)

    def listening(self) -> None:
        """The carrier is (again) connected: what rang before went unheard."""
        self._ready.set()
        for feed in self._feeds:
            self._ring(feed)

    def _ring(self, feed: Feed) -> None:
        for topic in feed.topics:
            feed.put(Message(RING, topic, ""))

    async def _listen(self) -> None:
        pause = SHORTEST_PAUSE
        while True:
            begun = time.monotonic()
            try:
                await carrier().listen(self)
            except OSError as trouble:
                logger.warning("Live updates are interrupted: %s", trouble)
            await asyncio.sleep(pause)
            lasted = time.monotonic() - begun > LONGEST_PAUSE * 2
            pause = SHORTEST_PAUSE if lasted else min(pause * 2, LONGEST_PAUSE)

    async def _keep_ticking(self) -> None:
        while True:
            await asyncio.sleep(carrier().tick)
            if self._feeds and carrier().saw_changes():
                for _ in range(min(len(self._feeds), RINGS_PER_TICK)):
                    self._ring(self._feeds[0])
                    self._feeds.rotate(-1)


hub = Hub()
