"""A dream's sub-agent: the statements a person made in a transcript, each with its quote.

Only what the person said counts. Lines with the role `memory` or `tool` and the agent's own words
repeat what was known or came from elsewhere; they are no evidence.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sessions.providers.base import Reply, Request
from sessions.providers.builtin.dates import absolute, read_moment
from sessions.providers.builtin.facts import fact
from sessions.providers.builtin.kinds import finding_kind, has_secret
from sessions.providers.builtin.language import one_line
from sessions.providers.builtin.reply import build
from sessions.providers.builtin.thread import Said, Turn, read_turn
from sessions.providers.builtin.utterances import Unit, units

TRANSCRIPT = re.compile(r"<transcript\b[^>]*>(.*)</transcript>", re.DOTALL)
TOOL = "record_finding"
MOST_AT_ONCE = 100
SHORTEST_QUOTE = 8  # letters and digits; less is no evidence, so the whole message is quoted
LONGEST_QUOTE = 4000


@dataclass(frozen=True)
class Line:
    """One event of a transcript."""

    event: str
    role: str
    at: datetime | None
    text: str


def respond(request: Request) -> Reply:
    """Record what is left of the newest chunks; a short count when all is recorded."""
    turn = read_turn(request)
    findings = list(_findings(turn.said))
    done = len(turn.of(TOOL))
    batch = findings[done : done + MOST_AT_ONCE]
    if batch and any(tool["name"] == TOOL for tool in request.tools):
        return build(request, "", [(TOOL, finding) for finding in batch])
    return build(request, _summary(turn, sum(1 for _ in _secrets(turn.said))))


def _summary(turn: Turn, secrets: int) -> str:
    doubtful = sum(1 for call in turn.of(TOOL) if call.is_error)
    recorded = len(turn.of(TOOL)) - doubtful
    said = f"{recorded} finding{'' if recorded == 1 else 's'} recorded."
    said += f" {doubtful} doubtful." if doubtful else ""
    return said + (f" Left out {secrets} that may hold a password or key." if secrets else "")


def _findings(said: tuple[Said, ...]) -> Iterator[dict[str, Any]]:
    """The findings of the chunks, in order; of one sentence said twice only the last time."""
    found = [
        (fact(unit.text).letters, _finding(line, unit))
        for line, unit in _stated(said)
        if not has_secret(line.text[unit.start : unit.end])
        and unit.end - unit.start < LONGEST_QUOTE
    ]
    last = {key: index for index, (key, _) in enumerate(found)}
    for index, (key, finding) in enumerate(found):
        if last[key] == index:
            yield finding


def _secrets(said: tuple[Said, ...]) -> Iterator[Unit]:
    for line, unit in _stated(said):
        if has_secret(line.text[unit.start : unit.end]):
            yield unit


def _stated(said: tuple[Said, ...]) -> Iterator[tuple[Line, Unit]]:
    for message in said:
        for line in read_lines(message.text):
            if line.role == "user":
                for unit in units(line.text):
                    if unit.kind == "statement":
                        yield line, unit


def _finding(line: Line, unit: Unit) -> dict[str, Any]:
    quote = line.text[unit.start : unit.end]
    if sum(map(str.isalnum, quote)) < SHORTEST_QUOTE:
        quote = line.text
    statement = " ".join([unit.text, *_items(unit)])
    return {
        "statement": absolute(statement, line.at),
        "kind": finding_kind(unit.text),
        "quote": quote,
        "event_id": line.event,
    }


def _items(unit: Unit) -> list[str]:
    """A list below "Shopping list:" on the same line: "milk; 3 eggs"."""
    items = [one_line(line).removeprefix("- ") for line in unit.block]
    fenced = [item for item in items if not item.startswith(("```", "~~~"))]
    return ["; ".join(fenced)] if fenced else []


def read_lines(text: str) -> Iterator[Line]:
    """The events of the transcript inside a message; lines that are not JSON objects are skipped."""
    for body in TRANSCRIPT.findall(text):
        for raw in body.splitlines():
            line = read_object(raw)
            if isinstance(line.get("text"), str) and isinstance(line.get("event"), str):
                at = read_moment(line.get("at"))
                yield Line(line["event"], str(line.get("role")), at, line["text"])


def read_object(raw: str) -> dict[str, Any]:
    """One JSON object, or an empty one."""
    if not raw.lstrip().startswith("{"):
        return {}
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
