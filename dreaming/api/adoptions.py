"""Adopting what was approved, and taking it back (wire contract §20)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ninja import Router

from console.api import conflict, needs
from dreaming import adoption, review, shapes, wire
from dreaming.api.bodies import Adopt, UndoAdoption
from dreaming.api.finding import find_dream
from dreaming.models import Dream
from memory.api.bodies import MergedText, Resolutions
from memory.change_sets import NeedsPerson

router = Router(tags=["Adoptions"])


def _resolutions(given: Resolutions | None) -> dict[str, Any]:
    return {
        path: choice.model_dump() if isinstance(choice, MergedText) else choice
        for path, choice in (given or {}).items()
    }


@contextmanager
def _as_conflict() -> Iterator[None]:
    """Whatever stands against it is a conflict here, with what a person has to decide."""
    try:
        yield
    except NeedsPerson as needed:
        conflicts = [wire.conflict(merge) for merge in needed.conflicts]
        raise conflict(str(needed), conflicts=conflicts) from None
    except adoption.REFUSALS as refusal:
        raise conflict(str(refusal)) from None


@router.post("/{dream_id}/adopt")
@needs("reviewer")
def adopt_dream(request, dream_id: str, body: Adopt) -> shapes.Adoption | shapes.AdoptionPreview:
    """Adopt a dream

    What was approved is merged with what was written meanwhile, or becomes a store of its own; with `dry_run`
    only what would happen. Answers 409 with `conflicts` when a person has to choose: settle those in `resolutions`.
    """
    dream = find_dream(request, dream_id)
    with _as_conflict():
        if body.dry_run:
            return _dry_run(dream, body)
        done = adoption.adopt(
            dream,
            body.mode,
            by=request.actor,
            resolutions=_resolutions(body.resolutions),
            archive_old=body.archive_old,
        )
    return wire.adopted(done)


def _dry_run(dream: Dream, body: Adopt) -> dict[str, Any]:
    plan = adoption.preview(dream, _resolutions(body.resolutions))
    if reason := adoption.why_not(dream, body.mode):
        raise review.Refused(reason)
    return wire.plan(dream, body.mode, plan)


@router.post("/{dream_id}/adopt/undo")
@needs("reviewer")
def undo_adoption(request, dream_id: str, body: UndoAdoption | None = None) -> shapes.Adoption:
    """Undo an adoption

    A three-way merge with what was written since; the review is approved again.
    """
    done = adoption.latest(find_dream(request, dream_id))
    if done is None:
        raise conflict("This dream is not adopted, so there is nothing to undo.")
    resolutions = _resolutions(body.resolutions if body else None)
    with _as_conflict():
        return wire.adopted(adoption.undo(done, by=request.actor, resolutions=resolutions))
