"""How many turns a second get through when several sessions are busy at once."""

import time
from concurrent.futures import ThreadPoolExecutor

from tests.bench.rig import Conversation, Rig
from tests.bench.ruler import Ruler
from tests.bench.wire import Wire

SESSIONS, TURNS = 8, 25


def measure(rig: Rig, ruler: Ruler) -> None:
    talks = [rig.console.session() for _ in range(SESSIONS)]
    begun = time.perf_counter()
    with ThreadPoolExecutor(SESSIONS) as people:
        took = [sample for samples in people.map(_chat, talks) for sample in samples]
    rate = SESSIONS * TURNS / (time.perf_counter() - begun)
    rig.console.model.times()
    ruler.section("crowd", f"{SESSIONS} sessions at once, {TURNS} turns each, without a pause")
    ruler.row("message sent → session idle at an SSE client", took)
    ruler.fact("turns per second", rate, "")
    ruler.target(f"turns per second of {SESSIONS} sessions at once", rate, 60, at_least=True)


def _chat(talk: Conversation) -> list[float]:
    wire, request, took = (
        Wire(talk.console.stack.url, **talk.console.key),
        talk.message("Hello"),
        [],
    )
    with talk.listen() as listener:
        for _ in range(TURNS):
            sent = time.time()
            wire.send(request)
            took.append((listener.until("session.status_idle")[-1].at - sent) * 1000)
    return took
