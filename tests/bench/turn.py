"""From a message sent with an API key to the first event of the turn and to its end."""

import random
import time
from contextlib import ExitStack

from tests.bench.page import written
from tests.bench.rig import Conversation, Floor, Rig
from tests.bench.ruler import Ruler, median, p95
from tests.bench.wire import Listener

TURNS, WARM_UP = 50, 5
Parts = dict[str, list[float]]


def measure(rig: Rig, ruler: Ruler) -> None:
    consoles = [console for console in (rig.console, rig.on_redis) if console]
    talks = [console.session() for console in consoles]
    series: list[Parts] = [{} for _ in talks]
    floor: Parts = {}
    before = rig.console.cpu()
    with ExitStack() as streams:
        rows = streams.enter_context(rig.floor.listen())
        listeners = [streams.enter_context(talk.listen()) for talk in talks]
        for number in range(TURNS + WARM_UP):
            for talk, listener, parts in zip(talks, listeners, series, strict=True):
                _note(parts, one_turn(talk, listener), number)
            _note(floor, bare_turn(rig.floor, rows), number)
    _report(ruler, series[0], series[1] if len(series) > 1 else None, floor)
    after, turns = rig.console.cpu(), TURNS + WARM_UP
    for role in ("web", "worker"):
        ran = (after[role] - before[role]) / turns * 1000
        ruler.fact(f"CPU time of a turn in the {role} process", ran, " ms")


def _note(parts: Parts, times: dict[str, float], number: int) -> None:
    """Keep what one turn took, in milliseconds, unless it was there to warm up."""
    if number >= WARM_UP:
        for name, seconds in times.items():
            parts.setdefault(name, []).append(seconds * 1000)
    time.sleep(random.uniform(0.01, 0.03))


def one_turn(talk: Conversation, listener: Listener) -> dict[str, float]:
    """Say something, wait until the session is idle, and return when what happened, in seconds."""
    request = talk.message("Hello")
    sent = time.time()
    talk.console.wire.send(request)
    answered = time.time()
    heard = listener.until("session.status_idle")
    [(asked, replied)] = talk.console.model.times()
    taken = next(h for h in heard if h.name == "user.message" and h.data["processed_at"])
    idle, first = heard[-1], heard[0]
    spoken = next(h for h in heard if h.name == "agent.message")
    model = replied - asked
    return {
        "answered": answered - sent,
        "first": first.at - sent,
        "taken": written(taken.data) - sent,
        "taken heard": taken.at - sent,
        "asked": asked - sent,
        "spoken": spoken.at - sent - model,
        "idle": idle.at - sent - model,
        "tail": written(idle.data) - replied,
        "tail heard": idle.at - replied,
    }


def bare_turn(floor: Floor, rows: Listener) -> dict[str, float]:
    sent, answered, row = floor.turn(rows)
    return {"answered": answered - sent, "taken": row.data["at"] - sent, "first": row.at - sent}


def _report(ruler: Ruler, parts: Parts, on_redis: Parts | None, floor: Parts) -> None:
    ruler.section(
        "turn",
        f"{TURNS} messages to an instant model. Floor: a bare ASGI request, a datagram to a second\n"
        "  process, the row that commits, a bare event stream of rows",
    )
    row, bare_start, bare_event = ruler.row, floor["taken"], floor["first"]
    row("message sent (POST with a key) → answered", parts["answered"], floor["answered"])
    row("… → at an SSE client as a queued message", parts["first"], bare_event)
    row("… → task started: the worker has taken the message up", parts["taken"], bare_start)
    row("… → the worker's first event at an SSE client", parts["taken heard"], bare_event)
    row("… → the model's endpoint has the request", parts["asked"])
    row("… → the answer at an SSE client, without the model's time", parts["spoken"])
    row("… → session idle at an SSE client, without the model's time", parts["idle"])
    row("model has answered → session idle is written", parts["tail"])
    row("model has answered → session idle at an SSE client", parts["tail heard"])
    name = "message → task started, p95"
    ruler.target(name, p95(parts["taken"]), 25, " ms")
    name = "message → first event of the turn at an SSE client, p95"
    ruler.target(name, p95(parts["taken heard"]), 40, " ms")
    if on_redis:
        name = "task started on Redis instead of the embedded broker (as a floor for it)"
        ratio = median(parts["taken"]) / median(on_redis["taken"])
        row(name, on_redis["taken"], bare_start)
        ruler.target("task start, embedded broker over Redis", ratio, 1.25, "×")
