"""A turn that works: what Reverie itself takes per model request, and from the last tool to idle."""

import time
from collections.abc import Iterator
from typing import Any

import httpx

from tests.bench.model import CALLS, MODEL
from tests.bench.page import written
from tests.bench.rig import Conversation, Rig
from tests.bench.ruler import Ruler, median
from tests.bench.wire import Listener

TURNS, WARM_UP, REQUESTS = 8, 1, 5
COMMITS = 2 + CALLS  # the least a request with its calls can be kept with
Samples = dict[str, list[float]]
Events = list[dict[str, Any]]
Times = list[tuple[float, float]]


def measure(rig: Rig, ruler: Ruler) -> None:
    samples: Samples = {}
    rig.console.model.times()
    before = rig.console.cpu()
    with httpx.Client() as client:
        for number in range(TURNS + WARM_UP):
            talk = rig.console.session()
            with talk.listen() as listener:
                turn = _turn(talk, listener)
            bare = list(_bare(rig, client))
            if number >= WARM_UP:
                _note(samples, turn, bare)
    _report(ruler, samples)
    asked = (TURNS + WARM_UP) * (REQUESTS + 1)
    ran = (rig.console.cpu()["worker"] - before["worker"]) / asked * 1000
    ruler.fact("CPU time per request in the worker process", ran, " ms")


def _turn(talk: Conversation, listener: Listener) -> tuple[Events, Times, float]:
    """One turn's events, the model's times, and when a client heard that it is idle."""
    talk.console.wire.send(talk.message(f"work {REQUESTS}"))
    idle = listener.until("session.status_idle")[-1].at
    events = talk.events()
    if failed := [event for event in events if event.get("is_error")]:
        raise RuntimeError(f"A tool failed: {failed[0]}")
    return events, talk.console.model.times(), idle


def _bare(rig: Rig, client: httpx.Client) -> Iterator[float]:
    """The floor: a bare request to the same model, without its own time, and as many rows."""
    body = {"model": MODEL, "stream": True, "messages": [{"role": "user", "content": "work 1"}]}
    for _ in range(REQUESTS):
        begun = time.time()
        with client.stream("POST", f"{rig.model.url}/v1/chat/completions", json=body) as answer:
            for _ in answer.iter_lines():
                pass
        for _ in range(COMMITS):
            rig.floor.log.append(begun)
        took = time.time() - begun
        [(arrived, left)] = rig.model.times()
        yield took - (left - arrived)


def _note(samples: Samples, turn: tuple[Events, Times, float], bare: list[float]) -> None:
    events, times, idle_heard = turn
    for name, seconds in [*_requests(events, times), *_end(events, times, idle_heard)]:
        samples.setdefault(name, []).append(seconds * 1000)
    samples.setdefault("bare", []).extend(seconds * 1000 for seconds in bare)


def _requests(events: Events, times: Times) -> Iterator[tuple[str, float]]:
    """What happened between each answer with tool calls and the request after it."""
    names = {event["id"]: event["name"] for event in events if event["type"] == "agent.tool_use"}
    starts = [event for event in events if event["type"] == "span.model_request_start"]
    calls = [event for event in events if event["type"] == "agent.tool_use"]
    results = [event for event in events if event["type"] == "agent.tool_result"]
    for number in range(REQUESTS):
        left, arrived = times[number][1], times[number + 1][0]
        at = written(calls[number * CALLS])
        yield "own", arrived - left
        yield "heard", at - left
        for result in results[number * CALLS : (number + 1) * CALLS]:
            yield names[result["tool_use_id"]], written(result) - at
            at = written(result)
        start = written(starts[number + 1])
        yield "step", start - at
        yield "request", arrived - start


def _end(events: Events, times: Times, idle_heard: float) -> Iterator[tuple[str, float]]:
    """What happened after the last tool, and the whole turn divided by its requests."""
    by_type = {event["type"]: event for event in events}
    idle = written(by_type["session.status_idle"])
    last_tool = written(by_type["agent.tool_result"])
    arrived, left = times[-1]
    in_model = sum(left - arrived for arrived, left in times)
    begun = written(by_type["user.message"])
    yield "average", (idle - begun - in_model) / len(times)
    yield "tail: asked", arrived - last_tool
    yield "tail: idle", idle - left
    yield "tail: heard", idle_heard - idle
    yield "tail", idle - last_tool - (left - arrived)


def _report(ruler: Ruler, samples: Samples) -> None:
    ruler.section(
        "tools",
        f"{TURNS} turns of {REQUESTS} model requests with {CALLS} tool calls each, and a last one.\n"
        f"  Floor: a bare httpx request to the same model, without its time, and {COMMITS} rows",
    )
    row, bare = ruler.row, samples["bare"]
    row("own time per request: the model's answer is out → it is asked again", samples["own"], bare)
    row("  answer out → read, and about to be written to the log", samples["heard"])
    row("  commit, then read a file (until its result is about to be written)", samples["read"])
    row("  commit, then grep in 20 or so files", samples["grep"])
    row("  commit, then write a new file", samples["write"])
    row("  commit, then the next request's beginning about to be written", samples["step"])
    row("  commit, then the request built and sent → at the model", samples["request"])
    row("  the floor of it", bare)
    row("whole turn without the model's time, per request", samples["average"])
    row("last tool done → session idle is written, without the model's time", samples["tail"])
    row("  last tool done → the model is asked", samples["tail: asked"])
    row("  the model's answer is out → idle is written", samples["tail: idle"])
    row("  idle written → at an SSE client (with its commit)", samples["tail: heard"])
    name = f"own time per model request with {CALLS} tool calls, median"
    ruler.target(name, median(samples["own"]), 10, " ms")
