"""What a message holds: a text, or blocks as the Messages API and OpenAI have them."""

from collections.abc import Iterator
from typing import Any

from sessions.foreign.messages import ATTACHMENTS, THOUGHTS, LeftOut, Message, call, cut

WORDS = ("text", "input_text", "output_text", "refusal")
THOUGHT = ("thinking", "redacted_thinking", "reasoning", "thoughts")
ATTACHED = ("image", "document", "image_url", "input_image", "input_file", "file", "input_audio")
INSIDE = "images and other attachments in results"


def read(
    role: str, content: Any, at: str, left_out: LeftOut, *, name: str = ""
) -> Iterator[Message]:
    """The messages of one turn's content, said by `role`."""
    for block in content if isinstance(content, list) else [content or ""]:
        if isinstance(block, str):
            block = {"type": "text", "text": block}
        if not isinstance(block, dict):
            left_out.note("blocks that are no objects")
            continue
        kind = str(block.get("type"))
        if kind in WORDS:
            text = block.get("refusal") if kind == "refusal" else block.get("text")
            if words := cut(str(text or "").strip(), left_out):
                yield Message(role, words, at, name)
        elif kind.endswith("tool_use"):  # also server_tool_use, mcp_tool_use
            yield call(block.get("name"), block.get("id"), block.get("input"), at)
        elif kind.endswith("tool_result"):
            key, is_error = str(block.get("tool_use_id") or ""), bool(block.get("is_error"))
            text = result(block.get("content"), left_out)
            yield Message("result", text, at, call=key, is_error=is_error)
        else:
            left_out.note(other(kind))


def other(kind: str) -> str:
    """What to call a block that is not taken over."""
    if kind in THOUGHT:
        return THOUGHTS
    return ATTACHMENTS if kind in ATTACHED else f"blocks of the kind “{kind[:40]}”"


def result(content: Any, left_out: LeftOut) -> str:
    """The text of what a tool answered; what is no text in it is counted."""
    parts = []
    for part in content if isinstance(content, list) else [content]:
        words = _words(part)
        if words is None:
            left_out.note(INSIDE)
        elif words:
            parts.append(words)
    return cut("\n".join(parts), left_out)


def _words(part: Any) -> str | None:
    if not isinstance(part, dict):
        return "" if part is None else None if isinstance(part, list) else str(part)
    if isinstance(part.get("text"), str):
        return part["text"]
    # A hit of a web search: what it is called, and where it stands.
    named = [part[key] for key in ("title", "url") if isinstance(part.get(key), str)]
    return " ".join(named) or None
