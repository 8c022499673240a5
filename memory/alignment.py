"""What two lists of lines have in common, in bounded time and memory whatever they hold."""

from collections.abc import Iterator, Sequence
from functools import partial

from rapidfuzz import fuzz
from rapidfuzz.distance import Indel

MAX_CELLS = 20_000 * 20_000  # pairs to compare: some 0.1 s and 50 MB
MAX_PAIRING = 2_500  # pairs of lines within one changed place to look for the best match among
MOVED = 16  # letters; shorter lines stand in many places by chance
ALIKE = 45  # percent: from here on, two lines are one line that changed

Run = tuple[int, int, int]
"""Items both have: where they begin in the old and in the new list, and how many they are."""


def lines_of(text: str | None) -> list[str]:
    """The lines of a text, none when there is no file; a line break at its end begins no further one."""
    lines = (text or "").split("\n")
    return lines if lines[-1] else lines[:-1]


def alike(left: Sequence, right: Sequence) -> int:
    """How many items both begin with."""
    pairs = enumerate(zip(left, right, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(left), len(right)))


def matches(left: Sequence, right: Sequence, limit: int = MAX_CELLS) -> list[Run]:
    """The longest common subsequence as runs; beyond `limit`, only what both begin and end with."""
    start = alike(left, right)
    end = alike(left[start:][::-1], right[start:][::-1])
    stop, right_stop = len(left) - end, len(right) - end
    middle = left[start:stop], right[start:right_stop]
    inner = Indel.opcodes(*middle) if 0 < len(middle[0]) * len(middle[1]) <= limit else ()
    runs = [
        (start + code.src_start, start + code.dest_start, code.src_end - code.src_start)
        for code in inner
        if code.tag == "equal"
    ]
    return [run for run in [(0, 0, start), *runs, (stop, right_stop, end)] if run[2]]


def runs(old: list[str], new: list[str]) -> list[Run]:
    """The lines two texts share, in order, with an empty run at either end."""
    numbers: dict[str, int] = {}
    # Numbers instead of lines: equal exactly when the lines are.
    left = [numbers.setdefault(line, len(numbers)) for line in old]
    right = [numbers.setdefault(line, len(numbers)) for line in new]
    end = (len(old), len(new), 0)
    found = [(0, 0, 0), *matches(left, right), end]
    for at in range(len(found) - 1):
        _slide(found, at, old, new)
    return [*found, end]  # the one before may have grown


def _slide(runs: list[Run], at: int, old: list[str], new: list[str]) -> None:
    """Move an insertion or deletion to where a person would see it: on whole paragraphs."""
    (i, j, length), (next_i, next_j, next_length) = runs[at], runs[at + 1]
    if (i + length == next_i) == (j + length == next_j):
        return  # a replacement, or nothing
    lines, start, end = (
        (new, j + length, next_j) if i + length == next_i else (old, i + length, next_i)
    )
    ups = range(min(length, 40))
    up = next((n for n in ups if lines[start - n - 1] != lines[end - n - 1]), len(ups))
    downs = range(min(next_length, 40))
    down = next((n for n in downs if lines[start + n] != lines[end + n]), len(downs))
    by = max(range(-up, down + 1), key=partial(_neatness, lines, start, end))
    runs[at] = (i, j, length + by)
    runs[at + 1] = (next_i + by, next_j + by, next_length - by)


def _neatness(lines: list[str], start: int, end: int, by: int) -> tuple[int, int]:
    first, last = lines[start + by], lines[end + by - 1]
    after_gap = start + by == 0 or not lines[start + by - 1].strip()
    begins = bool(first.strip()) and after_gap
    return 4 * first.startswith("#") + 2 * begins + (not last.strip()), -abs(by)


def pairs(old: list[str], new: list[str]) -> list[tuple[int, int]]:
    """Which of these old lines became which of the new ones, in order."""
    if len(old) == len(new) == 1:
        return [(0, 0)]
    if len(old) * len(new) > MAX_PAIRING:
        return []
    best: list[list[tuple[float, tuple]]] = [[(0.0, ())] * (len(new) + 1)]
    for i, before in enumerate(old):
        row: list[tuple[float, tuple]] = [(0.0, ())]
        for j, after in enumerate(new):
            score, chain = best[-1][j]
            likeness = fuzz.ratio(before[:300], after[:300], score_cutoff=ALIKE)
            paired = [(score + likeness, ((i, j), chain))] if likeness else []
            row.append(max([*paired, best[-1][j + 1], row[-1]], key=lambda found: found[0]))
        best.append(row)
    return list(_unchained(best[-1][-1][1]))[::-1]


def _unchained(chain: tuple) -> Iterator[tuple[int, int]]:
    while chain:
        pair, chain = chain
        yield pair
