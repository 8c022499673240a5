"""Pure: what a thread's log says about where its turn stands, and what a model is shown of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from console.api import stamp
from sessions.models import FAILED, Event, Status, Thread
from sessions.providers.base import Block

CALLS = {"agent.tool_use", "agent.custom_tool_use"}
ANSWERS = {
    "agent.tool_result": "tool_use_id",
    "user.tool_result": "tool_use_id",
    "user.custom_tool_result": "custom_tool_use_id",
}
SHOWN = {"user.message", "agent.message", "agent.thinking", *CALLS, *ANSWERS}
CONFIRMATION = "user.tool_confirmation"
ABOUT_CALLS = {**ANSWERS, CONFIRMATION: "tool_use_id"}
AGAIN = "again"  # private to the begin of a turn: who tried a failed one again
BEGINS = "session.thread_status_running"
TURN_ENDS = {"session.thread_status_idle", "session.thread_status_terminated"}


@dataclass
class Turn:
    """Where the turn under way stands, read from the log's tail.

    `decisions` are what people said about calls that need their permission, by the call's id.
    `requests` counts what the model was asked since the last message, so that many messages in a
    row are no runaway.
    """

    open_calls: list[Event] = field(default_factory=list)
    decisions: dict[str, Event] = field(default_factory=dict)
    open_request: Event | None = None
    needs_reply: bool = False
    requests: int = 0

    @property
    def has_begun(self) -> bool:
        return bool(self.needs_reply or self.requests or self.open_calls)

    @property
    def held_calls(self) -> list[Event]:
        """Calls that wait for somebody outside: a custom tool's result, or a permission."""
        return [
            call
            for call in self.open_calls
            if is_custom(call) or needs_permission(call) and call.pk not in self.decisions
        ]

    @property
    def ready_calls(self) -> list[Event]:
        held = self.held_calls
        return [call for call in self.open_calls if call not in held]


class Standing:
    """Follows a thread's events, in order of position, and knows where the current turn stands."""

    def __init__(self) -> None:
        self._turn = Turn()
        self._calls: dict[str, Event] = {}

    def turn(self) -> Turn:
        """Where the turn stands now; what is taken in later does not change it."""
        decisions = dict(self._turn.decisions)
        return replace(self._turn, open_calls=list(self._calls.values()), decisions=decisions)

    def take(self, event: Event) -> None:
        """Take in the log's next event."""
        if event.type in TURN_ENDS:
            # A call that waits for somebody outside outlives the turn that made it.
            self._calls = self._calls if waits_for_answers(event) else {}
            self._turn = _after(event, self._turn)
        elif event.type in CALLS:
            self._calls[event.pk] = event
        elif event.type in ANSWERS:
            self._calls.pop(event.payload[ANSWERS[event.type]], None)
            self._turn.needs_reply = True
        elif event.type == CONFIRMATION:
            self._turn.decisions[event.payload["tool_use_id"]] = event
        else:
            _note(self._turn, event)


def _after(end: Event, turn: Turn) -> Turn:
    """The next turn's beginning: what the last one left open is not forgotten."""
    return Turn(decisions=turn.decisions, needs_reply=reason(end) == "budget_reached")


def _note(turn: Turn, event: Event) -> None:
    """Take in a message, or the begin or end of a request."""
    if event.type == "user.message":
        turn.needs_reply, turn.requests = True, 0
    elif event.type == BEGINS and tried_again_by(event):
        turn.needs_reply = True  # to what the failed turn left unanswered
    elif event.type == "span.model_request_start":
        turn.open_request = event
        turn.requests += 1
    elif event.type == "span.model_request_end":
        turn.open_request = None
        answers = not event.payload["is_error"] and not condenses(event)
        turn.needs_reply = turn.needs_reply and not answers


def condenses(end: Event) -> bool:
    """Whether a model request asked for a summary of older turns, and answered nobody."""
    return bool(end.private and end.private.get("condenses"))


def tried_again_by(begin: Event) -> str:
    """Who tried the turn again that failed before this one began; empty when nobody did."""
    return (begin.private or {}).get(AGAIN, "")


def is_custom(call: Event) -> bool:
    return call.type == "agent.custom_tool_use"


def needs_permission(call: Event) -> bool:
    return call.payload.get("evaluated_permission") == "ask"


def waits_for_answers(end: Event) -> bool:
    """Whether a turn ended because somebody outside has to answer or to allow its calls."""
    return reason(end) == "requires_action"


def reason(end: Event) -> str:
    return end.payload.get("stop_reason", {}).get("type", "")


def messages(events: Sequence[Event]) -> list[dict[str, Any]]:
    """Build the conversation a model is shown: alternating messages in the Messages API's shape."""
    built: list[dict[str, Any]] = []
    for event in events:
        if event.type not in SHOWN:
            continue
        if (part := _part(event)).blocks:
            if not built or built[-1]["role"] != part.role:
                built.append({"role": part.role, "content": []})
            built[-1]["content"] += part.blocks
            built[-1]["said_at"] = part.said_at
    return built


class Part(NamedTuple):
    """What a model is shown of one event; whoever gets the blocks leaves them as they are."""

    role: str
    blocks: list[Block]
    said_at: str


def _part(event: Event) -> Part:
    """Made once for each event: a log that is remembered is shown with every request."""
    if (part := event.__dict__.get("part")) is None:
        role, blocks = _blocks(event) or ("", [])
        part = event.part = Part(role, blocks, stamp(event.created_at))
    return part


def _blocks(event: Event) -> tuple[str, list[Block]] | None:
    payload = event.payload
    if event.type in {"user.message", "agent.message"}:
        role = "user" if event.type == "user.message" else "assistant"
        blocks = [block for block in payload["content"] if block.get("text", "x").strip()]
        return role, blocks
    if event.type == "agent.thinking":
        return ("assistant", list(event.private["blocks"])) if event.private else None
    if event.type in CALLS:
        call = {"type": "tool_use", "id": event.pk, "name": payload["name"]}
        return "assistant", [{**call, "input": payload["input"]}]
    if event.type in ANSWERS:
        return "user", [
            {
                "type": "tool_result",
                "tool_use_id": payload[ANSWERS[event.type]],
                "content": payload.get("content") or [],
                "is_error": bool(payload.get("is_error")),
            }
        ]
    return None


def text_of(event: Event) -> str:
    """The text a person would read in an event's content blocks."""
    blocks = event.payload.get("content") or []
    return "\n".join(block["text"] for block in blocks if block.get("type") == "text")


def awaits_answers(thread: Thread) -> bool:
    """Whether the thread is idle because somebody outside has to answer or to allow its calls."""
    return why_idle(thread) == "requires_action"


def has_failed(thread: Thread) -> bool:
    """Whether the thread is idle because its last turn was given up."""
    return why_idle(thread) == FAILED


def why_idle(thread: Thread) -> str:
    """The type of the stop reason of an idle thread; empty when it works or never did."""
    return thread.idle_reason if thread.status == Status.IDLE else ""


def last_end(thread: Thread) -> Event | None:
    """The event with which an idle thread went idle; None when it works or never did."""
    if thread.status != Status.IDLE:
        return None
    return thread.events.filter(type="session.thread_status_idle").last()
