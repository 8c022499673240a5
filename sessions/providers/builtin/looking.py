"""Looking in memory: what to search for, and which of the files found are worth reading."""

import posixpath
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import unquote

from sessions.providers.builtin.language import (
    Word,
    content,
    related,
    search_prefix,
    stems,
)
from sessions.providers.builtin.notes import path_key, path_words
from sessions.providers.builtin.questions import CUE_WORDS, Question
from sessions.providers.builtin.reply import ToolCall
from sessions.providers.builtin.thread import Call, Store, Turn

MOST_TERMS = 20
MOST_SYNONYMS = 2
MOST_FILES = 6
MOST_HIT_TEXT = 20_000
MOST_HITS = 100  # lines of one file
LEAST_SCORE = 0.2
LINKED = re.compile(r"\]\(<?([^)<>\s]+\.\w{1,8})>?\)|`([^`\s]+\.md)`")
LINE_NUMBER = re.compile(r":\d+:")
ASCII_START = re.compile(r"[0-9A-Za-z]")
ALL_FILES = "**/*.md"
INDEX = "index.md"
TOP_INDEX = re.compile(rf"/mnt/memory/[^/]+/{re.escape(INDEX)}")


@dataclass
class Found:
    """What looking brought to light: files in order, and the lines that matched in each."""

    paths: list[str] = field(default_factory=list)
    lines: dict[str, list[str]] = field(default_factory=dict)

    def stems_of_lines(self, path: str) -> list[frozenset[str]]:
        return [stems(line) for line in self.lines.get(path, [])[:MOST_HITS]]

    @property
    def indexes(self) -> list[str]:
        return [path for path in self.paths if is_index(path)]

    @property
    def files(self) -> list[str]:
        return [path for path in dict.fromkeys([*self.paths, *self.lines]) if not is_index(path)]


def is_for_index(call: Call) -> bool:
    return call.input.get("pattern") == INDEX


def is_index(path: str) -> bool:
    """Whether a path is the index of a whole store; a folder may have an index.md of its own."""
    return TOP_INDEX.fullmatch(path) is not None


def look(stores: list[Store], questions: list[Question], told: list[str]) -> list[ToolCall]:
    """A listing and a search of every store, all in one step."""
    pattern = search_pattern(questions, told)
    calls: list[ToolCall] = []
    for store in stores:
        calls.append(("glob", {"pattern": ALL_FILES, "path": store.mount}))
        if pattern:
            calls.append(("grep", {"pattern": pattern, "path": store.mount}))
    return calls


def search_pattern(questions: list[Question], told: list[str]) -> str:
    """A pattern that hits any form of any word that matters; "" when none does."""
    terms: dict[str, None] = {}
    for question in questions:
        asked = [word for word in content(question.text) if word.stem in question.terms]
        terms.update(dict.fromkeys(_prefixes(asked)))
        terms.update(dict.fromkeys(_inherited(question)))
        terms.update(dict.fromkeys(_synonyms(asked)))
    for text in told:
        terms.update(dict.fromkeys(_prefixes(word for word in content(text) if not word.is_common)))
    chosen = list(terms)[:MOST_TERMS]
    plain = [term for term in chosen if ASCII_START.match(term)]
    other = [term for term in chosen if not ASCII_START.match(term)]
    pieces = [rf"\b(?:{'|'.join(plain)})"] if plain else []
    return f"(?i){'|'.join([*pieces, *other])}" if chosen else ""


def _prefixes(found: Iterable[Word]) -> list[str]:
    """Words as patterns; common ones only when there is nothing better to look for."""
    found = [word for word in found if word.stem not in CUE_WORDS and len(word.plain) > 1]
    strong = [word for word in found if not word.is_common]
    return [_pattern(word) for word in strong or found]


def _pattern(word: Word) -> str:
    length = len(search_prefix(word))
    surface = word.surface[:length] if len(word.surface) >= length else word.surface
    return "".join(_char(char) for char in surface.lower())


def _char(char: str) -> str:
    """A letter with an accent may be written as one character or as two."""
    if char.isascii():
        return re.escape(char)
    return ".{1,2}" if "\u00c0" <= char <= "\u024f" or "\u0300" <= char <= "\u036f" else char


def _inherited(question: Question) -> list[str]:
    own = {word.stem for word in content(question.text)}
    return [re.escape(term) for term in question.terms if term not in own]


