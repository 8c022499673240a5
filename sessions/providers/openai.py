"""Chat Completions, streamed: OpenAI, Ollama, vLLM, llama.cpp and what else speaks like them."""

import json
import re
import secrets
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from sessions.providers.base import Block, ProviderError, Reply, Request, TextDelta, Thinking, Usage
from sessions.providers.http import Endpoint, storable, tool_input

FINISH_REASONS = {
    "stop": "end_turn",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "length": "max_tokens",
    "content_filter": "refusal",
}
FILTERED = "The endpoint's content filter stopped the answer."
PATH = "/chat/completions"
CHARACTERS_PER_TOKEN = 4
# How Ollama, vLLM, llama.cpp and OpenRouter put it that a model has no tools.
NO_TOOLS = re.compile(
    r"answered (400|404|422|500|501)\..*("
    r"(support|enable|require)[^.]{0,40}\btool|\btools?\b[^.]{0,40}(support|enable|require))",
    re.IGNORECASE,
)
TOOLS_ADVICE = (
    "The model {model} takes no tools, and agents here work with tools. Choose a model that can call"
    " tools, or start its server so that it can (vLLM: --enable-auto-tool-choice and"
    " --tool-call-parser; llama.cpp: --jinja). {said}"
)


@dataclass(frozen=True)
class OpenAI:
    """A provider that asks an endpoint compatible with OpenAI's Chat Completions."""

    endpoint: Endpoint

    def stream(self, request: Request) -> Iterator[TextDelta | Thinking | Reply]:
        """Yield deltas as they come and the whole `Reply` last; raise `ProviderError`.

        The usage of an endpoint that reports none is estimated at four characters a token.
        """
        body = payload(request, self.endpoint.host)
        draft = Draft()
        try:
            yield from self._deltas(body, draft)
        except ProviderError as error:
            if request.tools and NO_TOOLS.search(error.message):
                said = TOOLS_ADVICE.format(model=request.model, said=error.message)
                raise ProviderError(error.type, said, retryable=False) from None
            raise
        yield draft.reply(body)

    def _deltas(self, body: dict[str, Any], draft: "Draft") -> Iterator[TextDelta | Thinking]:
        key = self.endpoint.api_key
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        data = b""
        with closing(self.endpoint.post(PATH, body, headers)) as events:
            for data in events:
                if data == b"[DONE]":
                    draft.finished = True
                    break
                yield from self._take(draft, data)
        if not data:
            raise self.endpoint.hidden_failure(PATH, unstreamed(body), headers)
        if not draft.finished or not all(call.name for call in draft.calls):
            raise self.endpoint.broken()

    def _take(self, draft: "Draft", data: bytes) -> list[TextDelta | Thinking]:
        with self.endpoint.reading(data):
            chunk = json.loads(data)
            if chunk.get("error") or chunk.get("object") == "error":
                raise self.endpoint.failure(_status(chunk), data.decode())
            return draft.take(chunk)


