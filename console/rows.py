"""Rows read and changed in plain SQL, for what happens thousands of times: the ORM takes several times as long.

What the models say about a value (public ids, times, defaults) holds here too; what is saved is the
building of the statement, which is the same every time.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from typing import Any

from django.db import connection
from django.db.models import (
    BooleanField,
    CharField,
    DateTimeField,
    Field,
    IntegerField,
    Model,
    QuerySet,
    TextField,
)

from console.ids import PublicIdField

BATCH = 500  # keys in one statement: SQLite may allow no more than 32,766 parameters


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


def insert_all(new: Sequence[Model]) -> None:
    """Save new rows of one model that bring their keys."""
    if not new:
        return
    query, columns, _ = _insert(type(new[0]), True, False, ())
    with connection.cursor() as cursor:
        cursor.executemany(
            query.partition(" RETURNING")[0],
            [[column.write(getattr(row, column.attname)) for column in columns] for row in new],
        )
    for row in new:
        row._state.adding, row._state.db = False, connection.alias


def update(row: Model, *names: str) -> None:
    """Save these fields of a row that exists."""
    query, columns = _update(type(row), names)
    with connection.cursor() as cursor:
        cursor.execute(query, [column.write(getattr(row, column.attname)) for column in columns])


def add(row: Model, amounts: Mapping[str, float], **changes: Any) -> None:
    """Add the amounts to what the row's fields hold now, and set further fields; `row` stays as it is."""
    query, columns = _adding(type(row), tuple(amounts), tuple(changes))
    values = [*amounts.values(), *changes.values(), row.pk]
    with connection.cursor() as cursor:
        cursor.execute(
            query, [column.write(value) for column, value in zip(columns, values, strict=True)]
        )


def change(row: Model, **changes: Any) -> None:
    """Set fields of a row that exists; `row` stays as it is."""
    add(row, {}, **changes)


def find(model: type[Model], where: str, *values: Any, lock: bool = False) -> list[Model]:
    """The rows that the condition, and what may follow one in SQL, selects; keys as numbers.

    With `lock` nobody else can lock them before the transaction ends.
    """
    query = f"SELECT {selected(model)} FROM {model._meta.db_table} WHERE {where}{_lock() if lock else ''}"  # noqa: S608 - of constants
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        found = cursor.fetchall()
    return [instance(model, row) for row in found]


def refresh(row: Model, *names: str) -> None:
    """Read these fields of a row anew. Raises its model's `DoesNotExist`."""
    query, columns = _refreshing(type(row), names)
    with connection.cursor() as cursor:
        cursor.execute(query, [key(row)])
        found = cursor.fetchone()
    if found is None:
        raise type(row).DoesNotExist
    for column, value in zip(columns, found, strict=True):
        setattr(row, column.attname, column.read(value))


def follow(row: Model, name: str) -> Model | None:
    """The row that a foreign key points to, if any; it stays at hand as if the ORM had read it."""
    field = row._meta.get_field(name)
    key = field.related_model._meta.pk
    found = find(
        field.related_model, f"{key.column} = %s", key.get_prep_value(getattr(row, field.attname))
    )
    setattr(row, name, found[0] if found else None)
    return getattr(row, name)


def key(row: Model) -> int:
    """A row's primary key as the database has it."""
    return row._meta.pk.get_prep_value(row.pk)


def locked(model: type[Model], pk: Any) -> Model | None:
    """The row as it is now, which nobody else can lock before the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(_locking(model), [model._meta.pk.get_prep_value(pk)])
        found = cursor.fetchone()
    return found and instance(model, found)


def any_of(*queries: QuerySet) -> Callable[[], bool]:
    """Make a question to ask again and again: whether one of the queries finds a row.

    Their statements are made once, so the time in them has to be the database's, `Now()`.
    """

    @cache
    def statements() -> list[tuple[str, tuple]]:
        return [query.order_by().values("pk")[:1].query.sql_with_params() for query in queries]

    def ask() -> bool:
        with connection.cursor() as cursor:
            for statement, values in statements():
                cursor.execute(statement, values)
                if cursor.fetchone():
                    return True
        return False

    return ask


def batches(items: Iterable[Any], size: int = BATCH) -> Iterator[list[Any]]:
    """The items in parts, each few enough for one statement."""
    items = list(items)
    return (items[start : start + size] for start in range(0, len(items), size))


def moment(at: datetime) -> Any:
    """A time as the database takes it."""
    return connection.ops.adapt_datetimefield_value(at)


def instance(model: type[Model], values: Sequence) -> Model:
    """Make the model's instance of what `selected` selected."""
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
    if isinstance(kind, PublicIdField):
        return kind.get_prep_value
    if isinstance(kind, CharField | TextField | IntegerField | BooleanField):
        return _as_it_is
    if isinstance(kind, DateTimeField):
        return connection.ops.adapt_datetimefield_value
    return partial(kind.get_db_prep_save, connection=connection)


def _as_it_is(value: Any) -> Any:
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
def selected(model: type[Model], table: str = "") -> str:
    return ", ".join(table + column.name for column in _columns(model).values())


@cache
def _refreshing(model: type[Model], names: tuple[str, ...]) -> tuple[str, list[Column]]:
    columns, key = [_columns(model)[name] for name in names], model._meta.pk.column
    asked = ", ".join(column.name for column in columns)
    return f"SELECT {asked} FROM {model._meta.db_table} WHERE {key} = %s", columns  # noqa: S608 - of constants


@cache
def _locking(model: type[Model]) -> str:
    table, key = model._meta.db_table, model._meta.pk.column
    return f"SELECT {selected(model)} FROM {table} WHERE {key} = %s{_lock()}"  # noqa: S608 - of constants


def _lock() -> str:
    return " FOR NO KEY UPDATE" if connection.features.has_select_for_update else ""


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
def _adding(
    model: type[Model], amounts: tuple[str, ...], changes: tuple[str, ...]
) -> tuple[str, list[Column]]:
    """The statement and the columns of its values."""
    known, key = _columns(model), _columns(model)[model._meta.pk.name]
    more = [f"{known[name].name} = {known[name].name} + %s" for name in amounts]
    anew = [f"{known[name].name} = %s" for name in changes]
    told = ", ".join([*more, *anew])
    query = f"UPDATE {model._meta.db_table} SET {told} WHERE {key.name} = %s"  # noqa: S608 - of constants
    return query, [*(known[name] for name in (*amounts, *changes)), key]


@cache
def _update(model: type[Model], names: tuple[str, ...]) -> tuple[str, list[Column]]:
    """The statement and the columns of its values."""
    columns, key = [_columns(model)[name] for name in names], _columns(model)[model._meta.pk.name]
    changes = ", ".join(f"{column.name} = %s" for column in columns)
    query = f"UPDATE {model._meta.db_table} SET {changes} WHERE {key.name} = %s"  # noqa: S608 - of constants
    return query, [*columns, key]
