"""What every match of a pattern must hold, so that an index can say where to look. Pure.

RE2 knows this too, but does not tell. We read the pattern ourselves and give up on what we do not
know for sure: too little is only slow, too much would hide matches.
"""

import re
from dataclasses import dataclass

DEPTH = 40  # groups within groups
SHORTEST = 3  # bytes


@dataclass(frozen=True)
class All:
    needs: tuple["Need", ...]


@dataclass(frozen=True)
class Any:
    needs: tuple["Need", ...]


Need = str | All | Any | None
"""A literal, several of them, one of several, or nothing that we know of."""


class _Unknown(Exception):
    """The pattern holds something we cannot read."""


def required(pattern: str) -> Need:
    """What the text of every match holds, in whatever case."""
    reader = _Reader(pattern)
    try:
        need = reader.alternatives()
    except _Unknown:
        return None
    return need if reader.is_at_end else None


def literal(text: str) -> Need:
    """What a text holds that holds this one, in whatever case."""
    return all_of([_kept(run) for run in UNSURE.split(text.casefold())])


def all_of(needs: list[Need]) -> Need:
    known = tuple(dict.fromkeys(need for need in needs if need is not None))
    return All(known) if len(known) > 1 else known[0] if known else None


def any_of(needs: list[Need]) -> Need:
    if None in needs:
        return None
    return Any(tuple(needs)) if len(needs) > 1 else needs[0]


def named(need: Need) -> set[str]:
    """All literals that are spoken of."""
    if need is None or isinstance(need, str):
        return {need} - {None}
    return {text for part in need.needs for text in named(part)}


# Letters whose upper and lower case RE2 and Python might see differently, by their age. Scripts
# without case, Latin-1, Greek and Cyrillic are settled.
UNSURE = re.compile(
    r"[^\x00-\xff\u0370-\u052f\u05d0-\u06ff\u0900-\u0dff\u3040-\u30ff\u3400-\u9fff]"
)


def _kept(run: str) -> Need:
    return run if len(run.encode(errors="replace")) >= SHORTEST else None


GROUP = re.compile(r"\((?:\?(?:P?<\w+>|[imsU-]*(?P<end>[:)])))?")
CLASS = re.compile(r"\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\]", re.DOTALL)
REPEAT = re.compile(r"(?:[*+?]|\{(?P<least>\d+)(?:,\d*)?\})\??")
ESCAPE = re.compile(
    r"\\(?:(?P<letter>[^a-zA-Z0-9])|[pP](?:\{\^?\w+\}|\w)|x(?:\{[0-9a-fA-F]+\}|[0-9a-fA-F]{2})"
    r"|[0-7]{1,3}|[aAbBdDfnrsStvwWz])"
)
EDGE = re.compile(r"[.^$]")
PLAIN = re.compile(r"[^*+?()|\[\\]")


class _Reader:
    """Reads a pattern from left to right."""

    def __init__(self, pattern: str) -> None:
        self._pattern, self._at, self._depth = pattern, 0, 0

    @property
    def is_at_end(self) -> bool:
        return self._at == len(self._pattern)

    def alternatives(self) -> Need:
        branches = [self._sequence()]
        while self._take(re.compile(r"\|")):
            branches.append(self._sequence())
        return any_of(branches)

    def _sequence(self) -> Need:
        needs, run = [], ""
        while not self.is_at_end and self._pattern[self._at] not in "|)":
            letter, need = self._atom()
            least, repeats = self._repeat()
            if letter and least:
                run += letter
            if repeats or not letter:
                needs += [literal(run), need if least else None]
                run = letter if least else ""
        return all_of([*needs, literal(run)])

    def _atom(self) -> tuple[str, Need]:
        """Read one thing: its letter if it stands for just that one, else what it needs."""
        if group := self._take(GROUP):
            return "", None if group["end"] == ")" else self._group()
        if escape := self._take(ESCAPE):
            return escape["letter"] or "", None
        if self._take(CLASS) or self._take(EDGE):
            return "", None
        if plain := self._take(PLAIN):
            return plain[0], None
        raise _Unknown

    def _group(self) -> Need:
        self._depth += 1
        if self._depth > DEPTH:
            raise _Unknown
        need = self.alternatives()
        if not self._take(re.compile(r"\)")):
            raise _Unknown
        self._depth -= 1
        return need

    def _repeat(self) -> tuple[bool, bool]:
        """Whether what was read must come at all, and whether it may come more than once."""
        repeat = self._take(REPEAT)
        if repeat is None:
            return True, False
        if least := repeat["least"]:
            return int(least) > 0, True
        return repeat[0].startswith("+"), True

    def _take(self, what: re.Pattern) -> re.Match | None:
        found = what.match(self._pattern, self._at)
        if found:
            self._at = found.end()
        return found
