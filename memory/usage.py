"""Which memories sessions get to see: noted beside the memories, never as a change of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import connection
from django.db.models import Count, F, Max, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from console.actors import Actor
from console.rows import batches
from memory.models import Memory, Store, Use

NOTE = """
INSERT INTO memory_use (store_id, memory_id, session, name, event, {count}, {other}, {at})
SELECT s.id, m.id, %s, %s, %s, 1, 0, %s
FROM memory_memory m JOIN memory_store s ON s.id = m.store_id
WHERE s.id = %s AND m.path IN ({paths}) ORDER BY m.id {lock}
ON CONFLICT (memory_id, session) DO UPDATE SET
    {count} = memory_use.{count} + 1, {at} = excluded.{at}, event = excluded.event
"""
# Or whoever deletes the store would wait for these rows, and their reader, about to write, for it.
LOCK = {"sqlite": "", "postgresql": "FOR KEY SHARE OF s"}


def read(store: Store, path: str, *, by: Actor) -> None:
    """Note that a session got the text of the memory at `path`, or a part of it."""
    _note(store, [path], by, count="reads", other="finds", at="read_at")


def found(store: Store, paths: Sequence[str], *, by: Actor) -> None:
    """Note that a search showed a session lines of the memories at `paths`, once each."""
    for batch in batches(sorted(set(paths))):
        _note(store, batch, by, count="finds", other="reads", at="found_at")


def _note(store: Store, paths: list[str], by: Actor, **columns: str) -> None:
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    key = Store._meta.pk.get_prep_value(store.pk)
    sql = NOTE.format(paths=", ".join(["%s"] * len(paths)), lock=LOCK[connection.vendor], **columns)
    with connection.cursor() as cursor:
        cursor.execute(sql, [by.id, by.name[:255], by.event, now, key, *paths])


# -- What it tells ------------------------------------------------------------------------

READS, FINDS = Coalesce(Sum("uses__reads"), 0), Coalesce(Sum("uses__finds"), 0)
SORTS = {
    "stale": ("Never read, then longest ago", [F("read_at").asc(nulls_first=True), "path"]),
    "recent": ("Read last", [F("read_at").desc(nulls_last=True), "path"]),
    "reads": ("Read most", ["-reads", "-finds", "path"]),
    "size": ("Largest", ["-blob__size", "path"]),
    "path": ("Path", ["path"]),
}


@dataclass(frozen=True)
class Seen:
    """How often sessions read a memory, and which one last; None when nobody did."""

    reads: int
    last: Use | None


def of_store(store: Store, sort: str = "stale") -> QuerySet:
    """The store's memories as rows: pk, path, blob__size, reads, finds, sessions, read_at."""
    rows = store.memories.order_by().values("pk", "path", "blob__size")
    return rows.annotate(
        reads=READS,
        finds=FINDS,
        sessions=Count("uses", filter=Q(uses__reads__gt=0)),
        read_at=Max("uses__read_at"),
    ).order_by(*SORTS[sort][1])


def of_memory(memory: Memory) -> Seen:
    reads = memory.uses.aggregate(reads=Sum("reads", default=0))["reads"]
    return Seen(reads, _newest_first(memory.uses).first() if reads else None)


def last_of(store: Store, memories: Iterable[str]) -> dict[str, Use]:
    """Of each memory that was read, the use by the session that read it last."""
    newest = _newest_first(Use.objects.filter(memory=OuterRef("pk"))).values("pk")[:1]
    keys = store.memories.filter(pk__in=list(memories)).values_list(Subquery(newest), flat=True)
    uses = Use.objects.in_bulk([key for key in keys if key])
    return {use.memory_id: use for use in uses.values()}


def _newest_first(uses: QuerySet[Use]) -> QuerySet[Use]:
    return uses.exclude(read_at=None).order_by("-read_at")


def never_read(store: Store) -> int:
    return store.memories.exclude(uses__reads__gt=0).count()
