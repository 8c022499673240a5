"""How soon a large store's page is painted, and what a list of a large store costs over a small one."""

import time
from collections.abc import Callable
from urllib.parse import quote

from playwright.sync_api import Page

from tests.bench.rig import Rig
from tests.bench.ruler import Ruler, median
from tests.bench.tree import store_of
from tests.machine import say

MANY, FEW, LOADS, LISTS = 10_000, 1_000, 9, 30
PAINTED = """() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime"""


def measure(rig: Rig, ruler: Ruler) -> None:
    stores = {
        "one folder": store_of("paint-one", _texts(MANY, MANY)),
        "100 folders": store_of("paint-spread", _texts(MANY, 100)),
        "small": store_of("paint-small", _texts(FEW, 10)),
    }
    _lists(rig, ruler, stores["100 folders"].pk, stores["small"].pk)
    if rig.browser is None:
        say("\npaint: there is no Chromium here.")
        return
    _paints(rig, ruler, {name: f"{each.get_absolute_url()}" for name, each in stores.items()})


def _texts(count: int, in_a_folder: int) -> dict[str, str]:
    """Paths and texts that no other of these stores has: a text is stored once."""
    return {
        f"/{number // in_a_folder:03}/note-{number}.md": f"{count} {in_a_folder} {number}\n"
        for number in range(count)
    }


# -- The page --------------------------------------------------------------------------------


def _paints(rig: Rig, ruler: Ruler, where: dict[str, str]) -> None:
    page = _signed_in(rig)
    where = {"bare": "/healthz", **where}
    samples: dict[str, list[float]] = {name: [] for name in where}
    for number in range(LOADS + 1):
        for name, path in where.items():
            took = _painted(page, path)
            if number:
                samples[name].append(took)
    page.context.close()
    ruler.section("paint", f"{LOADS} loads of each in Chromium. Floor: a page of one word")
    for name, label in [("one folder", "all in one folder"), ("100 folders", "in 100 folders")]:
        ruler.row(f"{MANY:,} files, {label}: first paint", samples[name], samples["bare"])
        ruler.target(f"{MANY:,} files, {label}, painted", median(samples[name]) / 1000, 0.5, " s")
    ruler.row(f"{FEW:,} files: first paint", samples["small"], samples["bare"])
    ruler.row("  the floor of it", samples["bare"])


def _signed_in(rig: Rig) -> Page:
    page = rig.browser.new_context(base_url=rig.console.stack.url).new_page()
    page.goto("/sign-in")
    page.fill("[name=username]", "owner")
    page.fill("[name=password]", rig.console.stack.password)
    page.click("[type=submit]")
    page.wait_for_url("**/w/**")
    return page


def _painted(page: Page, path: str) -> float:
    """Milliseconds from the navigation to the first paint of content."""
    page.goto(path)
    return page.wait_for_function(PAINTED).json_value()


# -- The list --------------------------------------------------------------------------------


def _lists(rig: Rig, ruler: Ruler, large: str, small: str) -> None:
    def top(store: str) -> Callable:
        asked = f"/v1/memory_stores/{store}/memories?path_prefix=/&depth=1&limit=10"
        return lambda: _listed(rig, asked, 10)

    asking = {"large": top(large), "small": top(small)}
    samples: dict[str, list[float]] = {name: [] for name in asking}
    for _ in range(LISTS):
        for name, ask in asking.items():
            samples[name].append(_timed(ask))
    ruler.section("list", f"{LISTS} lists of 10 folders. Floor: {FEW:,} memories")
    over = ruler.row(f"depth=1 of {MANY:,} memories", samples["large"], samples["small"])
    ruler.target(f"depth=1 of {MANY:,} memories over {FEW:,}", over, 1.5, "×")
    first, last = _enumerated(rig, large)
    growth = ruler.row("the last tenth of the pages of all, over the first", last, first)
    ruler.target("a late page of a list over an early one", growth, 1.5, "×")


def _listed(rig: Rig, asked: str, count: int) -> dict:
    answer = rig.console.wire.ask("GET", asked)
    if len(answer["data"]) != count:
        raise RuntimeError(f"The list has {len(answer['data'])} items.")
    return answer


def _enumerated(rig: Rig, store: str) -> tuple[list[float], list[float]]:
    """What the first and the last tenth of the pages took, when all pages of a list are asked for."""
    asked, cursor, took, tenth = f"/v1/memory_stores/{store}/memories?limit=100", "", [], 10
    for _ in range(MANY // 100):
        begun = time.perf_counter()
        cursor = _listed(rig, asked + cursor, 100)["next_page"]
        took.append((time.perf_counter() - begun) * 1000)
        cursor = f"&page={quote(cursor or '')}"
    return took[:tenth], took[-tenth:]


def _timed(ask: Callable) -> float:
    begun = time.perf_counter()
    ask()
    return (time.perf_counter() - begun) * 1000
