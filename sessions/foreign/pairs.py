"""Each result finds its call, however much was said in between."""

from collections import deque
from collections.abc import Iterable
from dataclasses import replace

from sessions.foreign.messages import LeftOut, Message

ORPHANS = "results of calls that it does not hold"


def paired(messages: Iterable[Message], left_out: LeftOut) -> list[Message]:
    """The messages, in order, with calls named 1, 2, … and each result by its call's name.

    Calls of one name are answered in their order. A result without a call is counted and left out;
    a call without a result stays.
    """
    calls = 0
    waiting: dict[str, deque[str]] = {}
    found = []
    for message in messages:
        if message.role == "call":
            calls += 1
            waiting.setdefault(message.call, deque()).append(str(calls))
            found.append(replace(message, call=str(calls)))
        elif message.role != "result":
            found.append(message)
        elif queue := waiting.get(message.call):
            found.append(replace(message, call=queue.popleft()))
        else:
            left_out.note(ORPHANS)
    return found
