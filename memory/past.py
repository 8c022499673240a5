"""A store as it was: what stood in it after any of its versions, and the way back to there.

A moment is the last version that counts: ids grow within a store, for its writers take turns.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Max

from console.actors import Actor
from memory import change_sets, paths, stores
from memory.merge import FileMerge
from memory.models import ChangeSet, Operation, Store, Texts, Version
from memory.stores import Act, Refused


@dataclass(frozen=True)
class RollBack:
    """What going back does to each file; `change_set` is None when nothing was written (dry run)."""

    merges: list[FileMerge]
    change_set: ChangeSet | None = None


# -- Moments ------------------------------------------------------------------------------


def at(store: Store, when: datetime) -> Version | None:
    """The last version made until then; None when the store was still empty."""
    return store.versions.filter(created_at__lte=when).order_by("-pk").first()


def after(store: Store, change_set: ChangeSet) -> Version | None:
    """The last version of a change set: the moment when it was done."""
    return store.versions.filter(change_set=change_set).order_by("-pk").first()


def standing(store: Store, moment: Version) -> Texts:
    """The versions whose texts stood in the store at that moment, one for each memory.

    A redacted one is among them, without path and text: what stood there is gone.
    """
    newest = store.versions.filter(pk__lte=moment.pk).order_by().values("memory")
    newest = newest.annotate(last=Max("pk")).values("last")
    return Version.objects.filter(pk__in=newest).exclude(operation=Operation.DELETED)


# -- Going back ---------------------------------------------------------------------------


@transaction.atomic
def roll_back(
    store: Store, to: Version, *, seen: Version, by: Actor, dry_run: bool = False
) -> RollBack:
    """Make the store again what it was at the moment `to`, as one change set.

    That is a merge: from what stood at `seen`, the moment whose plan somebody looked at, to what
    stood at `to`. What was written since `seen` stays; where that touches the same places nothing
    is written and `NeedsPerson` raised. Files whose text of then was redacted stay as they are.
    Raises `Refused` when there is nothing to change, else as `change_sets.apply` does.
    """
    store = stores.writable(store, Act(by))
    base = _tree(standing(store, seen))
    target = _target(base, standing(store, to).sized())
    merges = change_sets.merge(store, change_sets.tree_of(base), change_sets.tree_of(target))
    if not any(merge.before != merge.after or merge.is_conflict for merge in merges):
        raise Refused("The store is as it was then: there is nothing to restore.")
    if dry_run:
        return RollBack(merges)
    summary = f"Back to {to.created_at:%d %b %Y, %H:%M:%S} UTC"
    made = change_sets.begin(store, ChangeSet.Kind.ROLLBACK, summary, by)
    settled = change_sets.apply(store, merges, change_set=made, by=by, origins=target)
    return RollBack(settled, made)


def _tree(versions: Texts) -> dict[str, Version]:
    return {v.path: v for v in versions.sized().order_by("path") if v.path is not None}


def _target(base: Mapping[str, Version], versions: Texts) -> dict[str, Version]:
    found = list(versions)
    target = {version.path: version for version in found if version.path is not None}
    redacted = {version.memory_id for version in found if version.path is None}
    for path, version in base.items():
        if version.memory_id in redacted and not _is_taken(target, path):
            target[path] = version
    return target


def _is_taken(target: Mapping[str, Version], path: str) -> bool:
    """Whether the path is a file or a folder there already, or lies below a file."""
    below = any(other.startswith(f"{path}/") for other in target)
    return below or any(each in target for each in [path, *paths.ancestors(path)])
