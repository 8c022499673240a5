"""Private PostgreSQL and Redis servers: on loopback, in a temporary folder, gone afterwards."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

READY_WITHIN = 30  # seconds


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def postgres_program(name: str) -> str | None:
    """Find a server program; Debian keeps them off the PATH, one folder per major version."""
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=_major)
    return str(installed[-1]) if installed else shutil.which(name)


def _major(program: Path) -> int:
    return int(program.parts[4]) if program.parts[4].isdigit() else 0


@contextmanager
def postgres(*, durable: bool = False) -> Iterator[str]:
    """Run a PostgreSQL server and give its DATABASE_URL. Nothing in it survives.

    A `durable` one waits for the disk at each commit, as it does outside of tests.
    """
    with _folder() as folder:
        data, port = folder / "data", free_port()
        _call("initdb", "-D", data, "-U", "reverie", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = f"-p {port} -h 127.0.0.1 -k {folder} -c max_connections=60"
        if not durable:  # a test database need not survive a power cut
            options += " -c fsync=off -c full_page_writes=off -c synchronous_commit=off"
        start = ("pg_ctl", "-D", data, "-l", folder / "log", "-w", "-o", options, "start")
        _call(*start)
        try:
            yield f"postgres://reverie@127.0.0.1:{port}/postgres"
        finally:
            _call("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="reverie-pg-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, _account())
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _account() -> str:
    """PostgreSQL refuses to run as root: take its own account, or one without rights."""
    names = {account.pw_name for account in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _call(program: str, *arguments: str | Path) -> None:
    found = postgres_program(program)
    if found is None:
        raise RuntimeError(f"{program} of PostgreSQL is not installed.")
    as_root = os.geteuid() == 0
    done = subprocess.run(
        [found, *map(str, arguments)],
        user=_account() if as_root else None,
        group=pwd.getpwnam(_account()).pw_gid if as_root else None,
        extra_groups=[] if as_root else None,
        cwd="/",
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "UTC"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"{program} failed: {done.stderr.strip()}")


@contextmanager
def redis() -> Iterator[str]:
    """Run a Redis server that keeps nothing and give its REDIS_URL."""
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    server = subprocess.Popen(
        [*command, "--appendonly", "no"],
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port, server)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait(10)


def _wait_for(port: int, server: subprocess.Popen) -> None:
    until = time.monotonic() + READY_WITHIN
    while time.monotonic() < until and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError("redis-server did not start.")
