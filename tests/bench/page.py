"""From a message sent in the browser to the first event in the page, in a real Chromium."""

import random
import time
from datetime import datetime
from typing import Any

from playwright.sync_api import Page

from tests.bench.rig import Conversation, Rig
from tests.bench.ruler import Ruler
from tests.machine import say

TURNS, WARM_UP = 30, 3
# When each element with an id came into the page, in seconds since 1970. Chromium's high clock may
# drift from the machine's; it is corrected at a tick of the latter.
WATCH = """() => {
    const high = () => performance.timeOrigin + performance.now();
    const before = Date.now();
    while (Date.now() === before);
    const drift = Date.now() - high();
    const now = () => (high() + drift) / 1000;
    const shown = {};
    const look = () => {
        const at = now();
        for (const { id } of document.querySelectorAll("#entries [id], #waiting [id]")) shown[id] ??= at;
    };
    const watched = { childList: true, subtree: true };
    new MutationObserver(look).observe(document.querySelector("#transcript"), watched);
    window.bench = { now, shown };
}"""
SAY = """() => {
    document.querySelector("#composer-text").value = "Hello";
    const form = document.querySelector("#composer");
    const sent = bench.now();
    form.requestSubmit(form.querySelector(".primary"));
    return sent;
}"""
ENDED = "count => document.querySelectorAll('#entries .turn-end').length >= count"


def measure(rig: Rig, ruler: Ruler) -> None:
    if rig.browser is None:
        say("\npage: there is no Chromium here.")
        return
    talk = rig.console.session()
    page = opened(rig, talk)
    sent, models = [], []
    rig.console.model.times()
    for number in range(1, TURNS + WARM_UP + 1):
        sent.append(page.evaluate(SAY))
        page.wait_for_function(ENDED, arg=number)
        models += rig.console.model.times()
        time.sleep(random.uniform(0.01, 0.03))
    shown = page.evaluate("bench.shown")
    page.context.close()
    parts = [_parts(*turn, shown) for turn in zip(sent, models, turns(talk), strict=True)]
    _report(ruler, {name: [part[name] * 1000 for part in parts[WARM_UP:]] for name in parts[0]})


def opened(rig: Rig, talk: Conversation) -> Page:
    """The session's page in a signed-in browser, connected to its stream and watched."""
    page = rig.browser.new_context(base_url=rig.console.stack.url).new_page()
    page.goto("/sign-in")
    page.fill("[name=username]", "owner")
    page.fill("[name=password]", rig.console.stack.password)
    page.click("[type=submit]")
    page.wait_for_url("**/w/**")
    with page.expect_response("**/live?**"):
        page.goto(f"/w/{rig.console.stack.workspace}/sessions/{talk.pk}/")
    page.evaluate(WATCH)
    return page


def turns(talk: Conversation) -> list[dict[str, dict[str, Any]]]:
    """The session's events by type, turn by turn."""
    found: list[dict[str, dict[str, Any]]] = [{}]
    for event in talk.events():
        found[-1].setdefault(event["type"], event)
        if event["type"] == "session.status_idle":
            found.append({})
    return [turn for turn in found if turn]


def written(event: dict[str, Any]) -> float:
    """When it was about to be written, by the clock of whoever wrote it."""
    return datetime.fromisoformat(event["processed_at"]).timestamp()


def _parts(
    sent: float,
    model: tuple[float, float],
    events: dict[str, dict[str, Any]],
    shown: dict[str, float],
) -> dict[str, float]:
    said, answer = events["user.message"], events["agent.message"]
    ended, took = events["session.thread_status_idle"], model[1] - model[0]
    waiting = shown.get(f"waiting-{said['id']}", shown[said["id"]])
    return {
        "accepted": written(events["session.status_running"]) - sent,
        "waiting": min(waiting, shown[said["id"]]) - sent,
        "taken": written(said) - sent,
        "first": shown[said["id"]] - sent,
        "taken shown": shown[said["id"]] - written(said),
        "answer": shown[answer["id"]] - sent - took,
        "answer shown": shown[answer["id"]] - written(answer),
        "ended": shown[ended["id"]] - sent - took,
    }


def _report(ruler: Ruler, parts: dict[str, list[float]]) -> None:
    ruler.section("page", f"{TURNS} messages sent with the form of a session's page in Chromium")
    row = ruler.row
    row("form submitted → the web process writes the message", parts["accepted"])
    row("… → the message in the page, as one that waits or as said", parts["waiting"])
    row("… → task started: the worker has taken the message up", parts["taken"])
    row("… → the worker's first event in the page", parts["first"])
    row("… → the answer in the page, without the model's time", parts["answer"])
    row("… → the turn's end in the page, without the model's time", parts["ended"])
    row("message taken up → in the page (with its commit)", parts["taken shown"])
    row("answer about to be written → in the page (with its commit)", parts["answer shown"])
