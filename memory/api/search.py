"""Search in a store (wire contract §20)."""

from typing import Literal

from ninja import Router

from console.api import limit_of
from memory import paths, search, wire
from memory.api.stores import find_store

router = Router()
MODES = {"grep": search.grep, "ranked": search.ranked}


@router.get("/{store_id}/search")
def search_store(
    request,
    store_id: str,
    q: str,
    mode: Literal["grep", "ranked"] = "grep",
    path_prefix: str = "/",
    limit: int | None = None,
):
    store, prefix = find_store(request, store_id), paths.check_prefix(path_prefix)
    limit = limit_of(limit, most=search.LIMIT)
    found = MODES[mode](store, q, prefix=prefix, limit=limit)
    return {"data": [wire.hit(hit) for hit in found.hits], "next_page": None, "more": found.more}
