"""What a request holds, read once: who said what, which tools were called, which stores are there."""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sessions.providers.base import Block, Request
from sessions.providers.builtin.dates import read_moment

SECTION = re.compile(r"<memory_stores>(.*?)</memory_stores>", re.DOTALL)
STORE = re.compile(r"<store\b([^>]*)>(.*?)</store>", re.DOTALL)
ATTRIBUTE = re.compile(r"""([\w-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
MOST_LISTED = 200  # paths in one glob result; a list this long may have been cut


@dataclass(frozen=True)
class Said:
    """Something the person said, and when (None when the message does not tell)."""

    text: str
    at: datetime | None

    @property
    def day(self) -> str:
        return self.at.date().isoformat() if self.at else ""


@dataclass(frozen=True)
class Call:
    """A tool call of this turn with its result; `step` counts the model's replies from 0."""

    name: str
    input: dict[str, Any]
    step: int
    result: str
    is_error: bool


@dataclass(frozen=True)
class Store:
    """A memory store as the system prompt describes it."""

    name: str
    mount: str
    is_writable: bool
    purpose: str


@dataclass(frozen=True)
class Turn:
    """What the person said last with all that followed, and what they said before that."""

    said: tuple[Said, ...]
    earlier: tuple[Said, ...]
    calls: tuple[Call, ...]

    def of(self, *names: str) -> list[Call]:
        return [call for call in self.calls if call.name in names]

    @property
    def cut_globs(self) -> list[Call]:
        """The listings that may not be whole."""
        return [call for call in self.of("glob") if call.result.count("\n") + 1 >= MOST_LISTED]

    def last_read(self, path: str) -> Call | None:
        """The newest successful read of a file in this turn."""
        reads = [c for c in self.of("read") if c.input.get("file_path") == path and not c.is_error]
        return reads[-1] if reads else None


def read_stores(system: str) -> list[Store]:
    """The stores of the system prompt's memory section, by mount path, in order."""
    found: dict[str, Store] = {}
    for section in SECTION.findall(system):
        for attributes, body in STORE.findall(section):
            store = _store(attributes, body)
            if store.mount:
                found.setdefault(store.mount, store)
    return list(found.values())


def _store(attributes: str, body: str) -> Store:
    values = {
        name: html.unescape(double or single)
        for name, double, single in ATTRIBUTE.findall(attributes)
    }
    mount = values.get("mount_path", "").rstrip("/")
    return Store(
        name=values.get("name") or mount.rsplit("/", 1)[-1],
        mount=mount,
        is_writable=values.get("access", "read_write") == "read_write",
        purpose=html.unescape(body.strip()),
    )


def read_turn(request: Request) -> Turn:
    """The turn under way."""
    first = _first_of_turn(request.messages)
    earlier = [said for message in request.messages[:first] for said in _said(message)]
    said = [said for message in request.messages[first:] for said in _said(message)]
    return Turn(tuple(said), tuple(earlier), tuple(_calls(request.messages[first:])))


def _first_of_turn(messages: list[dict[str, Any]]) -> int:
    """Where the turn begins: at the last message with words in it, unless it is answered already.

    It is answered already when the newest message was empty, for empty ones are not shown.
    """
    if not messages or messages[-1]["role"] == "assistant":
        return len(messages)
    for index in range(len(messages) - 1, -1, -1):
        if any(said.text.strip() for said in _said(messages[index])):
            return index
    return 0


def _calls(messages: list[dict[str, Any]]) -> Iterator[Call]:
    results = {
        block.get("tool_use_id"): block
        for message in messages
        for block in _blocks(message, "tool_result")
    }
    replies = (message for message in messages if message["role"] == "assistant")
    for step, message in enumerate(replies):
        for block in _blocks(message, "tool_use"):
            result = results.get(block["id"])
            if result is not None:
                failed = bool(result.get("is_error"))
                yield Call(block["name"], block["input"], step, result_text(result), failed)


def _said(message: dict[str, Any]) -> list[Said]:
    if message["role"] != "user":
        return []
    at = read_moment(message.get("said_at"))
    return [Said(block["text"], at) for block in _blocks(message, "text")]


def _blocks(message: dict[str, Any], kind: str) -> list[Block]:
    content = message["content"]
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    return [block for block in content if block.get("type") == kind]


def result_text(block: Block) -> str:
    """The text of a tool result, whichever way it is wrapped."""
    content = block.get("content") or ""
    if isinstance(content, str):
        return content
    return "\n".join(filter(None, map(_text, content)))


def _text(part: Block) -> str:
    if part.get("type") == "search_result":
        return "\n".join([part["title"], *(each["text"] for each in part["content"])])
    source = part.get("source") or {}
    return part.get("text", "") or (source["data"] if source.get("type") == "text" else "")
