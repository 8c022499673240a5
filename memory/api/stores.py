"""Memory stores (wire contract §5)."""

from ninja import Query, Router

from console import api
from console.api import find, needs
from console.queries import Between, Cursor, Limit
from console.shapes import Page
from memory import stores, wire
from memory.api.bodies import StoreCreate, StoreUpdate
from memory.shapes import DeletedMemoryStore, MemoryStore

router = Router(tags=["Memory stores"])


def find_store(request, store_id: str):
    return find(request.workspace.stores, store_id, "The memory store")


@router.post("")
@needs("editor")
def create_store(request, body: StoreCreate) -> MemoryStore:
    """Create a memory store"""
    store = stores.create(
        request.workspace,
        body.name,
        description=body.description or "",
        metadata=body.metadata or {},
    )
    return wire.store(store)


@router.get("")
def list_stores(
    request,
    created: Query[Between],
    limit: Limit = 20,
    page: Cursor | None = None,
    include_archived: bool = False,
) -> Page[MemoryStore]:
    """List memory stores

    Newest first.
    """
    rows = (
        request.workspace.stores.all()
        if include_archived
        else request.workspace.stores.unarchived()
    )
    rows = created.within(rows)
    return api.page(rows, limit=limit, cursor=page, wire=wire.store, kind="stores")


@router.get("/{store_id}")
def retrieve_store(request, store_id: str) -> MemoryStore:
    """Retrieve a memory store"""
    return wire.store(find_store(request, store_id))


@router.post("/{store_id}")
@needs("editor")
def update_store(request, store_id: str, body: StoreUpdate) -> MemoryStore:
    """Update a memory store

    What is absent or null stays; `metadata` is a patch, in which null takes a key away.
    """
    changes = body.model_dump(exclude_none=True)
    return wire.store(stores.describe(find_store(request, store_id), **changes))


@router.post("/{store_id}/archive")
@needs("editor")
def archive_store(request, store_id: str) -> MemoryStore:
    """Archive a memory store

    It can be read, exported and deleted, no longer written or attached. Archiving it again changes nothing.
    """
    return wire.store(stores.archive(find_store(request, store_id)))


@router.delete("/{store_id}")
@needs("editor")
def delete_store(request, store_id: str) -> DeletedMemoryStore:
    """Delete a memory store

    With its memories, versions and change sets.
    """
    stores.delete_store(find_store(request, store_id))
    return {"type": "memory_store_deleted", "id": store_id}
