"""Pure: a session's log as the lines a sub-agent reads, and the chunks they come in."""

import json
from collections.abc import Iterable, Iterator
from typing import Any
from xml.sax.saxutils import quoteattr

from console.api import stamp
from sessions.context import MOUNT_ROOT, WORKSPACE
from sessions.models import Event
from sessions.tools import TOOLS
from sessions.transcript import text_of

CHUNK_CHARACTERS = 24_000
LINE_CHARACTERS = 16_000

Line = dict[str, str]
"""`{"event", "role", "at", "text"}`; a long event makes several lines with the same event id."""


def lines(events: Iterable[Event]) -> list[Line]:
    """Turn a primary thread's events, in order, into lines.

    Roles: `user` is evidence; `agent` is what the model said; `memory` is what it recalled from a
    store, which must not be learnt again as new; `tool` is everything else, and tainted.
    """
    calls: dict[str, Event] = {}
    found = []
    for event in events:
        if event.type == "agent.tool_use":
            calls[event.pk] = event
        if role := _role(event, calls):
            text, at = text_of(event), stamp(event.created_at)
            found += [
                {"event": event.pk, "role": role, "at": at, "text": part} for part in _parts(text)
            ]
    return found


def _role(event: Event, calls: dict[str, Event]) -> str | None:
    if event.is_withdrawn:
        return None  # whoever said it took it back
    if event.type == "agent.tool_result":
        call = calls.get(event.payload["tool_use_id"])
        return _source(call.payload) if call else "tool"
    return {
        "user.message": "user",
        "agent.message": "agent",
        "user.custom_tool_result": "tool",
    }.get(event.type)


def _source(call: dict[str, Any]) -> str:
    """Whether a call looked into a store; tools of imported transcripts know none."""
    given = call["input"]
    path = str(given.get("file_path") or given.get("path") or MOUNT_ROOT)
    return "memory" if call["name"] in TOOLS and not path.startswith(WORKSPACE) else "tool"


def _parts(text: str) -> Iterator[str]:
    for start in range(0, len(text), LINE_CHARACTERS):
        yield text[start : start + LINE_CHARACTERS]


def chunks(transcript: list[Line]) -> list[list[Line]]:
    """Cut a transcript into pieces that fit a request; every line lands in exactly one."""
    pieces: list[list[Line]] = []
    size = CHUNK_CHARACTERS
    for line in transcript:
        length = len(line["text"]) + 120
        if size + length > CHUNK_CHARACTERS:
            pieces.append([])
            size = 0
        pieces[-1].append(line)
        size += length
    return pieces


def as_message(title: str, piece: list[Line], number: int, total: int) -> str:
    """Write one chunk as the message its sub-agent gets."""
    body = "\n".join(json.dumps(line, ensure_ascii=False) for line in piece)
    head = f"<transcript title={quoteattr(title)} part={quoteattr(f'{number}/{total}')}>"
    return f"{head}\n{body}\n</transcript>"


def text_by_event(transcript: list[Line]) -> dict[str, tuple[str, str, str]]:
    """Map each event to (role, time, whole text), for checking quotes."""
    found: dict[str, tuple[str, str, str]] = {}
    for line in transcript:
        earlier = found.get(line["event"], ("", "", ""))[2]
        found[line["event"]] = (line["role"], line["at"], earlier + line["text"])
    return found
