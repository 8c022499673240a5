"""The worker's side: start the keeper, hand it a command, listen until the command is over."""

import json
import logging
import os
import selectors
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings

from console.sandbox import jail, keeper, trees
from console.sandbox.jail import Limits

logger = logging.getLogger(__name__)
TAIL = 4 << 20  # bytes of output that are kept: its end
BLOCK = 1 << 16
KEEPER = (sys.executable, "-I", "-S", keeper.__file__)
PAUSE = 0.5  # seconds between two questions whether the command is still wanted
SHARED = Path("/usr")
GRACE = 30  # seconds that a keeper may take beyond a command's own


class Broken(Exception):
    """The sandbox itself failed; the command has no result and no effect."""


@dataclass(frozen=True)
class Folder:
    """A laid-out tree and where the command finds it."""

    at: str
    tree: Path
    is_writable: bool = True


@dataclass(frozen=True)
class Change:
    """What a command left at `path` of its folder number `mount`.

    `kind` is file (with `content`), gone, folder, emptied (a new folder in the place of an old one),
    link, special, or deep (too far down to look at). Paths are the agent's invention: check them
    before anything else.
    """

    mount: int
    path: str
    kind: str
    content: bytes = b""
    executable: bool = False


@dataclass
class Outcome:
    """How a command ended: `how` is exited, timed out, out of memory or stopped.

    `output` is the end of what it printed; `lost` counts the bytes before that.
    """

    how: str = ""
    code: int = 0
    output: bytes = b""
    lost: int = 0
    changes: list[Change] = field(default_factory=list)


def run(
    command: str,
    folders: Sequence[Folder],
    limits: Limits,
    is_unwanted: Callable[[], bool] = lambda: False,
    *,
    overlay: bool = True,
) -> Outcome:
    """Run a command to its end. Raises `Broken`.

    `is_unwanted` is asked now and then; when it says yes, the command is stopped. Without
    `overlay` folders are copied, as on kernels that know no better.
    """
    task = jail.task(
        command,
        limits,
        bwrap=shutil.which("bwrap") or "",
        can_disable=_can_disable(),
        hidden=_hidden(),
        base=str(trees.home() / "base"),
        overlay=overlay,
        mounts=[{"at": f.at, "tree": str(f.tree), "writable": f.is_writable} for f in folders],
    )
    output, into_output = os.pipe()
    report, into_report = os.pipe()
    unwanted, wanted = os.pipe()
    try:
        _keeper.begin(task, [into_output, into_report, unwanted])
    except OSError as error:
        for descriptor in (output, report, wanted):
            os.close(descriptor)
        raise Broken(f"The sandbox could not be started: {error}.") from None
    finally:
        for descriptor in (into_output, into_report, unwanted):
            os.close(descriptor)
    return _Listener(output, report, wanted, limits.seconds + GRACE).hear(is_unwanted)


@cache
def _can_disable() -> bool:
    """Whether this bubblewrap knows how to forbid user namespaces inside its own."""
    told = subprocess.run(["bwrap", "--help"], capture_output=True, check=False)  # noqa: S607
    return b"--disable-userns" in told.stdout


def _hidden() -> list[str]:
    """What is ours below /usr, of which commands see all else: images often have it in /usr/src/app."""
    ours = {Path(settings.BASE_DIR).resolve(), settings.HOME}
    if settings.SQLITE:
        ours.add(Path(settings.DATABASES["default"]["NAME"]).resolve().parent)
    below = {path for path in ours if SHARED in path.parents}
    return sorted(str(path) for path in below if not below.intersection(path.parents))


class _Listener:
    """Takes in output and report; keeps no more of them than it must."""

    def __init__(self, output: int, report: int, wanted: int, patience: float) -> None:
        self.output, self.report, self.wanted = output, report, wanted
        self.deadline = time.monotonic() + patience
        self.tail, self.lost, self.told = bytearray(), 0, bytearray()

    def hear(self, is_unwanted: Callable[[], bool]) -> Outcome:
        try:
            self._listen(is_unwanted)
        finally:
            self._let_go()
            os.close(self.output)
            os.close(self.report)
        return self._outcome()

    def _listen(self, is_unwanted: Callable[[], bool]) -> None:
        asked_at = time.monotonic()
        with selectors.DefaultSelector() as selector:
            selector.register(self.output, selectors.EVENT_READ, self._take_output)
            selector.register(self.report, selectors.EVENT_READ, self._take_report)
            while selector.get_map():
                for key, _ in selector.select(PAUSE):
                    if not (block := os.read(key.fd, BLOCK)):
                        selector.unregister(key.fd)
                    key.data(block)
                if (now := time.monotonic()) - asked_at > PAUSE:
                    asked_at = now
                    if now > self.deadline or is_unwanted():
                        self._let_go()

    def _let_go(self) -> None:
        """Closing our end tells the keeper that nobody wants the command any more."""
        if self.wanted >= 0:
            os.close(self.wanted)
            self.wanted = -1

    def _take_output(self, block: bytes) -> None:
        self.tail += block
        if len(self.tail) > 2 * TAIL:
            self._cut()

    def _cut(self) -> None:
        more = max(0, len(self.tail) - TAIL)
        self.lost += more
        del self.tail[:more]

    def _take_report(self, block: bytes) -> None:
        self.told += block

    def _outcome(self) -> Outcome:
        self._cut()
        outcome = Outcome(output=bytes(self.tail), lost=self.lost)
        for told, content in _entries(bytes(self.told)):
            if told["kind"] == "broken":
                raise Broken(f"The sandbox could not be made: {told['why']}.")
            if "mount" not in told:
                outcome.how, outcome.code = told["kind"], told["code"]
                return outcome
            outcome.changes.append(_change(told, content))
        raise Broken("The sandbox broke down; nothing of the command was kept.")


def _entries(report: bytes) -> Iterator[tuple[dict[str, Any], bytes]]:
    place = 0
    while (end := report.find(b"\n", place)) >= 0:
        told = json.loads(report[place:end])
        place = end + 1 + told.get("size", 0)
        yield told, report[end + 1 : place]


def _change(told: dict[str, Any], content: bytes) -> Change:
    executable = told.get("executable", False)
    return Change(told["mount"], told["path"], told["kind"], content, executable)


class _Keeper:
    """The keeper's process: started when first needed, and again should it ever be gone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen | None = None
        self._channel: socket.socket | None = None

    def begin(self, task: dict[str, Any], descriptors: list[int]) -> None:
        """Hand over a command. Raises `OSError`."""
        job = os.memfd_create("job")
        try:
            os.write(job, json.dumps(task).encode())
            os.lseek(job, 0, os.SEEK_SET)
            with self._lock:
                if self._process is None or self._process.poll() is not None:
                    self._start()
                socket.send_fds(self._channel, [b"!"], [job, *descriptors])
        finally:
            os.close(job)

    def _start(self) -> None:
        if self._channel:
            self._channel.close()
        user = trees.owner()
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            # Nothing of our environment: what a process does not have, it cannot leak.
            self._process = subprocess.Popen(  # noqa: S603
                [*KEEPER, str(theirs.fileno()), "" if user is None else str(user)],
                pass_fds=[theirs.fileno()],
                env={},
                cwd="/",
                stdin=subprocess.DEVNULL,
            )


_keeper = _Keeper()
