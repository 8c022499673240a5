"""`manage.py up` as a newcomer gets it: a fresh data folder, a free port, real processes.

On the PostgreSQL run it gets a database and a Redis server of its own, and gives them back.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg

from tests import servers
from tests.servers import free_port

ROOT = Path(__file__).resolve().parent.parent
READY_WITHIN = 60  # seconds


@dataclass
class Stack:
    """A running Reverie. `password` is what the first start printed for the user `owner`."""

    url: str
    home: Path
    environment: dict[str, str]
    process: subprocess.Popen
    password: str = ""
    workspace: str = "my-workspace"
    output: list[str] = field(default_factory=list)

    def manage(self, *arguments: str) -> str:
        """Run a management command on this stack's data and return what it printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    @cached_property
    def key(self) -> str:
        """An owner's API key."""
        return self.manage("issue_key", "tests", "--role", "owner")

    def children(self, word: str) -> list[int]:
        """Process ids of this stack whose command line holds `word`."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                environment = (entry / "environ").read_bytes()
            except OSError:
                continue
            if word in command and f"REVERIE_HOME={self.home}".encode() in environment:
                found.append(int(entry.name))
        return found

    def kill_worker(self) -> None:
        """Kill the worker the hard way, wherever it is in its work."""
        [worker] = self.children("--only worker")
        os.kill(worker, signal.SIGKILL)


@contextmanager
def running_stack(**environment: str) -> Iterator[Stack]:
    """Start everything, wait until it answers, and stop it all afterwards."""
    with tempfile.TemporaryDirectory(prefix="rvr") as folder, _services() as services:
        port = str(free_port())
        settings = {**os.environ, **services, **environment}
        settings |= {"REVERIE_HOME": folder, "PORT": port, "PYTHONUNBUFFERED": "1"}
        settings.pop("DJANGO_SETTINGS_MODULE", None)
        log = Path(folder, "up.log")
        with log.open("w") as output:
            process = subprocess.Popen(
                [sys.executable, "manage.py", "up"],
                cwd=ROOT,
                env=settings,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        stack = Stack(f"http://127.0.0.1:{port}", Path(folder), settings, process)
        try:
            _wait_until_ready(stack, log)
            yield stack
        finally:
            _stop(process)


def _wait_until_ready(stack: Stack, log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while not (found := re.search(r"with the password (\w+)\n", log.read_text())):
        if stack.process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"`manage.py up` did not come up:\n{log.read_text()}")
        time.sleep(0.05)
    httpx.get(f"{stack.url}/healthz").raise_for_status()
    stack.password = found[1]


def _stop(process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise


@contextmanager
def _services() -> Iterator[dict[str, str]]:
    given = os.environ.get("DATABASE_URL", "")
    if not given.startswith("postgres"):
        yield {"DATABASE_URL": "", "REDIS_URL": ""}
        return
    name = f"stack_{uuid.uuid4().hex[:12]}"
    # A broker shared with another stack would hand its tasks to the wrong worker.
    with servers.redis() as broker, psycopg.connect(given, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            own = urlsplit(given)._replace(path=f"/{name}").geturl()
            yield {"DATABASE_URL": own, "REDIS_URL": broker}
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
