"""Answers made of sentences found: which ones, in what order, and where each was found."""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote

from sessions.providers.builtin.changes import names_its_subject, reach
from sessions.providers.builtin.dates import find_relative
from sessions.providers.builtin.facts import Fact, fact, same
from sessions.providers.builtin.notes import Note
from sessions.providers.builtin.questions import Question
from sessions.providers.builtin.ranking import CLOSE, Index, best, closest

LONGEST_QUOTE = 600
MOST_CHILDREN = 20
MOST_COMPARED = 60


@dataclass(frozen=True)
class Answer:
    """What was found for one question: current notes, then outdated ones; or only the closest."""

    question: Question
    current: list[Note]
    outdated: list[Note]
    nearest: Note | None = None


def fact_of(note: Note) -> Fact:
    return fact(note.text, note.said_at)


def answer(question: Question, index: Index) -> Answer:
    """The notes that answer a question, without repeats; newer values before those they replace."""
    hits = index.rank(question)
    picked = best(hits, question)
    if not picked:
        near = closest(hits, question)
        return Answer(question, [], [], near.note if near else None)
    near_by = [hit.note for hit in hits[:MOST_COMPARED] if hit.coverage >= CLOSE]
    return _ordered(question, [hit.note for hit in picked], near_by)


def _ordered(question: Question, picked: list[Note], near_by: list[Note]) -> Answer:
    current: list[Note] = []
    outdated: list[Note] = []
    for note in picked:
        newer = [other for other in near_by if _replaces(other, note)]
        current += [other for other in newer if not _replaced_by_any(other, near_by)]
        (outdated if newer else current).append(note)
    kept = list(_without_repeats(current))
    return Answer(question, kept, [note for note in _without_repeats(outdated) if note not in kept])


def _replaces(newer: Note, older: Note) -> bool:
    if newer is older or newer.said < older.said:
        return False
    if newer.said == older.said and newer.path == older.path and newer.line <= older.line:
        return False
    together = newer.path == older.path or names_its_subject(fact_of(newer))
    return together and bool(reach(fact_of(newer), fact_of(older)))


def _replaced_by_any(note: Note, others: list[Note]) -> bool:
    return any(_replaces(other, note) for other in others)


def _without_repeats(notes: Iterable[Note]) -> Iterable[Note]:
    kept: list[Note] = []
    for note in notes:
        if not any(same(fact_of(note), fact_of(other)) for other in kept):
            kept.append(note)
            yield note


def link(path: str) -> str:
    """A Markdown link to a memory by its mount path."""
    name = path.rsplit("/", 1)[-1].replace("[", "\\[").replace("]", "\\]")
    return f"[{name}]({quote(path, safe='/')})"


Children = dict[tuple[str, int], list[Note]]
"""What stands below a list item, by the item's file and line."""


def present(found: Answer, children: Children) -> list[str]:
    """The answer's lines: quoted notes under the file they come from, outdated ones last."""
    lines = by_source(found.current, children)
    if found.outdated:
        lines += ["", "Said earlier, and corrected since:", ""]
        lines += [_bullet(note, cite=True) for note in found.outdated]
    return lines


def by_source(notes: list[Note], children: Children) -> list[str]:
    shown = {id(child) for note in notes for child in children.get((note.path, note.line), [])}
    notes = [note for note in notes if id(note) not in shown]
    lines: list[str] = []
    for path in dict.fromkeys(note.path for note in notes):
        lines += ["", f"{_source(path)}:", ""] if lines else [f"{_source(path)}:", ""]
        for note in notes:
            if note.path == path:
                lines.append(_bullet(note))
                below = children.get((path, note.line), [])[:MOST_CHILDREN]
                lines += [f"  - {quoted(child)}" for child in below]
    return lines


def _source(path: str) -> str:
    return f"From {link(path)}" if path else "From this conversation"


def _bullet(note: Note, *, cite: bool = False) -> str:
    details = [link(note.path)] if cite and note.path else []
    if note.said:
        details.append(f"said {note.said}")
    details += explained_dates(note)
    return f"- {quoted(note)}" + (f" — {', '.join(details)}" if details else "")


def quoted(note: Note) -> str:
    """A note's own words in quotation marks; code stays code."""
    text = note.text if len(note.text) <= LONGEST_QUOTE else note.text[:LONGEST_QUOTE] + " …"
    if note.shape == "code":
        return f"`{text}`" if "`" not in text else f"`` {text} ``"
    return f"“{text}”"


def explained_dates(note: Note) -> list[str]:
    """What "yesterday" was, where the day it was said is known."""
    found = find_relative(note.text, note.said_at)
    return [f"{each.phrase} = {each.absolute}" for each in found]
