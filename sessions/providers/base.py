"""The seam between the turn loop and any model: one request in, deltas and one reply out."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

Block = dict[str, Any]
"""A content block in the shape of the Messages API.

A person's message holds `text`, `image`, `document` and `tool_result`; a model's holds `text`,
`tool_use`, `thinking` and `redacted_thinking`, the latter two to be sent back unchanged. Where a
model wrote arguments that are no JSON object, a `tool_use`'s input is `{"_unparsed": raw text}`.
"""

Purpose = Literal["chat", "extract", "consolidate"]


@dataclass(frozen=True)
class Request:
    """What a model is asked.

    `messages` are `{"role": "user"|"assistant", "content": [Block, …], "said_at": ISO time}`;
    roles alternate and every `tool_use` is answered in the next message. `said_at` is ours: a
    provider that talks to an endpoint sends only `role` and `content`. `tools` are
    `{"name", "description", "input_schema"}`. `purpose` says which job is being done; language
    models read it from the system prompt, the built-in model takes it from here.
    """

    model: str
    system: str
    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]]
    now: datetime
    purpose: Purpose = "chat"
    max_tokens: int = 8192


@dataclass(frozen=True)
class Usage:
    """Tokens of one request, counted as the Messages API counts them."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_input_tokens: int = 0
    cache_creation_input_tokens: int = 0


@dataclass(frozen=True)
class TextDelta:
    """A piece of the answer, for live readers; `index` counts the reply's text blocks from 0."""

    text: str
    index: int = 0


@dataclass(frozen=True)
class Thinking:
    """The model has begun to think; its text is nobody's business."""


@dataclass(frozen=True)
class Reply:
    """The whole answer. `stop_reason`: `end_turn`, `tool_use`, `max_tokens` or `refusal`."""

    content: list[Block]
    stop_reason: str
    usage: Usage = field(default_factory=Usage)
    explanation: str = ""

    @property
    def text(self) -> str:
        return "".join(block["text"] for block in self.content if block["type"] == "text")

    @property
    def tool_calls(self) -> list[Block]:
        return [block for block in self.content if block["type"] == "tool_use"]


class ProviderError(Exception):
    """The model gave no usable reply.

    `type` is one of the wire's `session.error` types; `message` tells a person what happened and
    what to do, and holds no secret; `retry_after` is in seconds when the endpoint named a time.
    `too_long` when the conversation does not fit into the model's window.
    """

    def __init__(
        self,
        type: str,
        message: str,
        *,
        retryable: bool,
        retry_after: float | None = None,
        too_long: bool = False,
    ) -> None:
        super().__init__(message)
        self.type = type
        self.message = message
        self.retryable = retryable
        self.retry_after = retry_after
        self.too_long = too_long


class Provider(Protocol):
    """A source of replies."""

    def stream(self, request: Request) -> Iterator[TextDelta | Thinking | Reply]:
        """Yield deltas as they come and the whole `Reply` last; raise `ProviderError`."""
        ...
