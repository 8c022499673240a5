"""The processes Reverie consists of. Each function runs one in this process until it is told to stop."""

import asyncio
import contextlib
import gc
import os
import socket
import sys
import warnings
from collections.abc import Callable
from types import FrameType

import uvicorn
from celery import signals
from django.conf import settings

from console.celery import app
from console.live import hub
from console.sandbox import trees

TICK = 1.0  # seconds


def settle() -> None:
    """Spare the garbage collector what is loaded by now and stays, and let it look less often.

    With Python's own thresholds it takes a tenth of a turn's time or more.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


class Web(uvicorn.Server):
    """Uvicorn's server, which wakes once a second for the date in its answers, not ten times."""

    _loop: asyncio.AbstractEventLoop | None = None

    async def main_loop(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        settle()
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._end.wait(), TICK)

    def handle_exit(self, number: int, frame: FrameType | None) -> None:
        super().handle_exit(number, frame)
        if self._loop:  # otherwise it has not begun to serve, and will see for itself
            self._loop.call_soon_threadsafe(self._end.set)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await hub.stop()  # ends the streams, which would otherwise be waited for in vain
        await super().shutdown(sockets)


def web(listener: socket.socket | None = None) -> None:
    """Serve HTTP, on a socket that somebody else bound or else on HOST and PORT."""
    config = uvicorn.Config(
        "console.asgi:application",
        host=settings.HOST,
        port=settings.PORT,
        loop="uvloop",
        http="httptools",
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        forwarded_allow_ips=settings.FORWARDED_ALLOW_IPS,
        timeout_graceful_shutdown=2,
    )
    Web(config).run([listener] if listener else None)


def worker() -> None:
    signals.worker_ready.connect(_settle_worker)
    _run_celery(
        *("worker", "--pool=threads", f"--concurrency={settings.WORKER_THREADS}"),
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
    )


def _settle_worker(**options) -> None:
    trees.look_after_what_is_left()
    settle()


def scheduler() -> None:
    _run_celery("beat", "--pidfile=")


def _run_celery(command: str, *arguments: str) -> None:
    os.environ["CELERY_SKIP_CHECKS"] = "1"  # Django's; they took place before
    # True, but a container's only user is often root, and this fills the screen at every start.
    warnings.filterwarnings("ignore", "You're running the worker with superuser privileges")
    sys.__stdout__ = None  # where Celery would announce its end
    app.start(["--quiet", command, *arguments])


ROLES: dict[str, Callable[[], None]] = {"web": web, "worker": worker, "scheduler": scheduler}
