"""Ten thousand memories, or fewer, and the same as files."""

import hashlib
import random
from pathlib import Path

from django.utils import timezone

from console.models import Workspace
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


def tree(rig: Rig, count: int) -> tuple[Store, Path]:
    """A store of `count` memories of some 4 kB, and a folder of files with the same texts."""
    folder = rig.folder / f"tree-{count}"
    if folder.exists():
        return Store.objects.get(name=folder.name), folder
    texts = {
        f"/{number // 100:03}/note-{number}.md": _text(number, count) for number in range(count)
    }
    for path, text in texts.items():
        file = folder / path[1:]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return _store(folder.name, texts), folder


def _text(number: int, count: int) -> str:
    chance = random.Random(number)
    lines = [" ".join(chance.choices(WORDS, k=10)) for _ in range(60)]
    if number < RARE_FILES:
        lines[30] += f" {RARE}"
    return f"# Note {number} of {count}\n\n" + "\n".join(lines) + "\n"


def _store(name: str, texts: dict[str, str]) -> Store:
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
    versions = Version.objects.bulk_create(
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
    for memory, version in zip(memories, versions, strict=True):
        memory.head = version
    Memory.objects.bulk_update(memories, ["head"], batch_size=500)
    return store
