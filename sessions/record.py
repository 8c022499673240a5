"""A session's record beside its transcript: what it changed, what it asked of models, its raw log."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Max, QuerySet

from memory import history
from memory.models import Blob, Store, Version
from sessions import budgets, events, page, panels
from sessions.models import Event, Session, Thread
from sessions.providers.base import Usage
from sessions.reading.places import Places
from sessions.transcript import ANSWERS, CALLS, condenses, text_of

SEARCHED = 20_000  # events looked through for words
FOUND = 200
AROUND = 90  # letters shown on either side of what was found
GIST = 160  # letters of an event shown before it is opened

# -- What it changed in its stores ------------------------------------------------------------


@dataclass(frozen=True)
class Change:
    """One version that a call of this session made; `call` is that event's id."""

    call: str
    store: Store
    entry: history.Entry
    body: Any
    is_last: bool  # nothing was written to the file since


def versions_made(session: Session) -> list[tuple[str, str]]:
    """The versions that the session's tools made, newest first, each with the call's id."""
    made = []
    for call, facts in panels.answers_of(session).values_list("call", "private").order_by("-seq"):
        facts = facts or {}
        keys = [facts.get("version"), *(each["version"] for each in facts.get("changed", []))]
        made += [(call, key) for key in keys if key]
    return made


def changes(made: Iterable[tuple[str, str]], places: Places) -> list[Change]:
    """What these versions did, each with its diff; those of deleted stores are gone."""
    calls = {key: call for call, key in made}
    found = history.of(Version.objects.filter(pk__in=calls))
    found = list(found.defer(None).select_related("store__workspace"))  # with its texts
    by_key = {entry.version.pk: entry for entry in history.entries(found)}
    before = Blob.objects.in_bulk({version.previous_blob for version in found} - {None})
    last = _last_versions(found)
    shown = []
    for key, call in calls.items():
        if entry := by_key.get(key):
            version, old = entry.version, before.get(entry.version.previous_blob)
            body = page.change_of(version, old and old.content, {}, places)
            shown.append(Change(call, version.store, entry, body, key in last))
    return shown


def _last_versions(versions: Iterable[Version]) -> set[str]:
    """Which of these are the last of their files."""
    memories = {version.memory_id for version in versions}
    files = Version.objects.filter(memory__in=memories).order_by().values("memory")
    return set(files.annotate(last=Max("pk")).values_list("last", flat=True))


# -- What it asked of models --------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """One request to a model; one that `condenses` asked for a summary of older turns.

    `cost` is in nano-dollars; None when nobody knows the price.
    """

    at: datetime
    event: str
    thread: str
    seconds: float | None
    usage: Usage
    cost: int | None
    state: str  # "done", "failed" or "running"
    condenses: bool

    @property
    def dollars(self) -> float | None:
        return None if self.cost is None else self.cost / 1e9


def spans(session: Session) -> QuerySet[Event]:
    """The beginnings of the session's requests, newest first."""
    begun = session.events.filter(type="span.model_request_start").order_by("-seq")
    return begun.select_related("thread")


def requests(session: Session, begun: Iterable[Event]) -> list[Asked]:
    """What became of these requests, at today's prices."""
    starts = list(begun)
    ends = session.events.filter(
        type="span.model_request_end",
        payload__model_request_start_id__in=[start.pk for start in starts],
    )
    by_start = {end.payload["model_request_start_id"]: end for end in ends}
    price = budgets.price_of(session.workspace, session.model)
    return [_asked(start, by_start.get(start.pk), price) for start in starts]


def _asked(start: Event, end: Event | None, price: budgets.Price | None) -> Asked:
    told = (end.payload.get("model_usage") if end else None) or {}
    usage = Usage(**{name: told.get(name) or 0 for name in Usage.__dataclass_fields__})
    seconds = (end.created_at - start.created_at).total_seconds() if end else None
    state = "running" if end is None else "failed" if end.payload.get("is_error") else "done"
    cost = price.cost(usage) if price else None
    condensed = end is not None and condenses(end)
    named = (start.created_at, start.pk, start.thread.name)
    return Asked(*named, seconds, usage, cost, state, condensed)