def payload(request: Request, host: str = "") -> dict[str, Any]:
    """The request body, in the words of Chat Completions."""
    # OpenAI's newer models refuse `max_tokens`; many other servers know nothing else.
    modern = host.endswith((".openai.com", ".azure.com"))
    body = {
        "model": request.model,
        "max_completion_tokens" if modern else "max_tokens": request.max_tokens,
        "messages": list(_messages(request)),
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if request.tools:
        body["tools"] = [_function(tool) for tool in request.tools]
    return body


def unstreamed(body: dict[str, Any]) -> dict[str, Any]:
    """The same question, to be answered in one piece and as briefly as can be."""
    kept = {key: value for key, value in body.items() if key not in {"stream", "stream_options"}}
    return kept | {key: 1 for key in ("max_tokens", "max_completion_tokens") if key in body}


def _function(tool: dict[str, Any]) -> dict[str, Any]:
    function = {"name": tool["name"], "description": tool["description"]}
    return {"type": "function", "function": function | {"parameters": tool["input_schema"]}}


def _messages(request: Request) -> Iterator[dict[str, Any]]:
    if request.system:
        yield {"role": "system", "content": request.system}
    for message in request.messages:
        translate = _said if message["role"] == "user" else _answered
        yield from translate(message["content"])


def _said(blocks: list[Block]) -> Iterator[dict[str, Any]]:
    # Results come first: nothing may stand between a call and its answer.
    for block in blocks:
        if block["type"] == "tool_result":
            yield {
                "role": "tool",
                "tool_call_id": block["tool_use_id"],
                "content": ("Error: " if block.get("is_error") else "") + _result(block),
            }
    parts = [_part(block) for block in blocks if block["type"] != "tool_result"]
    if any(part["type"] != "text" for part in parts):
        yield {"role": "user", "content": parts}
    elif text := "\n\n".join(part["text"] for part in parts if part["text"].strip()):
        # Plain text where it will do: not every server takes a list of parts.
        yield {"role": "user", "content": text}


def _part(block: Block) -> dict[str, Any]:
    source = block.get("source", {})
    match block["type"], source.get("type"):
        case "text", _:
            return {"type": "text", "text": block["text"]}
        case "image", "url":
            return {"type": "image_url", "image_url": {"url": source["url"]}}
        case "image", "base64":
            url = f"data:{source['media_type']};base64,{source['data']}"
            return {"type": "image_url", "image_url": {"url": url}}
        case "document", "text":
            return {"type": "text", "text": source["data"]}
        case kind, _:
            return {"type": "text", "text": f"[{kind}: cannot be shown to this model]"}


def _answered(blocks: list[Block]) -> Iterator[dict[str, Any]]:
    text = "".join(block["text"] for block in blocks if block["type"] == "text")
    calls = [_tool_call(block) for block in blocks if block["type"] == "tool_use"]
    if calls:
        # llama-cpp-python takes null for a mistake; nobody minds an empty text.
        yield {"role": "assistant", "content": text, "tool_calls": calls}
    elif text:
        yield {"role": "assistant", "content": text}


def _tool_call(block: Block) -> dict[str, Any]:
    arguments = json.dumps(block["input"], ensure_ascii=False)
    function = {"name": block["name"], "arguments": arguments}
    return {"id": block["id"], "type": "function", "function": function}


def _result(block: Block) -> str:
    content = block.get("content") or ""
    if isinstance(content, str):
        return content
    return "\n".join(_plain(part) for part in content)


def _plain(part: Block) -> str:
    """A part of a result as text: servers take nothing else there."""
    if part["type"] == "search_result":
        return "\n".join(
            [part["title"], part["source"], *(each["text"] for each in part["content"])]
        )
    shown = _part(part)
    return shown.get("text", f"[{part['type']}: cannot be shown here]")


@dataclass
class Call:
    """A tool call in the making. Servers differ in what they number, name and repeat."""

    index: int | None
    id: str = ""
    name: str = ""
    arguments: str = ""

    def ends_before(self, id: str, name: str, arguments: str) -> bool:
        """Whether a delta with these belongs to another call, though its index is the same.

        Some servers number every call 0; some send no ids; some repeat id and name each time.
        """
        if (id and self.id and id != self.id) or (name and self.name and name != self.name):
            return True
        return bool(name and arguments.strip() and self.is_whole)

    @property
    def is_whole(self) -> bool:
        return bool(self.arguments) and "_unparsed" not in tool_input(self.arguments)


@dataclass
class Draft:
    """A reply in the making, chunk by chunk."""

    text: str = ""
    refusal: str = ""
    thinking: bool = False
    thought: int = 0  # characters
    calls: list[Call] = field(default_factory=list)
    usage: Usage | None = None
    finish_reason: str = ""
    finished: bool = False

    def take(self, chunk: dict[str, Any]) -> list[TextDelta | Thinking]:
        """Add one chunk of the stream; return what live readers should hear of it."""
        if (usage := chunk.get("usage")) and usage.get("prompt_tokens"):
            self.usage = _usage(usage)
        for choice in (chunk.get("choices") or [])[:1]:
            if reason := choice.get("finish_reason"):
                self.finish_reason, self.finished = str(reason), True
            return self._add(choice.get("delta") or {})
        return []

    def reply(self, body: dict[str, Any]) -> Reply:
        content = [{"type": "text", "text": storable(self.text)}] if self.text else []
        content += self._tool_uses(body)
        reason = FINISH_REASONS.get(self.finish_reason, "end_turn")
        if reason in {"end_turn", "tool_use"}:
            # Many servers say "stop" after a tool call.
            reason = "tool_use" if self.calls else "end_turn"
        if self.refusal:
            reason = "refusal"
        explanation = storable(self.refusal) or FILTERED if reason == "refusal" else ""
        return Reply(content, reason, self.usage or self._estimate(body), explanation)

    def _add(self, delta: dict[str, Any]) -> list[TextDelta | Thinking]:
        news: list[TextDelta | Thinking] = []
        if reasoning := delta.get("reasoning_content") or delta.get("reasoning"):
            news += [] if self.thinking else [Thinking()]
            self.thinking = True
            self.thought += len(reasoning)
        if text := delta.get("content"):
            self.thinking = False
            self.text += text
            news.append(TextDelta(storable(text)))
        for call in delta.get("tool_calls") or []:
            self.thinking = False
            self._call(call)
        self.refusal += delta.get("refusal") or ""
        return news

    def _call(self, delta: dict[str, Any]) -> None:
        function = delta.get("function") or {}
        index, id = delta.get("index"), str(delta.get("id") or "")
        name = str(function.get("name") or "")
        arguments = function.get("arguments") or ""
        if not isinstance(arguments, str):
            arguments = json.dumps(arguments)
        call = self._open_call(index, id)
        if call is None or call.ends_before(id, name, arguments):
            call = Call(index)
            self.calls.append(call)
        call.id, call.name = call.id or id, call.name or name
        call.arguments += arguments

    def _open_call(self, index: int | None, id: str) -> Call | None:
        calls = reversed(self.calls)
        if index is not None:
            return next((call for call in calls if call.index == index), None)
        return next((call for call in calls if not id or call.id == id), None)

    def _tool_uses(self, body: dict[str, Any]) -> Iterator[Block]:
        """The calls, each with an id that no other call of the conversation has."""
        sent = (call for message in body["messages"] for call in message.get("tool_calls", []))
        taken = {"", *(call["id"] for call in sent)}
        for call in self.calls:
            id = call.id if call.id not in taken else f"call_{secrets.token_hex(12)}"
            taken.add(id)
            arguments = tool_input(call.arguments)
            yield {"type": "tool_use", "id": id, "name": storable(call.name), "input": arguments}

    def _estimate(self, body: dict[str, Any]) -> Usage:
        asked = json.dumps([body["messages"], body.get("tools")], ensure_ascii=False)
        called = sum(len(call.name) + len(call.arguments) for call in self.calls)
        answered = len(self.text) + self.thought + called
        return Usage(-(-len(asked) // CHARACTERS_PER_TOKEN), -(-answered // CHARACTERS_PER_TOKEN))


def _usage(counts: dict[str, Any]) -> Usage:
    prompt = int(counts.get("prompt_tokens") or 0)
    cached = int((counts.get("prompt_tokens_details") or {}).get("cached_tokens") or 0)
    answered = int(counts.get("completion_tokens") or 0)
    return Usage(max(prompt - cached, 0), answered, cache_read_input_tokens=cached)


def _status(chunk: dict[str, Any]) -> int:
    """The status an error would have had if it had come before the stream began."""
    error = chunk.get("error")
    code = error.get("code") if isinstance(error, dict) else chunk.get("code")
    if isinstance(code, int) and 400 <= code < 600:
        return code
    return 429 if re.search("rate_limit|insufficient_quota", json.dumps(chunk)) else 500
