"""Who wrote which line: each line of a text, traced to the version that brought it in.

It is computed from the differences between versions, so it says the same as they do. A line that
only moved keeps its origin. A text that came back, whole, has the origins it had the first time.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from django.core.cache import cache

from console.rows import batches
from memory import alignment
from memory.alignment import MOVED, lines_of
from memory.models import Blob, Memory, Version

MAX_VERSIONS = 400  # to look at, the newest first
MAX_LINES = 400_000  # in all of their texts together: about a second
BATCH = 40  # texts fetched at once: 4 MB at most
DAY = 86_400

Link = tuple[str, int]
"""A version's id and the key of the text that it left behind."""


@dataclass(frozen=True)
class Origins:
    """`lines` has a version's id for each line; when `is_cut`, the oldest one looked at stands for
    all that are older still.
    """

    lines: list[str]
    is_cut: bool = False


def of(memory: Memory) -> Origins:
    """Trace the lines of the text that stands now. What a head's lines come from never changes."""
    key = f"blame:{memory.head_id}"
    found = cache.get(key)
    if found is None:
        found = trace(_links(memory), _texts)
        cache.set(key, found, DAY)
    return found


def _links(memory: Memory) -> list[Link]:
    """The memory's versions that have a text, the newest first, and one more than are looked at."""
    versions = Version.objects.filter(memory=memory.pk, pk__lte=memory.head_id).exclude(blob=None)
    return list(versions.order_by("-pk").values_list("pk", "blob")[: MAX_VERSIONS + 1])


def _texts(keys: Sequence[int]) -> dict[int, str]:
    return dict(Blob.objects.filter(pk__in=keys).values_list("pk", "content"))


def trace(links: Sequence[Link], texts: Callable[[Sequence[int]], dict[int, str]]) -> Origins:
    """Trace the lines of the first link's text through all that came before it.

    `texts` fetches texts by their keys.
    """
    chain = list(_without_detours(links[:MAX_VERSIONS]))
    walk = _walk(chain, texts)
    version, lines = next(walk)
    tracing = _Tracing(version, lines)
    left = MAX_LINES - len(lines)
    for version, lines in walk:
        left -= len(lines)
        if left < 0:
            return tracing.origins(is_cut=True)
        tracing.step(version, lines)
        if tracing.is_done:
            return tracing.origins(is_cut=False)
    return tracing.origins(is_cut=len(links) > MAX_VERSIONS)


def _without_detours(links: Sequence[Link]) -> Iterator[Link]:
    """Leave out what lies between a text and the same text before: it came and went.

    Of versions with one text in a row, such as renames, the oldest one stands for all.
    """
    oldest = {blob: at for at, (_, blob) in enumerate(links)}
    at = 0
    while at < len(links):
        at = oldest[links[at][1]]
        yield links[at]
        at += 1


def _walk(chain: Sequence[Link], texts: Callable) -> Iterator[tuple[str, list[str]]]:
    for batch in batches(chain, BATCH):
        found = texts([blob for _, blob in batch])
        # A text redacted this very moment is missing: its lines pass for the next version's.
        yield from ((version, lines_of(found[blob])) for version, blob in batch if blob in found)


class _Tracing:
    """`open` has, for each line of the version looked at last, its place in the text that stands
    now; None for lines that are not in it.
    """

    def __init__(self, version: str, lines: list[str]) -> None:
        self.version, self.lines = version, lines
        self.found = [version] * len(lines)
        self.open: list[int | None] = list(range(len(lines)))

    def step(self, version: str, lines: list[str]) -> None:
        """Follow the open lines into the version before; those it has not are traced."""
        runs = alignment.runs(lines, self.lines)
        carried: list[int | None] = [None] * len(lines)
        for i, j, length in runs:
            carried[i : i + length] = self.open[j : j + length]
        went, came = _gaps(runs)
        moves = dict(_moves(self.lines, came, lines, went))
        for place in came:
            if place in moves:
                carried[moves[place]] = self.open[place]
            elif self.open[place] is not None:
                self.found[self.open[place]] = self.version
        self.version, self.lines, self.open = version, lines, carried

    @property
    def is_done(self) -> bool:
        return not any(now is not None for now in self.open)

    def origins(self, *, is_cut: bool) -> Origins:
        for now in self.open:
            if now is not None:
                self.found[now] = self.version
        return Origins(self.found, is_cut)


def _gaps(runs: list[alignment.Run]) -> tuple[list[int], list[int]]:
    """The places, in the old and in the new text, of the lines that only one of them has."""
    went, came = [], []
    for (i, j, length), (next_i, next_j, _) in pairwise(runs):
        went += range(i + length, next_i)
        came += range(j + length, next_j)
    return went, came


def _moves(new: list[str], came: list[int], old: list[str], went: list[int]) -> Iterator[tuple]:
    """Pairs of places, new and old, of one line that only stands elsewhere."""
    origins, arrivals = _alone(old, went), _alone(new, came)
    yield from ((arrivals[line], origins[line]) for line in arrivals.keys() & origins.keys())


def _alone(lines: list[str], places: list[int]) -> dict[str, int]:
    """Where the long lines among these stand that stand there once."""
    counts = Counter(lines[at] for at in places)
    return {lines[at]: at for at in places if counts[lines[at]] == 1 and len(lines[at]) >= MOVED}


@dataclass(frozen=True)
class Stretch:
    """Lines in a row with one origin; `first` counts from 1."""

    version: str
    first: int
    lines: list[str]


def stretches(lines: Iterable[str], origins: Sequence[str]) -> Iterator[Stretch]:
    """Lay a text and its lines' origins out for showing."""
    current: Stretch | None = None
    for number, (line, version) in enumerate(zip(lines, origins, strict=False), 1):
        if current and current.version != version:
            yield current
            current = None
        current = current or Stretch(version, number, [])
        current.lines.append(line)
    if current:
        yield current
