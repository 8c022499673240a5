"""What a write asks about stores and memories, in plain SQL (see `console/rows.py`)."""

from django.db import connection

from console.ids import NOBODY
from console.rows import instance, key, locked, selected
from memory import paths
from memory.models import Blob, Memory, Store


def held(store: Store) -> Store | None:
    """The store as it is now, which nobody else can lock before the transaction ends; None if gone."""
    found = locked(Store, store.pk)
    if found and Store.workspace.is_cached(store):
        found.workspace = store.workspace
    return found


def memory_at(store: Store, path: str) -> Memory | None:
    """What stands at the path, with size and hash but without its text."""
    return _memory(store, "path", path)


def text_at(store: Store, path: str) -> str | None:
    """The text that stands at the path, or None when nothing does."""
    query = (
        "SELECT b.content FROM memory_memory m JOIN memory_blob b ON b.id = m.blob_id"
        " WHERE m.store_id = %s AND m.path = %s"
    )
    with connection.cursor() as cursor:
        cursor.execute(query, [key(store), path])
        found = cursor.fetchone()
    return found[0] if found else None


def memory_now(store: Store, memory: Memory) -> Memory | None:
    """The memory as it is now, like `memory_at`."""
    return _memory(store, "id", key(memory))


def _memory(store: Store, column: str, value: str | int) -> Memory | None:
    query = (
        f"SELECT b.sha256, b.size, {selected(Memory, 'm.')}"  # noqa: S608 - of constants
        " FROM memory_memory m JOIN memory_blob b ON b.id = m.blob_id"
        f" WHERE m.store_id = %s AND m.{column} = %s"
    )
    with connection.cursor() as cursor:
        cursor.execute(query, [key(store), value])
        found = cursor.fetchone()
    if found is None:
        return None
    sha256, size, *values = found
    memory = instance(Memory, values)
    memory.store = store
    memory.blob = Blob.from_db(
        connection.alias, ["id", "sha256", "size"], [memory.blob_id, sha256, size]
    )
    return memory


def in_the_way(store: Store, path: str, moving: Memory | None) -> int | None:
    """The key of a file at the path, in place of its folders or below it, but for the one `moving`."""
    places = [path, *paths.ancestors(path)]
    here = "SELECT id FROM memory_memory WHERE store_id = %s AND id <> %s AND path"
    marks = ", ".join(["%s"] * len(places))
    # Two questions in one, so that each finds its way through the index.
    query = f"{here} IN ({marks}) UNION ALL {here} >= %s AND path < %s LIMIT 1"
    within, mine = key(store), key(moving) if moving else NOBODY
    with connection.cursor() as cursor:
        # "0" is what comes after "/".
        cursor.execute(query, [within, mine, *places, within, mine, f"{path}/", f"{path}0"])
        found = cursor.fetchone()
    return found[0] if found else None
