"""Messages with roles, in OpenAI's shape of Chat Completions or Anthropic's of Messages."""

from collections.abc import Iterator
from typing import Any

from sessions.foreign import blocks
from sessions.foreign.messages import (
    NO_MESSAGES,
    ROLES,
    SYSTEM,
    LeftOut,
    Message,
    Transcript,
    call,
    cut,
    time,
)

FORMAT = "Messages as JSON"
SPEAKERS = {"user": "user", "human": "user", "assistant": "agent"}


def read(title: str, messages: list[Any]) -> Transcript:
    transcript = Transcript(title, FORMAT)
    for message in messages:
        if isinstance(message, dict) and "role" in message:
            transcript.messages += _message(message, transcript.left_out)
        else:
            transcript.left_out.note(NO_MESSAGES)
    return transcript


def when(message: dict[str, Any]) -> str:
    names = ("timestamp", "created_at", "create_time")
    return next((time(message[name]) for name in names if message.get(name)), "")


def _message(message: dict[str, Any], left_out: LeftOut) -> Iterator[Message]:
    role, content, at = str(message["role"]), message.get("content"), when(message)
    name = str(message.get("name") or "")
    if role in ("system", "developer"):
        left_out.note(SYSTEM)
    elif role in ("tool", "function"):
        key = message.get("tool_call_id") if role == "tool" else _by_name(name)
        yield Message("result", blocks.result(content, left_out), at, call=str(key or ""))
    elif role in SPEAKERS:
        yield from blocks.read(SPEAKERS[role], content, at, left_out, name=name)
        if refusal := cut(str(message.get("refusal") or "").strip(), left_out):
            yield Message(SPEAKERS[role], refusal, at, name)
        if message.get("audio"):
            left_out.note("sounds")
        yield from _calls(message, at, left_out)
    else:
        left_out.note(ROLES)


def _calls(message: dict[str, Any], at: str, left_out: LeftOut) -> Iterator[Message]:
    told = message.get("tool_calls")
    for each in told if isinstance(told, list) else []:
        each = each if isinstance(each, dict) else {}
        made = each.get("function") or each.get("custom")
        if isinstance(made, dict):
            given = made.get("arguments") if "arguments" in made else made.get("input")
            yield call(made.get("name"), each.get("id"), given, at)
        else:
            left_out.note("calls of an unknown shape")
    # How calls were told before they had ids: one to a message, answered by the function's name.
    if isinstance(made := message.get("function_call"), dict):
        name = str(made.get("name") or "")
        yield call(name, _by_name(name), made.get("arguments"), at)


def _by_name(name: str) -> str:
    return f"function {name}"
