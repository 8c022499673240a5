"""Whether a turn costs more when the session's log is long."""

import random
import time

from sessions import events
from sessions.events import Entry
from sessions.models import Thread
from tests.bench.rig import Conversation, Rig
from tests.bench.ruler import Ruler
from tests.bench.turn import one_turn

TURNS, WARM_UP = 20, 2
SHORT, LONG = 2, 299  # turns that a session has behind it
NO_TOKENS = dict.fromkeys(
    ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"), 0
)


def measure(rig: Rig, ruler: Ruler) -> None:
    talks = [_with_a_past(rig.console.session(), turns) for turns in (SHORT, LONG)]
    rig.console.model.times()
    took: list[list[float]] = [[], []]
    with talks[0].listen() as young, talks[1].listen() as old:
        for _ in range(TURNS + WARM_UP):
            for samples, talk, listener in zip(took, talks, (young, old), strict=True):
                samples.append(one_turn(talk, listener)["idle"] * 1000)
                time.sleep(random.uniform(0.01, 0.03))
    early, late = (samples[WARM_UP:] for samples in took)
    ruler.section(
        "growth", f"{TURNS} turns of a young session (the floor) and of an old one, by turns"
    )
    ruler.row(f"message sent → session idle, from turn {SHORT + 1} on", early)
    ratio = ruler.row(f"message sent → session idle, from turn {LONG + 1} on", late, early)
    ruler.target("turn 300 over turn 3", ratio, 1.3, "×")


def _with_a_past(talk: Conversation, turns: int) -> Conversation:
    """Write what so many turns would have left in the log."""
    thread = Thread.objects.get(session=talk.pk)
    for _ in range(turns):
        [start] = events.append(thread, Entry("span.model_request_start"))
        ended = {"model_request_start_id": start.pk, "is_error": False, "model_usage": NO_TOKENS}
        named = {"session_thread_id": thread.pk, "agent_name": thread.name}
        idle = {"stop_reason": {"type": "end_turn"}, "stop_details": None}
        events.append(
            thread,
            Entry("user.message", {"content": [{"type": "text", "text": "Hello"}]}),
            Entry("agent.message", {"content": [{"type": "text", "text": "Done."}]}),
            Entry("span.model_request_end", ended),
            Entry("session.thread_status_idle", {**named, **idle}),
            Entry("session.status_idle", idle),
        )
    return talk
