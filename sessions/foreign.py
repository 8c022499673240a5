"""Pure: transcripts that other programs wrote, as messages (Claude Code, OpenAI-style JSON, text).

What cannot be read is told, line by line, and never stops the rest. Formats are recognised by what
stands in them, not by the file's name.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

MOST_MESSAGES = 20_000
MOST_TEXT = 200_000  # letters of one message; of a longer one the beginning is kept
CLAUDE_CODE, OPENAI, PLAIN = "Claude Code", "Messages as JSON", "Plain text"
SPEAKER = re.compile(
    r"(?:\[?(\d{1,2}:\d\d(?::\d\d)?)\]?\s+)?\**([^\W\d_][\w .'’-]{0,39}?)\**:\**\s+(.*)"
)
PERSONS = {"user", "human", "me", "you", "i", "customer", "person", "question", "q"}


class Unreadable(Exception):
    """Nothing in the file is a transcript; the message says why."""


@dataclass(frozen=True)
class Message:
    """`role` is user, agent, call (of the tool `name`), result, or said (by the speaker `name`).

    `at` is ISO 8601 in UTC, or empty; `call` ties a result to its call.
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
    left_out: Counter = field(default_factory=Counter)

    @property
    def speakers(self) -> list[str]:
        """Who speaks in a plain text, in the order of their first words."""
        return list(dict.fromkeys(each.name for each in self.messages if each.role == "said"))

    @property
    def person(self) -> str:
        """The speaker who is most likely the person."""
        likely = [name for name in self.speakers if name.casefold() in PERSONS]
        return (likely or self.speakers or [""])[0]

    @property
    def digest(self) -> str:
        """The same for the same conversation, whatever file it came in."""
        told = json.dumps([asdict(each) for each in self.messages], sort_keys=True)
        return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()

    def as_json(self) -> dict[str, Any]:
        messages = [asdict(each) for each in self.messages]
        head = {"title": self.title, "format": self.format}
        return {**head, "messages": messages, "left_out": dict(self.left_out)}

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> "Transcript":
        messages = [Message(**each) for each in told["messages"]]
        return cls(told["title"], told["format"], messages, Counter(told["left_out"]))


def read(name: str, data: bytes) -> list[Transcript]:
    """The conversations in a file. Raises `Unreadable`."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(f"It is no UTF-8 text (byte {error.start:,}).") from None
    if "\0" in text:
        raise Unreadable("It holds a NUL character, so it is no text.")
    stem = re.sub(r"\.(jsonl?|txt|md)$", "", name.rsplit("/", 1)[-1], flags=re.IGNORECASE)
    found = [each for each in _read(stem, text) if each.messages]
    if not found:
        raise Unreadable("No messages were found in it.")
    for transcript in found:
        extra = len(transcript.messages) - MOST_MESSAGES
        if extra > 0:
            del transcript.messages[MOST_MESSAGES:]
            transcript.left_out[f"messages after the first {MOST_MESSAGES:,}"] = extra
    return found


def _read(stem: str, text: str) -> list[Transcript]:
    stripped = text.lstrip()
    if stripped.startswith(("{", "[")):
        try:
            whole = _parse(text)
        except (ValueError, RecursionError):
            return _json_lines(stem, text)
        if isinstance(whole, dict) and _is_claude_code(whole):
            return _json_lines(stem, text)
        return _conversations(stem, whole)
    return [_plain(stem, text)]


def _json_lines(stem: str, text: str) -> list[Transcript]:
    broken: Counter = Counter()
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            rows.append(_parse(line))
        except (ValueError, RecursionError):
            broken[f"line {number}: no JSON" if len(broken) < 20 else "further lines: no JSON"] += 1
    if not rows:
        raise Unreadable("It begins like JSON, but no line of it can be read.")
    rows = [row for row in rows if isinstance(row, dict)]
    if any(map(_is_claude_code, rows)):
        found = _claude_code(stem, rows)
    else:
        found = [each for row in rows for each in _conversations(stem, row)]
        found = _numbered(found)
    if found:
        found[0].left_out += broken
    return found


def _numbered(found: list[Transcript]) -> list[Transcript]:
    if len(found) > 1:
        for number, each in enumerate(found, 1):
            each.title = f"{each.title} ({number})"
    return found


# -- Claude Code: a line per message, several sessions may share a file --------------------------


def _is_claude_code(row: dict[str, Any]) -> bool:
    return "type" in row and ("sessionId" in row or "leafUuid" in row or "parentUuid" in row)


def _claude_code(stem: str, rows: list[dict[str, Any]]) -> list[Transcript]:
    titles = [
        str(row["summary"]) for row in rows if row.get("type") == "summary" and row.get("summary")
    ]
    found: dict[str, Transcript] = {}
    for row in rows:
        session = str(row.get("sessionId") or "")
        transcript = found.setdefault(session, Transcript(stem, CLAUDE_CODE))
        kind, message = row.get("type"), row.get("message")
        if kind not in ("user", "assistant") or not isinstance(message, dict):
            if kind not in ("summary", "user", "assistant"):
                transcript.left_out["the program’s own notes"] += 1
        elif row.get("isSidechain"):
            transcript.left_out["messages of sub-agents"] += 1
        elif row.get("isMeta"):
            transcript.left_out["the program’s own notes"] += 1
        else:
            role, at = "agent" if kind == "assistant" else "user", _time(row.get("timestamp"))
            transcript.messages += _blocks(role, message.get("content"), at, transcript.left_out)
    told = [each for each in found.values() if each.messages]
    for each in told:
        each.title = titles[-1] if titles and len(told) == 1 else _first_words(each)
    return told


def _blocks(role: str, content: Any, at: str, left_out: Counter) -> Iterator[Message]:
    """The messages of one turn's content: a text, or blocks as the Messages API has them."""
    for block in content if isinstance(content, list) else [content or ""]:
        if isinstance(block, str):
            block = {"type": "text", "text": block}
        read = BLOCKS.get(str(block.get("type")) if isinstance(block, dict) else "")
        if isinstance(read, str):
            left_out[read] += 1
        elif read:
            yield from read(role, block, at, left_out)
        else:
            left_out["images and other attachments"] += 1


