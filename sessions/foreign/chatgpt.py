"""ChatGPT's export: each conversation a tree of messages, of which one branch was the last shown."""

from collections.abc import Iterator
from typing import Any

from sessions.foreign.blocks import THOUGHT
from sessions.foreign.messages import (
    ATTACHMENTS,
    NO_MESSAGES,
    NOTES,
    ROLES,
    SYSTEM,
    THOUGHTS,
    LeftOut,
    Message,
    Transcript,
    call,
    cut,
    time,
)

FORMAT = "ChatGPT"
BRANCHES = "messages of other branches"
SPEAKERS = {"user": "user", "assistant": "agent"}
UNSEEN = ("user_editable_context", "model_editable_context", "system_error")


def is_conversation(told: Any) -> bool:
    return isinstance(told, dict) and isinstance(told.get("mapping"), dict)


def read(stem: str, told: dict[str, Any]) -> Transcript:
    transcript = Transcript(str(told.get("title") or stem), FORMAT)
    nodes = told["mapping"]
    branch = _branch(nodes, told.get("current_node"))
    for key in branch:
        _take(nodes[key].get("message"), transcript)
    others = nodes.keys() - set(branch)
    transcript.left_out.note(BRANCHES, sum(_is_told(nodes[key]) for key in others))
    return transcript


def _branch(nodes: dict[str, Any], last: Any) -> list[str]:
    """The ids from the root to the message shown last; each at most once, whatever they say."""
    if not isinstance(last, str) or last not in nodes:
        last = _newest(nodes)
    found: dict[str, None] = {}
    while isinstance(last, str) and last not in found and isinstance(nodes.get(last), dict):
        found[last] = None
        last = nodes[last].get("parent")
    return list(found)[::-1]


def _newest(nodes: dict[str, Any]) -> str | None:
    """The latest message that nothing follows, where the export does not say which was shown."""
    ends = [key for key, node in nodes.items() if _is_told(node) and not node.get("children")]
    return max(ends, key=lambda key: time(nodes[key]["message"].get("create_time")), default=None)


def _is_told(node: Any) -> bool:
    """Whether a node holds something that a reader would have seen."""
    message = node.get("message") if isinstance(node, dict) else None
    if not isinstance(message, dict):
        return False
    return _role(message) != "system" and bool(_parts(message, LeftOut()))


def _take(message: Any, transcript: Transcript) -> None:
    if isinstance(message, dict):
        for each in _message(message, transcript.left_out):
            _add(each, transcript)
    elif message is not None:
        transcript.left_out.note(NO_MESSAGES)


def _add(message: Message, transcript: Transcript) -> None:
    """Tools answer without an id, and some more than once: all of that is the last call's result."""
    messages = transcript.messages
    if message.role == "result" and messages and messages[-1].role == "result":
        text = "\n\n".join(filter(None, (messages.pop().text, message.text)))
        message = Message("result", cut(text, transcript.left_out), message.at)
    messages.append(message)


def _message(message: dict[str, Any], left_out: LeftOut) -> Iterator[Message]:
    if what := _left_out(message):
        left_out.note(what)
        return
    role, at = _role(message), time(message.get("create_time"))
    text = cut("\n".join(_parts(message, left_out)).strip(), left_out)
    recipient = message.get("recipient")
    if role == "assistant" and isinstance(recipient, str) and recipient not in ("all", ""):
        yield call(recipient, "", text, at)
    elif role == "tool":
        yield Message("result", text, at)
    elif text:
        yield Message(SPEAKERS[role], text, at)


def _left_out(message: dict[str, Any]) -> str:
    """What a message is that stays out."""
    role, metadata, kind = _role(message), message.get("metadata"), _kind(message)
    if role == "system":
        return SYSTEM if _parts(message, LeftOut()) else ""
    if kind in THOUGHT or kind == "reasoning_recap":
        return THOUGHTS
    is_hidden = isinstance(metadata, dict) and metadata.get("is_visually_hidden_from_conversation")
    if is_hidden or kind in UNSEEN:
        return NOTES
    return "" if role in ("user", "assistant", "tool") else ROLES


def _role(message: dict[str, Any]) -> str:
    author = message.get("author")
    return str(author.get("role")) if isinstance(author, dict) else ""


def _kind(message: dict[str, Any]) -> str:
    content = message.get("content")
    return str(content.get("content_type")) if isinstance(content, dict) else ""


def _parts(message: dict[str, Any], left_out: LeftOut) -> list[str]:
    """The texts of a message; pictures and sounds are counted."""
    content = message.get("content")
    if not isinstance(content, dict):
        return []
    parts = content.get("parts")
    found = []
    for part in (
        parts if isinstance(parts, list) else [content.get("text") or content.get("result")]
    ):
        # What was said aloud comes as an object with its text.
        words = part.get("text") if isinstance(part, dict) else part
        if isinstance(words, str):
            found.append(words)
        elif part is not None:
            left_out.note(ATTACHMENTS)
    return [words for words in found if words.strip()]
