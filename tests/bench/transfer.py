"""Ten thousand new files in, out and away again, against unpacking the same zip to the disk."""

import io
import shutil
import time
import zipfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from console.actors import Actor
from console.models import Workspace
from memory import change_sets, stores, transfer
from memory.archives import Archive
from memory.transfer import Options
from tests.bench.rig import Rig
from tests.bench.ruler import Ruler

FILES, LINES, ROUNDS = 10_000, 60, 3
ACTOR = Actor("bench", "Bench")


def measure(rig: Rig, ruler: Ruler) -> None:
    ruler.section(
        "transfer", f"{FILES:,} files in a zip. Floor: Python's zipfile unpacks it to disk"
    )
    samples = defaultdict(list)
    for number in range(ROUNDS):
        file = _zip(number)
        _timed(samples["unpacked to the disk"], lambda f=file: _unpack(f, rig.folder / "unpacked"))
        shutil.rmtree(rig.folder / "unpacked")
        _in_and_out(samples, file, number)
    floor = samples["unpacked to the disk"]
    ratios = {label: ruler.row(label, times, floor) for label, times in samples.items()}
    ruler.target("import over unpacking to the disk", ratios["imported"], 3, "×")
    ruler.target("undo over unpacking to the disk", ratios["undone"], 3, "×")


def _in_and_out(samples: dict[str, list], file: io.BytesIO, number: int) -> None:
    store = stores.create(Workspace.objects.earliest("pk"), f"import {number}")
    archive = Archive(file)
    reading = _timed(samples["read"], archive.read)
    _timed(samples["planned"], lambda: transfer.plan(store, reading, Options()))
    outcome = _timed(
        samples["imported"],
        lambda: transfer.bring_in(store, archive, reading, Options(), by=ACTOR, source="a zip"),
    )
    _timed(samples["exported"], lambda: b"".join(transfer.export(store)))
    _timed(samples["undone"], lambda: change_sets.undo(outcome.change_set, by=ACTOR))


def _zip(number: int) -> io.BytesIO:
    """Texts that no other round has."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for at in range(FILES):
            lines = (f"- {number}: fact {at * line} about thing {line}\n" for line in range(LINES))
            archive.writestr(f"{at % 100:02}/{at}.md", "".join(lines))
    return file


def _unpack(file: io.BytesIO, folder: Path) -> None:
    with zipfile.ZipFile(file) as archive:
        archive.extractall(folder)


def _timed(samples: list[float], work: Callable):
    begun = time.perf_counter()
    done = work()
    samples.append((time.perf_counter() - begun) * 1000)
    return done
