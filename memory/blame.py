"""Who wrote which line: each line of a text, traced to the version that brought it in.

It is computed from the differences between versions, so it says the same as they do. A line that
only moved keeps its origin. A text that came back, whole, has the origins it had the first time.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from django.core.cache import cache

from memory import alignment
from memory.models import Blob, Memory, Version

MAX_VERSIONS = 400  # to look at, the newest first
MAX_LINES = 400_000  # in all of their texts together: about a second
MOVED = 16  # letters; shorter lines stand in many places by chance
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
        if not tracing.open:
            break
    return tracing.origins(is_cut=bool(tracing.open) and len(links) > MAX_VERSIONS)


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
    for start in range(0, len(chain), BATCH):
        batch = chain[start : start + BATCH]
        found = texts([blob for _, blob in batch])
        # A text redacted this very moment is missing: its lines pass for the next version's.
        yield from ((version, lines_of(found[blob])) for version, blob in batch if blob in found)


def lines_of(text: str) -> list[str]:
    lines = text.split("\n")
    return lines if lines[-1] else lines[:-1]


class _Tracing:
    """`open` maps the places of lines in the version looked at last to their places in the text
    that stands now: those whose origin may be older still.
    """

    def __init__(self, version: str, lines: list[str]) -> None:
        self.lines = lines
        self.found = [version] * len(lines)
        self.open = dict(enumerate(range(len(lines))))

    def step(self, version: str, lines: list[str]) -> None:
        """Follow the open lines into the version before; those it has not are traced."""
        came_from = dict(_kept(lines, self.lines))
        self.open = {came_from[at]: now for at, now in self.open.items() if at in came_from}
        for now in self.open.values():
            self.found[now] = version
        self.lines = lines

    def origins(self, *, is_cut: bool) -> Origins:
        return Origins(self.found, is_cut)


def _kept(old: list[str], new: list[str]) -> Iterator[tuple[int, int]]:
    """Pairs of places, in the new text and in the old one, that hold one and the same line."""
    runs = alignment.runs(old, new)
    pairs = [(j + by, i + by) for i, j, length in runs for by in range(length)]
    yield from pairs
    came = _alone(new, {at for at, _ in pairs})
    went = _alone(old, {at for _, at in pairs})
    for line in came.keys() & went.keys():
        yield came[line], went[line]


def _alone(lines: list[str], kept: set[int]) -> dict[str, int]:
    """Where those lines stand that are not kept, each of which stands there once."""
    others = {at: line for at, line in enumerate(lines) if at not in kept}
    counts = Counter(others.values())
    return {line: at for at, line in others.items() if counts[line] == 1 and len(line) >= MOVED}


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
