"""What the suite needs beside Python. Missing parts are installed where that is possible.

Root on Debian or Ubuntu: installed. In CI: a part that is missing still is an error. Elsewhere: the
tests that need it are skipped, and this says so.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

from tests.servers import postgres_program

QUIET = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}


@dataclass(frozen=True)
class Part:
    """A program, the Debian package that brings it, and what cannot be tested without it."""

    name: str
    package: str
    find: Callable[[], str | None]
    needed_for: str


def chromium() -> str | None:
    """Find a Chromium or Chrome that playwright can drive."""
    names = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


PARTS = [
    Part("PostgreSQL", "postgresql", lambda: postgres_program("initdb"), "the run on PostgreSQL"),
    Part("Redis", "redis-server", lambda: shutil.which("redis-server"), "the run on Redis"),
    Part("Chromium", "chromium", chromium, "the browser tests"),
    Part("ripgrep", "ripgrep", lambda: shutil.which("rg"), "comparisons with ripgrep"),
    Part("Node.js", "nodejs", lambda: shutil.which("node"), "the TypeScript SDK's story"),
    Part("npm", "npm", lambda: shutil.which("npm"), "the TypeScript SDK's story"),
    Part("bubblewrap", "bubblewrap", lambda: shutil.which("bwrap"), "the bash tool's sandbox"),
]


def missing() -> list[Part]:
    return [part for part in PARTS if part.find() is None]


def install(parts: list[Part]) -> None:
    """Fetch the parts with apt-get, without starting the services they bring."""
    # RUNLEVEL=1 tells the packages' scripts that this is no time to start servers.
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    packages = [part.package for part in parts]
    say(f"Installing {', '.join(packages)} …")
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
        done = subprocess.run(["apt-get", "-qq", *command], env=environment, text=True, **QUIET)
        if done.returncode:
            say(f"apt-get {command[0]} failed: {done.stderr.strip()}")


def can_install() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    absent = missing()
    if absent and can_install():
        install(absent)
        absent = missing()
    for part in absent:
        say(f"{part.name} is missing (Debian: {part.package}); without it: no {part.needed_for}.")
    return 1 if absent and os.environ.get("CI", "").lower() in {"1", "true"} else 0


if __name__ == "__main__":
    sys.exit(main())
