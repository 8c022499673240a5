"""BM25 over the texts that hold the query's words. Pure: they come from whoever ranks them."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from os.path import commonprefix

import re2

from memory import literals, words
from memory.literals import Need

SATURATION, LENGTH_WEIGHT = 1.2, 0.75  # k1 and b, as usual
IN_PATH = 3  # a word in the path counts as much as so many in the text
SHORTLIST = 300  # texts in which words are properly told from what only begins like them

Key = str
"""A memory, as whoever ranks them names it."""


@dataclass(frozen=True)
class _Text:
    key: Key
    size: int
    counts: Mapping[str, int]


class Ranking:
    """Glances at every text, counts properly in the most promising, and scores those.

    Show it all texts with `glance`, those of the `shortlist` once more with `add`, then ask for
    `scores` and for the line to show.
    """

    def __init__(self, query: str) -> None:
        telling = words.telling(query)
        self._stems = {_form(word) for word in telling}
        self._finder = _finder(telling) if telling else None
        self._roots = {_root(word): _form(word) for word in telling}
        self._glances: list[_Text] = []
        self._texts: list[_Text] = []
        self._number = self._size = 0

    @property
    def need(self) -> Need:
        """What a text that counts must hold."""
        return literals.any_of([literals.literal(root) for root in self._roots] or [None])

    def is_named_in(self, path: str) -> bool:
        path = path.lower()
        return any(root in path for root in self._roots)

    def glance(self, key: Key, path: str, data: bytes) -> None:
        """Count what looks like the query's words."""
        text, path = data.decode().lower(), path.lower()
        counts = Counter()
        for root, form in self._roots.items():
            counts[form] += text.count(root) + IN_PATH * path.count(root)
        if any(counts.values()):
            self._glances.append(_Text(key, len(data), +counts))

    def count_all(self, number: int, size: int) -> None:
        """Say how many texts there are, also of those nobody glanced at, and their bytes."""
        self._number, self._size = number, size

    def shortlist(self) -> list[Key]:
        """The keys of the texts that are worth a proper look."""
        if len(self._glances) <= SHORTLIST:
            return [text.key for text in self._glances]
        return list(self._scored(self._glances))[:SHORTLIST]

    def add(self, key: Key, path: str, data: bytes) -> None:
        """Count the query's words in a text and its path."""
        counts = Counter(form for form, _ in self._places(data))
        for form, count in Counter(map(_form, words.words(path))).items():
            if form in self._stems:
                counts[form] += IN_PATH * count
        if counts:
            self._texts.append(_Text(key, len(data), counts))

    def scores(self) -> dict[Key, float]:
        """The score of every text that has one of the words, by its key, best first."""
        return self._scored(self._texts)

    def _scored(self, texts: list[_Text]) -> dict[Key, float]:
        weights = self._weights()
        average = self._size / max(1, self._number) or 1
        scores = {text.key: _score(text, weights, average) for text in texts}
        return dict(sorted(scores.items(), key=lambda item: -item[1]))

    def best_place(self, text: bytes) -> int:
        """Where the line begins that has most of the words; the first line when none has any."""
        weights, lines = self._weights(), {}
        for form, at in self._places(text):
            lines.setdefault(text.rfind(b"\n", 0, at) + 1, set()).add(form)
        return max(lines, key=lambda at: sum(weights[form] for form in lines[at]), default=0)

    def marks(self, line: bytes) -> Iterator[tuple[int, int]]:
        """Where in a line, in bytes, one of the words stands."""
        for match in self._finder.finditer(line) if self._finder else ():
            group = match.lastindex
            if _form(match[group].decode().lower()) in self._stems:
                yield match.span(group)

    def _places(self, text: bytes) -> Iterator[tuple[str, int]]:
        if self._finder is None:
            return
        for match in self._finder.finditer(text):
            group = match.lastindex
            form = _form(match[group].decode().lower())
            if form in self._stems:
                yield form, match.start(group)

    def _weights(self) -> dict[str, float]:
        """A word weighs more the fewer texts have it."""
        texts = self._texts if len(self._glances) <= SHORTLIST else self._glances
        frequency = Counter(form for text in texts for form in text.counts)
        number = self._number
        return {
            form: math.log(1 + (number - frequency[form] + 0.5) / (frequency[form] + 0.5))
            for form in self._stems
        }


def _score(text: _Text, weights: Mapping[str, float], average: float) -> float:
    penalty = SATURATION * (1 - LENGTH_WEIGHT + LENGTH_WEIGHT * text.size / average)
    return sum(
        weights[form] * count * (SATURATION + 1) / (count + penalty)
        for form, count in text.counts.items()
    )


def _form(word: str) -> str:
    return word if words.is_unspaced(word) else words.stem(word)


def _finder(telling: list[str]) -> re2._Regexp:
    """Matches every word that may have one of the stems, in its only group that takes part."""
    roots = "|".join(re2.escape(_root(word)) for word in telling if not words.is_unspaced(word))
    runs = "|".join(re2.escape(word) for word in telling if words.is_unspaced(word))
    parts = [rf"(?:^|[^\pL\pN])((?:{roots})[\pL\pN]*)"] if roots else []
    parts += [f"({runs})"] if runs else []
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = False
    return re2.compile("|".join(parts).encode(), options)


def _root(word: str) -> str:
    """What all words of one stem begin with: for studies, whose stem is studi, stud."""
    return commonprefix([word, words.stem(word)]).rstrip("iy") or word
