"""Finding things in a store: by pattern, by path, by relevance.

An index says where a pattern cannot be (see `indexing`); what is left is read, in batches, so that
a store of any size needs little memory.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from django.db.models import Count, Sum

from memory import globs, reading
from memory.models import Memories, Store
from memory.patterns import File, Line, Pattern, cut, neighbours
from memory.ranking import Ranking
from memory.reading import Clock

LIMIT = 200


@dataclass(frozen=True)
class Hit:
    """A line that was found, with its neighbours; lines count from 1. `score` orders ranked hits."""

    path: str
    line_number: int
    line: str
    memory_id: str = ""
    score: float | None = None
    before: str | None = None
    after: str | None = None


@dataclass(frozen=True)
class Hits:
    """What was found, whether there is more, and whether the time ran out before all was read."""

    hits: list[Hit]
    more: bool = False
    is_partial: bool = False


# -- By pattern ---------------------------------------------------------------------------


def grep(
    store: Store,
    pattern: str | Pattern,
    *,
    prefix: str = "/",
    limit: int = LIMIT,
    clock: Clock | None = None,
    after: tuple[str, int] = ("", 0),
) -> Hits:
    """Find the lines that match, in the order of paths, each once.

    `prefix` is a folder or a file; `after` are path and number of a line already known. Raises
    `Invalid` for a pattern that RE2 does not know.
    """
    pattern = pattern if isinstance(pattern, Pattern) else Pattern(pattern)
    clock = clock or Clock()
    blobs = reading.suspects(pattern.need, store)
    found = clock.allows(reading.texts(store, prefix, blobs, start=after[0]))
    lines = (line for line in pattern.lines(found) if (line.file.path, line.number) > after)
    return _first(lines, limit, clock)


def grep_texts(
    files: Iterable[tuple[str, str]], pattern: str, *, prefix: str = "/", limit: int = LIMIT
) -> Hits:
    """Do the same with (path, text) pairs that are not in a store."""
    folder = prefix.rstrip("/") + "/"
    found = [
        File(None, path, text.encode())
        for path, text in sorted(files)
        if f"{path}/".startswith(folder)
    ]
    return _first(Pattern(pattern).lines([found]), limit, Clock())


def _first(lines: Iterator[Line], limit: int, clock: Clock) -> Hits:
    found = [_hit(line) for line in islice(lines, limit + 1)]
    return Hits(found[:limit], len(found) > limit, clock.is_over)


def _hit(line: Line) -> Hit:
    key = line.file.key
    pk = "" if key is None else reading.public_id(key)
    return Hit(line.file.path, line.number, line.text, pk, before=line.before, after=line.after)


# -- By path ------------------------------------------------------------------------------


def glob(
    store: Store, pattern: str, *, prefix: str = "/", limit: int = LIMIT, root: str = ""
) -> list[str]:
    """The paths that match, newest first.

    `**` stands for any folders, `*` and `?` for anything within a name, `[a-z]` and `{one,two}`
    as in a shell. A pattern is taken from the folder `prefix` on, or from the root when it starts
    with a slash. Where the store is mounted at a `root`, it is taken from above that. Raises `Invalid`.
    """
    folder = prefix.rstrip("/") + "/"
    rooted = pattern if root or pattern.startswith("/") else globs.literally(folder) + pattern
    whole = globs.matcher(rooted)
    newest = reading.within(store, folder).order_by("-updated_at", "path")
    paths = newest.values_list("path", flat=True).iterator()
    return list(islice((path for path in paths if whole(root + path)), limit))


# -- By relevance -------------------------------------------------------------------------


def ranked(
    store: Store, query: str, *, prefix: str = "/", limit: int = 20, clock: Clock | None = None
) -> Hits:
    """The memories that say most about the query's words, best first, each with its best line.

    English words count in all their forms, and in the path too.
    """
    ranking, clock = Ranking(query), clock or Clock()
    memories = reading.within(store, prefix)
    for batch in clock.allows(reading.texts(store, prefix, _speaking(ranking, store, memories))):
        for file in batch:
            ranking.glance(file.key, file.path, file.data)
    ranking.count_all(*_extent(store, memories, prefix))
    files = {file.key: file for file in reading.picked(memories, ranking.shortlist())}
    for file in files.values():
        ranking.add(file.key, file.path, file.data)
    scores = ranking.scores()
    hits = [_best_hit(ranking, files[key], scores[key]) for key in list(scores)[:limit]]
    return Hits(hits, len(scores) > limit, clock.is_over)


def _speaking(ranking: Ranking, store: Store, memories: Memories) -> set[int] | None:
    """The blobs of the files that may speak of the words, in their text or in their path."""
    blobs = reading.suspects(ranking.need, store)
    if blobs is None:
        return None
    paths = memories.order_by().values_list("path", "blob")
    return blobs | {blob for path, blob in paths if ranking.is_named_in(path)}


def _extent(store: Store, memories: Memories, prefix: str) -> tuple[int, int]:
    if prefix == "/":
        return store.memory_count, store.size
    extent = memories.aggregate(number=Count("pk"), size=Sum("blob__size", default=0))
    return extent["number"], extent["size"]


def _best_hit(ranking: Ranking, file: File, score: float) -> Hit:
    data, start = file.data, ranking.best_place(file.data)
    end = data.find(b"\n", start)
    end = len(data) if end < 0 else end
    number, pk = data.count(b"\n", 0, start) + 1, reading.public_id(file.key)
    before, after = neighbours(data, start, end)
    return Hit(file.path, number, cut(data[start:end], 0), pk, score, before, after)
