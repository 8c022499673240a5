"""Building replies: text, tool calls, and an honest count of tokens."""

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

from sessions.providers.base import Reply, Request, TextDelta, Usage

CHARACTERS_PER_TOKEN = 4  # a rule of thumb for English; nothing is billed by it
PIECE = re.compile(r"\s*\S+\s*?(?=\s|$)|\s+")

ToolCall = tuple[str, dict[str, Any]]


def build(request: Request, text: str = "", calls: list[ToolCall] | None = None) -> Reply:
    """A reply with the text and the calls; without calls it ends the turn."""
    content: list[dict[str, Any]] = [{"type": "text", "text": text}] if text else []
    for index, (name, given) in enumerate(calls or []):
        block = {"type": "tool_use", "id": _id(request, index, name, given), "name": name}
        content.append({**block, "input": given})
    stop = "tool_use" if calls else "end_turn"
    return Reply(content, stop, Usage(input_tokens(request), _tokens(_characters(content))))


def _id(request: Request, index: int, name: str, given: dict[str, Any]) -> str:
    """The same request gives the same id; another step of the thread gives another."""
    seed = json.dumps([len(request.messages), index, name, given], sort_keys=True)
    return "toolu_" + hashlib.sha256(seed.encode("utf-8", "replace")).hexdigest()[:24]


def input_tokens(request: Request) -> int:
    """An estimate over everything sent: system prompt, messages and tool descriptions."""
    messages = [message["content"] for message in request.messages]
    return _tokens(_characters([request.system, messages, request.tools]))


def _tokens(characters: int) -> int:
    return -(-characters // CHARACTERS_PER_TOKEN)


def _characters(value: Any) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(len(key) + _characters(each) for key, each in value.items())
    if isinstance(value, list | tuple):
        return sum(_characters(each) for each in value)
    return 1


def deltas(reply: Reply) -> Iterator[TextDelta]:
    """The reply's text in word-sized pieces that add up to it exactly."""
    texts = [block["text"] for block in reply.content if block["type"] == "text"]
    for index, text in enumerate(texts):
        for piece in PIECE.findall(text):
            yield TextDelta(piece, index)
