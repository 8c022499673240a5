"""The two published protocols as the fake server speaks them: what it refuses, what it streams."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from sessions.providers.base import Usage

OPENAI_REASONS = {"end_turn": "stop", "tool_use": "tool_calls", "max_tokens": "length"}
USAGE = Usage(12, 5)


@dataclass(frozen=True)
class Call:
    """A tool call; its id is made up when not given."""

    name: str
    input: dict[str, Any] = field(default_factory=dict)
    id: str = ""


@dataclass(frozen=True)
class Think:
    text: str = "Let me think."
    signature: str = "c2lnbmVk"


class Turn:
    """A reply: strings (each is one delta; neighbours form one text block), `Call`s, `Think`s.

    `delay` is the pause in seconds before each event. After `stops_after` events the stream ends
    as `then` says: `cut` (the connection dies), `end` (it just ends) or `hang` (it stays silent
    until the client leaves). `usage=None` reports none, where the protocol allows that.
    """

    def __init__(
        self,
        *parts: str | Call | Think,
        stop_reason: str = "",
        explanation: str = "",
        usage: Usage | None = USAGE,
        delay: float = 0,
        stops_after: int | None = None,
        then: str = "cut",
    ) -> None:
        self.blocks: list[list[str | Call | Think]] = []
        for part in parts:
            if isinstance(part, str) and self.blocks and isinstance(self.blocks[-1][0], str):
                self.blocks[-1].append(part)
            else:
                self.blocks.append([part])
        called = any(isinstance(part, Call) for part in parts)
        self.stop_reason = stop_reason or ("tool_use" if called else "end_turn")
        self.explanation = explanation
        self.usage = usage
        self.delay = delay
        self.stops_after = stops_after
        self.then = then


def sse(event: Any, name: str = "") -> bytes:
    """One server-sent event; a string goes as it is, anything else as JSON."""
    data = event if isinstance(event, str) else json.dumps(event, ensure_ascii=False)
    return (f"event: {name}\n" if name else "").encode() + f"data: {data}\n\n".encode()


def pieces(text: str, size: int = 7) -> list[str]:
    """Cut `text` as a model streams it: never where it would be convenient."""
    return [text[start : start + size] for start in range(0, len(text), size)]


class Messages:
    """Anthropic's Messages API."""

    def error(self, kind: str, message: str) -> dict[str, Any]:
        return {"type": "error", "error": {"type": kind, "message": message}}

    def complaint(self, headers: dict[str, str], body: dict[str, Any]) -> str:
        if not (headers.get("x-api-key") or headers.get("authorization")):
            return "x-api-key header is required"
        if not headers.get("anthropic-version"):
            return "anthropic-version: header is required"
        if not (body.get("model") and body.get("max_tokens") and body.get("stream")):
            return "model, max_tokens, stream: Field required"
        if json.dumps(body).count('"cache_control"') > 4:
            return "A maximum of 4 blocks with cache_control may be provided."
        return self._complaint_about(body["messages"])

    def _complaint_about(self, messages: list[dict[str, Any]]) -> str:
        if not messages or messages[0]["role"] != "user":
            return "messages: first message must use the user role"
        for number, message in enumerate(messages):
            if set(message) != {"role", "content"}:
                return f"messages.{number}: Extra inputs are not permitted"
            if any(not block["text"].strip() for block in of_kind(message, "text")):
                return f"messages.{number}: text content blocks must be non-empty"
            answers = messages[number + 1] if number + 1 < len(messages) else {"content": []}
            called = {block["id"] for block in of_kind(message, "tool_use")}
            if called - {block["tool_use_id"] for block in of_kind(answers, "tool_result")}:
                return f"messages.{number}: tool_use ids were found without tool_result blocks"
        return ""

    def events(self, turn: Turn, body: dict[str, Any], numbers: Iterator[int]) -> Iterator[bytes]:
        for event in self._events(turn, body, numbers):
            yield sse(event, event["type"])

    def _events(self, turn: Turn, body: dict[str, Any], numbers: Iterator[int]) -> Iterator[dict]:
        usage = asdict(turn.usage or Usage())
        message = {"id": f"msg_{next(numbers)}", "type": "message", "role": "assistant"}
        message |= {"model": body["model"], "content": [], "stop_reason": None}
        message |= {"stop_sequence": None, "usage": usage | {"output_tokens": 1}}
        yield {"type": "message_start", "message": message}
        for index, parts in enumerate(turn.blocks):
            start, deltas = self._block(parts, numbers)
            yield {"type": "content_block_start", "index": index, "content_block": start}
            if index == 0:
                yield {"type": "ping"}
            for delta in deltas:
                yield {"type": "content_block_delta", "index": index, "delta": delta}
            yield {"type": "content_block_stop", "index": index}
        delta = {"stop_reason": turn.stop_reason, "stop_sequence": None, "stop_details": None}
        if turn.stop_reason == "refusal":
            details = {"type": "refusal", "category": None, "explanation": turn.explanation or None}
            delta["stop_details"] = details
        used = {"output_tokens": usage["output_tokens"]}
        yield {"type": "message_delta", "delta": delta, "usage": used}
        yield {"type": "message_stop"}

    def _block(self, parts: list[Any], numbers: Iterator[int]) -> tuple[dict, list[dict]]:
        if isinstance(parts[0], str):
            deltas = [{"type": "text_delta", "text": text} for text in parts]
            return {"type": "text", "text": ""}, deltas
        [part] = parts
        if isinstance(part, Think):
            start = {"type": "thinking", "thinking": "", "signature": ""}
            deltas = [{"type": "thinking_delta", "thinking": text} for text in pieces(part.text)]
            return start, [*deltas, {"type": "signature_delta", "signature": part.signature}]
        id = part.id or f"toolu_{next(numbers)}"
        written = ["", *pieces(json.dumps(part.input, ensure_ascii=False))]
        deltas = [{"type": "input_json_delta", "partial_json": text} for text in written]
        return {"type": "tool_use", "id": id, "name": part.name, "input": {}}, deltas


