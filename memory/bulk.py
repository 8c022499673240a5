"""Many writes at once, by the same rules as `stores.write` and in a few statements instead of many.

An import brings up to ten thousand files. Written one by one they would hold the store, and on
SQLite the whole database, for half a minute.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from memory import blobs, paths, stores
from memory.models import Memory, Operation, Store, Version
from memory.paths import Invalid
from memory.stores import ABSENT, Act, Conflict, Occupied

BATCH = 500  # rows in one statement


@dataclass(frozen=True)
class Write:
    """A text that shall stand at a path where `expected`, a sha256 or `ABSENT`, was seen."""

    path: str
    sha256: str
    size: int
    expected: str


@transaction.atomic
def write_all(
    store: Store, writes: Sequence[Write], text_of: Callable[[Write], str], *, act: Act
) -> None:
    """Write texts to different paths, all of them or none; what stands there already is left alone.

    `text_of` is asked once for each text that the database does not hold yet. Raises as
    `stores.write` does.
    """
    store = stores.writable(store, act)
    standing = {memory.path: memory for memory in store.memories.sized()}
    writes = [write for write in writes if _is_needed(write, standing.get(write.path))]
    _check_places(store, writes, standing)
    replaced = [standing[write.path].blob.size for write in writes if write.path in standing]
    texts = _keep_texts(writes, text_of)
    for batch in _batches(writes):
        _write(store, batch, standing, texts, act)
    size = sum(write.size for write in writes) - sum(replaced)
    stores.count(store, memories=len(writes) - len(replaced), size=size)


def _is_needed(write: Write, there: Memory | None) -> bool:
    now = there.blob.sha256 if there else ABSENT
    if now == write.sha256:
        return False
    if now != write.expected:
        change = "changed" if there and write.expected else "created" if there else "deleted"
        raise Conflict(f"{write.path} was {change} meanwhile.", there)
    return True


def _check_places(store: Store, writes: Sequence[Write], standing: dict[str, Memory]) -> None:
    new = [write.path for write in writes if write.path not in standing]
    if store.memory_count + len(new) > paths.MAX_MEMORIES:
        raise Invalid(
            f"The store would hold more than {paths.MAX_MEMORIES:,} memories. Remove or merge some."
        )
    files = standing | {paths.check_path(path): Memory(path=path) for path in new}
    if len(files) < len(standing) + len(new):
        raise Invalid("A path is written twice.")
    for path, memory in files.items():
        if above := next((folder for folder in paths.ancestors(path) if folder in files), None):
            raise Occupied(standing.get(above) or memory)


def _write(
    store: Store,
    writes: Sequence[Write],
    standing: dict[str, Memory],
    texts: dict[str, int],
    act: Act,
) -> None:
    now = timezone.now()
    memories = [
        standing.get(write.path) or Memory(store=store, path=write.path, created_at=now, head_id=0)
        for write in writes
    ]
    for memory, write in zip(memories, writes, strict=True):
        memory.blob_id, memory.updated_at = texts[write.sha256], now
    new = [memory for memory in memories if memory.pk is None]
    Memory.objects.bulk_create(new)
    versions = Version.objects.bulk_create(
        Version(
            store=store,
            memory_id=memory.pk,
            change_set=act.change_set,
            operation=Operation.MODIFIED if memory.path in standing else Operation.CREATED,
            path=memory.path,
            blob_id=memory.blob_id,
            actor=act.by.id,
            actor_name=act.by.name[:255],
            event=act.by.event,
            created_at=now,
        )
        for memory in memories
    )
    for memory, version in zip(memories, versions, strict=True):
        memory.head_id = version.pk
    Memory.objects.bulk_create(
        memories,
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=["blob", "head", "updated_at"],
    )


def _keep_texts(writes: Sequence[Write], text_of: Callable[[Write], str]) -> dict[str, int]:
    """The keys of the texts' blobs by hash."""
    wanted = {write.sha256: write for write in writes}
    return blobs.keep_all(list(wanted), lambda digest: text_of(wanted[digest]))


def _batches(items: Sequence) -> Iterator[Sequence]:
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]
