"""Reads the texts of memories for those who look through them: in batches, at the database's pace."""

import time
from collections.abc import Iterable, Iterator

from django.db import connection
from django.db.models import BigIntegerField, F, Func, TextField
from django.db.models.functions import Cast

from console.rows import batches, key
from memory import indexing
from memory.literals import Need
from memory.models import Memories, Memory, Store
from memory.patterns import File

FIRST_BATCH, BATCH = 60, 512  # texts read at a time: few first, for those who soon have enough
BATCH_BYTES = 2 * 1024 * 1024
FEW = 100  # memories that are read sooner than an index is asked
CANDIDATES = 1000  # texts worth being fetched one by one


class Clock:
    """How long reading may take; without seconds as long as it needs."""

    def __init__(self, seconds: float | None = None) -> None:
        self._end = seconds and time.monotonic() + seconds
        self.is_over = False

    def allows(self, batches: Iterator[list[File]]) -> Iterator[list[File]]:
        """Stop once the time is over and there is more to read; the first batch always comes."""
        for number, batch in enumerate(batches):
            if number and self._end and time.monotonic() > self._end:
                self.is_over = True
                return
            yield batch


def within(store: Store, prefix: str) -> Memories:
    """The memories in a folder, or the one file of that name."""
    if "\0" in prefix:
        return store.memories.none()
    if not prefix.endswith("/"):
        file = store.memories.filter(path=prefix)
        if file.exists():
            return file
    return store.memories.under(prefix.rstrip("/") + "/")


def suspects(need: Need, store: Store) -> set[int] | None:
    """The blobs that may hold what is needed; None when all of the store's are to be read."""
    if need is None or store.memory_count <= FEW:
        return None
    return indexing.candidates(need, CANDIDATES)


def texts(
    store: Store, prefix: str, blobs: set[int] | None = None, *, start: str = ""
) -> Iterator[list[File]]:
    """Read in the order of paths, in growing batches, for as long as somebody asks.

    Begins at the path `start`, if there is one.
    """
    if blobs is not None:
        memories = within(store, prefix)
        memories = memories.filter(path__gte=start) if start else memories
        yield from _chosen(memories, store, sorted(blobs))
    elif file := _one_file(store, prefix):
        yield [found for found in file if found.path >= start]
    else:
        yield from _all(store, prefix.rstrip("/") + "/", start)


def _one_file(store: Store, path: str) -> list[File]:
    here = "m.store_id = %s AND m.path = %s"
    return [] if path.endswith("/") or "\0" in path else _selected(here, key(store), path)


def _all(store: Store, folder: str, start: str) -> Iterator[list[File]]:
    """Those below the folder, which ends with a slash; as `Memories.under` has them."""
    if "\0" in folder:
        return
    here = "m.store_id = %s AND m.path {} %s AND m.path < %s ORDER BY m.path LIMIT %s"
    end, size = f"{folder[:-1]}0", FIRST_BATCH
    batch = _selected(here.format(">="), key(store), max(folder, start), end, size)
    while batch:
        yield batch
        if len(batch) < size:
            return
        last, size = batch[-1].path, _next_size(batch, size)
        batch = _selected(here.format(">"), key(store), last, end, size)


def _next_size(batch: list[File], size: int) -> int:
    average = sum([len(file.data) for file in batch]) // len(batch) + 1
    return max(1, min(2 * size, BATCH, BATCH_BYTES // average))


def _chosen(memories: Memories, store: Store, blobs: list[int]) -> Iterator[list[File]]:
    # As a number, the store cannot tempt SQLite to walk through all its paths: a text seldom
    # stands in many places.
    here = Memory.objects.alias(place=Cast("store", BigIntegerField()))
    here = here.filter(place=Store._meta.pk.get_prep_value(store.pk)).order_by()
    found = []
    for some in batches(blobs):
        found += here.filter(blob__in=some).values_list("path", "pk")
    keys = [key for _, key in sorted(found)]
    for some in batches(keys, FEW):
        files = rows(memories.filter(pk__in=some).order_by())
        yield sorted(files, key=lambda file: file.path)


def picked(memories: Memories, keys: list[str]) -> Iterator[File]:
    """These memories, named by their rows' numbers."""
    for some in batches(map(public_id, keys), FEW):
        yield from rows(memories.filter(pk__in=some))


class _Bytes(Func):
    """The text as bytes from SQLite, which has no other; PostgreSQL is faster with letters."""

    def as_sqlite(self, compiler, connection, **options):
        template = "CAST(%(expressions)s AS BLOB)"
        return self.as_sql(compiler, connection, template=template, **options)

    def as_postgresql(self, compiler, connection, **options):
        return self.as_sql(compiler, connection, template="%(expressions)s", **options)


SELECT = {
    "sqlite": "SELECT CAST(m.id AS TEXT), m.path, CAST(b.content AS BLOB)",
    "postgresql": "SELECT m.id::text, m.path, b.content",
}


def _selected(where: str, *values: str | int) -> list[File]:
    """The files that the condition selects, as `rows` reads them, in plain SQL."""
    tables = "FROM memory_memory m JOIN memory_blob b ON b.id = m.blob_id"
    with connection.cursor() as cursor:
        cursor.execute(f"{SELECT[connection.vendor]} {tables} WHERE {where}", values)
        return _as_files(cursor.fetchall())


def rows(memories: Memories) -> list[File]:
    # The key as the database has it: writing ten thousand of them out as ids costs as much as
    # reading the texts. And as letters, for which Django has no work to do row by row.
    number, data = Cast("pk", TextField()), _Bytes(F("blob__content"))
    return _as_files(memories.values_list(number, "path", data))


def _as_files(found: Iterable[tuple]) -> list[File]:
    if connection.vendor == "sqlite":
        return list(map(File._make, found))
    return [File(key, path, text.encode()) for key, path, text in found]


def public_id(key: str) -> str:
    return Memory._meta.pk.from_db_value(int(key), None, None)