# -- Words in the log ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Hit:
    """Where words were found: the entry to open, who said it, and the text around them."""

    event: str
    at: datetime
    who: str
    before: str
    match: str
    after: str


WHO = {"user.message": "You", "agent.message": "Agent", "session.error": "Error"}


def find(thread: Thread, words: str) -> list[Hit]:
    """The latest places of the thread's log that hold the words, in whatever case, newest first."""
    wanted = re.compile(re.escape(" ".join(words.split())), re.IGNORECASE)
    log = thread.events.filter(type__in=[*WHO, *CALLS, *ANSWERS]).order_by("-seq")[:SEARCHED]
    hits: list[Hit] = []
    for event in log.iterator(chunk_size=500):
        text = " ".join(_said(event).split())
        if place := wanted.search(text):
            hits.append(_hit(event, text, *place.span()))
        if len(hits) == FOUND:
            break
    return hits


def _said(event: Event) -> str:
    if event.type in CALLS:
        return " ".join([event.payload["name"], *_leaves(event.payload["input"])])
    if event.type == "session.error":
        return str((event.payload.get("error") or {}).get("message") or "")
    return text_of(event)


def gist(event: Event) -> str:
    """The beginning of what an event says, in one line; empty when its type says it all."""
    said = _said(event) or (event.payload.get("stop_reason") or {}).get("type", "")
    return " ".join(said[:1000].split())[:GIST]


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        # Names before texts; PostgreSQL has an order of its own for the keys.
        value = sorted(value.values(), key=lambda each: len(str(each)))
    if isinstance(value, list):
        for each in value:
            yield from _leaves(each)
    else:
        yield str(value)


def _hit(event: Event, text: str, start: int, end: int) -> Hit:
    who = WHO.get(event.type) or ("Tool" if event.type in CALLS else "Result")
    before, after = text[max(0, start - AROUND) : start], text[end : end + AROUND]
    before = f"…{before}" if start > AROUND else before
    after = f"{after}…" if end + AROUND < len(text) else after
    return Hit(event.pk, event.created_at, who, before, text[start:end], after)


# -- To take along ----------------------------------------------------------------------------------


def as_json(session: Session) -> Iterator[str]:
    """The log as a JSON array of events, as the API lists them."""
    yield "[\n"
    first = True
    for event in events.in_order(session.events.all()).iterator(chunk_size=500):
        shown = json.dumps(
            events.wire(event, waiting=event.processed_at is None), ensure_ascii=False
        )
        yield shown if first else f",\n{shown}"
        first = False
    yield "\n]\n"


def as_markdown(session: Session) -> Iterator[str]:
    """The conversation as Markdown: what was said, and each tool call with what it got."""
    yield f"# {page.name_of(session)}\n\n"
    name = session.agent_config["name"]
    yield f"{name} · {session.model} · {session.created_at:%Y-%m-%d %H:%M} UTC · {session.pk}\n"
    log = session.primary.events.exclude(processed_at=None)
    for event in events.in_order(log).iterator(chunk_size=500):
        yield from _section(event, name)


def _section(event: Event, name: str) -> Iterator[str]:
    if event.is_withdrawn:
        return  # nobody has heard it
    if event.type in ("user.message", "agent.message"):
        who = name if event.type == "agent.message" else "You"
        yield f"\n## {who}\n\n{text_of(event).strip()}\n"
    elif event.type in CALLS:
        given = "\n".join(f"{key}: {value}" for key, value in event.payload["input"].items())
        yield f"\n### {event.payload['name']}\n\n{_fenced(given)}"
    elif event.type in ANSWERS:
        yield f"\n{_fenced(text_of(event))}"
    elif event.type == "session.error":
        yield f"\n> {_said(event)}\n"


def _fenced(text: str) -> str:
    """A code block whose fence is longer than any in the text."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}\n{text}\n{fence}\n"
