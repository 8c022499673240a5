"""What a write asks about stores and memories, in plain SQL (see `console/rows.py`)."""

from django.db import connection
from django.db.models import Model

from console.ids import NOBODY
from console.rows import instance, locked, selected
from memory import paths
from memory.models import Blob, Memory, Store


def held(store: Store) -> Store:
    """The store as it is now, which nobody else can lock before the transaction ends.

    Raises `Store.DoesNotExist`.
    """
    found = locked(Store, store.pk)
    if found is None:
        raise Store.DoesNotExist
    if Store.workspace.is_cached(store):
        found.workspace = store.workspace
    return found


def memory_at(store: Store, path: str) -> Memory | None:
    """What stands at the path, with size and hash but without its text."""
    return _memory(store, "path", path)


def memory_now(store: Store, memory: Memory) -> Memory | None:
    """The memory as it is now, like `memory_at`."""
    return _memory(store, "id", _key(memory))


def _memory(store: Store, column: str, value: str | int) -> Memory | None:
    query = (
        f"SELECT b.sha256, b.size, {selected(Memory, 'm.')}"  # noqa: S608 - of constants
        " FROM memory_memory m JOIN memory_blob b ON b.id = m.blob_id"
        f" WHERE m.store_id = %s AND m.{column} = %s"
    )
    with connection.cursor() as cursor:
        cursor.execute(query, [_key(store), value])
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
    key, mine = _key(store), _key(moving) if moving else NOBODY
    with connection.cursor() as cursor:
        # "0" is what comes after "/".
        cursor.execute(query, [key, mine, *places, key, mine, f"{path}/", f"{path}0"])
        found = cursor.fetchone()
    return found[0] if found else None


def _key(row: Model) -> int:
    return row._meta.pk.get_prep_value(row.pk)
