"""Two people changed one text: what fits is merged, and each place that does not is chosen. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count

from memory import diffs, merge
from memory.diffs import Row
from memory.merge import Clash, Piece

CHOICES = ("now", "mine", "both", "edit")


@dataclass(frozen=True)
class Place:
    """A place to choose at, counted from 1. `choice` is one of `CHOICES`, or "" as long as none is made.

    `edited` is what a person wrote for it by hand.
    """

    number: int
    clash: Clash
    choice: str = ""
    edited: str = ""

    @property
    def lines(self) -> list[str]:
        """What stands here in the result; without a choice it is mine, so that nothing typed is lost."""
        now, mine = self.clash.ours, self.clash.theirs
        written = {"now": now, "mine": mine, "both": now + mine, "edit": self.edited.split("\n")}
        return written.get(self.choice, mine)

    @property
    def by_hand(self) -> str:
        return self.edited or "\n".join(self.clash.theirs)

    @property
    def base(self) -> str:
        return "\n".join(self.clash.base)

    @property
    def now(self) -> list[Row]:
        return _marked(self.clash.base, self.clash.ours)

    @property
    def mine(self) -> list[Row]:
        return _marked(self.clash.base, self.clash.theirs)


@dataclass(frozen=True)
class Result:
    """The text that choices make, and the places where they are made."""

    text: str
    places: list[Place]
    parts: list[list[str] | Place]

    @property
    def open(self) -> int:
        """How many places still wait for a choice."""
        return sum(not place.choice for place in self.places)

    @property
    def as_data(self) -> list:
        """For the page's script: settled lines as a list, places as objects."""
        return [
            {"now": part.clash.ours, "mine": part.clash.theirs} if isinstance(part, Place) else part
            for part in self.parts
        ]


def combine(pieces: list[Piece], given: Mapping[str, str]) -> Result:
    """Make the text. `given` holds `choice-1` and `edit-1` for the first place, and so on."""
    numbers = count(1)
    parts = [
        _place(next(numbers), piece, given) if isinstance(piece, Clash) else piece
        for piece in pieces
    ]
    lines = [line for part in parts for line in (part.lines if isinstance(part, Place) else part)]
    places = [part for part in parts if isinstance(part, Place)]
    return Result("\n".join(lines), places, parts)


def rebuilt(before: str, typed: str, after: str) -> str:
    """The result of other choices, with what was typed into the result of the earlier ones.

    Where both touch the same lines, what was typed stays.
    """
    return merge.merge_texts(before, typed, after).text or ""


def _place(number: int, clash: Clash, given: Mapping[str, str]) -> Place:
    choice = given.get(f"choice-{number}", "")
    edited = given.get(f"edit-{number}", "").replace("\r\n", "\n")
    return Place(number, clash, choice if choice in CHOICES else "", edited)


def _marked(base: list[str], side: list[str]) -> list[Row]:
    """A side's lines, with the words marked that it changed."""
    diff = diffs.side_by_side("\n".join(base), "\n".join(side), context=len(side) + len(base))
    return [row for row in diff.rows if row.new]
