"""Tools that the person names: “use get_weather for Paris” is a call of get_weather.

What is asked for must be said: a sentence that begins with an order and names a tool that is there.
Names that are also plain English words (read, write, …) count only as “the read tool” or “read: …”.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from sessions.providers.base import Request
from sessions.providers.builtin.arguments import Filled, fill
from sessions.providers.builtin.reply import ToolCall
from sessions.providers.builtin.thread import Call, read_turn

SENTENCE = re.compile(r"[^\n]+?(?:[.!?](?=\s|$)|\n|$)")
POLITE = (
    r"\W*(?:(?:please|now|then|ok|okay|also|first|next|can you|could you|would you|will you|i want you to"
    r"|i['’]d like you to|you (?:should|must|can))[\s,]+)*"
)
VERB = r"(?:use|call|run|invoke|try|execute)"
BEFORE = r"(?:the\s+|my\s+|our\s+)?(?:(?:custom\s+)?(?:tool|function)\s+)?[`\"'“‘]?"
AFTER = r"[`\"'”’]?(?:\(\))?"
PLAIN = frozenset({"bash", "edit", "glob", "grep", "read", "write"})
LONGEST_ECHO = 8_000


@dataclass(frozen=True)
class Order:
    """A tool the person wants called, and what the message gives it."""

    tool: str
    filled: Filled

    @property
    def call(self) -> ToolCall:
        return self.tool, self.filled.values


@dataclass(frozen=True)
class Orders:
    """The orders of a turn, the calls it has `made`, and the request as it reads without orders."""

    request: Request
    orders: list[Order] = field(default_factory=list)
    made: tuple[Call, ...] = ()
    has_more: bool = True

    def next_calls(self) -> list[ToolCall]:
        """What has not been called yet in this turn."""
        done = [(call.name, call.input) for call in self.made]
        wanted = [order.call for order in self.orders if not order.filled.missing]
        return [call for call in wanted if call not in done]

    def report(self) -> str:
        """What came back, word for word, and what could not be called for want of something."""
        calls = [order.call for order in self.orders]
        lines = [_told(call) for call in self.made if (call.name, call.input) in calls]
        lines += [_wanting(order) for order in self.orders if order.filled.missing]
        return "\n\n".join(dict.fromkeys(lines))


def _told(call: Call) -> str:
    if call.is_error:
        return f"`{call.name}` did not work: {call.result.strip() or 'it said nothing.'}"
    if not call.result.strip():
        return f"`{call.name}` came back with nothing."
    text = call.result.strip()
    shown = text[:LONGEST_ECHO] + ("…" if len(text) > LONGEST_ECHO else "")
    return f"`{call.name}` came back with:\n\n{_quoted(shown)}"


def _quoted(text: str) -> str:
    """The text as a quotation; several lines as a block of code, where they stay lines."""
    if "\n" not in text:
        return f"> {text}"
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"


def _wanting(order: Order) -> str:
    needed = ", ".join(f"`{name}`" for name in order.filled.missing)
    example = " ".join(f"{name}=…" for name in order.filled.missing)
    return f"I did not call `{order.tool}`: it needs {needed}. Say: use {order.tool} {example}"


def read(request: Request) -> Orders:
    """Read the orders out of what the person said last."""
    tools = {tool["name"]: tool for tool in request.tools}
    turn = read_turn(request)
    if not tools or not turn.said:
        return Orders(request)
    orders: list[Order] = []
    rests: dict[str, str] = {}
    for each in turn.said:
        found, rests[each.text] = _split(each.text, tools)
        orders += found
    if not orders:
        return Orders(request)
    has_more = any(rest.strip() for rest in rests.values())
    return Orders(_without(request, rests), orders, turn.calls, has_more)


def _split(text: str, tools: dict[str, dict]) -> tuple[list[Order], str]:
    """The orders in a message, and the rest of it."""
    mention = _mention(tools)
    orders: list[Order] = []
    rest = []
    for sentence in SENTENCE.finditer(text):
        found = list(_orders(sentence[0], mention, tools))
        orders += found
        rest += [] if found else [sentence[0]]
    return orders, " ".join(rest)


def _mention(tools: dict[str, dict]) -> str:
    """A pattern for any tool's name, the longest first; plain words need to be called a tool."""
    longest_first = sorted(tools, key=len, reverse=True)
    own = [re.escape(name) for name in longest_first if name not in PLAIN]
    plain = [re.escape(name) for name in longest_first if name in PLAIN]
    marked = rf"(?:{'|'.join(plain or ['(?!)'])})(?=[`\"'”’]?(?:\s+tool\b|\s*:))"
    named = rf"(?:{'|'.join(own or ['(?!)'])})(?![\w-])"
    return rf"{BEFORE}(?P<name>{marked}|{named}){AFTER}(?:\s+(?:tool|function)\b)?"


def _orders(sentence: str, mention: str, tools: dict[str, dict]) -> Iterator[Order]:
    first = re.match(rf"{POLITE}{VERB}\s+{mention}", sentence, re.IGNORECASE)
    if first is None:
        return
    also = re.compile(rf"(?:,|\band\b|\bthen\b)\s+(?:{VERB}\s+)?{mention}", re.IGNORECASE)
    places = [first, *also.finditer(sentence, first.end())]
    ends = [*(place.start() for place in places[1:]), len(sentence)]
    for place, end in zip(places, ends, strict=True):
        name = next(name for name in tools if name.lower() == place["name"].lower())
        yield Order(name, fill(tools[name]["input_schema"], sentence[place.end() : end]))


def _without(request: Request, rests: dict[str, str]) -> Request:
    def cut(block: Any) -> Any:
        if isinstance(block, dict) and block.get("type") == "text":
            return {**block, "text": rests.get(block["text"], block["text"])}
        return block

    messages = [
        {**message, "content": [cut(block) for block in message["content"]]}
        if message["role"] == "user" and isinstance(message["content"], list)
        else message
        for message in request.messages
    ]
    return replace(request, messages=messages)
