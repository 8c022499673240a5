"""Pure: what stood in a store and would stand nowhere, and what became of it. Code only."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache

from rapidfuzz import fuzz, process

from dreaming.evidence import alike, is_statement, key_of, plain, telling

FATES = ("lost", "merged", "reworded")
# Percent: from here on, a line that is new is what the one that went became.
SAME_FILE, ELSEWHERE = 52, 72
COVERED = 0.7  # of the telling words of a line that another one, which stays, must hold
COMPARED = 300_000  # pairs of lines, some 0.3 s
NOTS = {"no", "not", "never", "none", "nor", "without"}
NUMBER = re.compile(r"\d+")


@dataclass(frozen=True)
class Gone:
    """A line that stands nowhere afterwards. `now` is what it was reworded to or merged into."""

    path: str
    line: int
    text: str
    fate: str = "lost"
    now: str = ""

    @property
    def key(self) -> str:
        return key_of(self.path)


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
    comparison = _Comparison(after, stood)
    settled = [comparison.settle(each) for each in missing]
    return sorted(settled, key=lambda each: (FATES.index(each.fate), each.path, each.line))


class _Comparison:
    """Finds what became of a line, as long as there are comparisons left to spend."""

    def __init__(self, after: dict[str, str], stood: set[str]) -> None:
        self.left = COMPARED
        self.fresh: dict[str, dict[str, str]] = {}
        self.kept: dict[str, list[str]] = {}
        for path, text in after.items():
            lines = {plain(line): line.strip() for line in text.split("\n") if is_statement(line)}
            self.kept[path] = [line for said, line in lines.items() if said in stood]
            self.fresh[path] = {said: line for said, line in lines.items() if said not in stood}
        self.everywhere = {
            said: line for lines in self.fresh.values() for said, line in lines.items()
        }
        self.telling = cache(telling)

    def settle(self, each: Gone) -> Gone:
        """Tell what became of the line; what nothing is found for is lost."""
        if now := self._closest(each, self.fresh.get(each.path, {}), SAME_FILE):
            return replace(each, fate="reworded", now=now)
        if now := self._covering(each):
            return replace(each, fate="merged", now=now)
        if now := self._closest(each, self.everywhere, ELSEWHERE):
            return replace(each, fate="reworded", now=now)
        return each

    def _spend(self, comparisons: int) -> bool:
        affordable = comparisons <= self.left
        self.left -= comparisons if affordable else 0
        return affordable

    def _closest(self, each: Gone, lines: dict[str, str], cutoff: int) -> str:
        if not self._spend(len(lines)):
            return ""
        scorer = fuzz.token_sort_ratio
        said = plain(each.text)
        found = process.extractOne(said, lines.keys(), scorer=scorer, score_cutoff=cutoff)
        return lines[found[0]] if found else ""

    def _covering(self, each: Gone) -> str:
        """The line of the same file that stays and says it too, if there is one."""
        lines = self.kept.get(each.path, [])
        if not self._spend(len(lines)):
            return ""
        said = self.telling(each.text)
        scored = ((alike(said, self.telling(line))[0], line) for line in lines)
        score, line = max(scored, default=(0.0, ""))
        return line if score >= COVERED and _is_no_other_fact(each.text, line) else ""


def _is_no_other_fact(gone: str, stays: str) -> bool:
    """Facts that merely look alike differ in a number or in a "not"."""
    words = (set(plain(gone).split()), set(plain(stays).split()))
    same_nots = words[0] & NOTS == words[1] & NOTS
    return same_nots and set(NUMBER.findall(plain(gone))) <= set(NUMBER.findall(plain(stays)))
