"""Whether two statements say the same thing.

Looking alike is not enough: numbers, times, names, negation and limiting words must agree, and one
statement's words must all stand in the other. When in doubt the answer is no, and both stay.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache

from sessions.providers.builtin.dates import TIME, absolute, clock
from sessions.providers.builtin.language import URL, Word, words
from sessions.providers.builtin.lexicon import (
    DAYS,
    DIRECTED,
    LIGHT_VERBS,
    LIMITS,
    MONTHS,
    NEGATIONS,
    NUMBER_WORDS,
)
from sessions.providers.builtin.phrases import is_name

SHARED = 0.8  # how much of the longer statement the shorter one must hold
TURNABLE = re.compile(r"\b(?:is|are|was|were|be|been|being|by)\b", re.IGNORECASE)
CORRECTED = re.compile(
    r"(?<!\s)\s*\((?:corrected to (?P<value>[^()]+?)|no longer so)(?: on (?P<day>\d{4}-\d{2}-\d{2}))?\)"
)
NEGATED_ENDING = re.compile(r"n['’]t$", re.IGNORECASE)


@dataclass(frozen=True)
class Fact:
    """A statement ready to be compared; `at` is when it was said, to make its dates absolute."""

    text: str
    at: datetime | None = None

    @cached_property
    def absolute(self) -> str:
        """The statement with absolute dates and without the mark that a dream left on it."""
        return absolute(CORRECTED.sub("", self.text), self.at)

    @cached_property
    def corrected_to(self) -> str | None:
        """The value that a dream put beside an outdated one; "" for "no longer so"."""
        mark = CORRECTED.search(self.text)
        return (mark["value"] or "") if mark else None

    @cached_property
    def corrected_on(self) -> str:
        mark = CORRECTED.search(self.text)
        return (mark["day"] or "") if mark else ""

    @cached_property
    def day(self) -> str:
        return self.at.date().isoformat() if self.at else ""

    @cached_property
    def tokens(self) -> list[Word]:
        return words(TIME.sub(" ", URL.sub(" ", self.absolute)))

    @cached_property
    def values(self) -> tuple[str, ...]:
        """Numbers, times, days and links in the order they stand, each in one spelling."""
        text = self.absolute
        found = [(m.start(), m.group()) for m in URL.finditer(text)]
        text = URL.sub(lambda m: " " * len(m.group()), text)
        found += [(m.start(), clock(m.group())) for m in TIME.finditer(text)]
        text = TIME.sub(lambda m: " " * len(m.group()), text)
        found += [(word.start, _value(word)) for word in words(text) if _is_value(word)]
        return tuple(value for _, value in sorted(found))

    @cached_property
    def order(self) -> tuple[str, ...]:
        """The stems that carry meaning, as they stand."""
        return tuple(
            word.stem
            for word in self.tokens
            if not word.is_function and not _is_value(word) and word.plain not in LIGHT_VERBS
        )

    @cached_property
    def stems(self) -> frozenset[str]:
        return frozenset(word.stem for word in self.tokens)

    @cached_property
    def letters(self) -> str:
        """The statement reduced to its letters and digits, for exact comparison."""
        return " ".join(word.plain for word in words(self.absolute))

    @cached_property
    def bag(self) -> frozenset[str]:
        return frozenset(self.order)

    @cached_property
    def names(self) -> list[frozenset[str]]:
        """Each name as its stems: "Dana Reyes" is one name of two words."""
        runs: list[set[str]] = []
        end = -2
        for word in self.tokens:
            if is_name(word, self.tokens):
                if word.start != end + 1:
                    runs.append(set())
                runs[-1].add(word.stem)
                end = word.start + len(word.surface)
        return [frozenset(run) for run in runs]

    @cached_property
    def is_negated(self) -> bool:
        return sum(1 for word in self.tokens if _negates(word)) % 2 == 1

    @cached_property
    def limits(self) -> frozenset[str]:
        return frozenset(word.plain for word in self.tokens if word.plain in LIMITS)

    @cached_property
    def directions(self) -> tuple[str, ...]:
        return tuple(word.plain for word in self.tokens if word.plain in DIRECTED)


def _is_value(word: Word) -> bool:
    calendar = word.plain in DAYS or (word.plain in MONTHS and word.is_capitalised)
    return (
        word.has_digit or calendar or word.plain.rstrip("s") in DAYS or word.plain in NUMBER_WORDS
    )


def _value(word: Word) -> str:
    return word.stem if word.plain in NUMBER_WORDS else word.plain


def _negates(word: Word) -> bool:
    return word.plain in NEGATIONS or bool(NEGATED_ENDING.search(word.surface))


@lru_cache(maxsize=8192)
def fact(text: str, at: datetime | None = None) -> Fact:
    """A statement ready to be compared, kept while it is compared with one after another."""
    return Fact(text, at)


def same(first: Fact, second: Fact) -> bool:
    """Whether two statements say the same, so that one of them can go."""
    if first.letters == second.letters:
        return first.values == second.values
    small, big = sorted((first, second), key=lambda fact: len(fact.bag))
    return (
        (len(small.bag) >= 2 or (small.bag == big.bag and bool(small.values)))
        and small.bag <= big.bag
        and len(small.bag) >= SHARED * len(big.bag)
        and _agree(small, big)
        and _same_way_round(small, big)
    )


def holds(known: Fact, new: Fact) -> bool:
    """Whether what is known already says all of the new statement."""
    return new.bag <= known.bag and same(known, new)


def _agree(small: Fact, big: Fact) -> bool:
    return (
        small.values == big.values
        and small.is_negated == big.is_negated
        and small.limits == big.limits
        and small.directions == big.directions
        and all(name & small.bag for name in big.names)
    )


def _same_way_round(small: Fact, big: Fact) -> bool:
    """ "Dana reports to Ana" is not "Ana reports to Dana", though the words are the same."""
    kept = tuple(stem for stem in big.order if stem in small.bag)
    if kept == small.order:
        return True
    if small.directions or len(small.names) > 1 or len(big.names) != 1:
        return False
    return bool(TURNABLE.search(small.text) or TURNABLE.search(big.text))
