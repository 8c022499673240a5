"""Two texts, side by side: which lines changed, and which words in them.

What comes out is ready to be shown: letters that hide are revealed, texts with marks are escaped.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import groupby, pairwise

from diff_match_patch import diff_match_patch
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from memory import alignment
from memory.alignment import MOVED, Run, lines_of
from memory.rendering import reveal

CONTEXT = 3  # unchanged lines around a change
FOLD = 4  # fewer unchanged lines than these are not worth folding
MAX_ROWS = 4_000
MAX_FOLDED = 1_500  # folded rows that come along, for whoever unfolds them
MAX_TOKENS = 3_000  # words of a line, after what both sides begin and end with
MAX_MARKED = 250_000  # letters whose words are compared
TOKEN = re.compile(r"\w+|\s+|[^\w\s]")


@dataclass(frozen=True)
class Row:
    """One line of the table: `kind` is same, changed, removed, added, moved-from or moved-to.

    `old` and `new` are line numbers; `peer` is the line at the other end of a move.
    """

    kind: str
    old: int | None = None
    new: int | None = None
    before: str = ""
    after: str = ""
    peer: int | None = None


@dataclass(frozen=True)
class Block:
    """Rows that belong together: unchanged ones (`same`), a `fold` of them, or a `hunk`.

    `number` counts the hunks from 1; `count` is the length of a fold, whose rows may be left out.
    """

    kind: str
    rows: list[Row]
    number: int = 0
    count: int = 0


@dataclass(frozen=True)
class Diff:
    """`added` and `removed` count lines; `note` says what the table alone would hide."""

    blocks: list[Block] = field(default_factory=list)
    added: int = 0
    removed: int = 0
    note: str = ""

    @property
    def rows(self) -> list[Row]:
        return [row for block in self.blocks for row in block.rows]

    @property
    def is_empty(self) -> bool:
        return not self.added and not self.removed


def stat(before: str | None, after: str | None) -> tuple[int, int]:
    """How many lines were added and removed; None means that there is no file."""
    old, new = lines_of(before), lines_of(after)
    return _counts(alignment.runs(old, new))


def side_by_side(before: str | None, after: str | None, *, context: int = CONTEXT) -> Diff:
    """Lay two texts side by side; None means that there is no file."""
    old, new = lines_of(before), lines_of(after)
    runs = alignment.runs(old, new)
    rows = _moves(list(_Rows(old, new).of(runs)))
    blocks, left_out = _cut(_fold(rows, context))
    notes = [_line_ends(before, after)]
    if left_out:
        notes.append(f"{left_out:,} more lines are not shown here.")
    return Diff(blocks, *_counts(runs), " ".join(filter(None, notes)))


def _counts(runs: list[Run]) -> tuple[int, int]:
    old, new, _ = runs[-1]
    kept = sum(length for _, _, length in runs)
    return new - kept, old - kept


def _line_ends(before: str | None, after: str | None) -> str:
    if not before or not after or before.endswith("\n") == after.endswith("\n"):
        return ""
    which = "old" if after.endswith("\n") else "new"
    return f"The {which} text does not end with a line break."


# -- Rows ---------------------------------------------------------------------------------


class _Rows:
    """Turns runs into rows, and marks words as long as there are letters left to spend on it."""

    def __init__(self, old: list[str], new: list[str]) -> None:
        self.old, self.new = old, new
        self.left = MAX_MARKED

    def of(self, runs: list[Run]) -> Iterator[Row]:
        for (i, j, length), (next_i, next_j, _) in pairwise(runs):
            for by in range(length):
                text = reveal(self.old[i + by])
                yield Row("same", i + by + 1, j + by + 1, text, text)
            yield from self._changed(i + length, next_i, j + length, next_j)

    def _changed(self, i: int, i_stop: int, j: int, j_stop: int) -> Iterator[Row]:
        pairs = alignment.pairs(self.old[i:i_stop], self.new[j:j_stop])
        for pair in [(i + left, j + right) for left, right in pairs]:
            yield from self._removed(i, pair[0])
            yield from self._added(j, pair[1])
            yield self._pair(*pair)
            i, j = pair[0] + 1, pair[1] + 1
        yield from self._removed(i, i_stop)
        yield from self._added(j, j_stop)

    def _removed(self, start: int, stop: int) -> Iterator[Row]:
        for at in range(start, stop):
            yield Row("removed", old=at + 1, before=reveal(self.old[at]))

    def _added(self, start: int, stop: int) -> Iterator[Row]:
        for at in range(start, stop):
            yield Row("added", new=at + 1, after=reveal(self.new[at]))

    def _pair(self, i: int, j: int) -> Row:
        before, after = self.old[i], self.new[j]
        self.left -= len(before) + len(after)
        marked = mark_words(before, after) if self.left >= 0 else (reveal(before), reveal(after))
        return Row("changed", i + 1, j + 1, *marked)


def mark_words(before: str, after: str) -> tuple[str, str]:
    """Mark the words that differ with <del> and <ins>; no marks when nearly all do."""
    segments = _segments(TOKEN.findall(before), TOKEN.findall(after))
    kept = sum(len(text) for operation, text in segments if operation == 0 and text.strip())
    if kept * 4 < max(len(before), len(after)):
        return reveal(before), reveal(after)
    return _marked(segments, -1, "del"), _marked(segments, 1, "ins")


def _segments(old: list[str], new: list[str]) -> list[tuple[int, str]]:
    """Pieces of text: kept (0), removed (-1) or added (1), without the smallest coincidences."""
    numbers: dict[str, int] = {}
    # One letter per word: that is what the clean-up works on.
    left, right = (
        "".join(chr(0x10000 + numbers.setdefault(token, len(numbers))) for token in tokens)
        for tokens in (old, new)
    )
    runs = [*alignment.matches(left, right, MAX_TOKENS**2), (len(left), len(right), 0)]
    pieces, i, j = [], 0, 0
    for run_i, run_j, length in runs:
        pieces += [(-1, left[i:run_i]), (1, right[j:run_j]), (0, left[run_i : run_i + length])]
        i, j = run_i + length, run_j + length
    pieces = [piece for piece in pieces if piece[1]]
    diff_match_patch().diff_cleanupSemantic(pieces)
    words = list(numbers)
    return [
        (operation, "".join(words[ord(at) - 0x10000] for at in text)) for operation, text in pieces
    ]


def _marked(segments: list[tuple[int, str]], operation: int, tag: str) -> SafeString:
    html = "".join(
        f"<{tag}>{escape(reveal(text))}</{tag}>" if kind else escape(reveal(text))
        for kind, text in segments
        if kind in (0, operation)
    )
    return mark_safe(html)  # noqa: S308 - every piece was escaped


def _moves(rows: list[Row]) -> list[Row]:
    """Recognise lines that only went elsewhere: once there, once here."""
    removed = {row.before: row for row in rows if row.kind == "removed"}
    added = {row.after: row for row in rows if row.kind == "added"}
    counts = Counter(row.before or row.after for row in rows if row.kind in {"removed", "added"})
    both = removed.keys() & added.keys()
    moved = {text for text in both if counts[text] == 2 and len(text.strip()) >= MOVED}
    ends = {
        **{id(removed[text]): ("moved-from", added[text].new) for text in moved},
        **{id(added[text]): ("moved-to", removed[text].old) for text in moved},
    }
    return [
        replace(row, kind=ends[id(row)][0], peer=ends[id(row)][1]) if id(row) in ends else row
        for row in rows
    ]


# -- Blocks -------------------------------------------------------------------------------


def _fold(rows: list[Row], context: int) -> Iterator[Block]:
    groups = [(same, list(group)) for same, group in groupby(rows, lambda row: row.kind == "same")]
    number, left = 0, MAX_FOLDED
    for at, (same, group) in enumerate(groups):
        if not same:
            number += 1
            yield Block("hunk", group, number)
            continue
        start = context if at > 0 else 0
        stop = len(group) - (context if at < len(groups) - 1 else 0)
        if stop - start < FOLD:
            yield Block("same", group)
            continue
        hidden = group[start:stop]
        left -= len(hidden)
        yield from (Block("same", group[:start]),) if start else ()
        yield Block("fold", hidden if left >= 0 else [], count=len(hidden))
        yield from (Block("same", group[stop:]),) if stop < len(group) else ()


def _cut(blocks: Iterable[Block]) -> tuple[list[Block], int]:
    """The blocks up to `MAX_ROWS` visible rows, and how many changed rows were left out."""
    shown, left, left_out = [], MAX_ROWS, 0
    for block in blocks:
        if block.kind != "fold":
            if block.kind == "hunk":
                left_out += max(0, len(block.rows) - max(0, left))
            block = replace(block, rows=block.rows[: max(0, left)])
            left -= len(block.rows)
        if block.rows or (block.count and left > 0):
            shown.append(block)
    return shown, left_out
