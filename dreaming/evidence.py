"""Pure: which finding, or which line that stood there before, a new line rests on. Code only."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from dreaming.indexing import SAID
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
WORD = re.compile(r"\w+")
MARKUP = re.compile(r"^[\s>#*+-]*(\d+[.)]\s+)?")


@dataclass(frozen=True)
class Source:
    """A finding that a line rests on; lines count from 1."""

    finding: Finding
    line: int


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
    by_line = {number: telling(line) for number, line in lines.items()}
    found = []
    for finding in findings:
        said = {telling(finding.statement), telling(finding.quote)}
        scored = ((*alike(each, words), -at) for each in said for at, words in by_line.items())
        share, _, at = max(scored, default=(0, 0, 0))
        if share >= SHARE:
            found.append(Source(finding, -at))
    return sorted(found, key=lambda source: source.line)


def telling(text: str) -> frozenset[str]:
    """The stems of the words that make a statement what it is; a "not" is one of them."""
    said = words.words(SAID.sub("", text))
    return frozenset(words.stem(word) for word in said if word not in COMMON)


def alike(said: frozenset[str], line: frozenset[str]) -> tuple[float, int]:
    """How much of the shorter one the other holds, from 0 to 1, and how many words that are."""
    common, shorter = len(said & line), min(len(said), len(line))
    return (common / shorter if common >= min(FEWEST, shorter) > 0 else 0.0), common


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
