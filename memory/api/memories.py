"""Memories (wire contract §6)."""

from ninja import Router

from console.api import cursor_of, find, invalid, limit_of, needs, position_of
from memory import change_sets, listing, paths, stores, wire
from memory.api.bodies import MemoryCreate, MemoryUpdate, Sha256, View, expected
from memory.api.stores import find_store
from memory.models import Memory
from memory.stores import Act

MOST_FULL = 20  # memories with their texts on one page

router = Router()


def _find(request, store_id: str, memory_id: str):
    memories = find_store(request, store_id).memories.with_text()
    return find(memories, memory_id, "The memory")


@router.post("/{store_id}/memories")
@needs("editor")
def create_memory(request, store_id: str, body: MemoryCreate, view: View = "basic"):
    store = find_store(request, store_id)
    memory = stores.add(store, body.path, body.content or "", act=Act(request.actor))
    return wire.memory(memory, view)


@router.get("/{store_id}/memories")
def list_memories(
    request,
    store_id: str,
    path_prefix: str | None = None,
    depth: int = 0,
    limit: int | None = None,
    page: str | None = None,
    view: View = "basic",
):
    store = find_store(request, store_id)
    prefix = "/" if path_prefix is None else paths.check_prefix(path_prefix)
    if depth not in {0, 1}:
        raise invalid("`depth` must be 0 or 1.")
    limit = limit_of(limit)
    limit = min(limit, MOST_FULL) if view == "full" else limit
    place = {"k": "memories", "s": store.pk, "p": prefix, "d": depth}
    look = listing.children if depth else listing.below
    found = look(store, prefix, after=_after(page, place), limit=limit + 1)
    if view == "full":
        change_sets.load(item.blob for item in found if isinstance(item, Memory))
    last = cursor_of(**place, after=found[limit - 1].path) if len(found) > limit else None
    return {"data": [wire.item(item, view) for item in found[:limit]], "next_page": last}


def _after(cursor: str | None, place: dict) -> str:
    """The path that the last page ended with; 400 for a cursor of another list."""
    position = position_of(cursor)
    after = position.pop("after", None if cursor else "")
    if not isinstance(after, str) or "\0" in after or (position and position != place):
        raise invalid("`page` is not a cursor of this list; start again without it.")
    return after


@router.get("/{store_id}/memories/{memory_id}")
def retrieve_memory(request, store_id: str, memory_id: str, view: View = "full"):
    return wire.memory(_find(request, store_id, memory_id), view)


@router.patch("/{store_id}/memories/{memory_id}", include_in_schema=False)  # as it once was
@router.post("/{store_id}/memories/{memory_id}")
@needs("editor")
def update_memory(request, store_id: str, memory_id: str, body: MemoryUpdate, view: View = "basic"):
    memory = stores.update(
        _find(request, store_id, memory_id),
        content=body.content,
        path=body.path,
        expected=expected(body.precondition),
        act=Act(request.actor),
    )
    return wire.memory(memory, view)


@router.delete("/{store_id}/memories/{memory_id}")
@needs("editor")
def delete_memory(
    request, store_id: str, memory_id: str, expected_content_sha256: Sha256 | None = None
):
    memory = _find(request, store_id, memory_id)
    stores.remove(memory, expected=expected_content_sha256, act=Act(request.actor))
    return {"type": "memory_deleted", "id": memory_id}
