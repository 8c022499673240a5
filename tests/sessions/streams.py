"""A client of the live streams for tests: it drives the ASGI application in this process."""

import asyncio
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django.db import connections

from console.live import hub
from sessions import stream

PATIENCE = 10  # seconds


@dataclass
class Frame:
    """One server-sent event."""

    event: str
    data: str
    id: str = ""

    @property
    def json(self) -> Any:
        return json.loads(self.data)


@dataclass
class Heard:
    """What came back: the status, the headers, the body as it was, and its frames."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    has_ended: bool = False

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def frames(self) -> list[Frame]:
        """What was said, but for the welcome to a page."""
        found = []
        for block in self.body.split("\n\n")[:-1]:
            lines = [line.partition(": ") for line in block.split("\n")]
            values: dict[str, list[str]] = {}
            for name, _, value in lines:
                values.setdefault(name, []).append(value)
            if "event" in values and values["event"] != ["welcome"]:
                data = "\n".join(values["data"])
                found.append(Frame(values["event"][0], data, "".join(values.get("id", []))))
        return found

    @property
    def events(self) -> list[str]:
        return [frame.event for frame in self.frames]


@dataclass
class Until:
    """An act that only waits until enough was heard."""

    enough: Callable[[Heard], bool]


def listen(
    url: str,
    *acts: Callable | Until,
    headers: dict[str, str] | None = None,
    enough: Callable[[Heard], bool] | None = None,
    method: str = "GET",
) -> Heard:
    """Open a stream, do the acts one by one once it is open, and hear it until that is enough.

    Without `enough` it is heard until it ends, or for half a second after the last act.
    """
    return asyncio.run(_listen(_scope(url, headers or {}, method), acts, enough))


async def _listen(scope, acts, enough) -> Heard:
    heard, sent = Heard(), asyncio.Event()
    await hub.start()

    async def send(message: dict) -> None:
        if message["type"] == "http.response.start":
            heard.status = message["status"]
            heard.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        heard.body += message.get("body", b"").decode()
        sent.set()

    task = asyncio.create_task(stream.application(scope, _receive, send))
    try:
        await _until(lambda: task.done() or heard.body, sent, task, PATIENCE)
        for act in acts:
            if isinstance(act, Until):
                await _until(partial(act.enough, heard), sent, task, PATIENCE)
            else:
                await asyncio.to_thread(_do, act)
        is_enough = (lambda: task.done() or enough(heard)) if enough else task.done
        await _until(is_enough, sent, task, PATIENCE if enough else 0.5)
        heard.has_ended = task.done()
        if task.done():
            task.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await hub.stop()
    return heard


def _do(act: Callable) -> None:
    try:
        act()
    finally:
        connections.close_all()


async def _until(is_so, sent: asyncio.Event, task: asyncio.Task, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            while not is_so():
                sent.clear()
                waiting = asyncio.create_task(sent.wait())
                await asyncio.wait({waiting, task}, return_when=asyncio.FIRST_COMPLETED)
                waiting.cancel()
    except TimeoutError:
        pass


async def _receive() -> dict:
    return await asyncio.Future()


def _scope(url: str, headers: dict[str, str], method: str) -> dict:
    path, _, query = url.partition("?")
    return {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "server": ("testserver", 80),
        "scheme": "http",
    }


@contextmanager
def fresh_thread(monkeypatch) -> Iterator[None]:
    """Let the streams read in a thread of this test only, whose connection ends with it."""
    with ThreadPoolExecutor(1) as thread:
        monkeypatch.setattr(stream, "readers", thread)
        yield
        thread.submit(connections.close_all)