class ChatCompletions:
    """OpenAI's Chat Completions."""

    def error(self, kind: str, message: str) -> dict[str, Any]:
        return {"error": {"message": message, "type": kind, "param": None, "code": None}}

    def complaint(self, headers: dict[str, str], body: dict[str, Any]) -> str:
        if not (body.get("model") and body.get("messages")):
            return "you must provide a model and messages"
        if body.get("stream_options") and not body.get("stream"):
            return "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        waiting: set[str] = set()
        for message in body["messages"]:
            if message["role"] == "tool":
                if message["tool_call_id"] not in waiting:
                    return "messages with role 'tool' must follow a message with 'tool_calls'"
                waiting.remove(message["tool_call_id"])
            elif waiting:
                return "'tool_calls' must be followed by a message for each tool_call_id"
            for call in message.get("tool_calls", []):
                json.loads(call["function"]["arguments"])
                waiting.add(call["id"])
        return ""

    def events(self, turn: Turn, body: dict[str, Any], numbers: Iterator[int]) -> Iterator[bytes]:
        common = {"id": f"chatcmpl-{next(numbers)}", "object": "chat.completion.chunk"}
        common |= {"created": 1_700_000_000, "model": body["model"]}
        deltas = [{"role": "assistant", "content": ""}, *self._deltas(turn, numbers), {}]
        for number, delta in enumerate(deltas, start=1):
            last = number == len(deltas)
            reason = OPENAI_REASONS.get(turn.stop_reason, "content_filter") if last else None
            choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
            yield sse(common | {"choices": [choice], "usage": None})
        if turn.usage and body.get("stream_options", {}).get("include_usage"):
            yield sse(common | {"choices": [], "usage": self._usage(turn.usage)})
        yield sse("[DONE]")

    def whole(self, turn: Turn, body: dict[str, Any]) -> dict[str, Any]:
        """The answer's text to a request that asked for no stream."""
        parts = [part for parts in turn.blocks for part in parts if isinstance(part, str)]
        message = {"role": "assistant", "content": "".join(parts)}
        choice = {"index": 0, "message": message, "finish_reason": "length"}
        return {"object": "chat.completion", "model": body["model"], "choices": [choice]}

    def _usage(self, usage: Usage) -> dict[str, Any]:
        cached = usage.cache_read_input_tokens
        asked, answered = usage.input_tokens + cached, usage.output_tokens
        counts = {"prompt_tokens": asked, "completion_tokens": answered}
        details = {"prompt_tokens_details": {"cached_tokens": cached}}
        return counts | {"total_tokens": asked + answered} | details

    def _deltas(self, turn: Turn, numbers: Iterator[int]) -> Iterator[dict[str, Any]]:
        index = 0
        for part in (part for parts in turn.blocks for part in parts):
            if isinstance(part, str):
                yield {"content": part}
            elif isinstance(part, Think):
                yield from ({"reasoning_content": text} for text in pieces(part.text))
            else:
                yield from self._call(part, index, part.id or f"call_{next(numbers)}")
                index += 1

    def _call(self, part: Call, index: int, id: str) -> Iterator[dict[str, Any]]:
        start = {"index": index, "id": id, "type": "function"}
        yield {"tool_calls": [start | {"function": {"name": part.name, "arguments": ""}}]}
        for text in pieces(json.dumps(part.input, ensure_ascii=False)):
            yield {"tool_calls": [{"index": index, "function": {"arguments": text}}]}


def of_kind(message: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """The message's blocks of one type; plain text counts as one text block."""
    content = message["content"]
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return [block for block in blocks if block["type"] == kind]


PROTOCOLS = {"/v1/messages": Messages(), "/v1/chat/completions": ChatCompletions()}
