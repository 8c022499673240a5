"""The verbs that change stores. Every write path of the house ends here.

Each verb checks the rules, changes the rows and writes a version in one transaction. A writer that
expected another text gets `Conflict` and changes nothing.
"""

import hashlib
from dataclasses import dataclass

from django.core.exceptions import ObjectDoesNotExist
from django.db import connection, transaction
from django.utils import timezone

from console import live, rows
from console.actors import Actor
from console.models import Workspace
from memory import blobs, paths, tables
from memory.models import Blob, ChangeSet, Memory, Operation, Store, StoreState, Version
from memory.paths import Invalid

ABSENT = ""
"""The expected hash of a path where nothing stands."""

# Keys for new memories: the first one, and one for each of several in the order of their paths. Only
# one transaction at a time writes to SQLite, so those after the highest key ever given are free;
# PostgreSQL gives them out one by one.
LAST_KEY = "coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'memory_memory'), 0)"
NEXT_KEY = "nextval(pg_get_serial_sequence('memory_memory', 'id'))"
NEW_KEY = {"sqlite": f"{LAST_KEY} + 1", "postgresql": NEXT_KEY}
NEW_KEYS = {"sqlite": f"{LAST_KEY} + row_number() OVER (ORDER BY path)", "postgresql": NEXT_KEY}


class Refused(Exception):
    """The store's state forbids it; the message says why."""


class Gone(Refused, ObjectDoesNotExist):
    """Somebody has deleted the store meanwhile."""

    def __init__(self) -> None:
        super().__init__("This store has been deleted.")


class Conflict(Exception):
    """The text is no longer what the writer had seen; `memory` is what stands there now."""

    def __init__(self, message: str, memory: Memory | None = None) -> None:
        super().__init__(message)
        self.memory = memory


