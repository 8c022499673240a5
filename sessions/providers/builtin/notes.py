"""Memory files as lists of notes: what each line says, where it stands, and when it was said."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Literal

from sessions.providers.builtin.language import LIST_MARKER, sentence_spans, stems

MOST_NOTES_PER_FILE = 5000
LONGEST_LINE = 4000
LEAD_IN = -1  # the depth of "Ingredients:" over the list below it

PROVENANCE = re.compile(  # also as a link: "Tea. ([said 2026-11-20](https://…))"
    r"\(\[?(?:said|saved|noted)\s+(\d{4}-\d{2}-\d{2})(?:\]\([^()\s]*\))?\)\s*$"
)
HEADING = re.compile(r"[ ]{0,3}(#{1,6})[ \t]+")
FENCE = re.compile(r"[ \t]*(?:[-*+][ \t]+)?(```+|~~~+)")
TABLE_RULE = re.compile(r"(?=[\s:|-]+\|)[\s:|-]+$")

Shape = Literal["bullet", "prose", "code", "row", "meta"]


@dataclass(frozen=True)
class Note:
    """One thing a file says.

    `line` counts from 0; `text` is without list marker and provenance; `said` is an ISO day or "";
    `context` are the headings and list items above it; `indent` is the width before the marker;
    `is_compound` when more lines or a tick box belong to it, so that the text is not all of it.
    """

    path: str
    line: int
    text: str
    shape: Shape
    said: str = ""
    context: tuple[str, ...] = ()
    indent: int = 0
    is_compound: bool = False

    @property
    def name(self) -> str:
        return self.path.rsplit("/", 1)[-1]

    @property
    def said_at(self) -> datetime | None:
        return day_as_moment(self.said)


def day_as_moment(day: str) -> datetime | None:
    """An ISO day as noon UTC; None for anything else."""
    try:
        return datetime.fromisoformat(day).replace(hour=12, tzinfo=UTC)
    except ValueError:
        return None


def split_provenance(text: str) -> tuple[str, str]:
    """A bullet's text and the day it was said: "Tea. (said 2026-11-20)" → ("Tea.", "2026-11-20")."""
    match = PROVENANCE.search(text)
    return (text[: match.start()].rstrip(), match.group(1)) if match else (text, "")


def heading(line: str) -> tuple[int, str] | None:
    """The level and the title of a heading; None for any other line."""
    mark = HEADING.match(line)
    if mark is None:
        return None
    return len(mark.group(1)), line[mark.end() :].rstrip(" \t").rstrip("#").rstrip(" \t")


def with_provenance(text: str, day: str) -> str:
    return f"{text} (said {day})" if day else text


def parse(path: str, text: str) -> list[Note]:
    """Every note of a Markdown file, in order."""
    found = list(_Reader(path, text).notes())[:MOST_NOTES_PER_FILE]
    parents = {
        note.line
        for note, after in pairwise(found)
        if note.shape == "bullet" and after.indent > note.indent
    }
    return [replace(n, is_compound=True) if n.line in parents else n for n in found]


