"""The floor: what a turn and a live stream cost when there is nothing in them.

A request to a bare ASGI application rings a second process with a datagram; that commits one row
and rings back; the application reads the row and sends it to whoever listens. The second process
is this module run as a program, with the folder and perhaps a PostgreSQL URL as arguments; the
application takes them from BENCH_FOLDER and BENCH_DATABASE.
"""

import asyncio
import contextlib
import json
import os
import socket
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import psycopg

Send = Callable[[dict], Awaitable[None]]
# A page that shows the rows as a session's page shows its events, for the same watcher.
PAGE = b"""<!doctype html><div id="transcript"><div id="entries"></div></div><script>
new EventSource("/stream").addEventListener("row", (event) => {
    const row = document.createElement("p");
    row.id = `row-${JSON.parse(event.data).id}`;
    row.textContent = event.data;
    document.querySelector("#entries").append(row);
});
</script>"""
TABLE = "CREATE TABLE IF NOT EXISTS floor (id {key} PRIMARY KEY, at DOUBLE PRECISION)"


class DatagramLog:
    """Rows in SQLite, with a datagram to tell of them: the feed of the embedded installation."""

    def __init__(self, folder: Path) -> None:
        self.bell = folder / "live.sock"
        self.database = sqlite3.connect(folder / "floor.sqlite3", timeout=20, isolation_level=None)
        self.database.execute("PRAGMA journal_mode=WAL")
        self.database.execute("PRAGMA synchronous=NORMAL")
        self.database.execute(TABLE.format(key="INTEGER"))
        self.sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)

    def append(self, at: float) -> float:
        """Commit a row and ring; return when it was committed."""
        self.database.execute("INSERT INTO floor (at) VALUES (?)", (at,))
        committed = time.time()
        self.sender.sendto(b"!", str(self.bell))
        return committed

    def after(self, key: int) -> list[tuple[int, float]]:
        query = "SELECT id, at FROM floor WHERE id > ? ORDER BY id"
        return self.database.execute(query, (key,)).fetchall()

    async def rings(self) -> AsyncIterator[None]:
        bell = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        bell.bind(str(self.bell))
        loop = asyncio.get_running_loop()
        while True:
            await loop.sock_recv(bell, 64)
            yield


class NotifyLog:
    """Rows in PostgreSQL, with a NOTIFY to tell of them: the feed in production."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.database = psycopg.connect(url, autocommit=True)
        self.database.execute(TABLE.format(key="BIGSERIAL"))

    def append(self, at: float) -> float:
        self.database.execute("INSERT INTO floor (at) VALUES (%s)", (at,))
        committed = time.time()
        self.database.execute("NOTIFY floor")
        return committed

    def after(self, key: int) -> list[tuple[int, float]]:
        query = "SELECT id, at FROM floor WHERE id > %s ORDER BY id"
        return self.database.execute(query, (key,)).fetchall()

    async def rings(self) -> AsyncIterator[None]:
        listener = await psycopg.AsyncConnection.connect(self.url, autocommit=True)
        await listener.execute("LISTEN floor")
        async for _ in listener.notifies():
            yield


def log_of(folder: Path, database: str) -> DatagramLog | NotifyLog:
    return NotifyLog(database) if database else DatagramLog(folder)


# -- The bare application -----------------------------------------------------------------


class Bare:
    """`GET /echo`, `POST /say`, `GET /stream`, `GET /page`."""

    def __init__(self, folder: Path, database: str) -> None:
        self.worker = str(folder / "worker.sock")
        self.log = log_of(folder, database)
        self.sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.listeners: set[Send] = set()

    async def __call__(self, scope, receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["path"] == "/stream":
            await self._stream(receive, send)
        else:
            await receive()
            if scope["path"] == "/say":
                self.sender.sendto(b"!", self.worker)
            body = PAGE if scope["path"] == "/page" else b"ok\n"
            size = str(len(body)).encode()
            headers = [(b"content-type", b"text/html"), (b"content-length", size)]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    async def _stream(self, receive, send: Send) -> None:
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b": welcome\n\n", "more_body": True})
        self.listeners.add(send)
        while (await receive())["type"] != "http.disconnect":
            pass
        self.listeners.discard(send)

    async def _live(self, receive, send: Send) -> None:
        feed = asyncio.create_task(self._feed())
        for step in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{step}.complete"})
        feed.cancel()

    async def _feed(self) -> None:
        last = max((key for key, _ in self.log.after(0)), default=0)
        async for _ in self.log.rings():
            for key, at in self.log.after(last):
                last = key
                frame = f"event: row\ndata: {json.dumps({'id': key, 'at': at})}\n\n".encode()
                for send in list(self.listeners):
                    await send({"type": "http.response.body", "body": frame, "more_body": True})


def bare() -> Bare:
    return Bare(Path(os.environ["BENCH_FOLDER"]), os.environ["BENCH_DATABASE"])


def serve_rows(folder: Path, database: str) -> None:
    """The second process: for each ring, a row that says when it was heard."""
    log = log_of(folder, database)
    bell = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    bell.bind(str(folder / "worker.sock"))
    while True:
        bell.recv(64)
        log.append(time.time())


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        serve_rows(Path(sys.argv[1]), sys.argv[2])
