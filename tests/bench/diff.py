"""Two versions of a text of 100 kB side by side, against `diff -u` on the same files."""

import subprocess
import tempfile
import time
from pathlib import Path

from memory.diffs import side_by_side
from tests.bench.render import DOCUMENT
from tests.bench.rig import Rig
from tests.bench.ruler import Ruler

ROUNDS, WARM_UP, EVERY = 15, 2, 97


def measure(rig: Rig, ruler: Ruler) -> None:
    after = "".join(
        line.replace("a ", "one ") if number % EVERY == 0 else line
        for number, line in enumerate(DOCUMENT.splitlines(keepends=True))
    )
    ruler.section("diff", "one line in a hundred changed, words marked. Floor: diff -u")
    ours, floor = [], []
    with tempfile.TemporaryDirectory() as folder:
        old, new = Path(folder, "old.md"), Path(folder, "new.md")
        old.write_text(DOCUMENT)
        new.write_text(after)
        for _ in range(ROUNDS + WARM_UP):
            begun = time.perf_counter()
            side_by_side(DOCUMENT, after)
            ours.append((time.perf_counter() - begun) * 1000)
            begun = time.perf_counter()
            subprocess.run(["diff", "-u", old, new], stdout=subprocess.DEVNULL, check=False)
            floor.append((time.perf_counter() - begun) * 1000)
    ratio = ruler.row("side by side", ours[WARM_UP:], floor[WARM_UP:])
    ruler.target("a version diff over diff -u", ratio, 4, "×")
