"""A message as single things said: each sentence with its kind, and with what belongs to it."""

import re
from dataclasses import dataclass, replace

from sessions.providers.builtin.intents import (
    CHATTER_WORDS,
    KEEP,
    LEAD_IN,
    POLITE,
    Kind,
    fixed_kind,
    is_chatter,
    kept_or_asked,
)
from sessions.providers.builtin.language import content, one_line, sentence_spans
from sessions.providers.builtin.lexicon import PRONOUNS

LONGEST_STATEMENT = 1500
LONGEST_JOINED = 400
MOST_BLOCK_LINES = 40

JOINER = re.compile(
    rf"(?:also,?\s+|then,?\s+|and\s+|but\s+)?(?:{'|'.join(sorted(PRONOUNS - {'one'}))})\b",
    re.IGNORECASE,
)
FENCE = re.compile(
    r"^[ ]{0,3}(?:```|~~~).*?(?:^[ ]{0,3}(?:```|~~~)[ \t]*$|\Z)", re.MULTILINE | re.DOTALL
)
HEADING = re.compile(r"#{1,6}\s+\S")
LIST_LINE = re.compile(r"[ \t]*(?:[-*+•]|\d{1,3}[.)])[ \t]+\S")


@dataclass(frozen=True)
class Unit:
    """One thing a person said: what kind it is, its text on one line, and its span in the message.

    `block` holds lines that belong below it: a list after "Shopping list:", a command after
    "Deploy with:"; `under` is the heading above, in a message written like a document;
    `level` is that of a heading.
    """

    kind: Kind
    text: str
    start: int
    end: int
    block: tuple[str, ...] = ()
    under: str = ""
    level: int = 0


def units(message: str, most: int | None = None) -> list[Unit]:
    """The message's sentences with their kinds, follow-on sentences joined to what they refer to.

    Of a message with more than `most` sentences only the beginning and the end are read: people
    paste long texts and put their question first or last.
    """
    found: list[Unit] = []
    position = 0
    for fence in FENCE.finditer(message):
        found += _prose(message, position, fence.start(), most)
        _attach_block(found, fence)
        position = fence.end()
    return _under_headings(found + _prose(message, position, len(message), most))


def _under_headings(found: list[Unit]) -> list[Unit]:
    """Each unit under the heading of its document; a deeper heading leads the statement itself."""
    above: list[Unit] = []
    placed = []
    for unit in found:
        if unit.kind == "heading":
            above = [each for each in above if each.level < unit.level] + [unit]
        elif above:
            lead = f"{above[-1].text}: " if len(above) > 1 else ""
            unit = replace(unit, under=above[0].text, text=lead + unit.text)
        placed.append(unit)
    return placed


def _attach_block(found: list[Unit], fence: re.Match) -> None:
    """A fenced block belongs to the statement that announces it; alone it says nothing."""
    block = fence.group().rstrip()
    lines = tuple(block.splitlines())
    last = found[-1] if found else None
    if last and len(lines) <= MOST_BLOCK_LINES and (last.kind == "statement" or _announces(last)):
        found[-1] = replace(last, kind="statement", end=fence.start() + len(block), block=lines)


def _announces(unit: Unit) -> bool:
    return unit.kind == "chatter" and unit.text.endswith(":")


def _prose(message: str, start: int, end: int, most: int | None) -> list[Unit]:
    found: list[Unit] = []
    spans = list(sentence_spans(message[start:end]))
    if most and len(spans) > most:
        spans = spans[: most - most // 4] + spans[-(most // 4) :]
    for begin, stop in spans:
        unit = classify(message, start + begin, start + stop)
        if found and _is_item_of(found[-1], message, unit):
            found[-1] = _with_item(found[-1], unit, message)
        elif found and _follows_on(found[-1], unit, message):
            found[-1] = _joined(found[-1], unit)
        else:
            found.append(unit)
    return found


def _is_item_of(last: Unit, message: str, unit: Unit) -> bool:
    line = message.rfind("\n", 0, unit.start) + 1
    is_item = LIST_LINE.match(message, line) is not None
    return (
        is_item
        and last.text.endswith(":")
        and (last.kind == "statement" or _announces(last))
        and unit.kind not in ("question", "oversize")
        and len(last.block) < MOST_BLOCK_LINES
    )


def _with_item(last: Unit, unit: Unit, message: str) -> Unit:
    item = f"- {one_line(message[unit.start : unit.end])}"
    return replace(last, kind="statement", end=unit.end, block=(*last.block, item))


def _follows_on(last: Unit, unit: Unit, message: str) -> bool:
    """ "She prefers email." means nothing away from the sentence before it."""
    return (
        last.kind == "statement"
        and (unit.kind == "statement" or _has_news(unit))
        and not last.block
        and "\n\n" not in message[last.end : unit.start]
        and bool(JOINER.match(unit.text))
        and len(last.text) + len(unit.text) < LONGEST_JOINED
    )


def _has_news(unit: Unit) -> bool:
    told = [word for word in content(unit.text) if word.plain not in CHATTER_WORDS]
    return unit.kind == "chatter" and bool(told)


def _joined(last: Unit, unit: Unit) -> Unit:
    return replace(last, text=f"{last.text} {unit.text}", end=unit.end)


def classify(message: str, start: int, end: int) -> Unit:
    """One sentence as a unit; the span of a statement leaves out "remember that" and the like."""
    if end - start > LONGEST_STATEMENT:
        return Unit("oversize", one_line(message[start : start + 80]), start, end)
    text = one_line(message[start:end])
    if HEADING.match(text):
        title = text.lstrip("#")
        return Unit("heading", title.strip(), start, end, level=len(text) - len(title))
    kind = fixed_kind(text)
    if kind:
        return Unit(kind, text, start, end)
    begin = start + _lead_length(message[start:end])
    text = one_line(message[begin:end])
    kind = fixed_kind(text) or kept_or_asked(message[begin:end])
    if kind == "to do":
        polite = POLITE.match(message, begin, end)
        begin = polite.end() if polite else begin
        return _statement(message, begin, begin + len(message[begin:end].rstrip(" ?？؟")), start)
    if kind == "keep":
        begin += KEEP.match(message[begin:end]).end()
        return _statement(message, begin, begin + len(message[begin:end].rstrip(" ?？؟")), start)
    if kind:
        return Unit(kind, text, begin, end)
    return _statement(message, begin, end, start)


def _lead_length(raw: str) -> int:
    match = LEAD_IN.match(raw)
    return match.end() if match and match.end() < len(raw) else 0


def _statement(message: str, start: int, end: int, spoken_from: int) -> Unit:
    text = one_line(message[start:end])
    if start > spoken_from and _is_plain_word(text):
        text = text[0].upper() + text[1:]
    return Unit("chatter" if is_chatter(text) else "statement", text, start, end)


def _is_plain_word(text: str) -> bool:
    """Names such as "iPhone" or "eu-west-1" keep their lower case."""
    first = text.split(" ")[0]
    return first.isalpha() and first.islower()
