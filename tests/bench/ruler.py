"""Medians, 95th percentiles and ratios in a table; and which targets they meet."""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.machine import say

LABEL = 74  # columns for what a number means


def median(samples: Iterable[float]) -> float:
    return statistics.median(samples)


def p95(samples: Sequence[float]) -> float:
    """The smallest sample that 95 % of all do not exceed."""
    return sorted(samples)[math.ceil(len(samples) * 0.95) - 1]


@dataclass(frozen=True)
class Target:
    """What a number should be: at most `limit`, or at least."""

    name: str
    value: float
    limit: float
    unit: str = ""
    at_least: bool = False

    @property
    def is_met(self) -> bool:
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def __str__(self) -> str:
        sign = "≥" if self.at_least else "≤"
        wanted = f"{sign} {self.limit:g}{self.unit}"
        verdict = "met    " if self.is_met else "NOT met"
        line = (
            f"  {verdict}  {self.name:<{LABEL - 9}} {number(self.value):>9}{self.unit}   {wanted}"
        )
        if self.is_met or not self.value or not self.limit:
            return line
        over = self.limit / self.value if self.at_least else self.value / self.limit
        return f"{line}   ({over:.1f} times off)"


class Ruler:
    """Prints the rows of the measurements as they come in and keeps the targets for the end."""

    def __init__(self) -> None:
        self.targets: list[Target] = []

    def section(self, title: str, how: str) -> None:
        """Begin a table; `how` says what was done and what the floor is."""
        say(f"\n{title}: {how}")
        say(f"  {'':<{LABEL}} {'median':>9} {'p95':>9} {'× floor':>9}")

    def row(
        self, label: str, samples: Sequence[float], floor: Sequence[float] | None = None
    ) -> float:
        """Print what took these milliseconds and return how many times the floor's median it is."""
        ratio = median(samples) / median(floor) if floor else math.nan
        cells = [f"{number(median(samples))} ms", f"{number(p95(samples))} ms"]
        cells.append(f"{number(ratio)}" if floor else "")
        say(f"  {label:<{LABEL}} " + " ".join(f"{cell:>9}" for cell in cells).rstrip())
        return ratio

    def fact(self, label: str, value: float, unit: str) -> None:
        say(f"  {label:<{LABEL}} {number(value):>9}{unit}")

    def target(
        self, name: str, value: float, limit: float, unit: str = "", *, at_least: bool = False
    ) -> None:
        self.targets.append(Target(name, value, limit, unit, at_least))

    def verdicts(self) -> None:
        met = sum(target.is_met for target in self.targets)
        say(f"\nTargets: {met} of {len(self.targets)} met")
        for target in sorted(self.targets, key=lambda target: target.is_met):
            say(str(target))


def number(value: float) -> str:
    """Three digits that matter."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"
