"""Memories (wire contract §6)."""

from typing import Annotated

from ninja import Router
from pydantic import Field

from console.api import cursor_of, find, invalid, needs, position_of
from console.queries import Cursor, Limit, Says
from memory import change_sets, listing, paths, stores, wire
from memory.api.bodies import Folder, MemoryCreate, MemoryUpdate, Sha256, View, expected
from memory.api.stores import find_store
from memory.models import Memory
from memory.shapes import DeletedMemory, MemoryPage
from memory.shapes import Memory as MemoryShape
from memory.stores import Act

MOST_FULL = 20  # memories with their texts on one page
Depth = Annotated[
    int,
    Field(ge=0, le=1),
    Says("0: everything below; 1: the folder's own files, and its folders."),
]

router = Router(tags=["Memories"])


def _find(request, store_id: str, memory_id: str):
    memories = find_store(request, store_id).memories.with_text()
    return find(memories, memory_id, "The memory")


@router.post("/{store_id}/memories")
@needs("editor")
def create_memory(request, store_id: str, body: MemoryCreate, view: View = "basic") -> MemoryShape:
    """Create a memory

    Never overwrites: answers 409 `memory_path_conflict_error` when the path, one above it or one below it is taken.
    """
    store = find_store(request, store_id)
    memory = stores.add(store, body.path, body.content or "", act=Act(request.actor))
    return wire.memory(memory, view)


@router.get("/{store_id}/memories")
def list_memories(
    request,
    store_id: str,
    path_prefix: Folder = "/",
    depth: Depth = 0,
    limit: Limit = 20,
    page: Cursor | None = None,
    view: View = "basic",
) -> MemoryPage:
    """List memories

    By path. A page has at most 20 of them with `view=full`.
    """
    store = find_store(request, store_id)
    prefix = paths.check_prefix(path_prefix)
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
def retrieve_memory(request, store_id: str, memory_id: str, view: View = "full") -> MemoryShape:
    """Retrieve a memory"""
    return wire.memory(_find(request, store_id, memory_id), view)


@router.patch("/{store_id}/memories/{memory_id}", include_in_schema=False)  # as it once was
@router.post("/{store_id}/memories/{memory_id}")
@needs("editor")
def update_memory(
    request, store_id: str, memory_id: str, body: MemoryUpdate, view: View = "basic"
) -> MemoryShape:
    """Update a memory

    Its text, its path or both. With a `precondition` only if its text is still the one that was read; otherwise
    the answer is 409 `memory_precondition_failed_error`.
    """
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
) -> DeletedMemory:
    """Delete a memory

    Its versions stay. With `expected_content_sha256` only if its text is still that one.
    """
    memory = _find(request, store_id, memory_id)
    stores.remove(memory, expected=expected_content_sha256, act=Act(request.actor))
    return {"type": "memory_deleted", "id": memory_id}
