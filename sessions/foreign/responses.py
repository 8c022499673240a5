"""Items of OpenAI's Responses, also as Codex keeps them: what was said, calls and their outputs."""

from collections.abc import Iterator
from typing import Any

from sessions.foreign import blocks
from sessions.foreign.messages import (
    NO_MESSAGES,
    NOTES,
    ROLES,
    SYSTEM,
    THOUGHTS,
    LeftOut,
    Message,
    Transcript,
    call,
)
from sessions.foreign.openai import SPEAKERS, when

FORMAT = "OpenAI Responses"
CALLS = {"function_call": "arguments", "custom_tool_call": "input"}
OUTPUTS = ("function_call_output", "custom_tool_call_output")
ITEMS = {"message", "reasoning", *CALLS, *OUTPUTS}
# What Codex puts into a person's mouth, for the model.
PUT_IN = ("<environment_context>", "<user_instructions>", "# AGENTS.md instructions")


def is_item(told: Any) -> bool:
    return isinstance(told, dict) and str(told.get("type")) in ITEMS


def unwrapped(row: dict[str, Any]) -> dict[str, Any]:
    """The item of a line of Codex's, with the line's time."""
    payload = row.get("payload")
    if row.get("type") == "response_item" and isinstance(payload, dict):
        return {"timestamp": row.get("timestamp"), **payload}
    return row


def read(title: str, items: list[Any]) -> Transcript:
    transcript = Transcript(title, FORMAT)
    for item in items:
        if isinstance(item, dict):
            transcript.messages += _item(unwrapped(item), transcript.left_out)
        else:
            transcript.left_out.note(NO_MESSAGES)
    return transcript


def _item(item: dict[str, Any], left_out: LeftOut) -> Iterator[Message]:
    kind, at = str(item.get("type") or "message"), when(item)
    if kind == "message":
        yield from _said(item, at, left_out)
    elif kind in CALLS:
        yield call(item.get("name"), item.get("call_id"), item.get(CALLS[kind]), at)
    elif kind in OUTPUTS:
        key = str(item.get("call_id") or "")
        yield Message("result", blocks.result(item.get("output"), left_out), at, call=key)
    elif kind == "reasoning":
        left_out.note(THOUGHTS)
    elif "payload" in item:  # a line of Codex's that is no item
        left_out.note(NOTES)
    else:
        left_out.note(f"items of the kind “{kind[:40]}”")


def _said(item: dict[str, Any], at: str, left_out: LeftOut) -> Iterator[Message]:
    told = str(item.get("role"))
    role = SPEAKERS.get(told)
    if role is None:
        left_out.note(SYSTEM if told in ("system", "developer") else ROLES)
        return
    for message in blocks.read(role, item.get("content"), at, left_out):
        if role == "user" and message.text.startswith(PUT_IN):
            left_out.note(NOTES)
        else:
            yield message
