"""Searching a store of 10,000 memories against ripgrep on the same texts as files."""

import shutil
import subprocess
import time
from pathlib import Path

from memory import search
from memory.models import Store
from tests.bench.rig import Rig
from tests.bench.ruler import Ruler
from tests.bench.tree import RARE, RARE_FILES, tree
from tests.machine import say

COUNT, ROUNDS, WARM_UP = 10_000, 5, 1
QUERIES = (
    (f"a rare word, {RARE_FILES} hits", RARE, 0.1),
    ("a rare word in any case", f"(?i){RARE.upper()}", 0.1),
    ("a common word, the first 200 of a hundred thousand hits", "heron", 0.3),
    ("a pattern without a literal and without a hit: all is read", r"[0-9]{4}-[0-9]{2}", 1.5),
)
RANKINGS = (("rare", RARE), ("common", "heron"), ("several", f"budget travel {RARE} teacup"))


def measure(rig: Rig, ruler: Ruler) -> None:
    if shutil.which("rg") is None:
        say("\ngrep: there is no ripgrep here.")
        return
    store, folder = tree(rig, COUNT)
    ruler.section(
        "grep", f"{COUNT:,} memories of 4 kB. Floor: ripgrep for the same, all hits, {ROUNDS} times"
    )
    for label, pattern, limit in QUERIES:
        ours, floor = [], []
        for _ in range(ROUNDS + WARM_UP):
            ours.append(_grep(store, pattern))
            floor.append(_ripgrep(folder, pattern))
        ratio = ruler.row(label, ours[WARM_UP:], floor[WARM_UP:])
        ruler.row("  ripgrep", floor[WARM_UP:])
        ruler.target(
            f"grep over ripgrep: {label.partition(',')[0].partition(':')[0]}", ratio, limit, "×"
        )
    for label, query in RANKINGS:
        ruler.row(f"ranked: {label} words", [_ranked(store, query) for _ in range(ROUNDS)])


def _ranked(store: Store, query: str) -> float:
    begun = time.perf_counter()
    search.ranked(store, query)
    return (time.perf_counter() - begun) * 1000


def _grep(store: Store, pattern: str) -> float:
    begun = time.perf_counter()
    search.grep(store, pattern)
    return (time.perf_counter() - begun) * 1000


def _ripgrep(folder: Path, pattern: str) -> float:
    command = ["rg", "--line-number", "--no-heading", "--", pattern, str(folder)]
    begun = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    return (time.perf_counter() - begun) * 1000
