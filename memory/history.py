"""What happened to memories, as people read it: who changed what, from what, how much."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.db.models import Count, Max, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from memory.models import Operation, Store, Version

KINDS = {"user": "People", "sesn": "Agents", "apikey": "Programs"}
"""Who acts, by the prefix of the id."""

OPERATIONS = {
    "created": "Created or restored",
    "modified": "Changed or renamed",
    "deleted": "Deleted",
}


LETTERS = {"created": "A", "restored": "A", "deleted": "D", "renamed": "R", "redacted": "−"}


@dataclass(frozen=True)
class Entry:
    """A version and what it did: created, changed, renamed, restored, deleted or redacted.

    `delta` is in bytes, `origin` the path before a rename. When `files` is more than one, the entry
    stands for its whole change set.
    """

    version: Version
    kind: str
    delta: int = 0
    origin: str = ""
    files: int = 1

    @property
    def letter(self) -> str:
        return LETTERS.get(self.kind, "M")


def of(versions: QuerySet) -> QuerySet:
    """Bring along what stood before each version, and who did it as part of what."""
    earlier = Version.objects.filter(memory=OuterRef("memory"), pk__lt=OuterRef("pk"))
    earlier = earlier.order_by("-pk")
    return (
        versions.sized()
        .select_related("change_set")
        .annotate(
            previous=Subquery(earlier.values("pk")[:1]),
            previous_path=Subquery(earlier.values("path")[:1]),
            previous_blob=Subquery(earlier.values("blob")[:1]),
            previous_size=Subquery(earlier.values("blob__size")[:1]),
        )
    )


def acts(store: Store) -> QuerySet:
    """The store's versions, but of every change set only the last one stands for all."""
    versions = store.versions.all()
    last = versions.exclude(change_set=None).order_by().values("change_set")
    together = Version.objects.filter(change_set=OuterRef("change_set")).order_by()
    together = together.values("change_set").annotate(files=Count("pk")).values("files")
    last = last.annotate(last=Max("pk")).values("last")
    return versions.filter(Q(change_set=None) | Q(pk__in=last)).annotate(files=Subquery(together))


def news(versions: QuerySet, limit: int) -> list[Entry]:
    """The newest changes, every memory and every change set only once."""
    newest = {}
    for entry in entries(of(versions).order_by("-pk")[: limit * 10]):
        newest.setdefault(entry.version.change_set_id or entry.version.memory_id, entry)
    return list(newest.values())[:limit]


def since_copied(versions: QuerySet, store: Store) -> QuerySet:
    """Without the versions that a clone began with: they say nothing new."""
    return versions.exclude(operation=Operation.CREATED, created_at=store.created_at)


def by(versions: QuerySet, who: str) -> QuerySet:
    """Only those of a kind of author (see `KINDS`), or of the one author with that id."""
    if who in KINDS:
        return versions.filter(actor__startswith=f"{who}_")
    return versions.filter(actor=who)


def between(versions: QuerySet, since: date | None, until: date | None) -> QuerySet:
    """Only those of these days, both included, as the console's time zone counts days."""
    if since:
        versions = versions.filter(created_at__gte=_midnight(since))
    if until and until < date.max:
        versions = versions.filter(created_at__lt=_midnight(until + timedelta(days=1)))
    return versions


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


@dataclass(frozen=True)
class Author:
    """Somebody who changed something: the public id, the name then, and the last time."""

    id: str
    name: str
    last: datetime

    @property
    def kind(self) -> str:
        return self.id.partition("_")[0]


def authors(versions: QuerySet, limit: int = 60) -> list[Author]:
    """Those who made these versions, the latest first."""
    found = versions.order_by().values("actor").annotate(last=Max("pk"), at=Max("created_at"))
    found = found.order_by("-last").values_list("actor", Max("actor_name"), "at")
    return [Author(*row) for row in found[:limit]]


def entries(versions: Iterable[Version]) -> list[Entry]:
    """Tell what each version did; they must come from `of`."""
    return [_entry(version, getattr(version, "files", None) or 1) for version in versions]


def _entry(version: Version, files: int) -> Entry:
    origin = version.previous_path or ""
    delta = version.size - (version.previous_size or 0)
    if version.redacted_at:
        return Entry(version, "redacted", files=files)
    if version.operation == Operation.CREATED:
        kind = "restored" if version.previous else "created"
    elif version.operation == Operation.DELETED:
        kind = "deleted"
    elif not origin or origin == version.path:
        kind, origin = "changed", ""
    elif version.previous_blob == version.blob_id:
        kind = "renamed"
    else:
        kind = "renamed and changed"
    return Entry(version, kind, delta, origin if "renamed" in kind else "", files)
