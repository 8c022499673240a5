"""What a transcript becomes, and the parts that all readers share."""

import hashlib
import json
import math
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

MOST_MESSAGES = 20_000
MOST_TEXT = 200_000  # letters of one message; of a longer one the beginning is kept
MOST_KINDS = 30  # of what was left out of one transcript, each with its count
DEEPEST = 50  # levels of a call's input; what goes deeper is kept as the JSON it was

NOTES = "the program’s own notes"
THOUGHTS = "thoughts"
SYSTEM = "system prompts"
ATTACHMENTS = "images and other attachments"
NO_MESSAGES = "entries that are no messages"
ROLES = "messages of unknown roles"

ASSISTANTS = {"assistant", "ai", "bot", "chatbot", "agent", "model", "llm", "answer"}
ASSISTANTS |= {"claude", "chatgpt", "gpt", "gemini", "copilot", "codex", "llama", "mistral", "grok"}
PERSONS = {"user", "human", "me", "you", "i", "customer", "person", "question", "q"}


class Unreadable(Exception):
    """Nothing in the file is a transcript; the message says why."""


class LeftOut(Counter):
    """How much was not taken over, by what it is. Kinds beyond the first few are lumped together."""

    def note(self, what: str, count: int = 1) -> None:
        if count:
            self[what if what in self or len(self) < MOST_KINDS else "other things"] += count


@dataclass(frozen=True)
class Message:
    """`role` is user, agent, call (of the tool `name`), result, or said (by the speaker `name`).

    `name` is also that of a user or an agent, where the transcript has it. `at` is ISO 8601 in UTC,
    or empty; `call` ties a result to its call.
    """

    role: str
    text: str = ""
    at: str = ""
    name: str = ""
    call: str = ""
    given: dict[str, Any] = field(default_factory=dict)
    is_error: bool = False


@dataclass
class Transcript:
    """One conversation. `left_out` counts what was not taken over, by what it is."""

    title: str
    format: str
    messages: list[Message] = field(default_factory=list)
    left_out: LeftOut = field(default_factory=LeftOut)

    @property
    def speakers(self) -> list[str]:
        """Who speaks in a plain text, in the order of their first words."""
        return self.names("said")

    def names(self, role: str) -> list[str]:
        """Who speaks in this role, in the order of their first words, as far as that is told."""
        named = [each.name for each in self.messages if each.role == role and each.name]
        return list(dict.fromkeys(named))

    @property
    def assistant(self) -> str:
        """The speaker of a plain text who is most likely no person; empty when all seem to be."""
        speakers = self.speakers
        if likely := [name for name in speakers if name.casefold() in ASSISTANTS]:
            return likely[0]
        if len(speakers) != 2:
            return ""
        return speakers[0] if speakers[1].casefold() in PERSONS else speakers[1]

    @property
    def digest(self) -> str:
        """The same for the same conversation, whatever file it came in."""
        # Their fields as they are: `asdict` would copy each deeply, ten times as slowly.
        told = json.dumps([vars(each) for each in self.messages], sort_keys=True)
        return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()

    def as_json(self) -> dict[str, Any]:
        messages = [dict(vars(each)) for each in self.messages]
        head = {"title": self.title, "format": self.format}
        return {**head, "messages": messages, "left_out": dict(self.left_out)}

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> "Transcript":
        messages = [Message(**each) for each in told["messages"]]
        return cls(told["title"], told["format"], messages, LeftOut(told["left_out"]))


def parse(text: str) -> Any:
    """JSON as it can be stored. Raises `ValueError` or `RecursionError`."""
    # NaN and Infinity are no JSON, and 1e999 is none that a float holds: no database would take them.
    return json.loads(text, parse_constant=str, parse_float=_finite)


def _finite(digits: str) -> float | str:
    number = float(digits)
    return number if math.isfinite(number) else digits


def cut(text: str, left_out: LeftOut) -> str:
    if len(text) <= MOST_TEXT:
        return text
    left_out.note(f"ends of messages over {MOST_TEXT:,} letters")
    return text[:MOST_TEXT]


def call(name: Any, key: Any, told: Any, at: str) -> Message:
    """A call of a tool; `told` is what it was given: an object, JSON that holds one, or anything."""
    if isinstance(told, str):
        try:
            told = parse(told)
        except (ValueError, RecursionError):
            return Message("call", "", at, str(name or "tool"), str(key or ""), {"input": told})
    given = told if isinstance(told, dict) else {} if told is None else {"input": told}
    if _is_deep(given, DEEPEST):
        given = {"input": json.dumps(given, ensure_ascii=False)}
    return Message("call", "", at, str(name or "tool"), str(key or ""), given)


def _is_deep(value: Any, levels: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels == 0 or any(_is_deep(each, levels - 1) for each in inner)


def first_words(transcript: Transcript) -> str:
    said = next((each.text for each in transcript.messages if each.role == "user"), "")
    return " ".join(said.split())[:80] or transcript.title


def time(told: Any) -> str:
    """A time as ISO 8601 in UTC; empty when there is none or it makes no sense."""
    try:
        if isinstance(told, int | float) and not isinstance(told, bool):
            at = datetime.fromtimestamp(told, UTC)
        else:
            at = datetime.fromisoformat(str(told))
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return ""
    return at.isoformat() if 1990 <= at.year <= 2200 else ""
