"""Three-way merge, of two texts and of whole stores. Pure: it reads nothing and writes nothing.

`base` is what both sides started from, `ours` what stands now, `theirs` what is to come in. A text
of None means that there is no file.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from merge3 import Merge3

from memory import paths
from memory.alignment import alike, matches


class Side(Protocol):
    """A text as one side has it; a `Blob` is one. Its content is read only where it matters."""

    sha256: str
    content: str


@dataclass(frozen=True)
class Overlap:
    """A place that both sides changed, each in its own way; None where a side has no file."""

    base: str | None
    ours: str | None
    theirs: str | None


@dataclass(frozen=True)
class Merge:
    """The merged text. Where sides overlap it holds ours, until a person decides."""

    text: str | None
    overlaps: tuple[Overlap, ...] = ()

    @property
    def is_clean(self) -> bool:
        return not self.overlaps


Change = Literal["keep", "take", "merge", "conflict"]


@dataclass(frozen=True)
class FileMerge:
    """What becomes of one path: `before` stands there now (ours), `after` shall stand there.

    `keep` leaves ours, `take` brings theirs unaltered, `merge` holds changes of both, `conflict`
    needs a person. `in_the_way` names files that make a folder of this path, or a file of one of
    its folders: they have to go first.
    """

    path: str
    change: Change
    before: str | None
    after: str | None
    theirs: str | None
    overlaps: tuple[Overlap, ...] = ()
    in_the_way: tuple[str, ...] = ()

    @property
    def is_conflict(self) -> bool:
        return self.change == "conflict"


Resolution = str | Mapping[str, str | None]
"""How a person settles a path: "ours", "theirs" or {"content": text}; None there means no file."""


# -- One text -----------------------------------------------------------------------------


def merge_texts(base: str | None, ours: str | None, theirs: str | None) -> Merge:
    """Merge line by line; what only one side changed is taken from that side.

    When both sides inserted lines at the same place and changed nothing there, both insertions
    stay, ours first. A file that one side deleted and the other changed, or that both made anew
    with different texts, overlaps as a whole.
    """
    if ours == theirs or theirs == base:
        return Merge(ours)
    if ours == base:
        return Merge(theirs)
    whole = Merge(ours, (Overlap(base, ours, theirs),))
    if base is None or ours is None or theirs is None:
        return whole
    merged = _merge_lines(base.split("\n"), ours.split("\n"), theirs.split("\n"))
    # Two texts that fit may not fit together: a person has to say what goes.
    too_big = len(merged.text.encode()) > paths.MAX_CONTENT_BYTES
    return whole if merged.is_clean and too_big else merged


def _merge_lines(base: list[str], ours: list[str], theirs: list[str]) -> Merge:
    lines: list[str] = []
    overlaps: list[Overlap] = []
    for piece in _pieces(base, ours, theirs):
        if isinstance(piece, Clash):
            overlaps.append(Overlap(*map("\n".join, (piece.base, piece.ours, piece.theirs))))
            lines += piece.ours
        else:
            lines += piece
    return Merge("\n".join(lines), tuple(overlaps))


@dataclass(frozen=True)
class Clash:
    """Lines of one place that both sides changed, each in its own way; a side may have none."""

    base: list[str]
    ours: list[str]
    theirs: list[str]


Piece = list[str] | Clash
"""A part of a merged text: lines that are settled, or a place that a person has to settle."""


def pieces(base: str | None, ours: str, theirs: str) -> list[Piece]:
    """Take a merge apart, in order; without a base the whole texts clash."""
    sides = ours.split("\n"), theirs.split("\n")
    return [Clash([], *sides)] if base is None else list(_pieces(base.split("\n"), *sides))


def _pieces(base: list[str], ours: list[str], theirs: list[str]) -> Iterator[Piece]:
    groups = list(Merge3(base, ours, theirs, sequence_matcher=_Matcher).merge_groups())
    for number, (kind, *sides) in enumerate(groups, 1):
        if kind != "conflict":
            yield list(sides[0])
        elif not sides[0]:
            yield _both(*sides[1:], at_end=number == len(groups))
        elif (fitted := _fit(*sides)) is not None:
            yield fitted
        else:
            yield Clash(*map(list, sides))


def _both(mine: list[str], other: list[str], *, at_end: bool) -> list[str]:
    """Two insertions at one place: what they begin or end with alike stands once."""
    start = alike(mine, other)
    end = alike(mine[start:][::-1], other[start:][::-1])
    first, second = mine[start : len(mine) - end], other[start : len(other) - end]
    if at_end and not end and first[-1:] == [""]:
        # The last, empty line is only the line break at the end of the file: it stays there.
        first, second = first[:-1], [*second, ""]
    return [*mine[:start], *first, *second, *mine[len(mine) - end :]]


@dataclass(frozen=True)
class _Hunk:
    """One side's change: `lines` instead of the lines from `start` to `end` of the base."""

    start: int
    end: int
    lines: tuple[str, ...]


