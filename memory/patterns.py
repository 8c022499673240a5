"""Regular expressions and the lines they match. Pure.

They are RE2: no input can make them slow, and what RE2 cannot do is refused.
"""

import re
from bisect import bisect
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

import re2

from memory import literals
from memory.literals import Need
from memory.paths import Invalid

LENGTH = 1000
LINE_LENGTH = 500  # characters of a line that is shown, around the match
AHEAD = 2  # batches that wait for their turn
WORTH_WAITING = 64  # files in a batch; the first ones are small, and often enough

_aside = ThreadPoolExecutor(2, "search")  # RE2 lets go of the interpreter: they add a core each
# What could see the borders of a text, where others follow it.
BORDERS = re.compile(r"\\[AzCQ]|\(\?[a-zA-Z]*-")


class File(NamedTuple):
    """A text to look through; `key` is its memory's, as the database has it, or None."""

    key: str | None
    path: str
    data: bytes


@dataclass(frozen=True)
class Line:
    """A line that matches and its neighbours, cut to what can be shown; lines count from 1."""

    file: File
    number: int
    text: str
    before: str | None = None
    after: str | None = None


class Pattern:
    """A regular expression that matches within lines. Raises `Invalid`."""

    def __init__(self, pattern: str, *, ignore_case: bool = False) -> None:
        self._regex = _compile(pattern, ignore_case)
        self._sees_borders = BORDERS.search(pattern) is not None
        self.need: Need = literals.required(pattern)

    def lines(self, batches: Iterable[list[File]]) -> Iterator[Line]:
        """All lines that match, in the order of the files, each once."""
        for file in self._suspects(batches):
            yield from self._lines(file)

    def _suspects(self, batches: Iterable[list[File]]) -> Iterator[File]:
        """Look through some batches while the next is being read."""
        looked_through = deque()
        for batch in batches:
            if len(batch) < WORTH_WAITING and not looked_through:
                yield from self._matching(batch)
                continue
            looked_through.append(_aside.submit(self._matching, batch))
            if len(looked_through) > AHEAD:
                yield from looked_through.popleft().result()
        for batch in looked_through:
            yield from batch.result()

    def _matching(self, files: list[File]) -> list[File]:
        """Those files that may hold a match: as one text, which is faster than one by one."""
        if self._sees_borders:
            return files
        found, position = [], 0
        starts = [0, *accumulate([len(file.data) + 1 for file in files])]
        text = b"\n".join([file.data for file in files])
        while position < len(text) and (match := self._regex.search(text, position)):
            at = bisect(starts, match.start()) - 1
            found.append(files[at])
            position = starts[at + 1]
        return found

    def _lines(self, file: File) -> Iterator[Line]:
        data, number, counted, position = file.data, 1, 0, 0
        while position < len(data) and (match := self._regex.search(data, position)):
            start = data.rfind(b"\n", 0, match.start()) + 1
            end = data.find(b"\n", match.end())
            end = len(data) if end < 0 else end
            if start == len(data):
                break  # an empty match behind the last line break: there is no line
            number, counted = number + data.count(b"\n", counted, start), start
            text = cut(data[start:end], match.start() - start)
            yield Line(file, number, text, *neighbours(data, start, end))
            position = end + 1

    def marks(self, line: bytes) -> Iterator[tuple[int, int]]:
        """Where in a line, in bytes, something matches."""
        for match in self._regex.finditer(line):
            if match.end() > match.start():
                yield match.span()


def neighbours(data: bytes, start: int, end: int) -> tuple[str | None, str | None]:
    """The lines before and after one; None where the text begins or ends."""
    before = data[data.rfind(b"\n", 0, start - 1) + 1 : start - 1] if start else None
    stop = data.find(b"\n", end + 1)
    after = data[end + 1 : None if stop < 0 else stop] if end + 1 < len(data) else None
    return tuple(None if line is None else cut(line, 0) for line in (before, after))


def check_length(pattern: str) -> None:
    if len(pattern) > LENGTH:
        raise Invalid(f"The pattern is too long; at most {LENGTH:,} characters are allowed.")


def _compile(pattern: str, ignore_case: bool) -> re2._Regexp:
    check_length(pattern)
    options = re2.Options()
    options.log_errors = False
    options.never_nl = True  # a match stays within its line
    options.case_sensitive = not ignore_case
    try:
        return re2.compile(f"(?m){pattern}".encode(), options)
    except UnicodeEncodeError:
        raise Invalid("The pattern is not valid Unicode.") from None
    except re2.error as error:
        raise Invalid(f"The pattern cannot be used: {_plainly(error)}.") from None


REASONS = {
    "invalid perl operator": "look-ahead, look-behind and other (?…) extensions are not supported",
    "invalid named capture": "a group has a name that is not allowed",
    "invalid escape sequence": "it holds an escape that is not supported (no back-references)",
    "invalid character class": "it holds a character class that is not supported",
    "invalid character class range": "a range in [ ] runs backwards",
    "invalid repetition size": "a repeat may count to 1,000 at most",
    "bad repetition operator": "one repeat follows another",
    "no argument for repetition operator": "a repeat such as * or + has nothing before it",
    "missing ]": "a [ is not closed",
    "missing )": "a ( is not closed",
    "unexpected )": "a ) was never opened",
    "trailing \\": "it ends with a backslash",
    "pattern too large": "it is too large",
}


def _plainly(error: re2.error) -> str:
    raw = error.args[0]
    text = raw.decode(errors="replace") if isinstance(raw, bytes) else str(raw)
    reason, _, place = text.partition(": ")
    place = place.removeprefix("(?m)")  # ours
    plain = REASONS.get(reason, reason)
    return f"{plain} (at {place})" if place else plain


def cut(line: bytes, at: int) -> str:
    """The line, or what stands around byte `at` of a long one."""
    text = line.decode(errors="replace").removesuffix("\r")
    if len(text) <= LINE_LENGTH:
        return text
    middle = len(line[:at].decode(errors="replace"))
    start = max(0, min(middle - LINE_LENGTH // 4, len(text) - LINE_LENGTH))
    return text[start : start + LINE_LENGTH]
