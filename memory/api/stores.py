"""Memory stores (wire contract §5)."""

from ninja import Router

from console import api
from console.api import find, limit_of, needs, within
from memory import stores, wire
from memory.api.bodies import StoreCreate, StoreUpdate

router = Router()


def find_store(request, store_id: str):
    return find(request.workspace.stores, store_id, "The memory store")


@router.post("")
@needs("editor")
def create_store(request, body: StoreCreate):
    store = stores.create(
        request.workspace,
        body.name,
        description=body.description or "",
        metadata=body.metadata or {},
    )
    return wire.store(store)


@router.get("")
def list_stores(
    request, limit: int | None = None, page: str | None = None, include_archived: bool = False
):
    rows = (
        request.workspace.stores.all()
        if include_archived
        else request.workspace.stores.unarchived()
    )
    rows = within(rows, request.GET, "created_at", "created_at")
    return api.page(rows, limit=limit_of(limit), cursor=page, wire=wire.store, kind="stores")


@router.get("/{store_id}")
def retrieve_store(request, store_id: str):
    return wire.store(find_store(request, store_id))


@router.post("/{store_id}")
@needs("editor")
def update_store(request, store_id: str, body: StoreUpdate):
    changes = body.model_dump(exclude_none=True)
    return wire.store(stores.describe(find_store(request, store_id), **changes))


@router.post("/{store_id}/archive")
@needs("editor")
def archive_store(request, store_id: str):
    return wire.store(stores.archive(find_store(request, store_id)))


@router.delete("/{store_id}")
@needs("editor")
def delete_store(request, store_id: str):
    stores.delete_store(find_store(request, store_id))
    return {"type": "memory_store_deleted", "id": store_id}