def _fit(base: list[str], ours: list[str], theirs: list[str]) -> list[str] | None:
    """Join changes that merely touch, such as two bullets of one list; None when they overlap.

    diff3 takes any two changes without a line between them for a conflict.
    """
    hunks = {*_hunks(base, ours), *_hunks(base, theirs)}
    lines, at, before = [], 0, None
    for hunk in sorted(hunks, key=lambda hunk: (hunk.start, hunk.end)):
        if before and not _are_apart(before, hunk):
            return None
        lines += [*base[at : hunk.start], *hunk.lines]
        at, before = hunk.end, hunk
    return lines + base[at:]


def _hunks(base: list[str], side: list[str]) -> Iterator[_Hunk]:
    at_base = at_side = 0
    for start, side_start, length in _Matcher(None, base, side).get_matching_blocks():
        if start > at_base or side_start > at_side:
            yield _Hunk(at_base, start, tuple(side[at_side:side_start]))
        at_base, at_side = start + length, side_start + length


BLOCK = re.compile(r"\s*(?:[-*+]\s|\d+[.)]\s|#{1,6}\s|\||>|$)")
"""How a line begins that says something of its own: an item, a heading, a row, a quote, a blank."""


def _are_apart(first: _Hunk, second: _Hunk) -> bool:
    if first.end != second.start:
        return first.end < second.start
    if not first.lines or not second.lines or first.start == second.end:
        # Lines added beside deleted ones may depend on them; two additions have no given order.
        return False
    return bool(BLOCK.match(second.lines[0]))


class _Matcher:
    """What merge3 needs of difflib's matcher, which takes minutes over many lines alike."""

    def __init__(self, _junk: None, left: list[str], right: list[str]) -> None:
        # Numbers instead of lines: equal exactly when the lines are, and quick to compare.
        numbers: dict[str, int] = {}
        self.left = [numbers.setdefault(line, len(numbers)) for line in left]
        self.right = [numbers.setdefault(line, len(numbers)) for line in right]

    def get_matching_blocks(self) -> list[tuple[int, int, int]]:
        """(start in left, start in right, length), in order, closed by an empty one."""
        found = matches(self.left, self.right)
        return [*found, (len(self.left), len(self.right), 0)]


# -- A whole store ------------------------------------------------------------------------


def touched(base: Mapping[str, Side], theirs: Mapping[str, Side]) -> list[str]:
    """The paths that theirs changed, in order."""
    changed = (path for path in base.keys() | theirs.keys() if _differ(base, theirs, path))
    return sorted(changed)


def _differ(one: Mapping[str, Side], other: Mapping[str, Side], path: str) -> bool:
    return _hash(one.get(path)) != _hash(other.get(path))


def _hash(side: Side | None) -> str | None:
    return side.sha256 if side else None


