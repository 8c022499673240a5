"""Pure: a bash call as its row and what opens below it."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from memory.diffs import Diff
from memory.rendering import reveal
from sessions.reading.endings import ending
from sessions.reading.lines import Answer
from sessions.reading.places import Place, Places

LETTERS = {"created": "A", "changed": "M", "moved": "R", "removed": "D"}


@dataclass(frozen=True)
class Changed:
    """A file that the command changed; `was` is the path it had, `version_url` what was made."""

    place: Place
    deed: str
    was: str = ""
    version_url: str = ""
    diff: Diff | None = None

    @property
    def letter(self) -> str:
        return LETTERS[self.deed]


@dataclass(frozen=True)
class Left:
    """A file that was not taken back, and why; `kept_at` is where the agent's text lies."""

    path: str
    why: str
    kept_at: str
    is_conflict: bool


@dataclass(frozen=True)
class Command:
    """What opens below a bash call; `more` counts changed files that are not named.

    `sets` are the stores in which several changes were made as one, each with that one's page.
    """

    template: ClassVar[str] = "command"
    command: str
    output: str = ""
    hidden: int = 0
    is_error: bool = False
    ending: str = ""
    changed: list[Changed] = field(default_factory=list)
    more: int = 0
    left: list[Left] = field(default_factory=list)
    sets: list[tuple[str, str]] = field(default_factory=list)
    place: None = None
    note: str = ""


def command(
    given: dict[str, Any], answer: Answer, shown: list[str], hidden: int, changed: list[Changed]
) -> Command:
    """Show a command with the lines of its output and the files it changed."""
    facts = answer.facts
    return Command(
        command=reveal(str(given.get("command") or "restart")),
        output=reveal("\n".join(shown)),
        hidden=hidden,
        is_error=answer.is_error,
        ending=ending(facts),
        changed=changed,
        more=max(0, facts.get("changes", 0) - len(changed)),
        left=[Left(**left) for left in facts.get("left", [])],
    )


def output_of(answer: Answer) -> str:
    """What the command printed, without what was noted below it for the agent."""
    printed = answer.facts.get("printed")
    return answer.text if printed is None else answer.text[:printed]


def placed(change: dict[str, Any], places: Places, **more: Any) -> Changed:
    place = places.find(change["path"]) or Place("", change["path"])
    was = places.find(change["before"]) if change.get("before") else None
    return Changed(place, change["deed"], was.path if was else "", **more)
