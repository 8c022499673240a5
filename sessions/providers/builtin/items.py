"""The statements of a store under consolidation, and writing them back into their files."""

from collections import defaultdict
from dataclasses import dataclass, field

from sessions.providers.builtin.facts import Fact
from sessions.providers.builtin.filing import File
from sessions.providers.builtin.language import LIST_MARKER
from sessions.providers.builtin.notes import (
    HEADING,
    Note,
    append_bullets,
    day_as_moment,
    with_provenance,
)


@dataclass(frozen=True)
class Finding:
    """A statement from a transcript; `said` is an ISO day, `source` groups what was said together."""

    statement: str
    said: str
    source: str = ""


@dataclass(eq=False)
class Item:
    """One statement: where it stands (`path` is "" for a finding) and what becomes of it.

    `is_fixed` items stay where they are; of those only an outdated value may be marked.
    """

    order: int
    path: str
    line: int
    text: str
    said: str
    context: tuple[str, ...] = ()
    is_fixed: bool = False
    source: str = ""
    is_gone: bool = False
    moved_to: str = ""
    written: str = ""
    _fact: Fact | None = field(default=None, repr=False)

    @property
    def fact(self) -> Fact:
        if self._fact is None or (self._fact.text, self._fact.day) != (self.text, self.said):
            self._fact = Fact(self.text, day_as_moment(self.said))
        return self._fact

    @property
    def place(self) -> str:
        """The file it will stand in, as far as that is known."""
        return self.moved_to or self.path

    @property
    def age(self) -> tuple[str, int]:
        """Items in the order they were said; what has no day counts as oldest."""
        return (self.said, self.order)

    @property
    def bullet(self) -> str:
        return f"- {with_provenance(self.text, self.said)}"

    @property
    def is_rewritten(self) -> bool:
        return self.is_gone or bool(self.moved_to) or self.written != self._as_written()

    def _as_written(self) -> str:
        return self.text if self.is_fixed else with_provenance(self.text, self.said)


def items_of(file: File, *, is_protected: bool) -> list[Item]:
    """The statements of a file, list items and prose; tables and code are no statements."""
    notes = [note for note in file.notes if note.shape in ("bullet", "prose") and note.text]
    found = []
    for note in notes:
        fixed = is_protected or not _stands_alone(note)
        item = Item(0, note.path, note.line, note.text, note.said, note.context, fixed)
        item.written = item._as_written()
        found.append(item)
    return found


def _stands_alone(note: Note) -> bool:
    return note.shape == "bullet" and not note.is_compound and note.indent == 0


def rewrite(file: File, items: list[Item], arrivals: list[Item]) -> str | None:
    """The file's new text; None when it has nothing left but headings."""
    lines = file.text.splitlines(keepends=True)
    by_line: dict[int, list[Item]] = defaultdict(list)
    for item in items:
        if item.is_rewritten:
            by_line[item.line].append(item)
    kept = [
        written
        for number, line in enumerate(lines)
        if (written := _line(line, by_line.get(number, []))) is not None
    ]
    text = "".join(kept)
    if arrivals:
        return append_bullets(text, [item.bullet for item in arrivals])
    return text if _says_anything(text) or not by_line else None


def _line(line: str, changed: list[Item]) -> str | None:
    for item in changed:
        if item.is_fixed:
            line = line.replace(item.written, item.text, 1)
            continue
        if item.is_gone or item.moved_to:
            return None
        ending = line[len(line.rstrip("\r\n")) :]
        marker = LIST_MARKER.match(line).group()
        line = f"{marker}{with_provenance(item.text, item.said)}{ending}"
    return line


def _says_anything(text: str) -> bool:
    return any(line.strip() and not HEADING.match(line) for line in text.splitlines())


def is_plain_list(file: File) -> bool:
    """Whether a file is one title and one-line list items, so that all of it can move."""
    titles = 0
    bullets = {note.line for note in file.notes if _stands_alone(note)}
    for number, line in enumerate(file.text.splitlines()):
        if line.strip() and number not in bullets:
            titles += 1
            if not HEADING.match(line) or titles > 1:
                return False
    return bool(bullets)


def can_be_marked(item: Item, file: File | None) -> bool:
    """Whether an outdated value can be marked in place: the sentence stands whole on its line."""
    if not item.is_fixed or file is None:
        return True
    lines = file.text.splitlines()
    return item.line < len(lines) and lines[item.line].count(item.written) == 1
