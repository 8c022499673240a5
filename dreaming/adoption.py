"""Adoption: approved text becomes what sessions read, merged with what was written meanwhile."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from console.actors import Actor
from dreaming import review
from dreaming.models import Adoption, Dream, Review, ReviewState
from dreaming.review import Refused
from memory import change_sets, stores
from memory.change_sets import NeedsPerson
from memory.merge import FileMerge, apply_choices
from memory.models import ChangeSet, Store, StoreState
from sessions import agents
from sessions.models import DefaultStore

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


def preview(dream: Dream) -> Plan:
    """Merge base, live store and approved text, and change nothing. Raises `Refused`."""
    proposal = review.approved(dream)
    return Plan(change_sets.merge(_live_store(dream), proposal.base, proposal.outcome()))


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
        held = Review.objects.select_for_update().get(dream=dream)
        dream = Dream.objects.select_related("workspace", "review").get(pk=dream.pk)
        review.approved(dream)
        live = Store.objects.select_for_update().get(pk=_live_store(dream).pk)
        if live.is_archived:
            raise Refused(f"The store {live.name!r} is archived. Nothing can be adopted into it.")
        how = {Adoption.Mode.SAME_STORE: _into_same, Adoption.Mode.NEW_STORE: _as_new}
        if mode not in how:
            raise Refused("The mode must be same_store or new_store.")
        adoption = how[mode](dream, live, preview(dream), resolutions or {}, by)
        if mode == Adoption.Mode.NEW_STORE and archive_old:
            stores.archive(live)
            adoption.archived_old = True
        adoption.save()
        held.state = ReviewState.ADOPTED
        held.save(update_fields=["state"])
    return adoption


def _live_store(dream: Dream) -> Store:
    if dream.input_store is None:
        raise Refused("The input store has been deleted; there is nothing to adopt into.")
    return dream.input_store


def _into_same(
    dream: Dream, live: Store, plan: Plan, resolutions: Resolutions, by: Actor
) -> Adoption:
    summary = f"Adopted the dream of {dream.created_at:%Y-%m-%d %H:%M}"
    change_set = change_sets.begin(live, ChangeSet.Kind.ADOPTION, summary, by)
    change_sets.apply(live, plan.merges, resolutions, change_set=change_set, by=by)
    return _record(dream, live, Adoption.Mode.SAME_STORE, change_set, plan, by)


def _as_new(dream: Dream, live: Store, plan: Plan, resolutions: Resolutions, by: Actor) -> Adoption:
    new = dream.output_store
    change_set = change_sets.begin(new, ChangeSet.Kind.ADOPTION, "Adopted as a new store", by)
    target = _merged(live, plan, resolutions)
    changes = _towards(new, target)
    change_sets.apply(new, changes, change_set=change_set, by=by, into_draft=True)
    stores.set_state(new, StoreState.ACTIVE)
    adoption = _record(dream, new, Adoption.Mode.NEW_STORE, change_set, plan, by)
    adoption.switched = agents.switch_default(live, new)
    return adoption


def _merged(live: Store, plan: Plan, resolutions: Resolutions) -> dict[str, str]:
    """The live store's texts with the plan carried out. Raises `NeedsPerson`."""
    settled = apply_choices(plan.merges, resolutions)
    if conflicts := [merge for merge in settled if merge.is_conflict]:
        raise NeedsPerson(conflicts)
    texts: dict[str, str | None] = _texts(live)
    texts |= {merge.path: merge.after for merge in settled}
    return {path: text for path, text in texts.items() if text is not None}


def _towards(store: Store, target: Mapping[str, str]) -> list[FileMerge]:
    """The changes that make the store hold exactly the target."""
    now = _texts(store)
    return [
        FileMerge(path, "take", now.get(path), target.get(path), target.get(path))
        for path in sorted(now.keys() | target.keys())
        if now.get(path) != target.get(path)
    ]


def _texts(store: Store) -> dict[str, str]:
    tree = change_sets.heads(store)
    change_sets.load(tree.values())
    return {path: blob.content for path, blob in tree.items()}


def _record(
    dream: Dream, store: Store, mode: str, change_set: ChangeSet, plan: Plan, by: Actor
) -> Adoption:
    return Adoption(
        dream=dream,
        mode=mode,
        store=store,
        change_set=change_set,
        counts=plan.counts,
        digest=change_sets.digest(change_sets.heads(store)),
        by=by.id,
        by_name=by.name,
    )


@transaction.atomic
def undo(adoption: Adoption, *, by: Actor, resolutions: Resolutions | None = None) -> Adoption:
    """Take an adoption back; what was written since stays. The approval stands and can be adopted
    again. Raises `Refused`, and `NeedsPerson` when later writes touch the same lines.
    """
    adoption = Adoption.objects.select_for_update(of=("self",)).get(pk=adoption.pk)
    if adoption.undone_at:
        raise Refused("This adoption has been undone already.")
    if adoption.store is None:
        raise Refused("The store has been deleted since; there is nothing to undo.")
    if adoption.mode == Adoption.Mode.SAME_STORE:
        undone = change_sets.undo(adoption.change_set, by=by, resolutions=resolutions)
        adoption.undo_change_set = undone.change_set
    else:
        _back_to_old(adoption, by)
    adoption.undone_at, adoption.undone_by, adoption.undone_by_name = timezone.now(), by.id, by.name
    adoption.save()
    Review.objects.filter(dream=adoption.dream).update(state=ReviewState.APPROVED)
    return adoption


def _back_to_old(adoption: Adoption, by: Actor) -> None:
    """Let agents use the old store again, and make the new one the draft it was.

    A new store that was written to since stays active: what stands only there must stay in reach.
    """
    old, new = _live_store(adoption.dream), adoption.store
    if adoption.archived_old and old.is_archived:
        stores.set_state(old, StoreState.ACTIVE)
    mine = DefaultStore.objects.filter(store=new, agent__in=adoption.switched)
    mine.exclude(agent__default_stores__store=old).update(store=old)
    untouched = change_sets.digest(change_sets.heads(new)) == adoption.digest
    if untouched and not new.is_archived:
        adoption.undo_change_set = change_sets.undo(adoption.change_set, by=by).change_set
        stores.set_state(new, StoreState.DRAFT)


def latest(dream: Dream) -> Adoption | None:
    """The adoption in force, if there is one."""
    return dream.adoptions.filter(undone_at=None).first()
