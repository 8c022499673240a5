"""The Messages API of Anthropic, streamed."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, fields
from typing import Any

from sessions.providers.base import Block, Reply, Request, TextDelta, Thinking, Usage
from sessions.providers.http import Endpoint, storable, tool_input

STOP_REASONS = {
    "end_turn": "end_turn",
    "tool_use": "tool_use",
    "max_tokens": "max_tokens",
    "model_context_window_exceeded": "max_tokens",
    "refusal": "refusal",
}
# An error can come when the stream has begun; its status has then been sent long ago.
STATUSES = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "overloaded_error": 529,
}
# Which part of a block each kind of delta adds to; other kinds carry nothing we keep.
PIECES = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "signature_delta": "signature",
    "input_json_delta": "partial_json",
}
KEPT = {
    "text": ("text",),
    "tool_use": ("id", "name", "input"),
    "thinking": ("thinking", "signature"),
    "redacted_thinking": ("data",),
}
CACHED = {"cache_control": {"type": "ephemeral"}}


@dataclass(frozen=True)
class Anthropic:
    """A provider that asks an endpoint of Anthropic's Messages API."""

    endpoint: Endpoint

    def stream(self, request: Request) -> Iterator[TextDelta | Thinking | Reply]:
        """Yield deltas as they come and the whole `Reply` last; raise `ProviderError`."""
        draft = Draft()
        headers = {"x-api-key": self.endpoint.api_key, "anthropic-version": "2023-06-01"}
        with closing(self.endpoint.post("/v1/messages", payload(request), headers)) as events:
            for data in events:
                if news := self._take(draft, data):
                    yield news
                if draft.finished:
                    break
        if not draft.finished:
            raise self.endpoint.broken()
        yield draft.reply()

    def _take(self, draft: "Draft", data: bytes) -> TextDelta | Thinking | None:
        with self.endpoint.reading(data):
            event = json.loads(data)
            if event["type"] == "error":
                status = STATUSES.get(event["error"]["type"], 500)
                raise self.endpoint.failure(status, data.decode())
            return draft.take(event)


def payload(request: Request) -> dict[str, Any]:
    """The request body, marked so that an unchanged beginning is read from the cache.

    There may be four marks: the system prompt, the tools, and the last two user messages, where
    the older one is what the previous request wrote and this one can read.
    """
    messages = [_message(message) for message in request.messages]
    asked = [message for message in messages if message["role"] == "user"]
    for message in asked[-2:]:
        message["content"] = _marked(message["content"])
    body = {
        "model": request.model,
        "max_tokens": request.max_tokens,
        "messages": [message for message in messages if message["content"]],
        "stream": True,
    }
    if request.system:
        body["system"] = _marked([{"type": "text", "text": request.system}])
    if request.tools:
        body["tools"] = _marked(request.tools)
    return body


def _message(message: dict[str, Any]) -> dict[str, Any]:
    # The API refuses blank text, even where it wrote it itself.
    blocks = [
        block for block in message["content"] if block["type"] != "text" or block["text"].strip()
    ]
    return {"role": message["role"], "content": blocks}


def _marked(blocks: list[Block]) -> list[Block]:
    return [*blocks[:-1], *({**block, **CACHED} for block in blocks[-1:])]


@dataclass
class Draft:
    """A reply in the making, block by block."""

    blocks: dict[int, Block] = field(default_factory=dict)
    texts: list[int] = field(default_factory=list)
    usage: dict[str, int] = field(default_factory=dict)
    stop_reason: str = ""
    explanation: str = ""
    finished: bool = False

    def take(self, event: dict[str, Any]) -> TextDelta | Thinking | None:
        """Add one event of the stream; return what live readers should hear of it."""
        match event["type"]:
            case "message_start":
                self._count(event["message"].get("usage"))
            case "content_block_start":
                return self._begin(event["index"], event["content_block"])
            case "content_block_delta":
                return self._add(event["index"], event["delta"])
            case "message_delta":
                self._end(event["delta"])
                self._count(event.get("usage"))
            case "message_stop":
                self.finished = True
        return None

    def reply(self) -> Reply:
        content = [_whole(block) for block in self.blocks.values() if _counts(block)]
        called = any(block["type"] == "tool_use" for block in content)
        reason = STOP_REASONS.get(self.stop_reason, "tool_use" if called else "end_turn")
        return Reply(content, reason, Usage(**self.usage), storable(self.explanation))

    def _begin(self, index: int, block: Block) -> TextDelta | Thinking | None:
        self.blocks[index] = dict(block)
        if block["type"] in {"thinking", "redacted_thinking"}:
            return Thinking()
        return self._told(index, block["text"]) if block["type"] == "text" else None

    def _add(self, index: int, delta: dict[str, Any]) -> TextDelta | None:
        if not (key := PIECES.get(delta["type"])):
            return None
        piece = delta[key]
        self.blocks[index][key] = self.blocks[index].get(key, "") + piece
        return self._told(index, piece) if key == "text" else None

    def _told(self, index: int, text: str) -> TextDelta | None:
        # A text block that stays empty is left out of the reply, so it takes no number either.
        if not text:
            return None
        if index not in self.texts:
            self.texts.append(index)
        return TextDelta(storable(text), self.texts.index(index))

    def _end(self, delta: dict[str, Any]) -> None:
        self.stop_reason = delta.get("stop_reason") or self.stop_reason
        self.explanation = (delta.get("stop_details") or {}).get("explanation") or ""

    def _count(self, usage: dict[str, Any] | None) -> None:
        # Later counts replace earlier ones: they are totals, and what is null has not changed.
        counts = {item.name: (usage or {}).get(item.name) for item in fields(Usage)}
        self.usage |= {name: int(count) for name, count in counts.items() if count is not None}


def _counts(block: Block) -> bool:
    # Unsigned thoughts were cut off, or are a look-alike's: the API would not take them back.
    needed = {"text": "text", "thinking": "signature"}.get(block["type"], "type")
    return block["type"] in KEPT and bool(block.get(needed))


def _whole(block: Block) -> Block:
    if pieces := block.get("partial_json"):
        block = {**block, "input": tool_input(pieces)}
    kind = block["type"]
    return {"type": kind, **{key: storable(block.get(key, "")) for key in KEPT[kind]}}
