"""What the measurements share, each part started when the first of them asks for it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
from playwright.sync_api import Browser, sync_playwright

from tests import machine, servers
from tests.bench.floor import DatagramLog, NotifyLog, log_of
from tests.bench.model import MODEL
from tests.bench.wire import PATIENCE, Heard, Listener, Wire
from tests.stack import ROOT, Stack, running_stack

TOOLSET = [{"type": "agent_toolset_20260401"}]


class Rig:
    """Everything that runs during a bench; `parts` ends it."""

    def __init__(self, parts: ExitStack) -> None:
        self.parts = parts
        self.production = bool(os.environ.get("DATABASE_URL"))
        self.folder = Path(parts.enter_context(TemporaryDirectory(prefix="rvrbench")))

    @cached_property
    def model(self) -> "Model":
        return Model(self.parts.enter_context(serving("tests.bench.model:application")))

    @cached_property
    def floor(self) -> "Floor":
        return self.parts.enter_context(running_floor(self.folder))

    @cached_property
    def console(self) -> "Console":
        """Reverie as `manage.py up` starts it."""
        return self._console()

    @cached_property
    def on_redis(self) -> "Console | None":
        """The same with Redis for the doorbell; None where that makes no difference."""
        absent = {part.name for part in machine.missing()}
        if self.production or "Redis" in absent:
            return None
        return self._console(REDIS_URL=self.parts.enter_context(servers.redis()))

    @cached_property
    def browser(self) -> Browser | None:
        if machine.chromium() is None:
            return None
        playwright = self.parts.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=machine.chromium())
        self.parts.callback(browser.close)
        return browser

    def _console(self, **environment: str) -> "Console":
        models = {"OPENAI_BASE_URL": f"{self.model.url}/v1", "OPENAI_MODELS": MODEL}
        running = running_stack(**models, **environment, PYTHON_DOTENV_DISABLED="1")
        stack = self.parts.enter_context(running)
        self.parts.push(lambda kind, *_: _show_log(stack) if _failed(kind) else None)
        return Console(stack, self.model)


def _failed(kind: type[BaseException] | None) -> bool:
    """Whether a `with` block ends by a failure, and not because somebody stops it."""
    return kind is not None and issubclass(kind, Exception)


def _show_log(stack: Stack) -> None:
    machine.say("\n".join((stack.home / "up.log").read_text().splitlines()[-30:]))


class Console:
    """A running Reverie with an agent on the instant model."""

    def __init__(self, stack: Stack, model: "Model") -> None:
        self.stack, self.model = stack, model
        self.key = {"x-api-key": stack.key}
        self.wire = Wire(stack.url, **self.key)
        self.store = self._filled_store()
        agent = {"name": "Bench", "model": MODEL, "tools": TOOLSET}
        self.agent = self.wire.ask("POST", "/v1/agents", agent)["id"]
        self.environment = self.wire.ask("GET", "/v1/environments")["data"][0]["id"]
        self._wait_for_the_worker()

    def _wait_for_the_worker(self) -> None:
        """The console says that it is ready when its pages are."""
        talk = self.session()
        with talk.listen() as listener:
            self.wire.send(talk.message("Hello"))
            listener.until("session.status_idle")
        self.model.times()

    def cpu(self) -> dict[str, float]:
        """Seconds that each of its processes has run so far."""
        return {role: sum(map(_seconds_run, pids)) for role, pids in self._processes.items()}

    @cached_property
    def _processes(self) -> dict[str, list[int]]:
        roles = ("web", "worker", "scheduler")
        found = {role: self.stack.children(f"--only {role}") for role in roles}
        return {**found, "supervisor": [self.stack.process.pid]}

    def _filled_store(self) -> str:
        store = self.wire.ask("POST", "/v1/memory_stores", {"name": "bench"})["id"]
        for number in range(20):
            text = f"# File {number}\n\nThe heron of line {number} stands in the reeds.\n"
            memory = {"path": f"/file-{number}.md", "content": text}
            self.wire.ask("POST", f"/v1/memory_stores/{store}/memories", memory)
        return store

    def session(self) -> "Conversation":
        """A new session with the store mounted."""
        store = {"type": "memory_store", "memory_store_id": self.store}
        asked = {"agent": self.agent, "environment_id": self.environment, "resources": [store]}
        return Conversation(self, self.wire.ask("POST", "/v1/sessions", asked)["id"])


def _seconds_run(pid: int) -> float:
    """By the process's own clock, which counts in nanoseconds, and threads that have ended too."""
    return time.clock_gettime(~pid << 3 | 2)  # as clock_getcpuclockid(3) names it


