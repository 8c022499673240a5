"""How much work one text may cause: the library is quadratic on some, and whoever reads waits.

Steps are counted, not timed: a clock would judge the same text otherwise on a busy day.
"""

import re
from collections.abc import Callable, Iterable
from xml.etree import ElementTree

from markdown import Markdown
from markdown.blockprocessors import BlockProcessor
from markdown.inlinepatterns import InlineProcessor

# What a step costs, in units of about a microsecond; a dense document of 100 kB costs some 100,000.
BUDGET = 170_000
A_LINE, A_FENCE, A_BLOCK, A_NODE, A_MATCH, A_MISS = 1, 25, 20, 14, 22, 2.5
A_LETTER_OF_BLOCK, A_LETTER_SCANNED, A_LETTER_COPIED = 0.05, 0.15, 0.00005

TOKENS = 4_000  # of source code to be coloured in one text; the rest of its code is left plain


class TooTangled(Exception):
    """The text would take longer to convert than a reader should wait."""


class Budget:
    """What is left for one text: of work, and of `tokens` of code to be coloured."""

    def __init__(self) -> None:
        self.refill()

    def refill(self) -> None:
        self.left, self.tokens = BUDGET, TOKENS

    def spend(self, units: float) -> None:
        """Raises `TooTangled` when nothing is left."""
        self.left -= units
        if self.left < 0:
            raise TooTangled


class Meter(BlockProcessor):
    """First in line for every block: it counts, and takes none."""

    def __init__(self, md: Markdown, budget: Budget) -> None:
        super().__init__(md.parser)
        self.budget = budget

    def test(self, parent: ElementTree.Element, block: str) -> bool:
        self.budget.spend(A_BLOCK + A_LETTER_OF_BLOCK * len(block))
        return False


def metered(method: Callable, cost: Callable, budget: Budget) -> Callable:
    """Let the method of an inline pattern do its work, and charge for what it had to read."""

    def call(*arguments):
        result = method(*arguments)
        budget.spend(cost(result, *arguments))
        return result

    return call


def of_match(result: tuple, found: re.Match, data: str) -> float:
    return A_MISS if result[0] is None else A_MATCH + A_LETTER_COPIED * len(data)


def of_brackets(result: tuple, data: str, index: int) -> float:
    return A_LETTER_SCANNED * (result[-2] - index)


def of_search(result: re.Match | None, data: str, start: int) -> float:
    return A_MISS * 2 + A_LETTER_SCANNED * ((result.start() if result else len(data)) - start)


METERED = {
    "handleMatch": of_match,
    "getText": of_brackets,
    "getLink": of_brackets,
    "search": of_search,
}


def charge(patterns: Iterable[InlineProcessor], budget: Budget) -> None:
    """Let each of the inline patterns spend of the budget whatever it does."""
    for pattern in patterns:
        for name, cost in METERED.items():
            if method := getattr(pattern, name, None):
                setattr(pattern, name, metered(method, cost, budget))
