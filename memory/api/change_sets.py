"""Change sets: what one act changed, and taking it back (wire contract §20)."""

from ninja import Router

from console import api
from console.api import find, limit_of, needs
from memory import change_sets, wire
from memory.api.bodies import Undo
from memory.api.stores import find_store
from memory.models import ChangeSet

router = Router()


def _all(request, store_id: str):
    rows = find_store(request, store_id).change_sets.select_related("store__workspace")
    return rows.prefetch_related("undone_by__undone_by")


@router.get("/{store_id}/change_sets")
def list_change_sets(request, store_id: str, limit: int | None = None, page: str | None = None):
    return api.page(
        _all(request, store_id),
        limit=limit_of(limit),
        cursor=page,
        wire=wire.change_set,
        kind=f"change sets of {store_id}",
    )


@router.get("/{store_id}/change_sets/{change_set_id}")
def retrieve_change_set(request, store_id: str, change_set_id: str):
    change_set = find(_all(request, store_id), change_set_id, "The change set")
    return wire.change_set(change_set) | {"files": _files(change_set)}


def _files(change_set: ChangeSet) -> list[dict]:
    return [
        {
            "path": path,
            "before_sha256": before.sha256 if before else None,
            "after_sha256": after.sha256 if after else None,
        }
        for path, (before, after) in change_sets.before_after(change_set).items()
    ]


@router.post("/{store_id}/change_sets/{change_set_id}/undo")
@needs("reviewer")
def undo_change_set(request, store_id: str, change_set_id: str, body: Undo | None = None):
    """Answers the new change set, or with `dry_run` what it would do."""
    change_set = find(_all(request, store_id), change_set_id, "The change set")
    options = body.model_dump() if body else {}
    undone = change_sets.undo(change_set, by=request.actor, **options)
    head = wire.change_set(undone.change_set) if undone.change_set else {"type": "undo_preview"}
    return head | {"files": [wire.file_merge(merge) for merge in undone.merges]}
