"""Histories: pages of long ones against short ones, a store as it was, and blame against git's."""

import random
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from console.models import User
from memory import blame, blobs
from memory.models import Memory, Operation, Store, Version
from tests.bench.rig import Rig
from tests.bench.ruler import Ruler
from tests.bench.tree import WORDS, tree

SHORT, LONG, ROUNDS, WARM_UP = 100, 10_000, 7, 2
LINES, VERSIONS = 1_500, 150


def measure(rig: Rig, ruler: Ruler) -> None:
    store, _ = tree(rig, LONG)
    client = Client(headers={"host": "127.0.0.1"})
    client.force_login(User.objects.first())
    _pages(ruler, client, store)
    _blame(rig, ruler, store)


def _pages(ruler: Ruler, client: Client, store: Store) -> None:
    ruler.section("history", f"pages of {LONG:,} versions or memories. Floor: as said")
    short, long = (_file(store, count) for count in (SHORT, LONG))
    slug = store.workspace.slug

    def get(name: str, *parts: str, query: str = "") -> Callable[[], object]:
        where = reverse(f"memory:{name}", args=[slug, store.pk, *parts]) + query
        return lambda: client.get(where)

    floor = _timed(get("memory_history", short.pk))
    ruler.row(f"a file's history of {SHORT} versions", floor)
    ratio = ruler.row(f"of {LONG:,} versions", _timed(get("memory_history", long.pk)), floor)
    ruler.target("a long file history over a short one", ratio, 2, "×")
    last = get("memory_history", long.pk, query="?page=200")
    ruler.row("  its last page", _timed(last), floor)
    folder = _timed(get("store", query="?folder=/000/"))
    ruler.row("a folder's page beside the tree, as the store is now", folder)
    for name, label in (
        ("store_history", "the store's history"),
        ("store_asof", "the store as it was"),
        ("store_use", "the store's use"),
    ):
        ratio = ruler.row(f"  {label}", _timed(get(name)), folder)
        ruler.target(f"{label} over a folder's page", ratio, 2, "×")


def _timed(call: Callable[[], object]) -> list[float]:
    samples = []
    for _ in range(ROUNDS + WARM_UP):
        begun = time.perf_counter()
        call()
        samples.append((time.perf_counter() - begun) * 1000)
    return samples[WARM_UP:]


def _file(store: Store, count: int) -> Memory:
    """A file with that many versions, in two texts by turns; written by rows."""
    texts = [blobs.keep(f"{count} {side}\n") for side in ("odd", "even")]
    return _written(store, f"/long-{count}.md", [texts[n % 2] for n in range(count)])


def _written(store: Store, path: str, texts: list) -> Memory:
    memory = Memory.objects.create(store=store, path=path, blob=texts[-1], head_id=0)
    versions = Version.objects.bulk_create(
        Version(
            store=store,
            memory=memory,
            operation=Operation.MODIFIED if number else Operation.CREATED,
            path=path,
            blob=blob,
            actor="user_bench",
            actor_name="Bench",
        )
        for number, blob in enumerate(texts)
    )
    Memory.objects.filter(pk=memory.pk).update(head=versions[-1])
    return Memory.objects.get(pk=memory.pk)


# -- Blame --------------------------------------------------------------------------------


def _blame(rig: Rig, ruler: Ruler, store: Store) -> None:
    ruler.section(
        "blame", f"{LINES:,} lines, {VERSIONS} versions. Floor: git blame of the same, as a process"
    )
    texts = list(_texts())
    memory = _written(store, "/blamed.md", [blobs.keep(text) for text in texts])
    folder = _repository(rig.folder / "blame", texts)

    def ours() -> None:
        cache.clear()
        blame.of(memory)

    command = ["git", "-C", str(folder), "blame", "--porcelain", "blamed.md"]
    floor = _timed(lambda: subprocess.run(command, stdout=subprocess.DEVNULL, check=True))
    ruler.row("git blame", floor)
    ratio = ruler.row("the first time", _timed(ours), floor)
    ruler.target("blame over git blame", ratio, 4, "×")
    ruler.row("once it is known", _timed(lambda: blame.of(memory)), floor)


def _texts():
    chance = random.Random(1)
    lines = [_line(chance) for _ in range(LINES)]
    for _ in range(VERSIONS):
        for _ in range(12):
            lines[chance.randrange(LINES)] = _line(chance)
        yield "\n".join(lines) + "\n"


def _line(chance: random.Random) -> str:
    return " ".join(chance.choices(WORDS, k=8))


def _repository(folder: Path, texts: list[str]) -> Path:
    folder.mkdir()
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    stream = b""
    for number, text in enumerate(texts):
        data = text.encode()
        stream += b"commit refs/heads/bench\ncommitter Bench <bench@localhost> %d +0000\n" % number
        stream += b"data 1\nx\nM 100644 inline blamed.md\ndata %d\n%s\n" % (len(data), data)
    fast_import = ["git", "-C", str(folder), "fast-import", "--quiet"]
    subprocess.run(fast_import, input=stream, check=True)
    subprocess.run(["git", "-C", str(folder), "checkout", "--quiet", "bench"], check=True)
    return folder
