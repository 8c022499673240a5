"""Which notes answer a question: BM25 over a note's own words and those of its surroundings.

A note inherits the words of its path, title and headings, so "Multi-agent memory is launching"
under "# CMA talk" answers a question about the CMA talk. What kind of answer is wanted (a time, a
place, a person, a number) breaks ties and, for times and numbers, decides.
"""

import math
import re
from collections import Counter
from dataclasses import dataclass

from sessions.providers.builtin.language import related, stems, words
from sessions.providers.builtin.notes import Note, path_words
from sessions.providers.builtin.questions import Question, fits_kind

K1, B = 1.2, 0.25
OWN, SYNONYM, CONTEXT, CONTEXT_SYNONYM = 1.0, 0.75, 0.8, 0.4
ENOUGH = 0.55  # the share of the question's weight that an answer must cover
CLOSE = 0.3
KIND_WEIGHT = 0.35
MAY_MISS = 4  # of so many essential terms or more, an answer may lack one
NEAR_BEST, NEAR_BEST_ABOUT = 0.75, 0.3
MOST_ANSWERS, MOST_ABOUT = 4, 10

STRICT = frozenset({"time", "number", "email", "phone"})
FIRST_PERSON = re.compile(r"\bI\b")


@dataclass(frozen=True)
class Hit:
    """A note with how well it matches: `coverage` is the covered share of the question, 0 to 1."""

    note: Note
    score: float
    coverage: float
    fits: bool
    missing: tuple[str, ...] = ()


class Index:
    """The words of a set of notes, ready to be asked."""

    def __init__(self, notes: list[Note]) -> None:
        self.notes = notes
        self.own = [Counter(word.stem for word in words(note.text)) for note in notes]
        self.context = [_context_stems(note) for note in notes]
        self.lengths = [sum(own.values()) for own in self.own]
        self.average = sum(self.lengths) / len(notes) if notes else 1.0

    def rank(self, question: Question) -> list[Hit]:
        """Every note that covers something of the question, best first, newer before older."""
        rarity = {term: self._rarity(term) for term in question.all_terms}
        hits = [self._hit(number, question, rarity) for number in range(len(self.notes))]
        found = [hit for hit in hits if hit.score > 0]
        return sorted(found, key=lambda h: (-round(h.score, 6), _newest_first(h.note), h.note.path))

    def _rarity(self, term: str) -> float:
        others = related(term)
        count = sum(1 for own in self.own if _strength(term, others, own, frozenset()) > 0)
        return max(0.25, math.log(1 + (len(self.notes) - count + 0.5) / (count + 0.5)))

    def _hit(self, number: int, question: Question, rarity: dict[str, float]) -> Hit:
        own, context = self.own[number], self.context[number]
        found = {term: _strength(term, related(term), own, context) for term in question.all_terms}
        coverage = _coverage(question, found)
        norm = K1 * (1 - B + B * self.lengths[number] / (self.average or 1.0))
        score = sum(
            question.all_terms[term] * rarity[term] * strength * (K1 + 1) / (strength + norm)
            for term, strength in found.items()
        )
        note = self.notes[number]
        fits = fits_kind(question.wants, note.text, question)
        score *= 1.3 if fits and question.wants else 1.0
        score *= 1.4 if question.is_mine and FIRST_PERSON.search(note.text) else 1.0
        missing = _missing(question, found)
        return Hit(note, score * (0.25 + 0.75 * coverage**2), coverage, fits, missing)


def _missing(question: Question, found: dict[str, float]) -> tuple[str, ...]:
    """The essential terms that a note lacks; of several names joined by "and" one is enough."""
    has_one = any(found.get(name, 0.0) > CONTEXT_SYNONYM for name in question.either)
    return tuple(
        term
        for term in question.essential
        if found[term] <= CONTEXT_SYNONYM and not (has_one and term in question.either)
    )


def _coverage(question: Question, found: dict[str, float]) -> float:
    """The share of the question's weight that a note has; a kind it lacks counts little."""
    covered = total = 0.0
    for term, weight in question.terms.items():
        lacks_kind = term in question.kinds and not found[term]
        total += weight * (KIND_WEIGHT if lacks_kind else 1.0)
        covered += weight * min(1.0, found[term] / CONTEXT)
    return covered / (total or 1.0)


def _context_stems(note: Note) -> frozenset[str]:
    return stems(f"{path_words(note.path)} {' '.join(note.context)}".replace("_", " "))


def _newest_first(note: Note) -> tuple[int, int]:
    said = note.said.replace("-", "")
    return (-int(said) if said.isdigit() else 0, -note.line)


def _strength(term: str, others: frozenset[str], own: Counter, context: frozenset[str]) -> float:
    """How strongly a note has a term: in its own words, by a synonym, or from its surroundings."""
    if term in own:
        return OWN + 0.1 * (own[term] - 1)
    if any(_is_form_of(term, each) for each in own):
        return SYNONYM
    if term in context:
        return CONTEXT
    if any(other in own for other in others):
        return SYNONYM
    return CONTEXT_SYNONYM if any(other in context for other in others) else 0.0


def _is_form_of(term: str, other: str) -> bool:
    """ "postgres" and "postgresql": one is the longer form of the other."""
    short, long = sorted((term, other), key=len)
    return len(short) >= 5 and len(short) >= 0.6 * len(long) and long.startswith(short)


def best(hits: list[Hit], question: Question) -> list[Hit]:
    """The hits good enough to be called an answer; empty when nothing is."""
    allowed = 1 if len(question.essential) >= MAY_MISS else 0
    enough = [hit for hit in hits if hit.coverage >= ENOUGH and len(hit.missing) <= allowed]
    fitting = [hit for hit in enough if hit.fits]
    if question.wants in STRICT or fitting:
        enough = fitting
    if not enough:
        return []
    share, most = (NEAR_BEST_ABOUT, MOST_ABOUT) if question.is_about else (NEAR_BEST, MOST_ANSWERS)
    return [hit for hit in enough if hit.score >= share * enough[0].score][:most]


def closest(hits: list[Hit], question: Question) -> Hit | None:
    """The nearest note when nothing answers: worth showing, not worth believing.

    A note without the name that was asked about is not near.
    """
    for hit in hits:
        unnamed = any(question.terms[term] > 1.0 for term in hit.missing)
        if hit.coverage >= CLOSE and not unnamed:
            return hit
    return None
