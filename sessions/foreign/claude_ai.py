"""Claude's export: conversations with `chat_messages`, each of a human or the assistant."""

from typing import Any

from sessions.foreign import blocks
from sessions.foreign.messages import ATTACHMENTS, NO_MESSAGES, ROLES, Transcript
from sessions.foreign.openai import SPEAKERS, when

FORMAT = "Claude"


def is_conversation(told: Any) -> bool:
    return isinstance(told, dict) and isinstance(told.get("chat_messages"), list)


def read(stem: str, told: dict[str, Any]) -> Transcript:
    transcript = Transcript(str(told.get("name") or stem), FORMAT)
    for message in told["chat_messages"]:
        if isinstance(message, dict):
            _take(message, transcript)
        else:
            transcript.left_out.note(NO_MESSAGES)
    return transcript


def _take(message: dict[str, Any], transcript: Transcript) -> None:
    role, left_out = SPEAKERS.get(str(message.get("sender"))), transcript.left_out
    if role is None:
        left_out.note(ROLES)
        return
    content = message.get("content") or message.get("text")
    transcript.messages += blocks.read(role, content, when(message), left_out)
    for name in ("attachments", "files"):
        attached = message.get(name)
        left_out.note(ATTACHMENTS, len(attached) if isinstance(attached, list) else 0)
