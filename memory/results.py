"""What a search in a store found, ready to be shown: by file, with what matched marked."""

import re
from dataclasses import dataclass
from itertools import groupby

from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe

from memory import search
from memory.models import Memory, Store
from memory.patterns import Pattern
from memory.rendering import reveal

NAMES = 6  # files found by their path alone


@dataclass(frozen=True)
class Found:
    """The lines found in one file: their numbers, and their texts as HTML."""

    path: str
    memory_id: str
    lines: list[tuple[int, SafeString]]


@dataclass(frozen=True)
class Results:
    """`named` are files whose path matches; `more` says that there is more than this."""

    files: list[Found]
    named: list[Memory]
    more: bool = False

    @property
    def count(self) -> int:
        return sum(len(file.lines) for file in self.files)


def search_store(store: Store, query: str, mode: str) -> Results:
    """Look for `query` as `text` (in whatever case), as `words`, or as a `regex`.

    Raises `Invalid` for a regular expression that cannot be used.
    """
    if mode == "words":
        hits, marker = search.ranked(store, query), _any_word(query)
    elif mode == "regex":
        hits, marker = search.grep(store, query), None
    else:
        query = query.strip()
        hits = search.grep(store, Pattern(re.escape(query), ignore_case=True))
        marker = re.compile(re.escape(reveal(query)), re.IGNORECASE)
    files = [
        Found(path, key, [(hit.line_number, _marked(hit.line, marker)) for hit in group])
        for (path, key), group in groupby(hits.hits, lambda hit: (hit.path, hit.memory_id))
    ]
    named = [] if mode == "regex" else list(store.memories.filter(path__icontains=query)[:NAMES])
    return Results(files, named, hits.more)


def _any_word(query: str) -> re.Pattern | None:
    words = [re.escape(word) for word in re.findall(r"\w{2,}", query)]
    return re.compile(rf"\b(?:{'|'.join(words)})", re.IGNORECASE) if words else None


def _marked(line: str, marker: re.Pattern | None) -> SafeString:
    line = reveal(line)
    if marker is None:
        return conditional_escape(line)
    pieces, last = [], 0
    for match in marker.finditer(line):
        pieces += [
            conditional_escape(line[last : match.start()]),
            format_html("<mark>{}</mark>", match[0]),
        ]
        last = match.end()
    return mark_safe("".join([*pieces, conditional_escape(line[last:])]))  # noqa: S308 - escaped
