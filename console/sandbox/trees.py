"""Folders laid out as read-only trees, once for all commands that find the same files in them.

A tree is named by a hash over its files. Texts lie once, as hard links: after one change the next
tree is made of links, and only the new text is fetched. Nobody writes into a tree; whoever runs on
one holds its lock. A tree goes ten minutes after it was last used, and when the worker ends: what is
deleted or redacted must not live on here.
"""

import atexit
import fcntl
import hashlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from django.conf import settings

from console.sandbox.jail import NOBODY

ROOMY = 512 << 20  # bytes that must be free in memory before trees may lie there
KEPT = 24  # trees
LIFETIME = 600.0  # seconds that a tree stays after its last use
AN_HOUR = 3600
LONGEST_NAME = 255  # bytes: what Linux allows one part of a path


@dataclass(frozen=True)
class Leaf:
    """A file of a tree: the hash of its bytes, and whether it is a program."""

    sha256: str
    executable: bool = False

    @property
    def blob(self) -> str:
        return f"{self.sha256}.x" if self.executable else self.sha256


Files = Mapping[str, Leaf]
"""By relative path."""
Fetch = Callable[[Collection[str]], Mapping[str, bytes]]


def owner() -> int | None:
    """Whom commands run as when we are root, which they must not be; None: as ourselves."""
    return NOBODY if os.geteuid() == 0 else None


PLACES = (Path("/dev/shm"), Path("/var/tmp"))  # noqa: S108 - in memory first, where there is room


def _name() -> str:
    digest = hashlib.sha256(str(settings.HOME).encode()).hexdigest()[:12]
    return f"reverie-{os.geteuid()}-{digest}"


@cache
def home() -> Path:
    """Our folder of trees; in memory where there is room. Nobody else may look into it."""
    memory, disk = PLACES
    is_roomy = memory.is_dir() and shutil.disk_usage(memory).free > ROOMY
    folder = (memory if is_roomy else disk) / _name()
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        _give(folder)
    state = folder.lstat()
    if not folder.is_dir() or folder.is_symlink() or state.st_uid != (owner() or os.geteuid()):
        raise PermissionError(f"{folder} belongs to somebody else; remove it.")
    _forget_lost(folder)
    for part in ("trees", "blobs", "base"):
        (folder / part).mkdir(exist_ok=True)
        _give(folder / part)
    return folder


def _forget_lost(folder: Path) -> None:
    """Take away the trees of data folders that are gone."""
    (folder / "of").write_text(str(settings.HOME))
    for other in folder.parent.glob(f"reverie-{os.geteuid()}-*"):
        with suppress(OSError):
            if _is_lost(other):
                shutil.rmtree(other)


def _is_lost(folder: Path) -> bool:
    try:
        return not Path((folder / "of").read_text()).exists()
    except FileNotFoundError:  # somebody is about to write it, or died before that
        return time.time() - folder.stat().st_mtime > AN_HOUR


def _give(path: str | Path) -> None:
    if (user := owner()) is not None:
        os.chown(path, user, user)


def name_of(files: Files) -> str:
    """A hash over every path and its bytes' hash."""
    lines = sorted(f"{leaf.blob} {path}\0" for path, leaf in files.items())
    return hashlib.sha256("".join(lines).encode()).hexdigest()


@contextmanager
def laid_out(files: Files, fetch: Fetch, *, name: str = "") -> Iterator[Path]:
    """The folder that holds these files, which stays for as long as the context does.

    `fetch` gives the bytes of those hashes that do not lie here yet; `name` is the tree's, from
    those who know it already.
    """
    tree = home() / "trees" / (name or name_of(files))
    while (lock := _held(tree)) is None:
        _lay(tree, files, fetch)
    _tidier.remind()
    try:
        yield tree
    finally:
        os.utime(lock)  # a command may take longer than a tree lives
        os.close(lock)


