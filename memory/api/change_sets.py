"""Change sets: what one act changed, and taking it back (wire contract §20)."""

from ninja import Router

from console import api
from console.api import find, needs
from console.queries import Cursor, Limit
from console.shapes import Page
from memory import change_sets, shapes, wire
from memory.api.bodies import UndoChangeSet
from memory.api.stores import find_store
from memory.models import ChangeSet

router = Router(tags=["Change sets"])


def _all(request, store_id: str):
    rows = find_store(request, store_id).change_sets.select_related("store__workspace")
    return rows.prefetch_related("undone_by__undone_by")


@router.get("/{store_id}/change_sets")
def list_change_sets(
    request, store_id: str, limit: Limit = 20, page: Cursor | None = None
) -> Page[shapes.ChangeSet]:
    """List change sets

    What each act changed in the store, newest first.
    """
    return api.page(
        _all(request, store_id),
        limit=limit,
        cursor=page,
        wire=wire.change_set,
        kind=f"change sets of {store_id}",
    )


@router.get("/{store_id}/change_sets/{change_set_id}")
def retrieve_change_set(request, store_id: str, change_set_id: str) -> shapes.ChangeSetWithFiles:
    """Retrieve a change set

    With the files it changed, and their hashes before and after.
    """
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
def undo_change_set(
    request, store_id: str, change_set_id: str, body: UndoChangeSet | None = None
) -> shapes.Undone | shapes.UndoPreview:
    """Undo a change set

    A three-way merge with what was written since, as a new change set; with `dry_run` only what it would do.
    Answers 409 with `conflicts` when a person has to choose: settle those by path in `resolutions`.
    """
    change_set = find(_all(request, store_id), change_set_id, "The change set")
    options = body.model_dump() if body else {}
    undone = change_sets.undo(change_set, by=request.actor, **options)
    head = wire.change_set(undone.change_set) if undone.change_set else {"type": "undo_preview"}
    return head | {"files": [wire.file_merge(merge) for merge in undone.merges]}
