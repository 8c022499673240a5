"""JSON, whole or a document to a line: which format it is, and the conversations in it."""

from typing import Any

from sessions.foreign import chatgpt, claude_ai, claude_code, openai, responses
from sessions.foreign.messages import LeftOut, Transcript, Unreadable, parse

NO_OBJECTS = "lines that are no objects"
NO_CONVERSATIONS = "entries that are no conversations"
WRAPPINGS = ("messages", "items", "output")


def read(stem: str, text: str) -> list[Transcript]:
    """The conversations of a text that begins like JSON. Raises `Unreadable`."""
    left_out = LeftOut()
    try:
        whole = parse(text)
    except (ValueError, RecursionError):
        found = _rows(stem, _lines(text, left_out), left_out)
    else:
        if isinstance(whole, dict) and claude_code.is_row(whole):
            whole = [whole]
        if isinstance(whole, list) and any(map(_is_code, whole)):
            found = _rows(stem, whole, left_out)
        else:
            found = _numbered(_conversations(stem, whole, left_out))
    if found:
        for what, count in left_out.items():
            found[0].left_out.note(what, count)
    return found


def _lines(text: str, left_out: LeftOut) -> list[Any]:
    rows = []
    # Only "\n" ends a line: U+2028 and its like stand inside strings.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            rows.append(parse(line))
        except (ValueError, RecursionError):
            few = len(left_out) < 20
            left_out.note(f"line {number}: no JSON" if few else "further lines: no JSON")
    if not rows:
        raise Unreadable("It begins like JSON, but no line of it can be read.")
    return rows


def _rows(stem: str, rows: list[Any], left_out: LeftOut) -> list[Transcript]:
    """The conversations of a file with a document to a line."""
    objects = [row for row in rows if isinstance(row, dict | list)]
    left_out.note(NO_OBJECTS, len(rows) - len(objects))
    if any(map(_is_code, objects)):
        told = [row for row in objects if isinstance(row, dict)]
        left_out.note(NO_OBJECTS, len(objects) - len(told))
        return claude_code.read(stem, told)
    return _numbered(_each(stem, objects, left_out))


def _is_code(row: Any) -> bool:
    return isinstance(row, dict) and claude_code.is_row(row)


def _numbered(found: list[Transcript]) -> list[Transcript]:
    titles = [each.title for each in found]
    for number, each in enumerate(found, 1):
        if titles.count(each.title) > 1:
            each.title = f"{each.title} ({number})"
    return found


def _conversations(stem: str, told: Any, left_out: LeftOut) -> list[Transcript]:
    if isinstance(told, list):
        return _each(stem, told, left_out)
    if not isinstance(told, dict):
        return []
    if chatgpt.is_conversation(told):
        return [chatgpt.read(stem, told)]
    if claude_ai.is_conversation(told):
        return [claude_ai.read(stem, told)]
    title = str(told.get("title") or stem)
    for name in WRAPPINGS:
        inner = told.get(name)
        if isinstance(inner, list):
            asked = told.get("input") if name == "output" else None
            asked = [{"role": "user", "content": asked}] if isinstance(asked, str) else asked
            return [_one(title, [*(asked if isinstance(asked, list) else []), *inner])]
    return [_one(stem, [told])] if _is_message(told) else []


def _each(stem: str, told: list[Any], left_out: LeftOut) -> list[Transcript]:
    """One conversation when these are messages, otherwise those of each of them."""
    if any(map(_is_message, told)):
        return [_one(stem, told)]
    found: list[Transcript] = []
    for each in told:
        inner = _conversations(stem, each, left_out) if _may_hold(each) else []
        if not inner:
            left_out.note(NO_CONVERSATIONS)
        found += inner
    return found


def _may_hold(told: Any) -> bool:
    # A list in a list holds messages: deeper ones could go on without an end.
    return isinstance(told, dict) or (isinstance(told, list) and any(map(_is_message, told)))


def _one(title: str, messages: list[Any]) -> Transcript:
    is_items = any(responses.is_item(responses.unwrapped(each)) for each in _objects(messages))
    return (responses if is_items else openai).read(title, messages)


def _objects(told: list[Any]) -> list[dict[str, Any]]:
    return [each for each in told if isinstance(each, dict)]


def _is_message(told: Any) -> bool:
    if not isinstance(told, dict):
        return False
    return "role" in told or responses.is_item(responses.unwrapped(told))