def _words(role: str, block: dict[str, Any], at: str, left_out: Counter) -> Iterator[Message]:
    if text := _cut(str(block.get("text") or "").strip(), left_out):
        yield Message(role, text, at)


def _use(_: str, block: dict[str, Any], at: str, __: Counter) -> Iterator[Message]:
    given = block.get("input")
    given = given if isinstance(given, dict) else {"input": given}
    name, call = str(block.get("name") or "tool"), str(block.get("id") or "")
    yield Message("call", "", at, name, call, given)


def _outcome(_: str, block: dict[str, Any], at: str, left_out: Counter) -> Iterator[Message]:
    text, call = _cut(_text(block.get("content")), left_out), str(block.get("tool_use_id") or "")
    yield Message("result", text, at, call=call, is_error=bool(block.get("is_error")))


BLOCKS: dict[str, Any] = {
    **dict.fromkeys(("text", "input_text", "output_text"), _words),
    **dict.fromkeys(("thinking", "redacted_thinking", "reasoning"), "thoughts"),
    "tool_use": _use,
    "tool_result": _outcome,
}


def _text(content: Any) -> str:
    if isinstance(content, list):
        parts = [each.get("text") if isinstance(each, dict) else each for each in content]
        return "\n".join(str(part) for part in parts if part)
    return "" if content is None else str(content)


def _cut(text: str, left_out: Counter) -> str:
    if len(text) <= MOST_TEXT:
        return text
    left_out[f"ends of messages over {MOST_TEXT:,} letters"] += 1
    return text[:MOST_TEXT]


# -- OpenAI's shape: messages with roles; one conversation, or a list or lines of them -------------


def _conversations(stem: str, told: Any) -> list[Transcript]:
    if isinstance(told, dict):
        messages = told.get("messages")
        if isinstance(messages, list):
            title = str(told.get("title") or stem)
            return [_conversation(title, messages)]
        return []
    if not isinstance(told, list):
        return []
    if any(isinstance(each, dict) and "role" in each for each in told):
        return [_conversation(stem, told)]
    return _numbered(
        [each for one in told if isinstance(one, dict) for each in _conversations(stem, one)]
    )


def _conversation(title: str, messages: list[Any]) -> Transcript:
    transcript = Transcript(title, OPENAI)
    for message in messages:
        if isinstance(message, dict):
            transcript.messages += _message(message, transcript.left_out)
        else:
            transcript.left_out["entries that are no messages"] += 1
    return transcript


def _message(message: dict[str, Any], left_out: Counter) -> Iterator[Message]:
    role, content = message.get("role"), message.get("content")
    at = _time(message.get("timestamp") or message.get("created_at") or message.get("create_time"))
    if role in ("system", "developer"):
        left_out["system prompts"] += 1
    elif role == "tool":
        call = str(message.get("tool_call_id") or "")
        yield Message("result", _cut(_text(content), left_out), at, call=call)
    elif role in ("user", "assistant"):
        yield from _blocks("user" if role == "user" else "agent", content, at, left_out)
        for call in message.get("tool_calls") or []:
            made = call.get("function") if isinstance(call, dict) else None
            if isinstance(made, dict):
                given = _arguments(made.get("arguments"))
                yield Message(
                    "call",
                    "",
                    at,
                    str(made.get("name") or "tool"),
                    str(call.get("id") or ""),
                    given,
                )
    else:
        left_out["messages of unknown roles"] += 1


def _arguments(told: Any) -> dict[str, Any]:
    if isinstance(told, str):
        try:
            told = _parse(told)
        except (ValueError, RecursionError):
            return {"arguments": told}
    return told if isinstance(told, dict) else {"arguments": told}


# -- Plain text: "Name: what they said", and further lines until the next name -----------------------


def _plain(stem: str, text: str) -> Transcript:
    transcript = Transcript(stem, PLAIN)
    said = _speeches(text, transcript.left_out)
    for name, lines in said:
        if words := _cut("\n".join(lines).strip(), transcript.left_out):
            transcript.messages.append(Message("said", words, name=name))
    if len(transcript.speakers) > len(said) // 2 + 1:
        raise Unreadable("No conversation was recognised: lines should begin like “Name: words”.")
    return transcript


def _speeches(text: str, left_out: Counter) -> list[tuple[str, list[str]]]:
    said: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if match := SPEAKER.fullmatch(line.strip()):
            said.append((match[2].strip(), [match[3]]))
        elif said:
            said[-1][1].append(line)
        elif line.strip():
            left_out["lines before the first speaker"] += 1
    return said


# -- The parts they share ------------------------------------------------------------------------------


def _parse(text: str) -> Any:
    # NaN and Infinity are no JSON: no database would take them.
    return json.loads(text, parse_constant=str)


def _first_words(transcript: Transcript) -> str:
    said = next((each.text for each in transcript.messages if each.role == "user"), "")
    return " ".join(said.split())[:80] or transcript.title


def _time(told: Any) -> str:
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