class Conversation:
    """A session to talk to."""

    def __init__(self, console: Console, pk: str) -> None:
        self.console, self.pk = console, pk
        self.path = f"/v1/sessions/{pk}/events"

    def listen(self) -> Listener:
        return Listener(self.console.stack.url, f"{self.path}/stream", **self.console.key)

    def message(self, text: str) -> bytes:
        content = [{"type": "text", "text": text}]
        message = {"type": "user.message", "content": content}
        return self.console.wire.request("POST", self.path, {"events": [message]})

    def events(self) -> list[dict[str, Any]]:
        return self.console.wire.ask("GET", self.path)["data"]


class Model:
    """The instant model's address, and when it was asked."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.wire = Wire(url)

    def times(self) -> list[tuple[float, float]]:
        """Arrival and end of each request since the last look."""
        return self.wire.ask("GET", "/times")


class Floor:
    """The bare application, with the process behind it."""

    def __init__(self, url: str, log: DatagramLog | NotifyLog) -> None:
        self.url, self.log = url, log
        self.wire = Wire(url)

    def listen(self) -> Listener:
        return Listener(self.url, "/stream")

    def turn(self, listener: Listener) -> tuple[float, float, Heard]:
        """Send a request; return when it was sent, when it was answered, and the row it led to."""
        request = self.wire.request("POST", "/say", {})
        sent = time.time()
        self.wire.send(request)
        answered = time.time()
        return sent, answered, listener.until("row")[-1]


@contextmanager
def running_floor(folder: Path) -> Iterator[Floor]:
    """Start the bare application and the process behind it."""
    database = os.environ.get("DATABASE_URL", "")
    if database:
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute("DROP TABLE IF EXISTS floor")
    log = log_of(folder, database)
    command = [sys.executable, "-m", "tests.bench.floor", str(folder), database]
    environment = {"BENCH_FOLDER": str(folder), "BENCH_DATABASE": database}
    with serving("tests.bench.floor:bare", "--factory", **environment) as url:
        process = subprocess.Popen(command, cwd=ROOT)
        try:
            _wait_for(folder / "worker.sock")
            yield Floor(url, log)
        finally:
            process.kill()
            process.wait()


def _wait_for(path: Path) -> None:
    until = time.monotonic() + PATIENCE
    while not path.exists():
        if time.monotonic() > until:
            raise TimeoutError(f"{path.name} did not appear.")
        time.sleep(0.02)


@contextmanager
def serving(application: str, *options: str, **environment: str) -> Iterator[str]:
    """Serve an ASGI application as the console is served, in a process of its own."""
    port = servers.free_port()
    command = [sys.executable, "-m", "uvicorn", application, *options, "--port", str(port)]
    command += ["--loop", "uvloop", "--http", "httptools", "--log-level", "warning"]
    process = subprocess.Popen(
        [*command, "--no-access-log"], cwd=ROOT, env=os.environ | environment
    )
    try:
        _wait_until_open(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()  # it keeps nothing, and would wait for its streams
        process.wait()


def _wait_until_open(port: int, process: subprocess.Popen) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        try:
            Wire(f"http://127.0.0.1:{port}").socket.close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("A server of the bench did not start.")
