"""Pure: which finding, or which line that stood there before, a new line rests on. Code only."""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache

from rapidfuzz import fuzz, process

from dreaming.models import Finding
from memory import words

SHARE = 0.6  # of the telling words of a statement or a line, whichever has fewer
FEWEST = 3  # common words, if there are as many
# Words that tell nothing. The search's list is longer: there "seven" and "opens" count as noise.
COMMON = frozenset(
    words.words(
        "a an and are as at be been but by did do does for from had has have he her his i in is it"
        " its my now of on or our she so that the their these they this those to was we were will"
        " with you your"
    )
)
# Percent: from here on, a line that went is one that was put differently.
SAME_FILE, ELSEWHERE = 52, 72
COMPARED = 300_000  # pairs of lines, some 0.3 s
WORD = re.compile(r"\w+")
MARKUP = re.compile(r"^[\s>#*+-]*(\d+[.)]\s+)?")
SAID = re.compile(r"\s*\(said [^)]*\)")


@dataclass(frozen=True)
class Source:
    """A finding that a line rests on; lines count from 1."""

    finding: Finding
    line: int


@dataclass(frozen=True)
class Gone:
    """A line that stood in a file and stands nowhere afterwards; `now` is what comes closest."""

    path: str
    line: int
    text: str
    now: str = ""

    @property
    def fate(self) -> str:
        return "reworded" if self.now else "lost"

    @property
    def key(self) -> str:
        return key_of(self.path)


def key_of(path: str) -> str:
    """Names a file in a page and in its links; a path may hold anything."""
    return hashlib.sha256(path.encode()).hexdigest()[:12]


def plain(line: str) -> str:
    """A line without markup, dates of saying, case and spacing: what it says."""
    return " ".join(WORD.findall(SAID.sub("", MARKUP.sub("", line)).casefold()))


def bare(line: str) -> str:
    """A line without the markup it begins with: enough to know it again where it only moved."""
    return line.strip(" \t-*+>#")


def is_statement(line: str) -> bool:
    """Whether a line says something: no heading, no rule, more than a word."""
    return " " in plain(line) and not line.lstrip().startswith("#")


def new_lines(before: str | None, after: str | None) -> dict[int, str]:
    """The lines of a text that did not stand in the one before, by number."""
    stood = set(map(plain, (before or "").split("\n")))
    lines = enumerate((after or "").split("\n"), 1)
    return {
        number: line for number, line in lines if is_statement(line) and plain(line) not in stood
    }


def sources(lines: dict[int, str], findings: Iterable[Finding]) -> list[Source]:
    """The findings whose statement, or quote, stands in one of the lines."""
    telling = {number: _telling(line) for number, line in lines.items()}
    found = []
    for finding in findings:
        said = {_telling(finding.statement), _telling(finding.quote)}
        alike = (_alike(words, line, -at) for words in said for at, line in telling.items())
        share, _, at = max(alike, default=(0, 0, 0))
        if share >= SHARE:
            found.append(Source(finding, -at))
    return sorted(found, key=lambda source: source.line)


def _telling(text: str) -> frozenset[str]:
    """The stems of the words that make a statement what it is; a "not" is one of them."""
    said = words.words(SAID.sub("", text))
    return frozenset(words.stem(word) for word in said if word not in COMMON)


def _alike(said: frozenset[str], line: frozenset[str], at: int) -> tuple[float, int, int]:
    """How much of the shorter one the other holds, from 0 to 1, and how many words that are."""
    common, shorter = len(said & line), min(len(said), len(line))
    return (common / shorter if common >= min(FEWEST, shorter) > 0 else 0.0), common, at


def unsupported(
    lines: dict[int, str], supported: Iterable[Source], stood: set[str]
) -> dict[int, str]:
    """Those new lines that rest on no verified finding and stood (as `bare`) nowhere before."""
    said = {source.line for source in supported if source.finding.verified}
    return {
        number: line
        for number, line in lines.items()
        if number not in said and bare(line) not in stood
    }


def gone(
    before: dict[str, str],
    after: dict[str, str],
    others: Callable[[], Iterable[str]] = tuple,
) -> list[Gone]:
    """Every statement of the old texts that stands in none of the new ones, losses first.

    `others` brings the texts that did not change: what is missing may stand there as well.
    """
    says = cache(plain)  # most lines stand on both sides
    stands = {says(line) for text in after.values() for line in text.split("\n")}
    missing = [
        Gone(path, number, line.strip())
        for path, text in sorted(before.items())
        for number, line in enumerate(text.split("\n"), 1)
        if is_statement(line) and says(line) not in stands
    ]
    if missing:
        stands = {says(line) for text in others() for line in text.split("\n")}
        missing = [each for each in missing if says(each.text) not in stands]
    stood = {says(line) for text in before.values() for line in text.split("\n")}
    fresh = {
        path: {says(line): line.strip() for line in text.split("\n") if is_statement(line)}
        for path, text in after.items()
    }
    for lines in fresh.values():
        for key in lines.keys() & stood:
            del lines[key]
    return sorted(_settled(missing, fresh), key=lambda each: (bool(each.now), each.path, each.line))


def _settled(missing: list[Gone], fresh: dict[str, dict[str, str]]) -> Iterator[Gone]:
    """Tell for each line what it became, as far as the comparisons reach."""
    left, everywhere = COMPARED, {}
    for lines in fresh.values():
        everywhere |= lines
    for each in missing:
        here = fresh.get(each.path, {})
        left -= len(here)
        now = _closest(each.text, here, SAME_FILE) if left >= 0 else ""
        if not now and left >= len(everywhere):
            left -= len(everywhere)
            now = _closest(each.text, everywhere, ELSEWHERE)
        yield replace(each, now=now)


def _closest(text: str, lines: dict[str, str], cutoff: int) -> str:
    found = process.extractOne(
        plain(text), lines.keys(), scorer=fuzz.token_sort_ratio, score_cutoff=cutoff
    )
    return lines[found[0]] if found else ""
