"""A copy of a store, as a dream makes one, against `cp -r` of the same files."""

import shutil
import subprocess
import time

from console.actors import Actor
from memory import stores
from memory.models import Store, StoreState
from tests.bench.rig import Rig
from tests.bench.ruler import Ruler, median
from tests.bench.tree import tree

# How many memories, of how many lines each, and how many times faster than `cp -r` is fast enough.
# Short texts cost `cp -r` less, and a clone as much as any.
SIZES = ((2_000, 60, 20), (10_000, 60, 20), (100_000, 2, 8))
ROUNDS = 3
ACTOR = Actor("bench", "Bench")


def measure(rig: Rig, ruler: Ruler) -> None:
    ruler.section("clone", f"{ROUNDS} copies of each store. Floor: cp -r of the same files")
    for count, lines, limit in SIZES:
        store, folder = tree(rig, count, lines)
        clones, copies = [], []
        for number in range(ROUNDS):
            clones.append(_clone(store, number))
            target = folder.with_name(f"copy-{count}")
            begun = time.perf_counter()
            subprocess.run(["cp", "-r", folder, target], check=True)
            copies.append((time.perf_counter() - begun) * 1000)
            shutil.rmtree(target)
        ruler.row(f"a store of {count:,} memories cloned", clones, copies)
        ruler.row(f"cp -r of {count:,} files", copies)
        faster = min(copies) / median(clones)
        name = f"fastest cp -r over a clone of {count:,} memories"
        ruler.target(name, faster, limit, "×", at_least=True)


def _clone(store: Store, number: int) -> float:
    copy = {"name": f"copy {number}", "description": "", "state": StoreState.DRAFT, "by": ACTOR}
    begun = time.perf_counter()
    stores.clone(store, **copy)
    return (time.perf_counter() - begun) * 1000
