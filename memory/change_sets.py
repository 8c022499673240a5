"""Change sets: many versions that one act makes together, in one transaction, and undoes as one."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from django.db import transaction
from django.db.models import F, OuterRef, Subquery

from console.actors import Actor
from console.rows import batches
from memory import bulk, stores
from memory.bulk import Write
from memory.merge import FileMerge, Resolution, apply_choices, merge_trees, touched
from memory.models import Blob, ChangeSet, Memory, Operation, Store, Texts, Version
from memory.stores import ABSENT, Act, Refused, sha256

Tree = Mapping[str, Blob]
"""The texts of a store by path, which may not be loaded yet."""


class NeedsPerson(Exception):
    """Both sides changed the same place; `conflicts` are the files somebody has to decide on."""

    def __init__(self, conflicts: list[FileMerge]) -> None:
        first, others = conflicts[0].path, len(conflicts) - 1
        files = f"{first} and {others} more" if others else first
        super().__init__(f"Both sides changed the same place; somebody has to decide: {files}.")
        self.conflicts = conflicts


@dataclass(frozen=True)
class Undo:
    """What undoing does to each file; `change_set` is None when nothing was written (dry run)."""

    merges: list[FileMerge]
    change_set: ChangeSet | None = None


# -- Trees --------------------------------------------------------------------------------


def heads(store: Store) -> dict[str, Blob]:
    """What stands in the store now, without the texts (see `load`): one query."""
    return _tree(store.memories.all())


def first_versions(store: Store) -> dict[str, Blob]:
    """What a clone began with: the versions that are as old as the store itself."""
    born = {"operation": Operation.CREATED, "created_at": F("store__created_at")}
    return _tree(store.versions.filter(**born, redacted_at=None))


def _tree(texts: Texts) -> dict[str, Blob]:
    # Not `sized()`: three times as slow, and a store may hold ten thousand.
    fields = ("id", "sha256", "size")
    rows = texts.order_by("path").values_list("path", *(f"blob__{field}" for field in fields))
    return {path: Blob.from_db(texts.db, fields, values) for path, *values in rows}


def load(blobs: Iterable[Blob]) -> None:
    """Fetch those texts that the blobs do not carry yet, many at a time."""
    missing = [blob for blob in blobs if "content" not in blob.__dict__]
    for batch in batches(missing):
        keys = [blob.pk for blob in batch]
        texts = dict(Blob.objects.filter(pk__in=keys).values_list("pk", "content"))
        for blob in batch:
            blob.content = texts[blob.pk]


def contents(tree: Tree) -> dict[str, str]:
    """The texts of a tree, which its blobs carry afterwards."""
    load(tree.values())
    return {path: blob.content for path, blob in tree.items()}


def digest(tree: Tree) -> str:
    """The sha256 over every path and its text's hash: the same exactly when the trees are."""
    lines = (f"{tree[path].sha256}  {path}\n" for path in sorted(tree))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def merge(store: Store, base: Tree, theirs: Tree) -> list[FileMerge]:
    """Merge what `theirs` changed since `base` with what stands in the store now."""
    ours = heads(store)
    paths, trees = touched(base, theirs), (base, ours, theirs)
    load(tree[path] for path in paths for tree in trees if path in tree)
    return merge_trees(base, ours, theirs)


# -- Writing ------------------------------------------------------------------------------


def begin(
    store: Store, kind: str, summary: str, by: Actor, *, undoes: ChangeSet | None = None
) -> ChangeSet:
    """Open a change set; the versions written with it belong together."""
    return ChangeSet.objects.create(
        store=store,
        kind=ChangeSet.Kind(kind),
        summary=summary[:255],
        actor=by.id,
        actor_name=by.name[:255],
        undoes=undoes,
    )


@transaction.atomic
def apply(
    store: Store,
    merges: Iterable[FileMerge],
    resolutions: Mapping[str, Resolution] | None = None,
    *,
    change_set: ChangeSet,
    by: Actor,
    origins: Mapping[str, Version] | None = None,
    into_draft: bool = False,
) -> list[FileMerge]:
    """Write the outcome of a merge, all or nothing; returns it as it was settled.

    Each write expects the text that the merge saw: `Conflict` when somebody was faster, and nothing
    is written. A text that disappears at one path and appears at another moves, with its id. A
    file that appears and has an origin comes back as the memory of that version. Raises
    `NeedsPerson` for a conflict without a resolution, else as `stores.write` does.
    """
    settled = apply_choices(merges, resolutions)
    if conflicts := [merge for merge in settled if merge.is_conflict]:
        raise NeedsPerson(conflicts)
    act = Act(by, change_set, into_draft)
    changes = {merge.path: merge for merge in settled if merge.before != merge.after}
    origins = origins or {}
    back = _coming_back(origins, changes)
    for source, target in _moves([c for c in changes.values() if c.path not in back]):
        _move(store, changes.pop(source), changes.pop(target), act)
    going = [path for path, change in changes.items() if change.after is None]
    back = _coming_back(origins, changes, _keys(store, going))
    # What goes makes room for what comes: a file may give way to a folder of its name.
    writes = [_write(change, back.get(change.path)) for change in changes.values()]
    bulk.write_all(store, writes, lambda write: changes[write.path].after, act=act)
    return settled


