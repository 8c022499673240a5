"""Ten thousand memories, or fewer, and the same as files."""

import hashlib
import random
import time
from pathlib import Path

from django.db.models import OuterRef, Subquery
from django.utils import timezone

from console.models import Workspace
from memory import indexing
from memory.models import Blob, Memory, Operation, Store, Version
from tests.bench.rig import Rig

WORDS = [
    "agent",
    "memory",
    "session",
    "store",
    "review",
    "dream",
    "keynote",
    "talk",
    "heron",
    "river",
    "notes",
    "follow",
    "draft",
    "merge",
    "pilot",
    "launch",
    "index",
    "source",
    "window",
    "teacup",
    "morning",
    "ledger",
    "quarter",
    "budget",
    "travel",
    "answer",
]
RARE, RARE_FILES = "Quetzalcoatl", 4


def tree(rig: Rig, count: int, lines: int = 60) -> tuple[Store, Path]:
    """A store of `count` memories of `lines` lines (60 are 4 kB), and the same texts as files."""
    folder = rig.folder / f"tree-{count}"
    if folder.exists():
        return Store.objects.get(name=folder.name), folder
    texts = {
        f"/{number // 100:03}/note-{number}.md": _text(number, count, lines)
        for number in range(count)
    }
    for path, text in texts.items():
        file = folder / path[1:]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    store = store_of(folder.name, texts)
    _wait_for_the_index()
    return store, folder


def _text(number: int, count: int, size: int) -> str:
    chance = random.Random(number)
    lines = [" ".join(chance.choices(WORDS, k=10)) for _ in range(size)]
    if number < RARE_FILES:
        lines[size // 2] += f" {RARE}"
    return f"# Note {number} of {count}\n\n" + "\n".join(lines) + "\n"


def store_of(name: str, texts: dict[str, str]) -> Store:
    """Written by rows: through the verbs it would take longer than the whole bench."""
    sizes = {path: len(text.encode()) for path, text in texts.items()}
    store = Store.objects.create(
        workspace=Workspace.objects.get(),
        name=name,
        memory_count=len(texts),
        size=sum(sizes.values()),
        changed_at=timezone.now(),
    )
    blobs = Blob.objects.bulk_create(
        Blob(sha256=hashlib.sha256(text.encode()).hexdigest(), content=text, size=sizes[path])
        for path, text in texts.items()
    )
    pairs = list(zip(texts, blobs, strict=True))
    memories = Memory.objects.bulk_create(
        Memory(store=store, path=path, blob=blob, head_id=0) for path, blob in pairs
    )
    Version.objects.bulk_create(
        Version(
            store=store,
            memory=memory,
            operation=Operation.CREATED,
            path=memory.path,
            blob=memory.blob,
            actor="bench",
            actor_name="Bench",
        )
        for memory in memories
    )
    first = Version.objects.filter(memory=OuterRef("pk")).values("pk")
    Memory.objects.filter(store=store).update(head=Subquery(first))
    return store


def _wait_for_the_index() -> None:
    """The console's own worker is at it as well, and would be all through the measurement."""
    while Blob.objects.filter(segment=None).count() >= indexing.FEWEST:
        indexing.catch_up(60)
        time.sleep(0.1)