def _held(tree: Path) -> int | None:
    try:
        lock = os.open(tree, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return None
    fcntl.flock(lock, fcntl.LOCK_SH)
    if not tree.exists():  # swept away before we held it
        os.close(lock)
        return None
    os.utime(lock)
    return lock


def _lay(tree: Path, files: Files, fetch: Fetch) -> None:
    _sweep(home())
    blobs = f"{home()}/blobs"
    with _locked(blobs, fcntl.LOCK_SH), tempfile.TemporaryDirectory(dir=home()) as draft:
        root = Path(draft) / "tree"
        for folder in sorted({path.rpartition("/")[0] for path in files} | {""}):
            _make_folder(root, folder)
        known = set(os.listdir(blobs))  # noqa: PTH208 - many of them
        _keep({leaf for leaf in files.values() if leaf.blob not in known}, fetch, draft)
        for path, leaf in files.items():
            os.link(f"{blobs}/{leaf.blob}", f"{root}/{path}")
        with suppress(OSError):  # another worker was faster
            root.rename(tree)


def _make_folder(root: Path, folder: str) -> None:
    path = str(root)
    for part in ["", *folder.split("/")] if folder else [""]:
        path = f"{path}/{part}" if part else path
        with suppress(FileExistsError):
            os.mkdir(path, 0o755)  # noqa: PTH102 - many of them
            _give(path)


def _keep(missing: set[Leaf], fetch: Fetch, draft: str) -> None:
    """Put texts into the folder of blobs, each whole or not at all."""
    texts, user = fetch({leaf.sha256 for leaf in missing}) if missing else {}, owner()
    for leaf in missing:
        mode = 0o755 if leaf.executable else 0o644
        # A file, not its bare descriptor: that would write as much as a full disk takes, and say so.
        with open(f"{draft}/text", "wb", opener=partial(os.open, mode=mode)) as file:
            file.write(texts[leaf.sha256])
            if user is not None:
                os.chown(file.fileno(), user, user)
        os.rename(f"{draft}/text", f"{home()}/blobs/{leaf.blob}")  # noqa: PTH104 - many of them


def tidy(lifetime: float = LIFETIME) -> int:
    """Take away all trees that nobody has used for so many seconds; return how many are left."""
    folders = [folder for place in PLACES if (folder := place / _name() / "blobs").is_dir()]
    left = sum(_sweep(folder.parent, lifetime) for folder in folders)
    for folder in folders:
        _drop_unused(folder)
    return left


def _sweep(folder: Path, lifetime: float = LIFETIME) -> int:
    """Take away the trees that were not used for longest; return how many are left."""
    trees = sorted((folder / "trees").iterdir(), key=_used_at, reverse=True)
    old = time.time() - lifetime
    gone = [
        tree
        for place, tree in enumerate(trees)
        if (place >= KEPT or _used_at(tree) <= old) and _removed(tree)
    ]
    if gone:
        _drop_unused(folder / "blobs")
    return len(trees) - len(gone)


def _drop_unused(blobs: Path) -> None:
    """Take away texts that stand in no tree, and what a killed worker left half done."""
    with suppress(BlockingIOError), _locked(blobs, fcntl.LOCK_EX | fcntl.LOCK_NB):
        for draft in blobs.parent.glob("tmp*"):
            shutil.rmtree(draft, ignore_errors=True)
        for blob in os.scandir(blobs):
            with suppress(FileNotFoundError):
                if blob.stat().st_nlink == 1:
                    os.unlink(blob.path)  # noqa: PTH108 - many of them


@contextmanager
def _locked(blobs: str | Path, how: int) -> Iterator[None]:
    """Whoever lays a tree keeps the texts from being dropped until they stand in it."""
    descriptor = os.open(blobs, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)


def look_after_what_is_left() -> None:
    """At a worker's start: one that was killed took nothing away."""
    if tidy():
        _tidier.remind()


class _Tidier:
    """A thread that looks after trees for as long as there are any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def remind(self) -> None:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                atexit.unregister(tidy)
                atexit.register(tidy, 0)
                self._thread = threading.Thread(target=self._look, name="trees", daemon=True)
                self._thread.start()

    def _look(self) -> None:
        left = 1
        while left:
            time.sleep(LIFETIME / 4)
            with self._lock:
                try:
                    left = tidy()
                except OSError:  # another worker takes away the same
                    continue
                if not left:  # under the lock: whoever comes now starts another
                    self._thread = None


_tidier = _Tidier()


def _used_at(tree: Path) -> float:
    with suppress(FileNotFoundError):
        return tree.stat().st_mtime
    return 0


def _removed(tree: Path) -> bool:
    with suppress(OSError):
        lock = os.open(tree, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(tree)
            return True
        finally:
            os.close(lock)
    return False
