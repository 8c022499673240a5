"""Words, stems and sentences: everything the built-in model knows about language.

Pure functions over text. English carries the stemming and the stop list; any other language still
works word by word, and scripts written without spaces by pairs of characters.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import sentencex
from stop_words import AVAILABLE_LANGUAGES, get_stop_words

from memory import words as spelling
from sessions.providers.builtin.lexicon import (
    BASE_FORMS,
    FUNCTION_WORDS,
    NUMBER_WORDS,
    SYNONYMS,
)

LONGEST_WORD = 64
REMEMBERED = 500  # characters; the stems of shorter texts are asked for again and again
AT_ONCE = 5_000  # characters; finding sentences takes the square of a text full of open quotes
WRAPPED_LINE = 60  # a line at least this long that runs on in lower case was wrapped, not ended

URL = re.compile(r"(?:https?|ftp|ssh)://[^\s<>\"'`]*[^\s<>\"'`.,;:!?)\]}]")
MARKS = (
    "\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0670\u0900-\u0963\u0966-\u0dff"  # they join letters
)
LETTERS = rf"(?:[^\W_]|[{MARKS}])+"
WORD = re.compile(rf"[A-Za-z]{{0,8}}\d+(?:[.:]\d+)+|{LETTERS}(?:['’]{LETTERS})*")
LIST_MARKER = re.compile(r"[ \t]*(?:[-*+•]|\d{1,3}[.)])[ \t]+(?:\[[ xX]\][ \t]+)?")
OTHER_LANGUAGES = sorted(set(AVAILABLE_LANGUAGES) - {"english"})


@dataclass(frozen=True, slots=True)
class Word:
    """One word as written, its folded form, its stem, and where it starts."""

    surface: str
    plain: str
    stem: str
    start: int

    @property
    def is_function(self) -> bool:
        return self.plain in FUNCTION_WORDS

    @property
    def is_common(self) -> bool:
        return is_common(self.plain)

    @property
    def is_capitalised(self) -> bool:
        return self.surface[:1].isupper()

    @property
    def has_digit(self) -> bool:
        return any(char.isdigit() for char in self.surface)

    @property
    def is_acronym(self) -> bool:
        return len(self.surface) > 1 and any(char.isupper() for char in self.surface[1:])


@lru_cache(maxsize=65536)
def is_common(plain: str) -> bool:
    """Whether the stop-word library lists the word: it may matter, but never much."""
    return plain in spelling.STOP_WORDS or plain in FUNCTION_WORDS


@lru_cache(maxsize=65536)
def fold(word: str) -> str:
    """The word without case, accents, curly quotes or a possessive ending."""
    word = word[:LONGEST_WORD].replace("’", "'")
    if not word.isascii():
        parts = unicodedata.normalize("NFKD", word.casefold())
        word = unicodedata.normalize("NFC", "".join(c for c in parts if not _is_accent(c)))
    word = word.lower()
    return word.removesuffix("'s") or word


def _is_accent(char: str) -> bool:
    return "\u0300" <= char <= "\u036f"


@lru_cache(maxsize=65536)
def stem(plain: str) -> str:
    """The stem of a folded word: one for "gave" and "give", "colour" and "color"."""
    plain = BASE_FORMS.get(plain, plain)
    plain = NUMBER_WORDS.get(plain, plain)
    return spelling.stem(plain)


def words(text: str) -> list[Word]:
    """Every word of the text in order; unspaced scripts give overlapping pairs of characters."""
    found = []
    for match in WORD.finditer(text):
        surface = match.group()
        if spelling.is_unspaced(surface):
            found += _pairs(surface, match.start())
        else:
            plain = fold(surface)
            found.append(Word(surface, plain, stem(plain), match.start()))
    return found


def _pairs(run: str, start: int) -> Iterator[Word]:
    for offset in range(max(1, len(run) - 1)):
        pair = run[offset : offset + 2]
        yield Word(pair, pair, pair, start + offset)


@lru_cache(maxsize=64)
def _stop_list(language: str) -> frozenset[str]:
    return frozenset(fold(word) for word in get_stop_words(language))


def fillers(text: str) -> frozenset[str]:
    """The stop words of the language a text seems to be in; none when that is English."""
    found = {word.plain for word in words(text)}
    shares = {language: len(found & _stop_list(language)) for language in OTHER_LANGUAGES}
    best = max(shares, key=lambda language: shares[language])
    english = sum(1 for plain in found if is_common(plain))
    is_foreign = shares[best] > english and shares[best] >= len(found) / 3
    return _stop_list(best) if is_foreign else frozenset()


def content(text: str) -> list[Word]:
    """The words that carry meaning, common ones included."""
    return [word for word in words(text) if not word.is_function]


def stems(text: str) -> frozenset[str]:
    """The stems of all words that carry meaning."""
    return _stems(text) if len(text) <= REMEMBERED else frozenset(w.stem for w in content(text))


@lru_cache(maxsize=16384)
def _stems(text: str) -> frozenset[str]:
    return frozenset(word.stem for word in content(text))


def strong_stems(text: str) -> frozenset[str]:
    """The stems of words that are not common; all content stems when every word is common."""
    strong = frozenset(word.stem for word in content(text) if not word.is_common)
    return strong or stems(text)


@lru_cache(maxsize=1)
def _related() -> dict[str, frozenset[str]]:
    table: dict[str, set[str]] = {}
    for group in SYNONYMS:
        members = {stem(word) for word in group}
        for member in members:
            table.setdefault(member, set()).update(members - {member})
    return {member: frozenset(others) for member, others in table.items()}


def related(term: str) -> frozenset[str]:
    """Stems that may stand for this one in an answer."""
    return _related().get(term, frozenset())


def search_prefix(word: Word) -> str:
    """What a search should look for to hit every form of the word: "memor" for "memory"."""
    base = word.plain
    length = 0
    while length < min(len(base), len(word.stem)) and base[length] == word.stem[length]:
        length += 1
    return base[:length] if length >= 3 else base


def sentence_spans(text: str) -> Iterator[tuple[int, int]]:
    """Where each sentence of a message starts and ends; list items and lines end sentences."""
    for start, end in _passages(text):
        marker = LIST_MARKER.match(text, start, end)
        start = marker.end() if marker else start
        while end - start > AT_ONCE:
            cut = _end_of_sentence(text, start)
            yield from _sentences(text, start, cut)
            start = cut
        yield from _sentences(text, start, end)


def _end_of_sentence(text: str, start: int) -> int:
    """Where to cut a passage that is too long: after a full stop, else after a blank."""
    for end in (". ", " "):
        place = text.rfind(end, start, start + AT_ONCE)
        if place > start:
            return place + len(end)
    return start + AT_ONCE


def _sentences(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    for piece in _whole(sentencex.segment("en", _encodable(text[start:end]))):
        lead = len(piece) - len(piece.lstrip())
        body = piece.strip()
        if body:
            yield start + lead, start + lead + len(body)
        start += len(piece)


def _encodable(text: str) -> str:
    """The text with lone surrogates replaced, character by character."""
    return text.encode("utf-8", "replace").decode()


def _whole(pieces: Iterable[str]) -> Iterator[str]:
    """Sentences as segmented, but none that ends inside a word such as "../etc" or "a.b"."""
    held = ""
    for piece in pieces:
        held += piece
        if not held.endswith((".", "!", "?")):
            yield held
            held = ""
    if held:
        yield held


def _passages(text: str) -> Iterator[tuple[int, int]]:
    """Runs of lines that belong together: a wrapped paragraph is one, a list item is one."""
    begin = stop = None
    last = ""
    position = 0
    for raw in text.splitlines(keepends=True):
        line = raw.strip()
        if begin is not None and not _runs_on(last, line):
            yield begin, stop
            begin = None
        if line:
            begin = position if begin is None else begin
            stop = position + len(raw.rstrip())
        last = line
        position += len(raw)
    if begin is not None:
        yield begin, stop


def _runs_on(last: str, line: str) -> bool:
    wrapped = len(last) >= WRAPPED_LINE and last[-1] not in ".!?:;"
    return wrapped and line[:1].islower()


def one_line(text: str) -> str:
    """The text on one line, without characters that cannot stand in a memory."""
    kept = "".join(char if _is_plain(char) else " " for char in text)
    return " ".join(kept.split())


def _is_plain(char: str) -> bool:
    return char.isprintable() or unicodedata.category(char) not in ("Cc", "Cs", "Zl", "Zp")
