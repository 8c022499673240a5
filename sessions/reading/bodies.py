"""What opens below a tool call: hits, lines, a diff; never raw JSON."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import re2

from memory.diffs import Diff, side_by_side
from memory.rendering import reveal
from sessions.reading.lines import Answer
from sessions.reading.places import Place, Places

FIRST = 400  # lines or hits shown before one asks for all
LONGEST_LINE = 2_000
HIT = re.compile(r"(.*?):(\d+):(.*)")


@dataclass(frozen=True)
class Body:
    """`hidden` counts what is left out; `note` says what else there is to know.

    `version_url` is the page of the version that a write made.
    """

    template: ClassVar[str] = "text"
    place: Place | None = None
    hidden: int = 0
    note: str = ""
    version_url: str = ""


@dataclass(frozen=True)
class Text(Body):
    text: str = ""
    is_error: bool = False


@dataclass(frozen=True)
class Hit:
    """A line that was found; every second part of it is what the pattern met."""

    number: int
    parts: list[str]


@dataclass(frozen=True)
class FoundIn:
    place: Place
    hits: list[Hit] = field(default_factory=list)


@dataclass(frozen=True)
class Hits(Body):
    template = "hits"
    files: list[FoundIn] = field(default_factory=list)


@dataclass(frozen=True)
class Files(Body):
    template = "files"
    files: list[Place] = field(default_factory=list)


@dataclass(frozen=True)
class Lines(Body):
    template = "lines"
    first: int = 1
    lines: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Change(Body):
    template = "change"
    diff: Diff | None = None
    is_new: bool = False


@dataclass(frozen=True)
class Given(Body):
    """What a call was given, while there is nothing else to show of it."""

    template = "given"
    values: list[tuple[str, str]] = field(default_factory=list)


def body(name: str, given: dict, answer: Answer | None, places: Places, *, whole: bool) -> Body:
    """Show what a call got. Changes of stored files are `change`'s, which needs their versions."""
    if answer is None:
        return given_to(name, given, places)
    if answer.is_error or name not in BODIES:
        return _text(answer, whole)
    return BODIES[name](given, answer, places, whole)


def given_to(name: str, given: dict, places: Places) -> Body:
    """Show what a call wants, before there is a result."""
    if name == "edit":
        return change(given, places, given.get("old_string"), given.get("new_string"))
    values = [(key, reveal(_plain(value))) for key, value in given.items()]
    return Given(values=values, note="" if values else "It was given nothing.")


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)


def change(given: dict, places: Places, before: str | None, after: str | None) -> Body:
    """Show what a write did to a file; None stands for no file, or no text any more."""
    return Change(_place(given, places), diff=side_by_side(before, after), is_new=before is None)


def _place(given: dict, places: Places) -> Place | None:
    return places.find(str(given.get("file_path") or ""))


def _text(answer: Answer, whole: bool) -> Body:
    shown, hidden = cut(answer.text.split("\n"), whole)
    return Text(text=reveal("\n".join(shown)), hidden=hidden, is_error=answer.is_error)


def _read(given: dict, answer: Answer, places: Places, whole: bool) -> Body:
    lines, hidden = cut(reveal(answer.text).removesuffix("\n").split("\n"), whole)
    first = (given.get("view_range") or [1])[0]
    return Lines(_place(given, places), hidden, first=first, lines=lines)


def _listed(given: dict, answer: Answer, places: Places, whole: bool) -> Body:
    paths, hidden = cut(answer.text.split("\n") if answer.facts.get("hits") else [], whole)
    found = [places.find(path) or Place("", path) for path in paths]
    return Files(hidden=hidden, files=found)


def _searched(given: dict, answer: Answer, places: Places, whole: bool) -> Body:
    lines = answer.text.split("\n") if answer.facts.get("hits") else []
    shown, hidden = cut(lines, whole)
    marker = _marker(str(given.get("pattern") or ""))
    files: list[FoundIn] = []
    for path, number, text in _hits(shown):
        place = places.find(path) or Place("", path)
        if not files or files[-1].place != place:
            files.append(FoundIn(place))
        parts = [reveal(part) for part in _parts(marker, text[:LONGEST_LINE])]
        files[-1].hits.append(Hit(number, parts))
    return Hits(hidden=hidden, files=files)


def _hits(lines: list[str]) -> Iterator[tuple[str, int, str]]:
    for line in lines:
        if hit := HIT.fullmatch(line):
            yield hit[1], int(hit[2]), hit[3]


def _marker(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error:
        return None


def _parts(marker: Any, text: str) -> list[str]:
    """Split a line into what the pattern met (odd places) and what stands around it."""
    parts, end = [], 0
    for hit in marker.finditer(text) if marker else ():
        if hit.end() > hit.start():
            parts += [text[end : hit.start()], hit[0]]
            end = hit.end()
    return [*parts, text[end:]]


def _edited(given: dict, answer: Answer, places: Places, whole: bool) -> Body:
    return change(given, places, given.get("old_string"), given.get("new_string"))


def _written(given: dict, answer: Answer, places: Places, whole: bool) -> Body:
    return change(given, places, None, given.get("content"))


def cut(lines: list[str], whole: bool) -> tuple[list[str], int]:
    """What is shown of the lines at once, and how many are not."""
    return (lines, 0) if whole else (lines[:FIRST], max(0, len(lines) - FIRST))


BODIES = {
    "read": _read,
    "glob": _listed,
    "grep": _searched,
    "edit": _edited,
    "write": _written,
}