def merge_trees(
    base: Mapping[str, Side], ours: Mapping[str, Side], theirs: Mapping[str, Side]
) -> list[FileMerge]:
    """Merge every path that theirs changed, in the order of the paths."""
    present = sorted(ours)
    merges = [
        replace(
            _merge_file(path, base.get(path), ours.get(path), theirs.get(path)),
            in_the_way=_in_the_way(path, ours, present) if path in theirs else (),
        )
        for path in touched(base, theirs)
    ]
    return _block(merges)


def _merge_file(path: str, base: Side | None, ours: Side | None, theirs: Side | None) -> FileMerge:
    before, incoming = _text(ours), _text(theirs)
    if _hash(ours) == _hash(theirs):
        return FileMerge(path, "keep", before, before, incoming)
    if _hash(ours) == _hash(base):
        return FileMerge(path, "take", before, incoming, incoming)
    merged = merge_texts(_text(base), before, incoming)
    change = _change_of(merged, before, incoming)
    return FileMerge(path, change, before, merged.text, incoming, merged.overlaps)


def _change_of(merged: Merge, before: str | None, incoming: str | None) -> Change:
    if not merged.is_clean:
        return "conflict"
    if merged.text == before:
        return "keep"
    return "take" if merged.text == incoming else "merge"


def _text(side: Side | None) -> str | None:
    return side.content if side else None


def _in_the_way(path: str, ours: Mapping[str, Side], present: list[str]) -> tuple[str, ...]:
    """Our files that stand where this path needs a folder, or below this path."""
    if path in ours:
        return ()
    above = [folder for folder in paths.ancestors(path) if folder in ours]
    below = present[bisect_left(present, f"{path}/") : bisect_left(present, f"{path}0")]
    return (*above, *below)


def _block(merges: list[FileMerge]) -> list[FileMerge]:
    """Turn those into conflicts that have no room, once all the others are done."""
    gone = {merge.path for merge in merges if merge.after is None}
    return [_blocked(merge) if _has_no_room(merge, gone) else merge for merge in merges]


def _has_no_room(merge: FileMerge, gone: set[str]) -> bool:
    return merge.after is not None and not gone.issuperset(merge.in_the_way)


def _blocked(merge: FileMerge) -> FileMerge:
    overlap = Overlap(None, None, merge.theirs)
    return replace(merge, change="conflict", after=None, overlaps=(overlap,))


def _freed(merge: FileMerge) -> FileMerge:
    """Take back `_blocked`: other decisions may have made room."""
    if merge.in_the_way and merge == _blocked(merge):
        return replace(merge, change="take", after=merge.theirs, overlaps=())
    return merge


# -- What a person decided ----------------------------------------------------------------


def apply_choices(
    merges: Iterable[FileMerge], resolutions: Mapping[str, Resolution] | None = None
) -> list[FileMerge]:
    """Settle the paths that a person decided; whatever still needs one stays a conflict.

    A decision about a path without a conflict holds too. Raises `Invalid` for a path that is not
    part of the merge.
    """
    merges, resolutions = list(merges), resolutions or {}
    if strangers := sorted(resolutions.keys() - {merge.path for merge in merges}):
        raise paths.Invalid(f"{strangers[0]} is not among the files to decide on.")
    settled = [
        _settle(merge, resolutions[merge.path]) if merge.path in resolutions else merge
        for merge in map(_freed, merges)
    ]
    return _block(settled)


def _settle(merge: FileMerge, resolution: Resolution) -> FileMerge:
    if resolution == "ours":
        return replace(merge, change="keep", after=merge.before, overlaps=())
    if resolution == "theirs":
        return replace(merge, change="take", after=merge.theirs, overlaps=())
    if isinstance(resolution, Mapping) and isinstance(resolution.get("content", 0), str | None):
        return replace(merge, change="merge", after=resolution["content"], overlaps=())
    raise paths.Invalid(f'{merge.path}: choose "ours", "theirs" or {{"content": "…"}}.')