def _synonyms(asked: list[Word]) -> list[str]:
    found: list[str] = []
    for word in asked:
        if not word.is_capitalised and word.stem not in CUE_WORDS:
            found += sorted(related(word.stem))[:MOST_SYNONYMS]
    return [re.escape(each) for each in found]


def read_found(turn: Turn) -> Found:
    """What the glob and grep calls of this turn returned."""
    found = Found()
    listed = [path for call in turn.of("glob") for path in _result_lines(call)]
    found.paths = list(dict.fromkeys(listed))
    for call in turn.of("grep"):
        _add_lines(found, call)
    return found


def _result_lines(call: Call) -> list[str]:
    lines = [] if call.is_error else call.result.splitlines()
    return [line for line in lines if line.startswith("/")]


def _add_lines(found: Found, call: Call) -> None:
    known = set(found.paths)
    for line in _result_lines(call):
        places = list(LINE_NUMBER.finditer(line))
        place = next((each for each in places if line[: each.start()] in known), None)
        place = place or (places[0] if places else None)
        if place:
            found.lines.setdefault(line[: place.start()], []).append(line[place.end() :])


Profile = tuple[frozenset[str], frozenset[str]]
"""The stems of a file's matching lines, and those of its name and its line in the index."""


def choose_files(found: Found, questions: list[Question], indexes: dict[str, str]) -> list[str]:
    """The files most likely to answer: by matching lines, by name, by their line in the index."""
    profiles = _profiles(found, indexes)
    rated: Counter[str] = Counter()
    chosen: list[str] = []
    for question in questions:
        ratings = _rate(question, profiles)
        rated.update(ratings)
        chosen += sorted(ratings, key=lambda path: (-ratings[path], path))[:1]
    chosen += sorted(rated, key=lambda path: (-rated[path], path))
    return list(dict.fromkeys(chosen))[:MOST_FILES]


def _profiles(found: Found, indexes: dict[str, str]) -> dict[str, Profile]:
    indexed = _index_lines(indexes)
    return {
        path: (
            stems(" ".join(found.lines.get(path, ()))[:MOST_HIT_TEXT]),
            _name_stems(path) | indexed.get(path, frozenset()),
        )
        for path in dict.fromkeys([*found.files, *indexed])
    }


def _rate(question: Question, profiles: dict[str, Profile]) -> dict[str, float]:
    rarity = {term: _rarity(term, profiles) for term in question.all_terms}
    rated = {}
    for path, (body, name) in profiles.items():
        score = sum(
            weight * rarity[term] * ((term in body) + 1.5 * (term in name))
            + 0.4 * weight * bool(related(term) & (body | name))
            for term, weight in question.all_terms.items()
        )
        if score > LEAST_SCORE:
            rated[path] = score
    return rated


def _rarity(term: str, profiles: dict[str, Profile]) -> float:
    count = sum(1 for body, name in profiles.values() if term in body or term in name)
    return 1.0 / (1 + 0.25 * max(0, count - 1))


def _name_stems(path: str) -> frozenset[str]:
    parts = path.split("/mnt/memory/", 1)[-1].split("/", 1)
    return stems(path_words(parts[-1]).replace("_", " "))


def _index_lines(indexes: dict[str, str]) -> dict[str, frozenset[str]]:
    """What an index says of each file it links to: the stems of the line, by the file's path."""
    by_file: dict[str, frozenset[str]] = {}
    for index, text in indexes.items():
        for line in text.splitlines():
            for linked, quoted in LINKED.findall(line):
                target = unquote(linked or quoted)
                path = posixpath.normpath(posixpath.join(posixpath.dirname(index), target))
                if path.startswith(posixpath.dirname(index)) and not is_index(path):
                    by_file[path] = by_file.get(path, frozenset()) | stems(line.replace("-", " "))
    return by_file


def overlap(text: str, lines: Iterable[frozenset[str]]) -> float:
    """The largest share of a statement's stems that one line, given as its stems, holds."""
    wanted = stems(text)
    shared = max((len(wanted & line) for line in lines), default=0)
    return shared / len(wanted) if wanted else 0.0


def named_alike(key: frozenset[str], path: str) -> float:
    """How well a file's name fits a subject, 0 to 1: the share of stems that both have."""
    name = path_key(path)
    both = key & name
    return len(both) / len(key | name) if both else 0.0
