"""The rows of a write, read and changed in plain SQL: the ORM takes several times as long.

Every write of an agent reads two rows, makes three and changes two. What the models say about a value
(public ids, times, defaults) holds here too; what is saved is the building of the statement, which is
the same every time.
"""

from datetime import datetime
from functools import cache

from django.db import connection
from django.db.models import Field, Model

from console.ids import NOBODY
from memory import paths
from memory.models import Blob, Memory, Store


def insert(row: Model, *, or_nothing: bool = False) -> bool:
    """Save a new row and give it its key, unless it brings one.

    False, with `or_nothing`, when a row with the same unique values exists.
    """
    fields = _fields(type(row), row.pk is not None)
    with connection.cursor() as cursor:
        cursor.execute(_insert(type(row), fields, or_nothing), _values(row, fields))
        made = cursor.fetchone()
    if made is None:
        return False
    row.pk = row._meta.pk.to_python(made[0])
    row._state.adding, row._state.db = False, connection.alias
    return True


def update(row: Model, *names: str) -> None:
    """Save these fields of a row that exists."""
    fields = tuple(row._meta.get_field(name) for name in names)
    with connection.cursor() as cursor:
        cursor.execute(_update(type(row), fields), _values(row, (*fields, row._meta.pk)))


def locked(store: Store) -> Store:
    """The store as it is now, which nobody else can lock before the transaction ends.

    Raises `Store.DoesNotExist`.
    """
    lock = " FOR NO KEY UPDATE" if connection.features.has_select_for_update else ""
    query = f"SELECT * FROM memory_store WHERE id = %s{lock}"  # noqa: S608 - of constants
    for held in Store.objects.raw(query, [_key(store)]):
        if Store.workspace.is_cached(store):
            held.workspace = store.workspace
        return held
    raise Store.DoesNotExist


def memory_at(store: Store, path: str) -> Memory | None:
    """What stands at the path, with size and hash but without its text."""
    return _memory(store, "path", path)


def memory_now(store: Store, memory: Memory) -> Memory | None:
    """The memory as it is now, like `memory_at`."""
    return _memory(store, "id", _key(memory))


def _memory(store: Store, column: str, value: str | int) -> Memory | None:
    query = (
        "SELECT m.*, b.sha256 AS blob_sha256, b.size AS blob_size"  # noqa: S608 - of constants
        " FROM memory_memory m JOIN memory_blob b ON b.id = m.blob_id"
        f" WHERE m.store_id = %s AND m.{column} = %s"
    )
    for found in Memory.objects.raw(query, [_key(store), value]):
        known = [found.blob_id, found.blob_sha256, found.blob_size]
        found.store = store
        found.blob = Blob.from_db(connection.alias, ["id", "sha256", "size"], known)
        return found
    return None


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


def count(store: Store, memories: int, size: int, now: datetime) -> None:
    """Add to the store's totals."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE memory_store SET memory_count = memory_count + %s, size = size + %s,"
            " changed_at = %s WHERE id = %s",
            [memories, size, connection.ops.adapt_datetimefield_value(now), _key(store)],
        )


def _key(row: Model) -> int:
    return row._meta.pk.get_prep_value(row.pk)


def _values(row: Model, fields: tuple[Field, ...]) -> list:
    return [
        field.get_db_prep_save(getattr(row, field.attname), connection=connection)
        for field in fields
    ]


@cache
def _fields(model: type[Model], with_key: bool) -> tuple[Field, ...]:
    return tuple(
        field for field in model._meta.concrete_fields if with_key or not field.primary_key
    )


@cache
def _insert(model: type[Model], fields: tuple[Field, ...], or_nothing: bool) -> str:
    columns = ", ".join(field.column for field in fields)
    places = ", ".join(["%s"] * len(fields))
    conflict = " ON CONFLICT DO NOTHING" if or_nothing else ""
    table, key = model._meta.db_table, model._meta.pk.column
    return f"INSERT INTO {table} ({columns}) VALUES ({places}){conflict} RETURNING {key}"  # noqa: S608 - of constants


@cache
def _update(model: type[Model], fields: tuple[Field, ...]) -> str:
    changes = ", ".join(f"{field.column} = %s" for field in fields)
    return f"UPDATE {model._meta.db_table} SET {changes} WHERE {model._meta.pk.column} = %s"  # noqa: S608 - of constants
