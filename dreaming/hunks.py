"""Pure: the separate changes between two texts, to be taken or left one by one."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from memory import alignment
from memory.alignment import lines_of
from memory.paths import Invalid


@dataclass(frozen=True)
class Hunk:
    """Lines `old` of one text that became lines `new` of the other; both count from 0."""

    old: slice
    new: slice


def hunks(before: str, after: str) -> list[Hunk]:
    """What changed, in order: the same places that `memory.diffs` numbers from 1."""
    first, *between, last = alignment.runs(lines_of(before), lines_of(after))
    runs = [first, *(run for run in between if run[2]), last]  # an empty run parts nothing
    gaps = [
        Hunk(slice(i + length, next_i), slice(j + length, next_j))
        for (i, j, length), (next_i, next_j, _) in pairwise(runs)
    ]
    return [gap for gap in gaps if gap.old.start < gap.old.stop or gap.new.start < gap.new.stop]


def without(before: str, after: str, number: int, instead: str | None = None) -> str:
    """The new text with one of its changes taken back, or put differently. Raises `Invalid`."""
    found = hunks(before, after)
    if not 1 <= number <= len(found):
        raise Invalid("There is no such change in this file.")
    hunk = found[number - 1]
    put = lines_of(before)[hunk.old] if instead is None else lines_of(instead)
    lines = lines_of(after)
    at_end = hunk.new.stop == len(lines)
    lines[hunk.new] = put
    return _joined(lines, ends_like=before if at_end and instead is None else after)


def _joined(lines: Sequence[str], ends_like: str) -> str:
    return "\n".join(lines) + ("\n" if lines and ends_like.endswith("\n") else "")
