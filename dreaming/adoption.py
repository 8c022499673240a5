"""Adoption: approved text becomes what sessions read, merged with what was written meanwhile."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from console.actors import Actor
from dreaming import review
from dreaming.models import Adoption, Dream, Review, ReviewState
from dreaming.review import Proposal, Refused
from memory import change_sets, stores
from memory.change_sets import NeedsPerson
from memory.merge import FileMerge, apply_choices, merge_trees
from memory.models import Blob, ChangeSet, Store, StoreState
from sessions import agents

REFUSALS = (Refused, stores.Refused, stores.Conflict, stores.Occupied)
"""What stands against an adoption, or against taking it back: the review's state, or a store's."""

Resolutions = Mapping[str, str | dict]
"""Per conflicting path: `ours` (the live store's), `theirs` (the dream's) or `{"content": text}`."""


@dataclass(frozen=True)
class Plan:
    """What an adoption would do to the live store: one entry per file it touches."""

    merges: list[FileMerge]

    @property
    def conflicts(self) -> list[FileMerge]:
        return [merge for merge in self.merges if merge.is_conflict]

    @property
    def counts(self) -> dict[str, int]:
        counts = Counter(merge.change for merge in self.merges)
        return {kind: counts[kind] for kind in ("take", "merge", "keep", "conflict")}


def preview(dream: Dream, resolutions: Resolutions | None = None) -> Plan:
    """Merge base, live store and approved text, and change nothing. Raises `Refused`, `Invalid`.

    Where the live store has been deleted, what stood in it when the dream began takes its place.
    """
    proposal = review.approved(dream)
    base, theirs = proposal.base, proposal.outcome()
    if dream.input_store:
        merges = change_sets.merge(dream.input_store, base, theirs)
    else:
        change_sets.load([*base.values(), *theirs.values()])
        merges = merge_trees(base, base, theirs)
    return Plan(apply_choices(merges, resolutions))


def why_not(dream: Dream, mode: str) -> str:
    """Say why the dream cannot be adopted in this way; "" when it can."""
    live, new = dream.input_store, dream.output_store
    if mode == Adoption.Mode.NEW_STORE:
        in_use = "The new store is in use already: attach it where it is wanted."
        return "" if new.is_draft else in_use
    if mode != Adoption.Mode.SAME_STORE:
        return "The mode must be same_store or new_store."
    if live is None:
        return "The input store has been deleted. Adopt the dream as a new store."
    return f"The store {live.name!r} is archived." if live.is_archived else ""


def adopt(
    dream: Dream,
    mode: str,
    *,
    by: Actor,
    resolutions: Resolutions | None = None,
    archive_old: bool = False,
) -> Adoption:
    """Make the approved text what sessions read; once, whoever asks twice.

    Raises `Refused`, and `NeedsPerson` with the conflicts that have no resolution yet.
    """
    with transaction.atomic():
        review.reviewable(dream)
        held = Review.objects.select_for_update(no_key=True).get(dream=dream)
        dream = Dream.objects.select_related("workspace", "review").get(pk=dream.pk)
        review.approved(dream)
        # The plan is made under the store's lock: nobody writes between it and its execution.
        list(Store.objects.select_for_update(no_key=True).filter(pk=dream.input_store_id))
        if reason := why_not(dream, mode):
            raise Refused(reason)
        how = {Adoption.Mode.SAME_STORE: _into_same, Adoption.Mode.NEW_STORE: _as_new}
        adoption = how[mode](dream, preview(dream), resolutions or {}, by)
        if mode == Adoption.Mode.NEW_STORE and archive_old and dream.input_store:
            stores.archive(dream.input_store)
            adoption.archived_old = True
        adoption.save()
        held.state = ReviewState.ADOPTED
        held.save(update_fields=["state"])
    return adoption


def _into_same(dream: Dream, plan: Plan, resolutions: Resolutions, by: Actor) -> Adoption:
    live = dream.input_store
    summary = f"Adopted the dream of {dream.created_at:%Y-%m-%d %H:%M}"
    change_set = change_sets.begin(live, ChangeSet.Kind.ADOPTION, summary, by)
    settled = change_sets.apply(live, plan.merges, resolutions, change_set=change_set, by=by)
    return _record(dream, live, change_set, settled, by)


def _as_new(dream: Dream, plan: Plan, resolutions: Resolutions, by: Actor) -> Adoption:
    live, new = dream.input_store, dream.output_store
    change_set = change_sets.begin(new, ChangeSet.Kind.ADOPTION, "Adopted as a new store", by)
    settled = apply_choices(plan.merges, resolutions)
    if conflicts := [merge for merge in settled if merge.is_conflict]:
        raise NeedsPerson(conflicts)
    before = change_sets.heads(live) if live else Proposal(dream).base
    changes = _towards(new, _carried_out(before, settled))
    change_sets.apply(new, changes, change_set=change_set, by=by, into_draft=True)
    stores.set_state(new, StoreState.ACTIVE)
    adoption = _record(dream, new, change_set, settled, by)
    adoption.switched = agents.switch_default(live, new) if live else []
    return adoption


def _carried_out(tree: Mapping[str, Blob], settled: list[FileMerge]) -> dict[str, str]:
    """The texts of a tree once the merge is carried out."""
    texts: dict[str, str | None] = change_sets.contents(tree)
    texts |= {merge.path: merge.after for merge in settled}
    return {path: text for path, text in texts.items() if text is not None}


def _towards(store: Store, target: Mapping[str, str]) -> list[FileMerge]:
    """The changes that make the store hold exactly the target."""
    now = change_sets.contents(change_sets.heads(store))
    return [
        FileMerge(path, "take", now.get(path), target.get(path), target.get(path))
        for path in sorted(now.keys() | target.keys())
        if now.get(path) != target.get(path)
    ]


def _record(
    dream: Dream, store: Store, change_set: ChangeSet, settled: list[FileMerge], by: Actor
) -> Adoption:
    same = store.pk == dream.input_store_id
    counts = Counter(map(_outcome, settled))
    return Adoption(
        dream=dream,
        mode=Adoption.Mode.SAME_STORE if same else Adoption.Mode.NEW_STORE,
        store=store,
        change_set=change_set,
        counts={name: counts[name] for name in OUTCOMES},
        digest=change_sets.digest(change_sets.heads(store)),
        by=by.id,
        by_name=by.name,
    )


OUTCOMES = ("added", "changed", "removed", "merged", "unchanged")


def _outcome(merge: FileMerge) -> str:
    """What became of a file of the live store: one of `OUTCOMES`."""
    if merge.before == merge.after:
        return "unchanged"
    if merge.change == "merge":
        return "merged"
    if merge.before is None:
        return "added"
    return "removed" if merge.after is None else "changed"


@transaction.atomic
def undo(adoption: Adoption, *, by: Actor, resolutions: Resolutions | None = None) -> Adoption:
    """Take an adoption back; what was written since stays. The approval stands and can be adopted
    again. Raises `Refused`, and `NeedsPerson` when later writes touch the same lines.
    """
    # The review, then the stores, and the adoption last: so do `adopt` and the deletion of a store.
    held = Review.objects.select_for_update(no_key=True).get(dream=adoption.dream_id)
    adoption = Adoption.objects.get(pk=adoption.pk)
    if adoption.undone_at:
        raise Refused("This adoption has been undone already.")
    if adoption.store is None:
        raise Refused("The store has been deleted since; there is nothing to undo.")
    if adoption.mode == Adoption.Mode.SAME_STORE:
        adoption.undo_change_set = _undone(adoption.change_set, by, resolutions)
    else:
        _back_to_old(adoption, by)
    adoption.undone_at, adoption.undone_by, adoption.undone_by_name = timezone.now(), by.id, by.name
    adoption.save()
    held.state = ReviewState.APPROVED
    held.save(update_fields=["state"])
    return adoption


def _undone(change_set: ChangeSet, by: Actor, resolutions: Resolutions | None) -> ChangeSet:
    """Undo a change set, unless somebody did so in the store's own history."""
    undone = change_set.undone_by.filter(undone_by=None).first()
    return undone or change_sets.undo(change_set, by=by, resolutions=resolutions).change_set


def _back_to_old(adoption: Adoption, by: Actor) -> None:
    """Let agents use the old store again, and make the new one the draft it was.

    A new store that was written to or taken into use since stays active: it must stay in reach.
    """
    old, new = adoption.dream.input_store, adoption.store
    if old is None:
        raise Refused("The old store has been deleted since; there is nothing to go back to.")
    if adoption.archived_old and old.is_archived:
        stores.set_state(old, StoreState.ACTIVE)
    agents.switch_back(adoption.switched, new, old)
    if not new.is_archived and _is_untouched(adoption):
        adoption.undo_change_set = _undone(adoption.change_set, by, None)
        stores.set_state(new, StoreState.DRAFT)


def _is_untouched(adoption: Adoption) -> bool:
    new = adoption.store
    attached = new.attachments.exclude(session__is_dream=True).exists()
    same = change_sets.digest(change_sets.heads(new)) == adoption.digest
    return same and not attached and not new.default_for.exists()


def latest(dream: Dream) -> Adoption | None:
    """The adoption in force, if there is one."""
    return dream.adoptions.filter(undone_at=None).first()
