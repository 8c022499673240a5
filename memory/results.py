"""What a search found, ready to be shown: by file, with what matched marked."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import groupby, islice

from django.db.models import QuerySet
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from memory import search
from memory.models import Memory, Store
from memory.patterns import Pattern, check_length
from memory.ranking import Ranking
from memory.reading import Clock
from memory.rendering import reveal
from memory.search import Hit, Hits

NAMES = 6  # files found by their path alone, shown at once
MOST_NAMES = 500  # of them, when asked for
BEST = 50  # files that a search for words shows
MARKS = 100  # in one line
SECONDS = 4.0  # a page waits no longer

MODES = {"text": "Exact text", "words": "Words, best first", "regex": "Regular expression"}


@dataclass(frozen=True)
class Query:
    """What to look for and how: as `text`, as `words`, or as a `regex`."""

    text: str
    mode: str = "text"
    match_case: bool = False
    prefix: str = "/"

    @property
    def finds_names(self) -> bool:
        return self.mode != "regex"


@dataclass(frozen=True)
class Shown:
    """A line as HTML: one that was found, or one beside it. `is_apart` after lines left out."""

    number: int
    html: SafeString
    is_hit: bool
    is_apart: bool = False


@dataclass(frozen=True)
class Found:
    """The lines found in one file."""

    store: Store
    path: str
    memory_id: str
    lines: list[Shown]

    @property
    def count(self) -> int:
        return sum(line.is_hit for line in self.lines)


@dataclass(frozen=True)
class Place:
    """Where a search goes on: after a line of a file of a store or, among the best, after so many files."""

    store: str = ""
    path: str = ""
    line: int = 0
    files: int = 0

    @classmethod
    def read(cls, written: str) -> "Place":
        """The place that a link names; the beginning when it names none."""
        if written.isascii() and written.isdigit() and len(written) < 8:
            return cls(files=int(written))
        store, line, path = [*written.split(" ", 2), "", ""][:3]
        if not (line.isascii() and line.isdigit() and len(line) < 10 and path):
            return cls()
        return cls(store, path, int(line))

    def __str__(self) -> str:
        return f"{self.store} {self.line} {self.path}" if self.store else str(self.files or "")


BEGINNING = Place()


@dataclass(frozen=True)
class Results:
    """`named` are files whose path matches; `more` says that there is more than this, `next` where.

    `unread` are the stores that the time did not suffice for, not all of them or none of them.
    """

    files: list[Found] = field(default_factory=list)
    named: list[Memory] = field(default_factory=list)
    more: bool = False
    unread: list[Store] = field(default_factory=list)
    next: Place | None = None

    @property
    def count(self) -> int:
        return sum(file.count for file in self.files)

    @property
    def also_named(self) -> list[Memory]:
        """Those of the `named` that are not shown at once."""
        return self.named[NAMES:]

    @property
    def first_named(self) -> list[Memory]:
        return self.named[:NAMES]


Finder = Callable[[Store, int, Clock, tuple[str, int]], Hits]
Marker = Callable[[bytes], Iterable[tuple[int, int]]]


def look(
    stores: QuerySet[Store], query: Query, *, seconds: float, after: Place = BEGINNING
) -> Results:
    """Look through the stores, one after the other, for so long. Raises `Invalid`."""
    find, mark = _means(query)
    clock, hits, unread, more = Clock(seconds), [], [], False
    for store in _from(stores, after):
        room = _room(query, len(hits), after)
        line = (after.path, after.line) if store.pk == after.store else ("", 0)
        found = find(store, room, clock, line) if room and not clock.is_over else Hits([])
        hits += [(store, hit) for hit in found.hits]
        more = more or found.more or not room
        unread += [store] if clock.is_over else []
    if query.mode == "words":
        hits.sort(key=lambda pair: -pair[1].score)
        end = after.files + BEST
        more, hits = more or len(hits) > end, hits[after.files : end]
    named = _named(stores, query) if after == BEGINNING else []
    going_on = _end(query, hits, after) if more and hits else None
    return Results(list(_by_file(hits, mark)), named, more, unread, going_on)


def _from(stores: QuerySet[Store], after: Place) -> Iterable[Store]:
    """The stores from the one on where the last page ended; all of them if it is gone."""
    found = list(stores)
    start = next((at for at, store in enumerate(found) if store.pk == after.store), 0)
    return found[start:]


def _end(query: Query, hits: list[tuple[Store, Hit]], after: Place) -> Place:
    if query.mode == "words":
        return Place(files=after.files + len(hits))
    store, last = hits[-1]
    return Place(store.pk, last.path, last.line_number)


def _room(query: Query, found: int, after: Place) -> int:
    """How many hits there is room for: any store may have the best ones."""
    return after.files + BEST if query.mode == "words" else max(0, search.LIMIT - found)


def _means(query: Query) -> tuple[Finder, Marker]:
    """How to find it, and how to mark it."""
    if query.mode == "words":
        check_length(query.text)
        return _ranked_by(query), Ranking(query.text).marks
    text = query.text if query.mode == "regex" else re.escape(query.text.strip())
    pattern = Pattern(text, ignore_case=not query.match_case)
    return _matching(pattern, query.prefix), pattern.marks


def _ranked_by(query: Query) -> Finder:
    return lambda store, limit, clock, _: search.ranked(
        store, query.text, prefix=query.prefix, limit=limit, clock=clock
    )


def _matching(pattern: Pattern, prefix: str) -> Finder:
    return lambda store, limit, clock, after: search.grep(
        store, pattern, prefix=prefix, limit=limit, clock=clock, after=after
    )


def _named(stores: QuerySet[Store], query: Query) -> list[Memory]:
    if not query.finds_names or "\0" in query.text + query.prefix:
        return []
    memories = Memory.objects.filter(store__in=stores).select_related("store")
    memories = memories.under(query.prefix.rstrip("/") + "/")
    return list(memories.filter(path__icontains=query.text.strip())[:MOST_NAMES])


# -- Lines --------------------------------------------------------------------------------


def _by_file(hits: Iterable[tuple[Store, Hit]], mark: Marker) -> Iterator[Found]:
    for _, pairs in groupby(hits, lambda pair: pair[1].memory_id):
        pairs = list(pairs)
        store, first = pairs[0]
        lines = list(_lines([hit for _, hit in pairs], mark))
        yield Found(store, first.path, first.memory_id, lines)


def _lines(hits: list[Hit], mark: Marker) -> Iterator[Shown]:
    """The lines found and those beside them, each once."""
    found = {}
    for hit in hits:
        beside = {hit.line_number - 1: hit.before, hit.line_number + 1: hit.after}
        for number, line in beside.items():
            if line and line.strip():
                found.setdefault(number, Shown(number, _html(line, ()), False))
        line = hit.line.encode(errors="replace")
        found[hit.line_number] = Shown(hit.line_number, _html(hit.line, mark(line)), True)
    last = None
    for number, line in sorted(found.items()):
        yield replace(line, is_apart=last is not None and number > last + 1)
        last = number


def _html(line: str, marks: Iterable[tuple[int, int]]) -> SafeString:
    data, pieces, last = line.encode(errors="replace"), [], 0
    for start, end in islice(marks, MARKS):
        pieces += [
            _shown(data[last:start]),
            format_html("<mark>{}</mark>", _shown(data[start:end])),
        ]
        last = end
    return mark_safe("".join([*pieces, _shown(data[last:])]))  # noqa: S308 - escaped


def _shown(data: bytes) -> SafeString:
    return format_html("{}", reveal(data.decode(errors="replace")))
