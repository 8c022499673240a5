"""In and out: a store as a zip, and what a zip would change in a store, before it does."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Literal

from django.db import transaction
from django.utils import timezone

from console.actors import Actor
from console.models import Workspace
from console.rows import batches
from memory import archives, bulk, change_sets, layouts, manifest, packing, paths, stores
from memory.archives import Archive, Found, Reading
from memory.bulk import Write
from memory.models import Blob, ChangeSet, Store, StoreState
from memory.paths import Invalid
from memory.stores import ABSENT, Act, Refused

TEXTS = 100  # in memory at once

Status = Literal["new", "changed", "unchanged", "kept", "refused"]


class Moved(Exception):
    """The store is no longer what the plan was made for; `plan` is what an import would do now."""

    def __init__(self, plan: "Plan") -> None:
        super().__init__("The store changed since this plan was made. Nothing was imported.")
        self.plan = plan


@dataclass(frozen=True)
class Options:
    """How to import: as which of `layouts.KINDS` ("" to guess), into which folder, whether to leave
    out the folder that holds everything, and whether to replace what stands there.
    """

    kind: str = ""
    folder: str = "/"
    strip: bool = True
    overwrite: bool = True


@dataclass(frozen=True)
class Item:
    """What becomes of one file. `kept` stands in the store with another text and stays as it is.

    `path` is its place in the store, or its name in the archive when it is refused; `before` the
    sha256 that stands there now, `ABSENT` if nothing does.
    """

    path: str
    status: Status
    found: Found
    reason: str = ""
    note: str = ""
    before: str = ABSENT
    size_before: int = 0

    @property
    def is_written(self) -> bool:
        return self.status in ("new", "changed")


@dataclass(frozen=True)
class Plan:
    """What an import would do, file by file; `skipped` counts by reason what it never looks at."""

    items: list[Item]
    options: Options
    top: str = ""
    skipped: dict[str, int] = field(default_factory=dict)

    @cached_property
    def counts(self) -> dict[str, int]:
        counts = Counter(item.status for item in self.items)
        return {status: counts[status] for status in Status.__args__}

    @property
    def writes(self) -> list[Item]:
        return [item for item in self.items if item.is_written]

    @property
    def skipped_count(self) -> int:
        return sum(self.skipped.values())

    @cached_property
    def digest(self) -> str:
        """The same exactly when the same texts come to the same places, over the same texts."""
        lines = (f"{i.status} {i.before} {i.found.sha256} {i.path}\n" for i in self.items)
        return hashlib.sha256("".join(lines).encode()).hexdigest()


@dataclass(frozen=True)
class Outcome:
    """What an import did; `change_set` is None when there was nothing to write."""

    plan: Plan
    change_set: ChangeSet | None = None


# -- Planning -----------------------------------------------------------------------------


def plan(store: Store | None, reading: Reading, options: Options) -> Plan:
    """Say what importing would do to the store as it is now (None: an empty one that is to be made).

    Raises `Invalid` for a folder or a kind that cannot be.
    """
    kind = options.kind or layouts.detect(reading)
    if kind not in layouts.KINDS or (kind == "export") != bool(reading.manifest):
        raise Invalid(f"What was read cannot be imported as {kind!r}.")
    folder = paths.check_folder(options.folder)
    layout = layouts.lay_out(reading, kind, strip=options.strip)
    placed = sorted((_place(folder, *each) for each in layout.files), key=lambda item: item.path)
    planner = _Planner(change_sets.heads(store) if store else {}, options.overwrite)
    twice = Counter(item.path for item in placed)
    items = [planner.judge(item, twice=twice[item.path] > 1) for item in placed]
    chosen = replace(options, kind=kind, folder=folder)
    skipped = dict(Counter(reading.skipped) + Counter(layout.skipped))
    return Plan(items, chosen, layout.top, skipped)


def _place(folder: str, found: Found, path: str) -> Item:
    normal, note = archives.composed(path.removeprefix("/"))
    notes = " ".join(filter(None, (found.note, note)))
    return Item(folder + normal, "new", found, found.reason, notes)


class _Planner:
    """Judges files one after the other, in the order of their paths, as if each were written."""

    def __init__(self, heads: dict[str, Blob], overwrite: bool) -> None:
        self.heads, self.overwrite = heads, overwrite
        self.files = set(heads)
        self.folders = {folder for path in heads for folder in paths.ancestors(path)}

    def judge(self, item: Item, *, twice: bool) -> Item:
        if item.reason:
            return _refuse(item, item.reason)
        if twice:
            return _refuse(item, "Two files of the archive would stand at this path; rename one.")
        try:
            self._check(paths.check_path(item.path))
        except Invalid as invalid:
            return _refuse(item, str(invalid))
        there = self.heads.get(item.path)
        if there is None:
            self.files.add(item.path)
            self.folders.update(paths.ancestors(item.path))
            return item
        known = {"before": there.sha256, "size_before": there.size}
        return replace(item, status=self._status(item, there), **known)

    def _check(self, path: str) -> None:
        if path in self.heads:
            return
        above = next((folder for folder in paths.ancestors(path) if folder in self.files), None)
        if above or path in self.folders:
            raise Invalid(
                f"{above or path} is a {'file' if above else 'folder'} already: a path holds a file or"
                " a folder, not both."
            )
        if len(self.files) >= paths.MAX_MEMORIES:
            raise Invalid(f"The store is full: it holds at most {paths.MAX_MEMORIES:,} memories.")

    def _status(self, item: Item, there: Blob) -> Status:
        if item.found.sha256 == there.sha256:
            return "unchanged"
        return "changed" if self.overwrite else "kept"


def _refuse(item: Item, reason: str) -> Item:
    return Item(item.found.name, "refused", item.found, reason, item.note)


# -- Importing ----------------------------------------------------------------------------


@transaction.atomic
def bring_in(
    store: Store,
    archive: Archive,
    reading: Reading,
    options: Options,
    *,
    by: Actor,
    source: str,
    seen: str = "",
) -> Outcome:
    """Import what can be imported as one change set, all or nothing; what is refused stays outside.

    `seen` is the digest of the plan that somebody agreed to; `Moved` if it is no longer true. `source`
    names where the files come from. Raises `Refused`, `Invalid`, `Unreadable`.
    """
    store = stores.writable(store, Act(by))
    planned = plan(store, reading, options)
    if seen and seen != planned.digest:
        raise Moved(planned)
    if not planned.writes:
        return Outcome(planned)
    change_set = change_sets.begin(store, ChangeSet.Kind.IMPORT, f"Import of {source}", by)
    found = {item.found.sha256: item.found for item in planned.writes}
    bulk.write_all(
        store,
        [Write(i.path, i.found.sha256, i.found.size, i.before) for i in planned.writes],
        lambda write: archive.text(found[write.sha256]),
        act=Act(by, change_set),
    )
    return Outcome(planned, change_set)


@transaction.atomic
def bring_new(
    workspace: Workspace,
    archive: Archive,
    reading: Reading,
    options: Options,
    *,
    name: str,
    description: str,
    by: Actor,
    source: str,
    seen: str = "",
) -> tuple[Store, Outcome]:
    """Make a store of what an archive holds; an export brings its metadata along. Raises as above."""
    metadata = reading.manifest.metadata if reading.manifest else {}
    store = stores.create(workspace, name, description=description, metadata=metadata)
    outcome = bring_in(store, archive, reading, options, by=by, source=source, seen=seen)
    return store, outcome


@transaction.atomic
def duplicate(store: Store, *, name: str, by: Actor) -> Store:
    """Copy a store under a new name, without its history. Raises `Invalid`, `Refused`."""
    if store.is_draft:
        raise Refused("This store is a dream's draft: adopt it as a new store in its review.")
    copy = stores.clone(
        store, name=name, description=store.description, state=StoreState.ACTIVE, by=by
    )
    return stores.describe(copy, metadata=store.metadata)


# -- Exporting ----------------------------------------------------------------------------


def export(store: Store, chosen: Sequence[str] = ()) -> Iterator[bytes]:
    """The store as a zip (see `memory.manifest`), piece by piece; `chosen` are files and folders/.

    Raises `Invalid` at once for a choice that does not exist.
    """
    rows = store.memories.order_by("path").values_list(
        "path", "blob_id", "blob__sha256", "blob__size", "updated_at"
    )
    rows = [row for row in rows if not chosen or _is_chosen(row[0], chosen)]
    for each in chosen:
        if not any(_is_chosen(row[0], [each]) for row in rows):
            raise Invalid(f"There is no {each} in this store.")
    told = manifest.build(
        {
            "id": store.pk,
            "name": store.name,
            "description": store.description,
            "metadata": store.metadata,
        },
        ((path, sha256, size) for path, _, sha256, size, _ in rows),
        exported_at=timezone.now().isoformat(),
        partial=bool(chosen),
    )
    return packing.stream(_files(told, rows))


def _is_chosen(path: str, chosen: Sequence[str]) -> bool:
    return any(path == each or (each.endswith("/") and path.startswith(each)) for each in chosen)


def _files(told: bytes, rows: list[tuple]) -> Iterator[tuple[str, bytes, datetime]]:
    yield manifest.NAME, told, timezone.now()
    for batch in batches(rows, TEXTS):
        keys = [key for _, key, *_ in batch]
        texts = dict(Blob.objects.filter(pk__in=keys).values_list("pk", "content"))
        for path, key, *_, changed in batch:
            yield manifest.entry(path), texts[key].encode(), changed


def file_name(store: Store) -> str:
    """What an export is called."""
    return f"{paths.slug(store.name)}-{timezone.now():%Y-%m-%d}.zip"
