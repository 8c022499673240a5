"""Finding things in a store: by pattern, by path, by relevance.

Every search streams the texts in small batches, so that a store of any size needs little memory.
Patterns are RE2: no input can make them slow, and what RE2 cannot do is refused.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

import re2
from django.db.models import Value
from django.db.models.functions import StrIndex

from memory.models import Memories, Store
from memory.paths import Invalid
from memory.ranking import Ranking

LIMIT = 200
LINE_LENGTH = 500  # characters of a line that a hit shows, around the match
PATTERN_LENGTH = 1000
FIRST_BATCH, BATCH = 16, 512  # texts read at a time: few first, for those who soon have enough

File = tuple[str, str, str]
"""Id, path and text of a memory."""


@dataclass(frozen=True)
class Hit:
    """A line that was found; lines count from 1. `score` orders the hits of a ranked search."""

    path: str
    line_number: int
    line: str
    memory_id: str = ""
    score: float | None = None


@dataclass(frozen=True)
class Hits:
    """What was found, and whether there is more than the limit let through."""

    hits: list[Hit]
    more: bool = False


# -- By pattern ---------------------------------------------------------------------------


def grep(
    store: Store, pattern: str, *, prefix: str = "/", limit: int = LIMIT, ignore_case: bool = False
) -> Hits:
    """Find the lines that match, in the order of paths, each once.

    `prefix` is a folder or a file. Raises `Invalid` for a pattern that RE2 does not know.
    """
    regex = _compile(pattern, ignore_case)
    memories = _within(store, prefix)
    literal = None if ignore_case else _required(pattern)
    if literal:
        memories = memories.alias(at=StrIndex("blob__content", Value(literal))).filter(at__gt=0)
    return _first(_lines(regex, _texts(memories)), limit)


def grep_texts(
    files: Iterable[tuple[str, str]], pattern: str, *, prefix: str = "/", limit: int = LIMIT
) -> Hits:
    """Do the same with (path, text) pairs that are not in a store."""
    regex, folder = _compile(pattern), prefix.rstrip("/") + "/"
    found = (("", path, text) for path, text in sorted(files) if f"{path}/".startswith(folder))
    return _first(_lines(regex, found), limit)


def _compile(pattern: str, ignore_case: bool = False) -> re2._Regexp:
    if len(pattern) > PATTERN_LENGTH:
        raise Invalid(
            f"The pattern is too long; at most {PATTERN_LENGTH:,} characters are allowed."
        )
    options = re2.Options()
    options.log_errors = False
    options.never_nl = True  # a match stays within its line
    options.case_sensitive = not ignore_case
    try:
        return re2.compile(f"(?m){pattern}".encode(), options)
    except UnicodeEncodeError:
        raise Invalid("The pattern is not valid Unicode.") from None
    except re2.error as error:
        raise Invalid(f"The pattern cannot be used: {_plainly(error)}.") from None


REASONS = {
    "invalid perl operator": "look-ahead, look-behind and other (?…) extensions are not supported",
    "invalid named capture": "a group has a name that is not allowed",
    "invalid escape sequence": "it holds an escape that is not supported (no back-references)",
    "invalid character class": "it holds a character class that is not supported",
    "invalid character class range": "a range in [ ] runs backwards",
    "invalid repetition size": "a repeat may count to 1,000 at most",
    "bad repetition operator": "one repeat follows another",
    "no argument for repetition operator": "a repeat such as * or + has nothing before it",
    "missing ]": "a [ is not closed",
    "missing )": "a ( is not closed",
    "unexpected )": "a ) was never opened",
    "trailing \\": "it ends with a backslash",
    "pattern too large": "it is too large",
}


def _plainly(error: re2.error) -> str:
    raw = error.args[0]
    text = raw.decode(errors="replace") if isinstance(raw, bytes) else str(raw)
    reason, _, place = text.partition(": ")
    plain = REASONS.get(reason, reason)
    return f"{plain} (at {place})" if place else plain


def _required(pattern: str) -> str | None:
    """A text that every match of a simple pattern holds, for the database to look for first."""
    runs = re.split(r"\.[*+?]?|[\^$+]", pattern)
    if any(re.search(r"[\\\[\](){}|?*\0]", run) for run in runs):
        return None
    longest = max(runs, key=len)
    return longest if len(longest) >= 3 else None


def _lines(regex: re2._Regexp, files: Iterable[File]) -> Iterator[Hit]:
    for key, path, text in files:
        data = text.encode()
        number, counted, position = 1, 0, 0
        while position < len(data) and (match := regex.search(data, position)):
            start = data.rfind(b"\n", 0, match.start()) + 1
            end = data.find(b"\n", match.end())
            end = len(data) if end < 0 else end
            if start == len(data):
                break  # an empty match behind the last line break: there is no line
            number, counted = number + data.count(b"\n", counted, start), start
            yield Hit(path, number, _cut(data[start:end], match.start() - start), key)
            position = end + 1


def _cut(line: bytes, at: int) -> str:
    """The line, or what stands around byte `at` of a long one."""
    text = line.decode(errors="replace").removesuffix("\r")
    if len(text) <= LINE_LENGTH:
        return text
    middle = len(line[:at].decode(errors="replace"))
    start = max(0, min(middle - LINE_LENGTH // 4, len(text) - LINE_LENGTH))
    return text[start : start + LINE_LENGTH]


def _first(hits: Iterator[Hit], limit: int) -> Hits:
    found = list(islice(hits, limit + 1))
    return Hits(found[:limit], len(found) > limit)


# -- By path ------------------------------------------------------------------------------


def glob(store: Store, pattern: str, *, prefix: str = "/", limit: int = LIMIT) -> list[str]:
    """The paths that match, newest first.

    `**` stands for any folders, `*` and `?` for anything within a name, `[a-z]` and `{one,two}`
    as in a shell. A pattern is taken from the folder `prefix` on, or from the root when it starts
    with a slash. Raises `Invalid`.
    """
    folder = prefix.rstrip("/") + "/"
    matches = glob_matcher(pattern if pattern.startswith("/") else _literally(folder) + pattern)
    newest = _within(store, folder).order_by("-updated_at", "path").values_list("path", flat=True)
    return list(islice(filter(matches, newest.iterator()), limit))


def glob_matcher(pattern: str) -> Callable[[str], bool]:
    """A function that tells whether a whole path matches. Raises `Invalid`."""
    if len(pattern) > PATTERN_LENGTH:
        raise Invalid(
            f"The pattern is too long; at most {PATTERN_LENGTH:,} characters are allowed."
        )
    options = re2.Options()
    options.log_errors = False
    try:
        regex = re2.compile(_translated(pattern).encode(), options)
    except (re2.error, UnicodeEncodeError):
        raise Invalid(f"The pattern {pattern!r} cannot be used.") from None
    return lambda path: regex.fullmatch(path.encode()) is not None


GLOB = re.compile(
    r"""(?P<folders>(?<![^/{,])\*\*/) | (?P<all>(?<![^/{,])\*\*) | (?P<star>\*+) | (?P<one>\?)
    | \[(?P<none_of>[!^])?(?P<of>\]?[^\]]+)\] | (?P<brace>[{},]) | (?P<open>\[)
    | \\(?P<escaped>.) | (?P<plain>.)""",
    re.VERBOSE | re.DOTALL,
)
WILD = {"folders": "(?:.*/)?", "all": ".*", "star": "[^/]*", "one": "[^/]"}


def _translated(pattern: str) -> str:
    """Turn a glob into a regular expression."""
    depth, parts = 0, []
    for token in GLOB.finditer(pattern):
        kind = token.lastgroup
        if kind == "open":
            raise Invalid("The pattern holds a [ that is not closed.")
        if kind == "brace" and (token[0] != "," or depth):
            parts.append({"{": "(?:", "}": ")", ",": "|"}[token[0]])
            depth += {"{": 1, "}": -1, ",": 0}[token[0]]
        else:
            parts.append(WILD.get(kind) or _letters(token))
        if depth < 0:
            break
    if depth:
        raise Invalid("The pattern holds a { or } without its other half.")
    return "(?s)" + "".join(parts)


def _letters(token: re.Match) -> str:
    if letters := token["of"]:
        inside = re.sub(r"([\\\[\]^])", r"\\\1", letters)
        return f"[^/{inside}]" if token["none_of"] else f"[{inside}]"
    return re.escape(token["escaped"] or token[0])


def _literally(path: str) -> str:
    """The glob that matches just this path."""
    return re.sub(r"([*?\[\]{},\\])", r"\\\1", path)


# -- By relevance -------------------------------------------------------------------------


def ranked(store: Store, query: str, *, prefix: str = "/", limit: int = 20) -> Hits:
    """The memories that say most about the query's words, best first, each with its best line.

    English words count in all their forms, and in the path too.
    """
    ranking = Ranking(query)
    for file in _texts(_within(store, prefix)):
        ranking.add(*file)
    scores = ranking.scores()
    best = list(scores)[:limit]
    files = {key: (path, text) for key, path, text in _rows(store.memories.filter(pk__in=best))}
    hits = [_best_hit(ranking, key, *files[key]) for key in best if key in files]
    return Hits([replace(hit, score=scores[hit.memory_id]) for hit in hits], len(scores) > limit)


def _best_hit(ranking: Ranking, key: str, path: str, text: str) -> Hit:
    data = text.encode()
    start = ranking.best_place(data)
    end = data.find(b"\n", start)
    line = data[start:] if end < 0 else data[start:end]
    return Hit(path, data.count(b"\n", 0, start) + 1, _cut(line, 0), key)


# -- Reading ------------------------------------------------------------------------------


def _within(store: Store, prefix: str) -> Memories:
    """The memories in a folder, or the one file of that name."""
    if "\0" in prefix:
        return store.memories.none()
    if not prefix.endswith("/"):
        file = store.memories.filter(path=prefix)
        if file.exists():
            return file
    return store.memories.under(prefix.rstrip("/") + "/")


def _texts(memories: Memories) -> Iterator[File]:
    """Read in the order of paths, in growing batches, for as long as somebody asks."""
    last, size = "", FIRST_BATCH
    while batch := list(_rows(memories.filter(path__gt=last).order_by("path")[:size])):
        yield from batch
        last, size = batch[-1][1], min(2 * size, BATCH)


def _rows(memories: Memories) -> Memories:
    return memories.values_list("pk", "path", "blob__content")