class _Reader:
    """Walks the lines of one file, keeping the headings and list items above the current line."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.lines = text.splitlines()
        self.headings: list[tuple[int, str]] = []
        self.items: list[tuple[int, str, str]] = []  # indent, text, day said
        self.fence = ""
        self.open: list[str] = []  # the lines of the paragraph or list item being read
        self.opened_at = 0

    def notes(self) -> Iterator[Note]:
        start = self._front_matter_end()
        for number, line in enumerate(self.lines[:start]):
            if ":" in line:
                yield Note(self.path, number, line.strip(), "meta")
        for number in range(start, len(self.lines)):
            yield from self._line(number, self.lines[number][:LONGEST_LINE])
        yield from self._close()

    def _front_matter_end(self) -> int:
        if not self.lines or self.lines[0].strip() != "---":
            return 0
        for number, line in enumerate(self.lines[1:200], start=1):
            if line.strip() == "---":
                return number + 1
        return 0

    def _line(self, number: int, line: str) -> Iterator[Note]:
        fence = FENCE.match(line)
        title = heading(line)
        if self.fence or fence:
            yield from self._close()
            yield from self._code(number, line, fence)
        elif title or not line.strip():
            yield from self._close()
            if title:
                self._open_heading(*title)
        elif line.lstrip().startswith("|"):
            yield from self._close()
            yield from self._row(number, line)
        elif LIST_MARKER.match(line) or not self.open:
            yield from self._close()
            self.open, self.opened_at = [line], number
        else:
            self.open.append(line)

    def _code(self, number: int, line: str, fence: re.Match | None) -> Iterator[Note]:
        if not self.fence:
            self.fence = fence.group(1)[:3]
            self.items = [item for item in self.items if item[0] < _indent(line)]
        elif fence and fence.group(1).startswith(self.fence):
            self.fence = ""
        elif line.strip():
            said = self._said_above()
            yield Note(
                self.path, number, line.strip(), "code", said, self._context(), _indent(line)
            )

    def _row(self, number: int, line: str) -> Iterator[Note]:
        if not TABLE_RULE.match(line):
            cells = " · ".join(cell.strip() for cell in line.strip().strip("|").split("|"))
            yield Note(self.path, number, cells, "row", "", self._context(), _indent(line))

    def _open_heading(self, level: int, title: str) -> None:
        self.headings = [each for each in self.headings if each[0] < level]
        self.headings.append((level, title))
        self.items = []

    def _close(self) -> Iterator[Note]:
        lines, self.open = self.open, []
        if not lines:
            return
        indent = _indent(lines[0])
        self.items = [item for item in self.items if item[0] < indent]
        marker = LIST_MARKER.match(lines[0])
        if marker:
            yield self._bullet(lines, marker, indent)
            return
        self.items = [item for item in self.items if item[0] != LEAD_IN]
        yield from self._prose(lines, indent)
        if lines[-1].rstrip().endswith(":"):
            self.items.append((LEAD_IN, lines[-1].strip(), ""))

    def _bullet(self, lines: list[str], marker: re.Match, indent: int) -> Note:
        body = " ".join([lines[0][marker.end() :].strip(), *(line.strip() for line in lines[1:])])
        text, said = split_provenance(body.strip())
        said = said or self._said_above()
        context = self._context()
        self.items.append((indent, text, said))
        compound = len(lines) > 1 or "[" in marker.group()
        return Note(self.path, self.opened_at, text, "bullet", said, context, indent, compound)

    def _prose(self, lines: list[str], indent: int) -> Iterator[Note]:
        body = "\n".join(line.strip() for line in lines)
        for start, end in sentence_spans(body):
            line = self.opened_at + body.count("\n", 0, start)
            text, said = split_provenance(" ".join(body[start:end].split()))
            yield Note(self.path, line, text, "prose", said, self._context(), indent)

    def _context(self) -> tuple[str, ...]:
        return tuple(title for _, title in self.headings) + tuple(text for _, text, _ in self.items)

    def _said_above(self) -> str:
        """What stands below a list item was said with it."""
        return next((said for _, _, said in reversed(self.items) if said), "")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def title_of(path: str, text: str) -> str:
    """A file's first heading, or its name in words."""
    for line in text.splitlines()[:50]:
        if title := heading(line):
            return title[1]
    return path_words(path)


def path_words(path: str) -> str:
    """ "notes/cma-talk.md" as "notes cma talk"."""
    return " ".join(re.sub(r"\.\w{1,8}$", "", path).replace("/", " ").replace("-", " ").split())


def path_key(path: str) -> frozenset[str]:
    """The stems of a file's name."""
    return stems(path_words(path.rsplit("/", 1)[-1]).replace("_", " "))


def append_bullets(text: str, bullets: list[str]) -> str:
    """The file with the bullets after its last list item, or at its end when it has none."""
    lines = text.split("\n")
    at = _end_of_last_item(lines)
    if at:
        return "\n".join([*lines[:at], *_like(text, bullets), *(lines[at:] or [""])])
    head = text.rstrip()
    return "\n".join([*([head, ""] if head else []), *bullets, ""])


def append_edit(text: str, bullets: list[str]) -> tuple[str, str] | None:
    """`append_bullets` as one replacement of a passage that stands once in the file.

    None when the file has no such passage (it is empty, or its lines repeat to the very top).
    """
    lines = text.split("\n")
    at = _end_of_last_item(lines)
    gap = "\n" if at else "\n\n"
    at = at or len(text.rstrip().split("\n"))
    for start in range(at - 1, -1, -1):
        passage = "\n".join(lines[start:at])
        if passage.strip() and text.count(passage) == 1:
            return passage, passage + gap + "\n".join(_like(text, bullets))
    return None


def _like(text: str, bullets: list[str]) -> list[str]:
    """The bullets with line ends like those of the file they go into."""
    return (
        [bullet.replace("\n", "\r\n") + "\r" for bullet in bullets] if "\r\n" in text else bullets
    )


def _end_of_last_item(lines: list[str]) -> int:
    """How many lines there are up to the end of the last list item; 0 when there is none."""
    end = 0
    in_fence = False
    for number, line in enumerate(lines):
        if FENCE.match(line):
            in_fence = not in_fence
        continues = end == number and line.startswith((" ", "\t")) and line.strip()
        if continues or (not in_fence and LIST_MARKER.match(line)):
            end = number + 1
    return end
