"""Live wake-ups beside PostgreSQL: NOTIFY to every web process, on whatever machine it runs."""

import asyncio
import logging
import os
import threading
import time

import psycopg
from django.db import connections

from console.live import Hub

logger = logging.getLogger(__name__)

CHANNEL = "reverie"
PATIENCE = 0.02  # seconds to wait while other threads of this process send
PAUSE = 1.0  # seconds without another attempt after one has failed


def _parameters() -> dict:
    """Django's own connection parameters, with limits to how long a dead network can hold us."""
    parameters = connections["default"].get_connection_params()
    del parameters["cursor_factory"], parameters["context"]
    return {**parameters, "autocommit": True, "connect_timeout": 2, "tcp_user_timeout": 2000}


def _heard(text: str, hub: Hub) -> None:
    try:
        hub.heard(text)
    except ValueError:
        logger.warning("Not a live message: %r", text[:100])


class Carrier:
    """Sends over a connection of its own, one per process.

    On Django's connection of the calling thread a whisper would wait for that thread's transaction,
    and be lost with it.
    """

    tick = 5.0

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sender: psycopg.Connection | None = None
        self._process = 0
        self._silent_until = 0.0

    def send(self, text: str, *, patient: bool) -> None:
        if time.monotonic() < self._silent_until:
            return
        if not self._lock.acquire(timeout=PATIENCE):
            return
        try:
            self._connected().execute("SELECT pg_notify(%s, %s)", (CHANNEL, text))
        except psycopg.Error as trouble:
            logger.warning("A live message was dropped: %s", trouble)
            self._sender = None
            self._silent_until = time.monotonic() + PAUSE
        finally:
            self._lock.release()

    def _connected(self) -> psycopg.Connection:
        if self._sender is None or self._process != os.getpid():
            self._sender = psycopg.connect(**_parameters())
            self._process = os.getpid()
            # A NOTIFY needs no disk: waiting for one would cost more than all the rest.
            self._sender.execute("SET synchronous_commit = off")
        return self._sender

    async def listen(self, hub: Hub) -> None:
        try:
            async with await psycopg.AsyncConnection.connect(**_parameters()) as connection:
                await connection.execute(f"LISTEN {CHANNEL}")
                hub.listening()
                await self._pass_on(connection.pgconn, hub)
        except psycopg.Error as trouble:
            raise ConnectionError(trouble) from trouble

    async def _pass_on(self, server: psycopg.pq.PGconn, hub: Hub) -> None:
        """Asleep until something comes in; psycopg's own `notifies` looks ten times a second."""
        loop, readable, socket = asyncio.get_running_loop(), asyncio.Event(), server.socket
        loop.add_reader(socket, readable.set)
        try:
            while True:
                while notice := server.notifies():
                    _heard(notice.extra.decode(), hub)
                await readable.wait()
                readable.clear()
                server.consume_input()
        finally:
            loop.remove_reader(socket)

    def saw_changes(self) -> bool:
        return True

    def close(self) -> None:
        with self._lock:
            if self._sender and self._process == os.getpid():
                self._sender.close()
            self._sender = None
