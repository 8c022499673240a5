"""The rows of a write, read and changed in plain SQL: the ORM takes several times as long.

Every write of an agent reads two rows, makes three and changes two. What the models say about a value
(public ids, times, defaults) holds here too; what is saved is the building of the statement, which is
the same every time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from typing import Any

from django.db import connection
from django.db.models import CharField, DateTimeField, Field, Model, TextField

from console.ids import NOBODY, PublicIdField
from memory import paths
from memory.models import Blob, Memory, Store


@dataclass(frozen=True)
class Column:
    """A field of a model with what turns its value into that of the database, and back."""

    name: str  # in the database
    attname: str  # of the instance
    write: Callable[[Any], Any]
    read: Callable[[Any], Any]


def insert(row: Model, *, or_nothing: bool = False, **made: str) -> bool:
    """Save a new row and give it its key, unless it brings one.

    `made` has fields whose values the database makes, by these expressions; the row gets them too.
    False, with `or_nothing`, when a row with the same unique values exists.
    """
    query, columns, back = _insert(type(row), row.pk is not None, or_nothing, tuple(made.items()))
    with connection.cursor() as cursor:
        cursor.execute(query, [column.write(getattr(row, column.attname)) for column in columns])
        given = cursor.fetchone()
    if given is None:
        return False
    for column, value in zip(back, given, strict=True):
        setattr(row, column.attname, column.read(value))
    row._state.adding, row._state.db = False, connection.alias
    return True


def update(row: Model, *names: str) -> None:
    """Save these fields of a row that exists."""
    query, columns = _update(type(row), names)
    with connection.cursor() as cursor:
        cursor.execute(query, [column.write(getattr(row, column.attname)) for column in columns])


def locked(store: Store) -> Store:
    """The store as it is now, which nobody else can lock before the transaction ends.

    Raises `Store.DoesNotExist`.
    """
    lock = " FOR NO KEY UPDATE" if connection.features.has_select_for_update else ""
    query = f"SELECT {_selected(Store)} FROM memory_store WHERE id = %s{lock}"  # noqa: S608 - of constants
    with connection.cursor() as cursor:
        cursor.execute(query, [_key(store)])
        found = cursor.fetchone()
    if found is None:
        raise Store.DoesNotExist
    held = _row(Store, found)
    if Store.workspace.is_cached(store):
        held.workspace = store.workspace
    return held


def memory_at(store: Store, path: str) -> Memory | None:
    """What stands at the path, with size and hash but without its text."""
    return _memory(store, "path", path)


def memory_now(store: Store, memory: Memory) -> Memory | None:
    """The memory as it is now, like `memory_at`."""
    return _memory(store, "id", _key(memory))


def _memory(store: Store, column: str, value: str | int) -> Memory | None:
    query = (
        f"SELECT b.sha256, b.size, {_selected(Memory, 'm.')}"  # noqa: S608 - of constants
        " FROM memory_memory m JOIN memory_blob b ON b.id = m.blob_id"
        f" WHERE m.store_id = %s AND m.{column} = %s"
    )
    with connection.cursor() as cursor:
        cursor.execute(query, [_key(store), value])
        found = cursor.fetchone()
    if found is None:
        return None
    sha256, size, *values = found
    memory = _row(Memory, values)
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


def _row(model: type[Model], values: Sequence) -> Model:
    """Make the model's instance of what `_selected` selected."""
    columns = _columns(model).values()
    read = [column.read(value) for column, value in zip(columns, values, strict=True)]
    return model.from_db(connection.alias, [column.attname for column in columns], read)


# What is kept for all connections has methods of the one that came first; they answer as any other's.


@cache
def _columns(model: type[Model]) -> dict[str, Column]:
    """The model's columns by the names of their fields."""
    return {
        field.name: Column(field.column, field.attname, _writer(field), _reader(field))
        for field in model._meta.concrete_fields
    }


def _writer(field: Field) -> Callable[[Any], Any]:
    kind = field.target_field if field.is_relation else field
    if isinstance(kind, CharField | TextField):
        return _as_it_is
    if isinstance(kind, DateTimeField):
        return connection.ops.adapt_datetimefield_value
    if isinstance(kind, PublicIdField):
        return kind.get_prep_value
    return partial(kind.get_db_prep_save, connection=connection)


def _as_it_is(value: str | None) -> str | None:
    return value


def _reader(field: Field) -> Callable[[Any], Any]:
    column = field.get_col(field.model._meta.db_table)
    converters = connection.ops.get_db_converters(column) + column.get_db_converters(connection)
    if not converters:
        return _as_it_is

    def read(value: Any) -> Any:
        for convert in converters:
            value = convert(value, column, connection)
        return value

    return read


@cache
def _selected(model: type[Model], table: str = "") -> str:
    return ", ".join(table + column.name for column in _columns(model).values())


@cache
def _insert(
    model: type[Model], with_key: bool, or_nothing: bool, made: tuple[tuple[str, str], ...]
) -> tuple[str, list[Column], list[Column]]:
    """The statement, the columns of its values and those that it gives back."""
    columns, key = dict(_columns(model)), model._meta.pk.name
    back = [columns[name] for name in (key, *dict(made))]
    for name in dict(made) if with_key else (key, *dict(made)):
        del columns[name]
    names = [column.name for column in columns.values()]
    names += [_columns(model)[name].name for name, _ in made]
    places = ["%s"] * len(columns) + [expression for _, expression in made]
    conflict = " ON CONFLICT DO NOTHING" if or_nothing else ""
    query = (
        f"INSERT INTO {model._meta.db_table} ({', '.join(names)})"  # noqa: S608 - of constants
        f" VALUES ({', '.join(places)}){conflict}"
        f" RETURNING {', '.join(column.name for column in back)}"
    )
    return query, list(columns.values()), back


@cache
def _update(model: type[Model], names: tuple[str, ...]) -> tuple[str, list[Column]]:
    """The statement and the columns of its values."""
    columns, key = [_columns(model)[name] for name in names], _columns(model)[model._meta.pk.name]
    changes = ", ".join(f"{column.name} = %s" for column in columns)
    query = f"UPDATE {model._meta.db_table} SET {changes} WHERE {key.name} = %s"  # noqa: S608 - of constants
    return query, [*columns, key]
