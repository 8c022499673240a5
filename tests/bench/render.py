"""Markdown to HTML: an honest document of 100 kB, hostile ones, and one that was rendered before."""

import html
import time
from collections.abc import Callable

from memory import rendering
from tests.bench.rig import Rig
from tests.bench.ruler import Ruler
from tests.memory.test_rendering import hostile

SIZE, ROUNDS = 100_000, 9
PART = (
    "## Section {0}\n\nSome *words* about `a thing` and [a link](/n/a{0}.md), **more** of them.\n\n"
    "- Alice prefers `dark mode` since 2026-03-01\n- [ ] ask Ben\n\n| a | b |\n|---|--:|\n| x | {0} |\n\n"
    "```python\ndef talk(at: str = 'noon') -> int:\n    return {0}  # a comment\n```\n\n"
    + "A paragraph goes on for a while, as they do in notes that people read. " * 12
    + "\n\n"
)
DOCUMENT = "".join(PART.format(n) for n in range(SIZE // len(PART)))


def measure(rig: Rig, ruler: Ruler) -> None:
    ruler.section("render", f"{len(DOCUMENT):,} letters of Markdown. Floor: html.escape of them")
    fresh, floor, kept = [], [], []
    for number in range(ROUNDS):
        text = f"{DOCUMENT}{number}"  # never rendered before
        fresh.append(_took(rendering.render, text))
        kept.append(_took(rendering.render, text))
        floor.append(_took(html.escape, text))
    ruler.row("rendered and sanitised", fresh, floor)
    ruler.row("  again: from the cache, sanitised anew", kept, floor)
    worst = max(_took(rendering.render, text) for text in hostile())
    ruler.fact("the worst of the hostile texts", worst, " ms")
    ruler.target("100 kB rendered and sanitised", sorted(fresh)[ROUNDS // 2], 100, " ms")
    ruler.target("any text of at most 100 kB", worst, 250, " ms")


def _took(work: Callable[[str], object], text: str) -> float:
    begun = time.thread_time()
    work(text)
    return (time.thread_time() - begun) * 1000
