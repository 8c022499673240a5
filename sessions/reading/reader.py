"""The reader that makes the entries of a transcript out of a thread's events."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from memory.rendering import render
from sessions.models import REQUIRES_ACTION, WITHDRAWN, Event
from sessions.reading.entries import (
    Answered,
    Call,
    Condensed,
    Entry,
    Mark,
    Notice,
    Thought,
    TurnEnd,
    said_by_user,
    shown_call,
)
from sessions.reading.places import Places
from sessions.transcript import ANSWERS, CONFIRMATION, text_of, tried_again_by

LONG_GAP = 600  # seconds of silence worth a row of their own


@dataclass
class Turn:
    """The turn under way, as counted so far."""

    began_at: datetime | None = None
    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


@dataclass
class Reader:
    """Takes a thread's events one after the other and says what the page shows for each.

    An entry whose id was seen before replaces that one: a call gets its result. `calls` without a
    result are remembered, so a reader can go on where another one's page ended. In a thread that is
    no conversation (`is_machine`) what the agent was told was made by a program.
    """

    places: Places
    is_machine: bool = False
    calls: dict[str, Event] = field(default_factory=dict)
    decisions: dict[str, Event] = field(default_factory=dict)
    turn: Turn = field(default_factory=Turn)
    last_at: datetime | None = None

    def read(self, events: Iterable[Event]) -> list[Entry]:
        """All entries of these events, each call with its result, in order."""
        shown: dict[str, Entry] = {}
        for event in events:
            shown |= {entry.id: entry for entry in self.take(event)}
        return list(shown.values())

    def take(self, event: Event) -> list[Entry]:
        taker = TAKERS.get(event.type)
        entries = taker(self, event) if taker else []
        self.last_at = event.processed_at or event.created_at
        return entries

    # -- What was said ------------------------------------------------------------------

    def _user(self, event: Event) -> list[Entry]:
        if event.is_withdrawn:
            text = f"{event.private[WITHDRAWN]} removed a message before the agent had it"
            return [Mark(event.pk, event.created_at, text)]
        said = said_by_user(event, is_machine=self.is_machine)
        if self.last_at and (gap := (said.at - self.last_at).total_seconds()) > LONG_GAP:
            return [Mark(f"gap-{event.pk}", said.at, "Idle for", seconds=gap), said]
        return [said]

    def _agent(self, event: Event) -> list[Entry]:
        text = text_of(event)
        rendered = render(text, links=self.places.links)
        return [Answered(event.pk, event.created_at, text, rendered.html, rendered.note)]

    def _thinking(self, event: Event) -> list[Entry]:
        return [Thought(event.pk, event.created_at)]

    # -- What was done ------------------------------------------------------------------

    def _call(self, event: Event) -> list[Entry]:
        self.calls[event.pk] = event
        return [self._shown(event, None)]

    def _result(self, event: Event) -> list[Entry]:
        call = self.calls.pop(event.payload[ANSWERS[event.type]], None)
        return [self._shown(call, event)] if call else []

    def _decided(self, event: Event) -> list[Entry]:
        call = self.calls.get(event.payload["tool_use_id"])
        self.decisions[event.payload["tool_use_id"]] = event
        return [self._shown(call, None)] if call else []

    def _shown(self, call: Event, result: Event | None) -> Call:
        return shown_call(call, result, self.places, self.decisions.get(call.pk))

    # -- Turns --------------------------------------------------------------------------

    def _began(self, event: Event) -> list[Entry]:
        if self.turn.began_at is None:
            self.turn.began_at = event.created_at
        if by := tried_again_by(event):
            return [Mark(event.pk, event.created_at, f"Tried again by {by}")]
        return []

    def _requested(self, event: Event) -> list[Entry]:
        usage = event.payload["model_usage"]
        self.turn.requests += 1
        self.turn.output_tokens += usage["output_tokens"]
        self.turn.input_tokens += sum(
            count for name, count in usage.items() if name.endswith("input_tokens")
        )
        return []

    def _ended(self, event: Event) -> list[Entry]:
        turn, self.turn = self.turn, Turn()
        if not turn.requests and event.payload["stop_reason"]["type"] == REQUIRES_ACTION:
            return []  # one of several answers came; that it waits has been said
        text, tone = _ending(event)
        seconds = (event.created_at - turn.began_at).total_seconds() if turn.began_at else None
        return [
            TurnEnd(
                event.pk,
                event.created_at,
                turn.requests,
                turn.input_tokens,
                turn.output_tokens,
                seconds,
                text,
                tone,
            )
        ]

    # -- What else happened -------------------------------------------------------------

    def _error(self, event: Event) -> list[Entry]:
        error = event.payload["error"]
        if error["retry_status"]["type"] == "retrying":
            text = f"{_sentence(error['message'])} Trying again."
            return [Mark(event.pk, event.created_at, text, "warn")]
        title = ERRORS.get(error["type"], "The turn failed")
        text = f"{_sentence(error['message'])} Try again, or send another message."
        return [Notice(event.pk, event.created_at, "danger", title, text)]

    def _mark(self, event: Event) -> list[Entry]:
        text, tone = MARKS[event.type]
        return [Mark(event.pk, event.created_at, text, tone)]

    def _condensed(self, event: Event) -> list[Entry]:
        kept = event.private or {}
        rendered = render(kept.get("summary", ""), links=self.places.links)
        told = (rendered.html, rendered.note, kept.get("tokens", 0), kept.get("tokens_after", 0))
        return [Condensed(event.pk, event.created_at, *told)]

    def _updated(self, event: Event) -> list[Entry]:
        words = [say(event.payload[key]) for key, say in UPDATES.items() if key in event.payload]
        return [Mark(event.pk, event.created_at, "; ".join(words))] if words else []

    def _other_words(self, event: Event) -> list[Entry]:
        return [Notice(event.pk, event.created_at, "info", OTHERS[event.type], text_of(event))]


def _sentence(text: str) -> str:
    """The text with an end: what an endpoint said may have none."""
    text = text.rstrip()
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def _ending(end: Event) -> tuple[str, str]:
    payload = end.payload
    if (end.private or {}).get("of") == "workspace":
        return WORKSPACE_SPENT
    text, tone = ENDINGS.get(payload["stop_reason"]["type"], ("", ""))
    why = (payload.get("stop_details") or {}).get("explanation")
    return (f"{text}: {why}" if why else text), tone


def _renamed(title: str | None) -> str:
    return f"Renamed to “{title}”" if title else "The title was removed"


def _rebudgeted(budget: dict | None) -> str:
    if budget is None:
        return "The budget was removed"
    return f"The budget is now ${int(budget['max_list_cost']['amount']) / 100:,.2f}"


UPDATES = {
    "title": _renamed,
    "budget": _rebudgeted,
    "agent": lambda agent: "The agent’s tools were changed",
}
ENDINGS = {
    "requires_action": ("Paused to ask", "warn"),
    "retries_exhausted": ("Ended by an error", "danger"),
    "budget_reached": ("The budget is spent; raise it to go on", "warn"),
    "refusal": ("The model refused", "warn"),
}
WORKSPACE_SPENT = (
    "The workspace’s budget for this month is spent; it goes on when an owner raises it or the month ends",
    "warn",
)
MARKS = {
    "user.interrupt": ("Stopped on request", "warn"),
    "session.status_terminated": ("The session has ended", ""),
    "session.thread_created": ("The sub-agent begins", ""),
}
ERRORS = {
    "model_overloaded_error": "The model's endpoint is overloaded",
    "model_rate_limited_error": "The model's endpoint limits how often it may be asked",
    "model_request_failed_error": "The model could not be asked",
    "billing_error": "The model's endpoint reports a billing problem",
    "tool_use_limit_reached_error": "The turn was too long",
    "compaction_limit_reached_error": "The conversation is too long for the model",
}
OTHERS = {
    "system.message": "A program told the agent",
    "agent.thread_message_sent": "Sent to another agent",
    "agent.thread_message_received": "Received from another agent",
}
TAKERS = {
    "user.message": Reader._user,
    "agent.message": Reader._agent,
    "agent.thinking": Reader._thinking,
    "agent.tool_use": Reader._call,
    "agent.custom_tool_use": Reader._call,
    **dict.fromkeys(ANSWERS, Reader._result),
    CONFIRMATION: Reader._decided,
    "session.thread_status_running": Reader._began,
    "span.model_request_end": Reader._requested,
    "session.thread_status_idle": Reader._ended,
    "session.error": Reader._error,
    **dict.fromkeys(MARKS, Reader._mark),
    "agent.thread_context_compacted": Reader._condensed,
    "session.updated": Reader._updated,
    **dict.fromkeys(OTHERS, Reader._other_words),
}
