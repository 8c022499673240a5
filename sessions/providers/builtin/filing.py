"""Where a statement goes: an existing file of its subject, or a new one named for it."""

import posixpath
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from sessions.providers.builtin import facts
from sessions.providers.builtin.facts import Fact, holds
from sessions.providers.builtin.language import stems, strong_stems
from sessions.providers.builtin.looking import is_index, named_alike, overlap
from sessions.providers.builtin.notes import Note, path_key, title_of
from sessions.providers.builtin.subjects import Subject, subject_of
from sessions.providers.builtin.utterances import Unit

LARGEST_FILE = 100_000  # bytes; a memory may hold 102,400
GOOD_FIT = 1.0
MOST_NOTES = 300  # of one file, when judging what it is about

ALIASES = {
    "follow_up": "follow-ups followups todo todos to-do tasks actions action-items reminders",
    "preference": "preferences preference likes favourites favorites tastes settings",
    "profile": "about-me about profile me user personal bio owner",
    "people": "people contacts family friends team",
}


@dataclass(frozen=True)
class File:
    """A file that has been read: its text and its notes."""

    path: str
    text: str
    notes: tuple[Note, ...]

    @cached_property
    def key(self) -> frozenset[str]:
        """The stems of the file's title."""
        return stems(title_of(self.path, self.text).replace("_", " "))

    @cached_property
    def size(self) -> int:
        return len(self.text.encode("utf-8", "replace"))

    @cached_property
    def subjects(self) -> Counter[frozenset[str]]:
        """How many of the file's notes are about what."""
        return Counter(subject_of(note.text).key for note in self.notes[:MOST_NOTES])

    @cached_property
    def lines(self) -> list[frozenset[str]]:
        """The stems of each note."""
        return [stems(note.text) for note in self.notes[:MOST_NOTES]]


def fit_by_name(subject: Subject, path: str) -> float:
    """How well a file's name suits a subject: 0 (not at all) to 2 (exactly)."""
    name = posixpath.basename(path).rsplit(".", 1)[0].lower()
    if subject.kind in ALIASES:
        return 2.0 if name in ALIASES[subject.kind].split() else 0.0
    return _fit(subject.key, path_key(path), named_alike(subject.key, path))


def _fit(key: frozenset[str], other: frozenset[str], share: float) -> float:
    if not key & other:
        return 0.0
    if key <= other or other <= key:
        return 1.0 + share if strong_stems(" ".join(key & other)) else share
    return share


def fit(subject: Subject, units: Iterable[Unit], file: File) -> float:
    """How well a file suits statements of a subject, by name, title and what it already says."""
    by_name = fit_by_name(subject, file.path)
    if subject.kind in ALIASES:
        return by_name
    both = subject.key & file.key
    by_title = _fit(subject.key, file.key, len(both) / len(subject.key | file.key) if both else 0.0)
    alike = max((overlap(unit.text, file.lines) for unit in units), default=0.0)
    about = min(1.0, 0.6 * file.subjects[subject.key])
    return max(by_name, by_title) + _kinship(alike) + about


def _kinship(alike: float) -> float:
    """What saying much the same as a line of the file counts: alone it is enough from 70 %."""
    if alike < 0.6:
        return 0.0
    return 1.0 if alike >= 0.7 else 0.8


def choose(subject: Subject, units: list[Unit], files: list[File]) -> File | None:
    """The file that suits best, or None when the subject deserves its own."""
    rated = [
        (fit(subject, units, file), file.path, file) for file in files if not is_index(file.path)
    ]
    good = [each for each in rated if each[0] >= GOOD_FIT]
    return max(good, key=lambda each: (each[0], each[1]))[2] if good else None


def new_path(folder: str, subject: Subject, taken: Iterable[str]) -> str:
    """A free path for a new file: cma-talk.md, then cma-talk-2.md."""
    used = {path.casefold() for path in taken}
    path = f"{folder}/{subject.slug}.md"
    number = 2
    while path.casefold() in used:
        path = f"{folder}/{subject.slug}-{number}.md"
        number += 1
    return path


def known_in(fact: Fact, notes: Iterable[Note]) -> Note | None:
    """The note that already says all of a statement, if one does."""
    for note in notes:
        if fact.bag & stems(note.text) and holds(facts.fact(note.text, note.said_at), fact):
            return note
    return next((note for note in notes if note.text == fact.text), None)
