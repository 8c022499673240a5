"""Paths as a tree: folders with what they hold, in the order people expect. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from urllib.parse import quote

INDEX = "index.md"
SMALL = 60  # files: a tree of no more is shown unfolded
LISTED = 300  # files of one folder that a tree shows

Row = tuple[str, int, str]
"""Path, size in bytes and id of a memory."""


class Change(NamedTuple):
    """A recent change: when, and what its author was called."""

    when: datetime
    by: str


@dataclass(frozen=True)
class File:
    path: str
    size: int
    id: str
    change: Change | None = None

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def is_index(self) -> bool:
        return self.name.lower() == INDEX


@dataclass
class Folder:
    """A folder; `path` ends with a slash, the rest sums up what is below it."""

    path: str
    folders: list["Folder"] = field(default_factory=list)
    files: list[File] = field(default_factory=list)
    count: int = 0
    size: int = 0
    change: Change | None = None
    is_open: bool = False

    @property
    def name(self) -> str:
        return self.path.rstrip("/").rpartition("/")[2]

    @property
    def quoted(self) -> str:
        """The path as a query writes it."""
        return quote(self.path)

    @property
    def rows(self) -> int:
        """The rows right below this one when it is open, those that are cut off among them."""
        return len(self.branches) + len(self.files) + (len(self.others) > LISTED)

    @property
    def shown(self) -> int:
        """The rows right below this one that a page holds."""
        return len(self.branches) + len(self.pinned) + min(len(self.others), LISTED + 1)

    @property
    def pinned(self) -> list[File]:
        """The index is what one reads first: it stands above the folders."""
        return [file for file in self.files if file.is_index]

    @property
    def others(self) -> list[File]:
        return [file for file in self.files if not file.is_index]

    @property
    def branches(self) -> list[tuple[str, "Folder"]]:
        """The folders to show, each with its label: one that holds but one folder is passed over."""
        ends = [folder.end for folder in self.folders]
        return [(end.path[len(self.path) : -1], end) for end in ends]

    @property
    def end(self) -> "Folder":
        alone = len(self.folders) == 1 and not self.files
        return self.folders[0].end if alone else self

    def walk(self) -> Iterator["Folder"]:
        yield self
        for folder in self.folders:
            yield from folder.walk()

    def find(self, path: str) -> "Folder | None":
        """The folder at `path`, which ends with a slash."""
        return next((folder for folder in self.walk() if folder.path == path), None)


def build(rows: Iterable[Row], changes: Mapping[str, Change] | None = None) -> Folder:
    """Make the tree; what it returns is the root. `changes` are recent ones, by the file's id."""
    known, changes = {"/": Folder("/")}, changes or {}
    for path, size, key in rows:
        folder = _folder(known, path[: path.rindex("/") + 1])
        file = File(path, size, key, changes.get(key))
        folder.files.append(file)
        for above in _above(folder.path):
            _add(known[above], file)
    for folder in known.values():
        folder.folders.sort(key=_natural)
        folder.files.sort(key=_natural)
    return known["/"]


def _add(folder: Folder, file: File) -> None:
    folder.count += 1
    folder.size += file.size
    if file.change:
        folder.change = max(folder.change or file.change, file.change)


def _folder(known: dict[str, Folder], path: str) -> Folder:
    if path not in known:
        known[path] = Folder(path)
        parent = path[: path.rindex("/", 0, -1) + 1]
        _folder(known, parent).folders.append(known[path])
    return known[path]


def _above(path: str) -> Iterator[str]:
    """The folder itself and all those it is in, the root last."""
    while path != "/":
        yield path
        path = path[: path.rindex("/", 0, -1) + 1]
    yield path


def _natural(item: Folder | File) -> tuple:
    """file2 before file10; capitals among the others, in a fixed order."""
    pieces = re.split(r"([0-9]+)", item.name.casefold())
    return [int(piece) if at % 2 else piece for at, piece in enumerate(pieces)], item.name


def unfold(root: Folder, selected: str = "/") -> Folder:
    """Open what leads to the `selected` path, and everything when there is little."""
    for folder in root.walk():
        folder.is_open = root.count <= SMALL or selected.startswith(folder.path)
    return root


def unfold_all(root: Folder, room: int) -> bool:
    """Open every folder, the first ones first, while there is `room` for rows; tell whether all."""
    for folder in root.walk():
        folder.is_open = folder.shown <= room
        room -= folder.shown if folder.is_open else 0
    return all(folder.is_open for folder in root.walk())


def matching(rows: Iterable[Row], words: str) -> Iterator[Row]:
    """The rows whose path holds every one of the words, in whatever case."""
    wanted = words.casefold().split()
    return (row for row in rows if all(word in row[0].casefold() for word in wanted))
