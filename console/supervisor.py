"""Starts web, worker and scheduler, keeps them running, and takes them along when it ends.

The supervisor holds the listening socket, so the port stays ours while the web process restarts:
clients wait instead of being refused. It also holds one end of a pipe, the leash. Every child reads
from the other end, and ends itself when the pipe closes. The kernel closes it however the
supervisor ends, by `kill -9` too, on every kind of Unix.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import threading
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings

MANAGE = Path(settings.BASE_DIR) / "manage.py"
GRACE = 5.0  # seconds for a child to end by itself; what it leaves undone, a lease brings back
SOUND = 10.0  # seconds of life after which a child's next death counts as the first
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 30.0  # seconds before a dead child starts again
PATIENCE = 6  # deaths of a child that was never sound until we give up


class Supervisor:
    """Runs `roles` as child processes until a signal or until one of them is beyond help."""

    def __init__(self, roles: Iterable[str], listener: socket.socket, say: Callable[[str], None]):
        self.roles = roles
        self.listener = listener
        self.say = say
        self._leash, self._held = os.pipe()
        self._children: set[Process] = set()
        self._stop = asyncio.Event()
        self._exit_code = 0

    async def run(self, greeting: str) -> int:
        """Say the greeting when all is ready; return 0 after a signal, 1 after giving up."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._told_to_stop)
        work = [self._greet(greeting), *(self._keep(role) for role in self.roles)]
        tasks = [asyncio.create_task(part) for part in work]
        for task in tasks:
            task.add_done_callback(self._stop_if_broken)
        await self._stop.wait()
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        await self._end_children()
        for trouble in filter(lambda outcome: isinstance(outcome, Exception), outcomes):
            raise trouble
        return self._exit_code

    def _told_to_stop(self) -> None:
        if self._stop.is_set():  # a second Ctrl-C: now
            self._signal(signal.SIGKILL)
        self._stop.set()

    def _stop_if_broken(self, task: asyncio.Task) -> None:
        if not task.cancelled() and task.exception():
            self._stop.set()

    async def _keep(self, role: str) -> None:
        loop, deaths, was_sound = asyncio.get_running_loop(), 0, False
        while True:
            born = loop.time()
            code = await self._live(role)
            is_sound = loop.time() - born > SOUND
            was_sound, deaths = was_sound or is_sound, 1 if is_sound else deaths + 1
            # What worked before will work again, once there is room on the disk, say.
            if deaths >= PATIENCE and not was_sound:
                self.say(f"The {role} does not stay up; see above. Giving up.")
                self._exit_code = 1
                self._stop.set()
                return
            pause = min(FIRST_PAUSE * 2 ** min(deaths - 1, 10), LONGEST_PAUSE)
            self.say(f"The {role} ended ({_reason(code)}). It starts again in {pause:g} s.")
            await asyncio.sleep(pause)

    async def _live(self, role: str) -> int:
        """Run one child from start to end and return its exit code."""
        options = ["--only", role, "--leash", str(self._leash)]
        inherited = [self._leash]
        if role == "web":
            options += ["--socket", str(self.listener.fileno())]
            inherited.append(self.listener.fileno())
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, str(MANAGE), "up", *options),
            stdin=DEVNULL,
            pass_fds=inherited,
            process_group=0,  # Ctrl-C in a terminal is for us; we tell the children
        )
        self._children.add(child)
        code = await child.wait()
        self._children.discard(child)
        return code

    async def _greet(self, greeting: str) -> None:
        complained = False
        while (answer := await _healthz()) != 200:
            if answer and not complained:
                complained = True
                self.say(f"/healthz answers {answer}; see above. It is asked until it answers 200.")
            await asyncio.sleep(1 if answer else 0.05)
        self.say(greeting)

    async def _end_children(self) -> None:
        self._signal(signal.SIGTERM)
        ends = [asyncio.create_task(child.wait()) for child in self._children]
        if ends:
            await asyncio.wait(ends, timeout=GRACE)
            self._signal(signal.SIGKILL)
            await asyncio.wait(ends)

    def _signal(self, number: signal.Signals) -> None:
        for child in self._children:
            with contextlib.suppress(ProcessLookupError):
                child.send_signal(number)


def _reason(code: int) -> str:
    return f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"


async def _healthz() -> int:
    """Ask the web process whether it is well; 0 when it does not answer."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.HOST, settings.HOST)  # noqa: S104
    try:
        reader, writer = await asyncio.open_connection(host, settings.PORT)
        name = urlsplit(settings.PUBLIC_URL).netloc
        request = f"GET /healthz HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n"
        writer.write(request.encode())
        status_line = await reader.readline()
        writer.close()
    except OSError:
        return 0
    return int(status_line.split()[1]) if status_line else 0


def obey(leash: int) -> None:
    """In a child: end this process as soon as the supervisor is gone."""

    def wait() -> None:
        os.read(leash, 1)  # nobody ever writes: it returns when the pipe closes
        os._exit(1)

    threading.Thread(target=wait, name="leash", daemon=True).start()
