"""How a person settles the conflicts of a merge: one card for each file, one choice on each card."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.http import QueryDict

from memory import diffs
from memory.merge import FileMerge


@dataclass(frozen=True)
class ConflictRow:
    """A conflict as its card shows it: `choice` is ours, theirs, edit or "" for none yet."""

    merge: FileMerge
    choice: str
    text: str

    @property
    def diff(self) -> diffs.Diff:
        return diffs.side_by_side(self.merge.before, self.merge.theirs)


@dataclass(frozen=True)
class Choices:
    """How a person settled conflicts, by path: (choice, own text)."""

    made: dict[str, tuple[str, str]] = field(default_factory=dict)

    @classmethod
    def typed(cls, given: QueryDict) -> "Choices":
        """Read the cards of a form: `path-0`, `choice-0`, `text-0`, and so on."""
        numbers = [name.removeprefix("path-") for name in given if name.startswith("path-")]
        return cls(
            {
                given[f"path-{number}"]: (
                    given.get(f"choice-{number}", ""),
                    given.get(f"text-{number}", "").replace("\r\n", "\n"),
                )
                for number in numbers
            }
        )

    @property
    def resolutions(self) -> dict[str, str | dict]:
        return {
            path: {"content": text} if choice == "edit" else choice
            for path, (choice, text) in self.made.items()
            if choice in ("ours", "theirs", "edit")
        }

    def rows(self, conflicts: Sequence[FileMerge]) -> list[ConflictRow]:
        """The cards to show; the text to edit begins as what fits together, the rest as ours."""
        return [
            ConflictRow(merge, *self.made.get(merge.path, ("", merge.after or merge.theirs or "")))
            for merge in conflicts
        ]
