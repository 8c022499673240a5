"""From an event's commit to a client of the event stream, and to the page in Chromium.

The floor is told of its row and reads it; a stream of ours is mostly told the event itself.
"""

import random
import time

from django.db import transaction
from playwright.sync_api import Page

from sessions import events
from sessions.events import Entry
from sessions.models import Thread
from tests.bench.page import WATCH, opened
from tests.bench.rig import Rig
from tests.bench.ruler import Ruler, p95

EVENTS, WARM_UP = 60, 5
SAID = {"content": [{"type": "text", "text": "A heron stands in the reeds."}]}
PAUSE = (0.02, 0.03)  # seconds


def measure(rig: Rig, ruler: Ruler) -> None:
    ruler.section(
        "stream",
        f"{EVENTS} events committed one by one. Floor: rows with the same feed to a bare ASGI stream",
    )
    ours, bare = _streams(rig)
    ratio = ruler.row("event committed → at an SSE client", ours, bare)
    ruler.row("  the floor of it", bare)
    ruler.target("event → SSE client, over the bare stream", ratio, 1.5, "×")
    ruler.target("event → SSE client, p95", p95(ours), 10, " ms")
    if rig.browser:
        ours, bare = _pages(rig)
        ruler.row("event committed → in the page (Chromium)", ours, bare)
        ruler.row("  the floor of it: an EventSource and one element", bare)
        ruler.target("event → in the page, p95", p95(ours), 20, " ms")


def _streams(rig: Rig) -> tuple[list[float], list[float]]:
    """Milliseconds from commit to a client, with us and on the floor."""
    talk, ours, bare = rig.console.session(), [], []
    thread = Thread.objects.get(session=talk.pk)
    with talk.listen() as listener, rig.floor.listen() as rows:
        for _ in range(EVENTS + WARM_UP):
            _, at = _commit(thread)
            ours.append((listener.until("agent.message")[-1].at - at) * 1000)
            at = rig.floor.log.append(time.time())
            bare.append((rows.until("row")[-1].at - at) * 1000)
            time.sleep(random.uniform(*PAUSE))
    return ours[WARM_UP:], bare[WARM_UP:]


def _pages(rig: Rig) -> tuple[list[float], list[float]]:
    """The same from commit to the page; each event has time to get there."""
    talk = rig.console.session()
    thread = Thread.objects.get(session=talk.pk)
    page, plain = opened(rig, talk), _plain_page(rig)
    committed, rows = [], []
    for _ in range(EVENTS + WARM_UP):
        committed.append(_commit(thread))
        time.sleep(random.uniform(*PAUSE))
        rows.append(rig.floor.log.append(time.time()))
        time.sleep(random.uniform(*PAUSE))
    page.wait_for_function("id => bench.shown[id]", arg=committed[-1][0])
    shown, moments = page.evaluate("bench.shown"), plain.evaluate("Object.values(bench.shown)")
    page.context.close()
    plain.close()
    ours = [(shown[key] - at) * 1000 for key, at in committed]
    bare = [(moment - at) * 1000 for moment, at in zip(moments, rows, strict=True)]
    return ours[WARM_UP:], bare[WARM_UP:]


def _plain_page(rig: Rig) -> Page:
    page = rig.browser.new_page()
    with page.expect_response("**/stream"):
        page.goto(f"{rig.floor.url}/page")
    page.evaluate(WATCH)
    return page


def _commit(thread: Thread) -> tuple[str, float]:
    """Write one event; return its id and when it was committed, just before readers are rung."""
    moments = []
    with transaction.atomic():
        transaction.on_commit(lambda: moments.append(time.time()))
        [event] = events.append(thread, Entry("agent.message", SAID))
    return event.pk, moments[0]
