"""The palette: one list of everything in a workspace that answers to a few letters.

Each app brings its own entries, through the functions that `settings.PALETTE` names. They are
asked together, in one request: a list that grows while one reads it is hard to choose from.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Q, QuerySet
from django.urls import resolve, reverse
from django.utils.module_loading import import_string
from rapidfuzz import fuzz

from console.access import NAVIGATION
from console.models import Role, Workspace

MOST = 12  # entries shown
RECENT = 7  # of them when nothing was typed; the others are what one can do
LETTERS = 100  # of what was typed
FORGIVING = 75  # how alike a word must be that is not spelled as typed
AMONG = 400  # newest rows of a kind that are looked at when nothing is spelled as typed

ACTIONS = (
    ("New session", "message-square-plus", "sessions:session_new"),
    ("New store", "plus", "memory:store_new"),
    ("New dream", "moon-star", "dreaming:dream_new"),
    ("New agent", "bot", "sessions:agent_new"),
    ("Import files", "upload", "memory:import_new"),
    ("Search in all files", "text-search", "memory:search"),
    ("Settings: members", "users", "members"),
    ("Settings: API keys", "key-round", "keys"),
    ("Settings: models", "cpu", "models"),
)


@dataclass(frozen=True)
class Seeker:
    """Who looks for what: the words in lower case, none for what is recent."""

    workspace: Workspace
    role: Role
    words: str


@dataclass(frozen=True)
class Entry:
    """One line of the palette. `at` is when it last changed, `score` how well it answers."""

    kind: str
    title: str
    url: str
    icon: str
    detail: str = ""
    at: datetime | None = None
    score: float = 0


Source = Callable[[Seeker], Iterable[Entry]]


def entries(seeker: Seeker) -> tuple[list[Entry], int]:
    """What answers best, or what is newest when nothing was typed; and how many more answer."""
    sources: list[Source] = [import_string(name) for name in settings.PALETTE]
    found = [entry for source in sources for entry in source(seeker)]
    if seeker.words:
        answers = sorted((entry for entry in found if entry.score), key=_rank)
        return answers[:MOST], len(answers[MOST:])
    newest = sorted((entry for entry in found if entry.at), key=_rank)[:RECENT]
    return newest + [entry for entry in found if not entry.at][: MOST - len(newest)], 0


def _rank(entry: Entry) -> tuple[float, float]:
    return -entry.score, -(entry.at.timestamp() if entry.at else 0)


def fit(words: str, text: str) -> float:
    """How well a text answers to words, from 0 (not at all) to 100; each word has to."""
    text = text.lower()
    parts = [_part(word, text) for word in words.split()]
    # Of two that answer alike, the shorter one is more likely meant.
    return max(0, min(parts, default=0) - min(len(text), 100) / 50) if all(parts) else 0


def _part(word: str, text: str) -> float:
    at = text.find(word)
    if at == 0:
        return 100
    if at > 0:
        return 75 if text[at - 1].isalnum() else 90
    if len(word) < 3:
        return 0
    return 0.6 * fuzz.partial_ratio(word, text, score_cutoff=FORGIVING)


def having(rows: QuerySet, field: str, words: str) -> QuerySet:
    """Those rows whose field holds every word."""
    every = Q()
    for word in words.split():
        every &= Q(**{f"{field}__icontains": word})
    return rows.filter(every)


def likely(rows: QuerySet, field: str, words: str) -> Iterator:
    """The newest rows that may answer, spelled as typed or nearly; `rows` is in that order."""
    exact = list(having(rows, field, words)[:MOST]) if words else []
    yield from exact
    keys = {row.pk for row in exact}
    yield from (row for row in rows[: AMONG if words else MOST] if row.pk not in keys)


# -- What the console itself has --------------------------------------------------------------


def pages(seeker: Seeker) -> Iterator[Entry]:
    """The pages of the navigation, and what one can do."""
    slug = [seeker.workspace.slug]
    for title, icon, name in ACTIONS:
        url = reverse(name, args=slug)
        if seeker.role.includes(resolve(url).func.role):
            yield Entry("Action", title, url, icon, score=fit(seeker.words, title))
    for title, icon, name in NAVIGATION:
        yield Entry("Page", title, reverse(name, args=slug), icon, score=fit(seeker.words, title))
