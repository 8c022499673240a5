"""What a write of a memory costs over the commit of one row, beside it on the same disk."""

import os
import sqlite3
import time
from collections.abc import Callable
from typing import Any

import psycopg
from django.conf import settings

from console.actors import Actor
from console.models import Workspace
from memory import stores
from memory.models import Memory, Store
from tests.bench.rig import Rig
from tests.bench.ruler import Ruler

ROUNDS, WARM_UP = 400, 20
ACT = stores.Act(Actor("bench", "Bench"))
TEXT = "Alice prefers dark mode since March, as she said in the talk.\n" * 65  # 4 kB
TABLE = "CREATE TABLE one_row (id {key} PRIMARY KEY, at DOUBLE PRECISION)"
LIMITS = {"create": (15, 4), "update": (35, 6)}  # times the floor: on SQLite, on PostgreSQL


def measure(rig: Rig, ruler: Ruler) -> None:
    store = stores.create(Workspace.objects.get(), "Writes")
    commit = _postgres_floor() if rig.production else _sqlite_floor(rig)
    samples: dict[str, list[float]] = {"floor": [], "create": [], "update": []}
    for number in range(ROUNDS + WARM_UP):
        took = _round(store, number, commit)
        if number >= WARM_UP:
            for name, milliseconds in took.items():
                samples[name].append(milliseconds)
    ruler.section("write", f"{ROUNDS} of each, 4 kB of text. Floor: the commit of one row")
    floor = samples["floor"]
    for name, limits in LIMITS.items():
        words = f"{name} a memory" + (", if its text is as expected" * (name == "update"))
        ratio = ruler.row(words, samples[name], floor)
        ruler.target(f"{name} over the commit of a row", ratio, limits[rig.production], "×")
    ruler.row("  the commit of one row", floor)


def _round(store: Store, number: int, commit: Callable[[], object]) -> dict[str, float]:
    path, text = f"/{number // 100:02}/note-{number}.md", f"{TEXT}{number}\n"
    took, memory = _timed(lambda: stores.add(store, path, text, act=ACT))
    return {"create": took, "floor": _timed(commit)[0], "update": _updated(memory, text)}


def _updated(memory: Memory, text: str) -> float:
    expected = stores.sha256(text)
    change = f"{text}And so it stays.\n"
    return _timed(lambda: stores.update(memory, content=change, expected=expected, act=ACT))[0]


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    begun = time.perf_counter()
    result = work()
    return (time.perf_counter() - begun) * 1000, result


def _sqlite_floor(rig: Rig) -> Callable[[], object]:
    database = sqlite3.connect(rig.folder / "one-row.sqlite3", isolation_level=None)
    database.executescript(settings.DATABASES["default"]["OPTIONS"]["init_command"])
    database.execute(TABLE.format(key="INTEGER"))
    return lambda: database.execute("INSERT INTO one_row (at) VALUES (?)", (time.time(),))


def _postgres_floor() -> Callable[[], object]:
    database = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)
    database.execute(TABLE.format(key="BIGSERIAL"))
    return lambda: database.execute("INSERT INTO one_row (at) VALUES (%s)", (time.time(),))
