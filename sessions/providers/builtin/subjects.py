"""What a statement is about, and so which file it belongs in.

A subject is a short phrase as the person wrote it ("CMA talk"); its key is the set of its stems, so
that "the CMA talk" and "CMA talks" are one subject. A few everyday kinds of statement share a file:
follow-ups, preferences, people, and facts about the person.
"""

import re
from dataclasses import dataclass

from sessions.providers.builtin import phrases
from sessions.providers.builtin.kinds import FOLLOW_UP, PEOPLE, PREFERENCE, PROFILE
from sessions.providers.builtin.language import URL, stems, words
from sessions.providers.builtin.lexicon import CALENDAR, listed
from sessions.providers.builtin.utterances import Unit

ATTACHED = frozenset(
    listed(
        """
address agenda budget deadline deck doc docs document goal link links login minutes next
notes page password plan recording recordings repo repository slide slides summary
ticket
"""
    )
)
PERSONAL_FILES = {
    "follow_up": "Follow-ups",
    "preference": "Preferences",
    "profile": "About me",
    "people": "People",
}
LONGEST_SLUG = 60
FALLBACK = "Notes"


@dataclass(frozen=True)
class Subject:
    """A phrase to name a file by. `kind`: `named`, `thing`, `loose` (a guess) or a personal kind."""

    phrase: str
    kind: str

    @property
    def key(self) -> frozenset[str]:
        return stems(self.phrase) or frozenset({self.phrase.casefold()})

    @property
    def title(self) -> str:
        return self.phrase[:1].upper() + self.phrase[1:]

    @property
    def slug(self) -> str:
        return slug(self.phrase)


def slug(phrase: str) -> str:
    """A file name for a phrase: letters and digits of any script, lower case, joined by hyphens."""
    joined = "-".join(word.plain.replace("'", "") for word in words(phrase))
    return re.sub(r"[.:]", "-", joined)[:LONGEST_SLUG].strip("-") or "notes"


def group(statements: list[Unit]) -> list[tuple[Subject, list[Unit]]]:
    """The statements of one message under their subjects, in order; one subject carries on."""
    groups: list[tuple[Subject, list[Unit]]] = []
    current: Subject | None = None
    for unit in statements:
        own = Subject(unit.under, "named") if unit.under else subject_of(unit.text)
        breaks = current is None or unit.under or _breaks(current, own, unit.text)
        subject = own if breaks else current
        if own.kind not in ("follow_up",) or current is None:
            current = subject
        _file_under(groups, subject, unit)
    return groups


def _file_under(groups: list[tuple[Subject, list[Unit]]], subject: Subject, unit: Unit) -> None:
    for known, members in groups:
        if known.key == subject.key:
            members.append(unit)
            return
    groups.append((subject, [unit]))


def _breaks(current: Subject, own: Subject, text: str) -> bool:
    """Whether a sentence starts a new subject instead of saying more about the current one."""
    if own.kind in PERSONAL_FILES:
        return True
    if current.kind in PERSONAL_FILES:
        return own.kind != "loose"
    if own.kind == "loose" or current.key & stems(text):
        return False
    return (
        current.kind == "loose"
        or bool(re.match(r"(?:my|our)\s", text, re.IGNORECASE))
        and not _is_attached(own)
    )


def _is_attached(subject: Subject) -> bool:
    """ "My notes" after a talk are the notes of that talk."""
    return words(subject.phrase)[-1].plain in ATTACHED if words(subject.phrase) else True


def subject_of(text: str) -> Subject:
    """The subject of one statement."""
    for kind, pattern in (
        ("follow_up", FOLLOW_UP),
        ("preference", PREFERENCE),
        ("people", PEOPLE),
        ("profile", PROFILE),
    ):
        if pattern.match(_without_cue(text)):
            return Subject(PERSONAL_FILES[kind], kind)
    return _phrase_of(_without_cue(URL.sub(" ", text)))


def _without_cue(text: str) -> str:
    return re.sub(
        r"^(?:actually|correction|update|now|today|yesterday|also)[,:]?\s+", "", text, flags=re.I
    )


def _phrase_of(text: str) -> Subject:
    tokens = words(text)
    found = phrases.main_phrase(text, tokens)
    if found:
        return Subject(phrases.written(text, found.words), "named" if found.is_named else "thing")
    telling = [word for word in tokens if word.plain not in CALENDAR and not word.has_digit]
    loose = [word for word in telling if not word.is_common][:2]
    loose = loose or [word for word in tokens if not word.is_function][:2]
    return Subject(" ".join(word.surface for word in loose) or FALLBACK, "loose")
