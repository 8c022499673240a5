"""Run the whole suite twice: on SQLite and the embedded broker, then on PostgreSQL and Redis.

    python -m tests.run [pytest's arguments]        e.g. tests/memory -k conflict

Each time most tests run side by side, test by test; those that start servers of their own or drive
a browser follow, file by file. The last line counts all runs together.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

from tests import machine, servers
from tests.machine import say

HEAVY = "stack or browser"
NO_TESTS = 5  # pytest's exit code when a selection is empty


def main(arguments: list[str]) -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers stop as well
    options = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    options.add_argument("-m", dest="marks", default="")
    chosen, rest = options.parse_known_args(arguments)
    total = run("SQLite and the embedded broker", {}, chosen.marks, rest)
    absent = {part.name for part in machine.missing()} & {"PostgreSQL", "Redis"}
    if absent:
        say(f"No second run: {' and '.join(sorted(absent))} missing.")
    else:
        with servers.postgres() as database, servers.redis() as broker:
            urls = {"DATABASE_URL": database, "REDIS_URL": broker}
            marks = _both("not once", chosen.marks)
            total += run("PostgreSQL and Redis", urls, marks, rest)
    if total["skipped"]:
        say(f"{total['skipped']} skipped; the reasons stand above.")
    say(f"{total['passed']} passed, {total['failed']} failed")
    return 0 if total["passed"] and not total["failed"] else 1


def run(title: str, urls: dict[str, str], marks: str, rest: list[str]) -> Counter:
    """Run what `marks` selects on these servers: first the light tests, then the heavy ones."""
    environment = {**os.environ, "DATABASE_URL": "", "REDIS_URL": "", **urls}
    counts = Counter()
    for kind, spread, manner in (
        (f"not ({HEAVY})", "load", "test by test"),
        (HEAVY, "loadfile", "file by file"),
    ):
        say(f"\n== {title}, {manner}: {kind} ==")
        selection = ["-m", _both(kind, marks), "-n", "2", "--dist", spread]
        # The servers go when the run ends: dropping their databases first would be for nothing.
        counts += pytest([*selection, "--reuse-db", *rest], environment)
    return counts


def _both(kind: str, marks: str) -> str:
    return f"({kind}) and ({marks})" if marks else kind


def pytest(arguments: list[str], environment: dict[str, str]) -> Counter:
    """Run pytest once and count its verdicts; a pytest that breaks down counts as failed."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", *arguments]
        code = subprocess.run(command, env=environment).returncode
        counts = _counts(report) if report.exists() else Counter()
    if code not in (0, NO_TESTS) and not counts["failed"]:
        counts["failed"] = 1
    return counts


def _counts(report: Path) -> Counter:
    suites = list(ET.parse(report).getroot().iter("testsuite"))
    number = {
        name: sum(int(suite.get(name, 0)) for suite in suites)
        for name in ("tests", "failures", "errors", "skipped")
    }
    failed = number["failures"] + number["errors"]
    passed = number["tests"] - failed - number["skipped"]
    return Counter(passed=passed, failed=failed, skipped=number["skipped"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
