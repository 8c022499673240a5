"""Many changes at once, by the same rules as the verbs of `stores` and in far fewer statements.

An import brings up to ten thousand files, and its undo takes them away again. One by one they would
hold the store, and on SQLite the whole database, for more than a minute.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from console.rows import batches
from memory import blobs, paths, stores
from memory.models import Memory, Operation, Store, Version
from memory.paths import Invalid
from memory.stores import ABSENT, Act, Conflict, Occupied


@dataclass(frozen=True)
class Write:
    """What shall stand at a path where `expected` was seen; both are a sha256, or `ABSENT`.

    `size` is in bytes. A file that was deleted comes back as the memory `key`.
    """

    path: str
    sha256: str
    size: int
    expected: str
    key: str | None = None


@transaction.atomic
def write_all(
    store: Store, writes: Sequence[Write], text_of: Callable[[Write], str], *, act: Act
) -> None:
    """Change what stands at different paths, all of it or nothing; what is so already is left alone.

    `text_of` is asked once for each text that the database does not hold yet. Raises as the verbs of
    `stores` do.
    """
    store = stores.writable(store, act)
    standing = {memory.path: memory for memory in store.memories.sized()}
    writes = [write for write in writes if _is_needed(write, standing.get(write.path))]
    coming = [write for write in writes if write.sha256 != ABSENT]
    going = [standing.pop(write.path) for write in writes if write.sha256 == ABSENT]
    _check_places(coming, standing)
    replaced = [standing[write.path].blob.size for write in coming if write.path in standing]
    lost = sum(replaced) + sum(memory.blob.size for memory in going)
    texts = _keep_texts(coming, text_of)
    for batch in batches(going):
        _remove(store, batch, act)
    for batch in batches(coming):
        _write(store, batch, standing, texts, act)
    new = len(coming) - len(replaced) - len(going)
    stores.count(store, memories=new, size=sum(write.size for write in coming) - lost)


@transaction.atomic
def move_all(store: Store, moves: Sequence[tuple[Memory, str]], *, act: Act) -> None:
    """Give memories, which the caller read under the store's lock, new and different paths.

    Raises `Invalid` for a path that cannot be and `Occupied` for one where something else stands.
    """
    store = stores.writable(store, act)
    goals = [paths.check_path(path) for _, path in moves]
    _check_goals(store, moves, goals)
    for batch in batches(moves):
        _move(store, batch, act)
    stores.count(store)


def _check_goals(store: Store, moves: Sequence[tuple[Memory, str]], goals: list[str]) -> None:
    if len(set(goals)) < len(goals):
        raise Invalid("Two of them have the same name: they cannot stand in one folder.")
    leaving = {memory.pk for memory, _ in moves}
    paths_now = store.memories.values_list("pk", "path")
    standing = {path: Memory(pk=key, path=path) for key, path in paths_now}
    # Also where one of those moved stands: rows change one after the other.
    for goal in goals:
        if goal in standing:
            raise Occupied(standing[goal])
    staying = {path: memory for path, memory in standing.items() if memory.pk not in leaving}
    files = staying | {goal: Memory(path=goal) for goal in goals}
    for path, memory in files.items():
        if above := next((folder for folder in paths.ancestors(path) if folder in files), None):
            raise Occupied(staying.get(above) or memory)


def _move(store: Store, moves: Sequence[tuple[Memory, str]], act: Act) -> None:
    for memory, path in moves:
        memory.path = path
    memories = [memory for memory, _ in moves]
    _record(
        memories, [_version(store, m, Operation.MODIFIED, act, blob_id=m.blob_id) for m in memories]
    )


def _is_needed(write: Write, there: Memory | None) -> bool:
    now = there.blob.sha256 if there else ABSENT
    if now == write.sha256:
        return False
    if now != write.expected:
        change = "changed" if there and write.expected else "created" if there else "deleted"
        raise Conflict(f"{write.path} was {change} meanwhile.", there)
    return True


def _check_places(coming: Sequence[Write], standing: dict[str, Memory]) -> None:
    new = [write.path for write in coming if write.path not in standing]
    if new and len(standing) + len(new) > paths.MAX_MEMORIES:
        raise Invalid(
            f"The store would hold more than {paths.MAX_MEMORIES:,} memories. Remove or merge some."
        )
    files = standing | {paths.check_path(path): Memory(path=path) for path in new}
    if len(files) < len(standing) + len(new):
        raise Invalid("A path is written twice.")
    for path, memory in files.items():
        if above := next((folder for folder in paths.ancestors(path) if folder in files), None):
            raise Occupied(standing.get(above) or memory)


def _remove(store: Store, memories: Sequence[Memory], act: Act) -> None:
    Version.objects.bulk_create(
        _version(store, memory, Operation.DELETED, act, blob_id=None) for memory in memories
    )
    Memory.objects.filter(pk__in=[memory.pk for memory in memories]).delete()


def _write(
    store: Store,
    writes: Sequence[Write],
    standing: dict[str, Memory],
    texts: dict[str, int],
    act: Act,
) -> None:
    new, changed = [], []
    for write in writes:
        memory = standing.get(write.path)
        (changed if memory else new).append(memory or _memory(store, write))
        (memory or new[-1]).blob_id = texts[write.sha256]
    Memory.objects.bulk_create(new)
    made = [_version(store, m, Operation.CREATED, act, blob_id=m.blob_id) for m in new]
    made += [_version(store, m, Operation.MODIFIED, act, blob_id=m.blob_id) for m in changed]
    _record(new + changed, made)


def _record(memories: Sequence[Memory], made: Sequence[Version]) -> None:
    """Keep the versions, and the memories as these say they are."""
    for memory, version in zip(memories, Version.objects.bulk_create(made), strict=True):
        memory.head_id, memory.updated_at = version.pk, version.created_at
    # One statement for rows that differ: they exist, so all of them are updates.
    Memory.objects.bulk_create(
        memories,
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=["path", "blob", "head", "updated_at"],
    )


def _memory(store: Store, write: Write) -> Memory:
    return Memory(pk=write.key, store=store, path=write.path, head_id=0)


def _version(
    store: Store, memory: Memory, operation: str, act: Act, *, blob_id: int | None
) -> Version:
    return Version(
        store=store,
        memory_id=memory.pk,
        change_set=act.change_set,
        operation=operation,
        path=memory.path,
        blob_id=blob_id,
        actor=act.by.id,
        actor_name=act.by.name[:255],
        event=act.by.event,
        created_at=timezone.now(),
    )


def _keep_texts(writes: Sequence[Write], text_of: Callable[[Write], str]) -> dict[str, int]:
    """The keys of the texts' blobs by hash."""
    wanted = {write.sha256: write for write in writes}
    return blobs.keep_all(list(wanted), lambda digest: text_of(wanted[digest]))
