"""Listening to a model: previews go to live readers, the whole reply to the loop."""

import queue
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field

from console import ids, live
from sessions.providers.base import Provider, ProviderError, Reply, Request, TextDelta, Thinking

FLUSH_SECONDS = 0.03
STOP_CHECK_SECONDS = 0.25
RECAP_SECONDS = 1.0
PIECE = 1500  # characters, so that a delta fits into a whisper whatever they are
RECAP = 5000  # bytes of text in a recap at the most; a whisper holds 7 kB


@dataclass
class Preview:
    """Tells live readers what is being said, in the shape of wire contract §12.7; never stored.

    Deltas are gathered for a moment, so that a fast model does not send a datagram per token. They
    are numbered, because whispers get lost and a reader must not be shown a text with a hole. Every
    second a recap tells newcomers, who missed the start, what was said so far, while it is short.
    """

    session: str
    thread: str
    event_id: str = field(default_factory=lambda: ids.fresh("sevt"))
    thinking_id: str = field(default_factory=lambda: ids.fresh("sevt"))
    _started: bool = False
    _thinking: bool = False
    _number: int = 0
    _pending: str = ""
    _index: int = 0
    _flushed_at: float = 0
    _recapped_at: float = field(default_factory=time.monotonic)
    _deltas: list[dict] = field(default_factory=list)

    def add(self, delta: TextDelta) -> None:
        if delta.index != self._index:
            self.flush()
            self._index = delta.index
        self._pending += delta.text
        if time.monotonic() - self._flushed_at > FLUSH_SECONDS:
            self.flush()

    def thinking(self) -> None:
        if not self._thinking:
            self._thinking = True
            start = {"type": "agent.thinking", "id": self.thinking_id}
            self._send({"type": "event_start", "event": start})

    def flush(self) -> None:
        if not self._pending:
            return
        if not self._started:
            self._started = True
            start = {"type": "agent.message", "id": self.event_id}
            self._send({"type": "event_start", "event": start})
        while self._pending:
            piece, self._pending = self._pending[:PIECE], self._pending[PIECE:]
            content = {"type": "text", "text": piece}
            delta = {"type": "content_delta", "index": self._index, "content": content}
            self._number += 1
            self._deltas.append(delta)
            event = {"type": "event_delta", "event_id": self.event_id, "delta": delta}
            self._send(event, number=self._number)
        self._flushed_at = time.monotonic()
        if self._flushed_at - self._recapped_at > RECAP_SECONDS:
            self._recapped_at = self._flushed_at
            self._recap()

    def _recap(self) -> None:
        texts: list[str] = []
        for delta in self._deltas:
            texts += [""] * (delta["index"] + 1 - len(texts))
            texts[delta["index"]] += delta["content"]["text"]
        if len("".join(texts).encode(errors="replace")) <= RECAP:
            recap = {"type": "event_recap", "event_id": self.event_id, "texts": texts}
            self._send(recap, number=self._number)

    def _send(self, event: dict, *, number: int = 0) -> None:
        live.whisper(self.session, {"thread": self.thread, "number": number, "event": event})


class Silence(Preview):
    """For what nobody is to hear."""

    def _send(self, event: dict, *, number: int = 0) -> None:
        pass


def hear(
    provider: Provider, request: Request, preview: Preview, is_stopped: Callable[[], bool]
) -> Reply | None:
    """Return the model's reply, or None when the turn was stopped meanwhile.

    The provider is read in a thread of its own: it may be silent for minutes, and Stop must not
    wait for it. Raises `ProviderError`.
    """
    pieces: queue.SimpleQueue = queue.SimpleQueue()
    given_up = threading.Event()
    _reader().jobs.put((provider, request, pieces, given_up))
    last: Reply | Exception | None = None
    try:
        last = _last(pieces, preview, is_stopped)
    finally:
        if last is None:  # stopped, or failed to ask whether it is
            given_up.set()
            _dismiss()
    if isinstance(last, Exception):
        raise last
    if last:
        preview.flush()
    return last


def _last(
    pieces: queue.SimpleQueue, preview: Preview, is_stopped: Callable[[], bool]
) -> Reply | Exception | None:
    """Pass on what comes; return how it ends, or None when the turn was stopped before."""
    checked_at = time.monotonic()
    while True:
        if time.monotonic() - checked_at > STOP_CHECK_SECONDS:
            checked_at = time.monotonic()
            if is_stopped():
                return None
        try:
            piece = pieces.get(timeout=STOP_CHECK_SECONDS)
        except queue.Empty:
            preview.flush()
            continue
        if isinstance(piece, Reply | Exception):
            return piece
        if isinstance(piece, Thinking):
            preview.thinking()
        else:
            preview.add(piece)


class _Reader:
    """A thread that reads one answer after another: to make one for each takes longer than a commit."""

    def __init__(self) -> None:
        self.jobs: queue.SimpleQueue = queue.SimpleQueue()
        threading.Thread(target=self._work, name="model", daemon=True).start()

    def _work(self) -> None:
        while job := self.jobs.get():
            _read(*job)


_mine = threading.local()


def _reader() -> _Reader:
    """The one that reads for this thread."""
    if getattr(_mine, "reader", None) is None:
        _mine.reader = _Reader()
    return _mine.reader


def _dismiss() -> None:
    """Leave the reader alone with what it reads; it ends when that does."""
    _mine.reader.jobs.put(None)
    _mine.reader = None


def _read(
    provider: Provider, request: Request, pieces: queue.SimpleQueue, given_up: threading.Event
) -> None:
    try:
        with closing(provider.stream(request)) as stream:
            for piece in stream:
                pieces.put(piece)
                if given_up.is_set():
                    return
        broken = "The model's answer broke off before its end."
        pieces.put(ProviderError("model_request_failed_error", broken, retryable=True))
    except Exception as error:  # noqa: BLE001 - handed over: the loop decides what it means
        pieces.put(error)