def _moves(changes: list[FileMerge]) -> Iterator[tuple[str, str]]:
    """Pair the files that go with those that come with the very same text."""
    gone: dict[str, list[str]] = {}
    for change in changes:
        if change.after is None:
            gone.setdefault(change.before, []).append(change.path)
    for change in changes:
        if change.before is None and gone.get(change.after):
            yield gone[change.after].pop(0), change.path


def _move(store: Store, source: FileMerge, target: FileMerge, act: Act) -> None:
    memory = store.memories.filter(path=source.path).first()
    if memory is None:
        raise stores.Conflict(f"{source.path} was deleted meanwhile.")
    stores.move(memory, target.path, act=act, expected=sha256(source.before))


def _write(change: FileMerge, key: str | None) -> Write:
    before, after = (ABSENT if t is None else sha256(t) for t in (change.before, change.after))
    return Write(change.path, after, len((change.after or "").encode()), before, key)


def _coming_back(
    origins: Mapping[str, Version], changes: Mapping[str, FileMerge], going: Iterable[str] = ()
) -> dict[str, str]:
    """The memories that come back, by path: they had this text at this path, and are gone or going."""
    keys = {
        path: origin.memory_id
        for path, origin in origins.items()
        if (change := changes.get(path)) and change.before is None and change.after is not None
        if origin.blob.sha256 == sha256(change.after)
    }
    alive = set()
    for batch in batches(keys.values()):
        alive.update(Memory.objects.filter(pk__in=batch).values_list("pk", flat=True))
    alive.difference_update(going)
    return {path: key for path, key in keys.items() if key not in alive}


def _keys(store: Store, at: list[str]) -> Iterator[str]:
    for batch in batches(at):
        yield from store.memories.filter(path__in=batch).values_list("pk", flat=True)


# -- Undoing ------------------------------------------------------------------------------


def before_after(change_set: ChangeSet) -> dict[str, tuple[Blob | None, Blob | None]]:
    """What stood at each path before the change set and after it; None where nothing did."""
    before, after = map(tree_of, _ends(change_set))
    known = sorted((before.keys() | after.keys()) - {None})
    pairs = {path: (before.get(path), after.get(path)) for path in known}
    return {path: (old, new) for path, (old, new) in pairs.items() if old != new}


@transaction.atomic
def undo(
    change_set: ChangeSet,
    *,
    by: Actor,
    resolutions: Mapping[str, Resolution] | None = None,
    dry_run: bool = False,
) -> Undo:
    """Take a change set back as a new one; what was written since stays.

    That is a merge: from what the change set made to what stood before it. Raises `NeedsPerson`
    where later writes touch the same places, `Refused` when it is undone already or a text that
    matters was redacted. A dry run raises no `NeedsPerson`: the conflicts are in the merges.
    """
    store = stores.writable(change_set.store, Act(by))
    before, after = _ends(change_set)
    _check_undoable(change_set, before, after)
    merges = merge(store, tree_of(after), tree_of(before))
    if dry_run:
        return Undo(apply_choices(merges, resolutions))
    summary = f"Undo: {change_set.summary}"
    undoing = begin(store, ChangeSet.Kind.UNDO, summary, by, undoes=change_set)
    settled = apply(store, merges, resolutions, change_set=undoing, by=by, origins=before)
    return Undo(settled, undoing)


def _check_undoable(change_set: ChangeSet, *ends: dict[str | None, Version]) -> None:
    if change_set.is_undone:
        raise Refused("This change is undone already.")
    if any(None in end for end in ends):
        raise Refused(
            "A text that this change wrote or replaced was redacted: it cannot be undone."
        )


def _ends(change_set: ChangeSet) -> tuple[dict, dict]:
    """The versions that stood before the change set and after it, by path.

    A redacted one stands under None: where it was and what it said is gone.
    """
    previous = Version.objects.filter(memory=OuterRef("memory"), pk__lt=OuterRef("pk"))
    made = change_set.versions.sized().order_by("pk")
    made = made.annotate(previous=Subquery(previous.order_by("-pk").values("pk")[:1]))
    first: dict[str, str | None] = {}
    last: dict[str, Version] = {}
    for version in made:
        first.setdefault(version.memory_id, version.previous)
        last[version.memory_id] = version
    before = _versions([key for key in first.values() if key])
    return _standing(before), _standing(last.values())


def _versions(keys: list[str]) -> Iterator[Version]:
    for batch in batches(keys):
        yield from Version.objects.sized().filter(pk__in=batch)


def _standing(versions: Iterable[Version]) -> dict[str | None, Version]:
    return {v.path: v for v in versions if v.operation != Operation.DELETED}


def tree_of(versions: Mapping[str, Version]) -> dict[str, Blob]:
    """The texts of versions that stand at these paths."""
    return {path: version.blob for path, version in versions.items()}
