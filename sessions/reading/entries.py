"""The entries of a transcript: what the page shows, one by one."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal

from django.utils.safestring import SafeString

from sessions.models import Event
from sessions.reading.lines import Answer, Line, line
from sessions.reading.places import Places
from sessions.transcript import is_custom, needs_permission, text_of

# What is shown at once of a person's message, and of one that a program made (letters, lines).
OF_PERSONS, OF_MACHINES = (2_000, 40), (500, 8)


@dataclass(frozen=True)
class Entry:
    """One thing on the page. `id` is its element's: an event's, so that a link can name it."""

    template: ClassVar[str]
    id: str
    at: datetime


@dataclass(frozen=True)
class Said(Entry):
    """What the agent was told, by a person or (`is_machine`) by the work it is part of.

    `length` is the whole text's when only its beginning is shown.
    """

    template = "said"
    text: str
    length: int = 0
    extras: tuple[str, ...] = ()
    is_waiting: bool = False
    is_machine: bool = False


@dataclass(frozen=True)
class Answered(Entry):
    """What the agent said: its words, and what they look like."""

    template = "answered"
    text: str
    html: SafeString
    note: str = ""


@dataclass(frozen=True)
class Thought(Entry):
    template = "thought"


@dataclass(frozen=True)
class Call(Entry):
    """A tool call, and its result as soon as there is one.

    While it is `is_held` somebody has to act: allow it (`asking`) or answer for a program
    (`waiting`). `decided` says afterwards who did.
    """

    template = "call"
    line: Line
    state: Literal["running", "asking", "waiting", "done", "failed", "skipped", "denied"]
    seconds: float | None = None
    decided: str = ""

    @property
    def is_held(self) -> bool:
        return self.state in {"asking", "waiting"}


@dataclass(frozen=True)
class Notice(Entry):
    """Something the reader should know and perhaps act on."""

    template = "notice"
    tone: Literal["info", "warn", "danger"]
    title: str
    text: str = ""


@dataclass(frozen=True)
class Mark(Entry):
    """A thin line across the page with a few words in it."""

    template = "mark"
    text: str = ""
    tone: str = ""
    seconds: float | None = None


@dataclass(frozen=True)
class Condensed(Entry):
    """Here older turns were summarised for the model; it read `tokens`, and now `after`."""

    template = "condensed"
    html: SafeString
    note: str
    tokens: int
    after: int


@dataclass(frozen=True)
class TurnEnd(Entry):
    """What the turn took. `text` says how it ended when that was not simply the end."""

    template = "turn_end"
    requests: int
    input_tokens: int
    output_tokens: int
    seconds: float | None
    text: str = ""
    tone: str = ""


def said_by_user(
    event: Event, *, is_waiting: bool = False, is_machine: bool = False, whole: bool = False
) -> Said:
    """A message to the agent as the page shows it, `whole` or its beginning."""
    text = text_of(event)
    letters, lines = OF_MACHINES if is_machine else OF_PERSONS
    shown = text if whole else "\n".join(text[:letters].split("\n")[:lines])
    return Said(
        event.pk,
        event.created_at,
        shown,
        length=len(text) if shown != text else 0,
        extras=tuple(_extras(event.payload)),
        is_waiting=is_waiting,
        is_machine=is_machine,
    )


def shown_call(
    call: Event, result: Event | None, places: Places, decision: Event | None = None
) -> Call:
    """A tool call as the page shows it, with what was decided about it and its result, if any."""
    payload = call.payload
    answer = answer_of(result) if result else None
    return Call(
        call.pk,
        call.created_at,
        line(payload["name"], payload["input"], answer, places),
        _state_after(answer) if answer else _state_before(call, decision),
        answer.facts["ms"] / 1000 if answer and "ms" in answer.facts else None,
        _decided(call, result, decision),
    )


def _state_before(call: Event, decision: Event | None) -> str:
    if is_custom(call):
        return "waiting"
    return "asking" if needs_permission(call) and not decision else "running"


def _state_after(answer: Answer) -> str:
    if answer.was_denied:
        return "denied"
    return "skipped" if answer.was_skipped else "failed" if answer.is_error else "done"


def _decided(call: Event, result: Event | None, decision: Event | None) -> str:
    """Who allowed, denied or answered it, where a person or a program did."""
    told = result if is_custom(call) else decision
    who = ((told and told.private) or {}).get("by")
    if not who:
        return ""
    return f"answered by {who}" if is_custom(call) else f"{DECIDED[told.payload['result']]} {who}"


DECIDED = {"allow": "allowed by", "deny": "denied by"}


def answer_of(result: Event) -> Answer:
    facts = result.private or {}
    return Answer(text_of(result), bool(result.payload.get("is_error")), facts)


def _extras(payload: dict[str, Any]) -> Iterable[str]:
    for block in payload.get("content") or []:
        if block.get("type") in {"image", "document"}:
            source = block.get("source") or {}
            detail = block.get("title") or source.get("media_type") or source.get("url") or ""
            yield f"{block['type'].capitalize()} {detail}".strip()