class Vanished(Conflict):
    """Somebody has deleted the memory meanwhile, whatever text the writer expected."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} was deleted meanwhile.")


class Occupied(Exception):
    """Another memory stands at the path, above it or below it."""

    def __init__(self, memory: Memory) -> None:
        super().__init__(f"{memory.path} is in the way: a path holds a file or a folder, not both.")
        self.memory = memory


@dataclass(frozen=True)
class Act:
    """Who changes something, as part of what; only a dream and its review write into a draft."""

    by: Actor
    change_set: ChangeSet | None = None
    into_draft: bool = False


def sha256(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


# -- Stores -------------------------------------------------------------------------------


def create(
    workspace: Workspace,
    name: str,
    *,
    description: str = "",
    metadata: dict | None = None,
    state: str = StoreState.ACTIVE,
) -> Store:
    """Make an empty store. Raises `Invalid`."""
    now = timezone.now()
    return Store.objects.create(
        workspace=workspace,
        name=paths.check_name(name),
        description=paths.check_description(description),
        metadata=paths.check_metadata(metadata or {}),
        state=state,
        created_at=now,
        updated_at=now,
    )


@transaction.atomic
def describe(store: Store, **changes) -> Store:
    """Change `name`, `description` or `metadata` (a patch). Raises `Invalid`, `Refused`."""
    store = _locked(store)
    if store.is_archived:
        raise Refused("This store is archived: it can be read, but no longer changed.")
    before = (store.name, store.description, store.metadata)
    if "name" in changes:
        store.name = paths.check_name(changes["name"])
    if "description" in changes:
        store.description = paths.check_description(changes["description"])
    if "metadata" in changes:
        store.metadata = paths.patch_metadata(store.metadata, changes["metadata"])
    if (store.name, store.description, store.metadata) != before:
        store.updated_at = timezone.now()
        store.save(update_fields=["name", "description", "metadata", "updated_at"])
    return store


@transaction.atomic
def archive(store: Store) -> Store:
    """Retire the store: it stays readable; nothing new attaches to it. Twice changes nothing."""
    store = _locked(store)
    if not store.is_archived:
        store.state = StoreState.ARCHIVED
        store.archived_at = store.updated_at = timezone.now()
        store.save(update_fields=["state", "archived_at", "updated_at"])
    return store


@transaction.atomic
def set_state(store: Store, state: str) -> Store:
    """Move a store between draft, active and archived, as dreaming does when it adopts and undoes."""
    store = _locked(store)
    store.state = StoreState(state)
    store.updated_at = timezone.now()
    store.archived_at = store.updated_at if store.is_archived else None
    store.save(update_fields=["state", "archived_at", "updated_at"])
    return store


@transaction.atomic
def delete_store(store: Store) -> None:
    """Remove the store with all its memories and versions, and text nobody else uses."""
    # A stronger lock than a writer's: it waits for those, too, who note what they have read of it.
    store = Store.objects.select_for_update().filter(pk=store.pk).first()
    if store is None:
        raise Gone
    texts = store.versions.exclude(blob=None).order_by().values_list("blob_id", flat=True)
    texts = list(texts.distinct())
    Memory.objects.filter(store=store).delete()
    Version.objects.filter(store=store).delete()
    store.delete()
    blobs.sweep(texts)
    blobs.wipe_after_commit()


# -- Memories -----------------------------------------------------------------------------


@transaction.atomic
def add(store: Store, path: str, content: str, *, act: Act) -> Memory:
    """Put a new memory at a free path, even if the same text stands there: `Occupied` then.

    Raises `Invalid`, `Refused`, `Occupied`.
    """
    paths.check_content(content)
    return _create(writable(store, act), path, content, act)


@transaction.atomic
def write(
    store: Store, path: str, content: str, *, act: Act, expected: str | None = None
) -> Memory:
    """Put `content` at `path`; new or not.

    `expected` is the sha256 the writer last saw there, `ABSENT` when it saw nothing, or None to
    write whatever stands there. Writing what stands there already makes no version. Raises
    `Invalid`, `Refused`, `Conflict`, `Occupied`.
    """
    paths.check_path(path)
    paths.check_content(content)
    store = writable(store, act)
    memory = tables.memory_at(store, path)
    digest = sha256(content)
    if memory and memory.blob.sha256 == digest:
        return memory
    _check_expected(memory, expected, path)
    if memory is None:
        return _create(store, path, content, act)
    return _change(store, memory, memory.path, blobs.keep(content), act)


@transaction.atomic
def update(
    memory: Memory,
    *,
    act: Act,
    content: str | None = None,
    path: str | None = None,
    expected: str | None = None,
) -> Memory:
    """Change a memory's text, its path or both; None keeps what is there.

    Raises as `write` does. When everything asked for is so already, the expectation does not matter.
    """
    store = writable(memory.store, act)
    memory = _current(store, memory)
    new_path = memory.path if path is None else path
    if content is not None:
        paths.check_content(content)
    digest = memory.blob.sha256 if content is None else sha256(content)
    if (new_path, digest) == (memory.path, memory.blob.sha256):
        return memory
    _check_expected(memory, expected, memory.path)
    if new_path != memory.path:
        check_free(store, paths.check_path(new_path), moving=memory)
    blob = memory.blob if content is None else blobs.keep(content)
    return _change(store, memory, new_path, blob, act)


def move(memory: Memory, path: str, *, act: Act, expected: str | None = None) -> Memory:
    """Rename the memory; it keeps its id and history."""
    return update(memory, path=path, act=act, expected=expected)


@transaction.atomic
def remove(memory: Memory, *, act: Act, expected: str | None = None) -> Version:
    """Take the memory away; its history stays. Raises `Conflict`, `Refused`."""
    store = _locked(memory.store)
    _check_draft(store, act)
    memory = _current(store, memory)
    _check_expected(memory, expected, memory.path)
    version = _record(store, memory, Operation.DELETED, memory.path, None, act)
    size = memory.blob.size
    Memory.objects.filter(pk=memory.pk).delete()
    count(store, memories=-1, size=-size)
    return version


@transaction.atomic
def restore(version: Version, *, act: Act, expected: str | None = None) -> Memory:
    """Write the version's text and path back, as a new version of the same memory.

    A memory that was deleted comes back under its old id. Raises `Refused` for a version without
    text, else as `write` does.
    """
    store = writable(version.store, act)
    # Read again: a redaction may have been faster than this store's lock.
    version = Version.objects.select_related("blob").get(pk=version.pk)
    if version.blob is None or version.path is None:
        raise Refused("This version holds no text; choose another one.")
    memory = store.memories.filter(pk=version.memory_id).first()
    if memory:
        return update(
            memory, content=version.content, path=version.path, act=act, expected=expected
        )
    if expected not in (None, ABSENT):
        raise Conflict(f"{version.path} was deleted meanwhile.")
    return _create(store, version.path, version.content, act, key=version.memory_id)


@transaction.atomic
def take_back(version: Version, *, act: Act) -> Memory | Version:
    """Undo the last change of a memory: what stood before it stands again, as a new version.

    Returns the memory, or the version that says it is gone when nothing stood there before. Raises
    `Conflict` when something was written since, `Refused` when the text before has been redacted,
    and as `restore` does.
    """
    store = writable(version.store, act)
    history = Version.objects.filter(store=store, memory=version.memory_id)
    if history.filter(pk__gt=version.pk).exists():
        where = version.path or "The file"
        raise Conflict(f"{where} was changed again since.")
    before = history.filter(pk__lt=version.pk).first()
    if before and before.operation != Operation.DELETED:
        return restore(before, act=act)
    if version.operation == Operation.DELETED:
        raise Refused("Nothing stood there before, so there is nothing to bring back.")
    return remove(Memory.objects.select_related("store").get(pk=version.memory_id), act=act)


@transaction.atomic
def clone(source: Store, *, name: str, description: str, state: str, by: Actor) -> Store:
    """Copy a store by rows: the text is shared, every memory starts with one `created` version.

    Those versions are exactly as old as the copy: `change_sets.first_versions` knows them by that.
    """
    copy = create(source.workspace, name, description=description, state=state)
    source = _locked(source)
    now = connection.ops.adapt_datetimefield_value(copy.created_at)
    key, source_key = (Store._meta.pk.get_prep_value(store.pk) for store in (copy, source))
    with connection.cursor() as cursor:
        # The versions come first and carry the keys that their memories are going to have.
        cursor.execute(
            "INSERT INTO memory_version (store_id, memory_id, operation, path, blob_id, actor,"  # noqa: S608 - of constants
            " actor_name, event, created_at, redacted_by, redacted_by_name, redacted_reason)"
            f" SELECT %s, {NEW_KEYS[connection.vendor]}, 'created', path, blob_id, %s, %s, '', %s,"
            " '', '', '' FROM memory_memory WHERE store_id = %s ORDER BY path",
            [key, by.id, by.name[:255], now, source_key],
        )
        cursor.execute(
            "INSERT INTO memory_memory"
            " (id, store_id, path, blob_id, head_id, created_at, updated_at)"
            " SELECT memory_id, store_id, path, blob_id, id, created_at, created_at"
            " FROM memory_version WHERE store_id = %s ORDER BY id",
            [key],
        )
    copy.memory_count, copy.size = source.memory_count, source.size
    copy.changed_at = copy.created_at
    copy.save(update_fields=["memory_count", "size", "changed_at"])
    return copy


# -- The parts they share -----------------------------------------------------------------


def _locked(store: Store) -> Store:
    """One writer per store at a time: limits, overlaps and counts are then true when checked."""
    if found := tables.held(store):
        return found
    raise Gone


def writable(store: Store, act: Act) -> Store:
    """Lock the store until the transaction ends and return it as it is now. Raises `Refused`."""
    store = _locked(store)
    if store.is_archived:
        raise Refused("This store is archived: it can be read, but no longer changed.")
    _check_draft(store, act)
    return store


def _check_draft(store: Store, act: Act) -> None:
    if store.is_draft and not act.into_draft:
        raise Refused("This store is a dream's draft: change it in the dream's review.")


def _current(store: Store, memory: Memory) -> Memory:
    found = tables.memory_now(store, memory)
    if found is None:
        raise Vanished(memory.path)
    return found


def _check_expected(memory: Memory | None, expected: str | None, path: str) -> None:
    if expected is None:
        return
    if expected != (memory.blob.sha256 if memory else ABSENT):
        change = "changed" if memory and expected else "created" if memory else "deleted"
        raise Conflict(f"{path} was {change} meanwhile.", memory)


def check_free(store: Store, path: str, *, moving: Memory | None = None) -> None:
    """Raise `Occupied` when a file stands at the path, in place of its folders or below it."""
    if in_the_way := tables.in_the_way(store, path, moving):
        raise Occupied(Memory.objects.get(pk=in_the_way))


def _create(store: Store, path: str, content: str, act: Act, *, key: str | None = None) -> Memory:
    check_free(store, paths.check_path(path))
    if store.memory_count >= paths.MAX_MEMORIES:
        raise Invalid(
            f"The store is full: it holds {paths.MAX_MEMORIES:,} memories. Remove or merge some."
        )
    blob = blobs.keep(content)
    # The version comes first and carries the key that the memory is going to have.
    head = _version(store, key, Operation.CREATED, path, blob, act)
    rows.insert(head, **({} if key else {"memory": NEW_KEY[connection.vendor]}))
    memory = Memory(
        pk=head.memory_id,
        store=store,
        path=path,
        blob=blob,
        head=head,
        created_at=head.created_at,
        updated_at=head.created_at,
    )
    rows.insert(memory)
    count(store, memories=1, size=blob.size)
    return memory


def _change(store: Store, memory: Memory, path: str, blob: Blob, act: Act) -> Memory:
    size = memory.blob.size
    memory.head = _record(store, memory, Operation.MODIFIED, path, blob, act)
    memory.path, memory.blob, memory.updated_at = path, blob, memory.head.created_at
    rows.update(memory, "path", "blob", "head", "updated_at")
    count(store, size=blob.size - size)
    return memory


def _record(
    store: Store, memory: Memory, operation: str, path: str, blob: Blob | None, act: Act
) -> Version:
    version = _version(store, memory.pk, operation, path, blob, act)
    rows.insert(version)
    return version


def _version(
    store: Store, memory: str | None, operation: str, path: str, blob: Blob | None, act: Act
) -> Version:
    return Version(
        store=store,
        memory_id=memory,
        change_set=act.change_set,
        operation=operation,
        path=path,
        blob=blob,
        actor=act.by.id,
        actor_name=act.by.name[:255],
        event=act.by.event,
    )


def count(store: Store, *, memories: int = 0, size: int = 0) -> None:
    rows.add(store, {"memory_count": memories, "size": size}, changed_at=timezone.now())
    live.ring_after_commit(store.pk)
