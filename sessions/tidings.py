"""Pure: events of the log as live streams tell them to programs, and as a ring carries them there."""

import json
from typing import Any, NamedTuple


class Told(NamedTuple):
    """One event where the log shows it; `data` is what the API shows of it, as JSON in one line.

    `id` names the place: a queued event has two.
    """

    position: int
    thread_id: str
    type: str
    id: str
    data: str


def compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def line(told: Told) -> str:
    return " ".join(map(str, told))


def read(lines: str) -> list[Told]:
    """What such lines tell."""
    parts = (line.split(" ", 4) for line in lines.split("\n"))
    return [Told(int(position), *rest) for position, *rest in parts]
