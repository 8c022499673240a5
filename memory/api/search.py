"""Search in a store (wire contract §20)."""

from typing import Any, Literal

from ninja import Router

from console.api import cursor_of, invalid, position_of
from console.queries import Cursor, limits
from memory import paths, search, wire
from memory.api.bodies import Folder
from memory.api.stores import find_store
from memory.models import Store
from memory.search import Hits
from memory.shapes import SearchHits

router = Router(tags=["Search"])


@router.get("/{store_id}/search")
def search_store(
    request,
    store_id: str,
    q: str,
    mode: Literal["grep", "ranked"] = "grep",
    path_prefix: Folder = "/",
    limit: limits(search.LIMIT) = 20,
    page: Cursor | None = None,
) -> SearchHits:
    """Search a memory store

    `grep` finds the lines that match a regular expression, in the order of paths, page by page; `ranked` the
    memories that speak most of the words of `q`, on one page.
    """
    store, prefix = find_store(request, store_id), paths.check_prefix(path_prefix)
    if mode == "grep":
        return _grep(store, q, prefix, limit, page)
    if page:
        raise invalid("A ranked search has one page; ask for more with `limit`.")
    return _answer(search.ranked(store, q, prefix=prefix, limit=limit))


def _grep(store: Store, q: str, prefix: str, limit: int, page: str | None) -> dict[str, Any]:
    found = search.grep(store, q, prefix=prefix, limit=limit, after=_after(store, page, q))
    if not found.more:
        return _answer(found)
    last = found.hits[-1]
    return _answer(
        found, cursor_of(k="grep", s=store.pk, q=q, path=last.path, line=last.line_number)
    )


def _after(store: Store, page: str | None, q: str) -> tuple[str, int]:
    position = position_of(page)
    if not position:
        return "", 0
    path, line = position.get("path"), position.get("line")
    place = {"k": "grep", "s": store.pk, "q": q}
    ours = all(position.get(name) == value for name, value in place.items())
    if not (ours and isinstance(path, str) and isinstance(line, int)) or "\0" in path:
        raise invalid("`page` is not a cursor of this search; start again without it.")
    return path, line


def _answer(found: Hits, next_page: str | None = None) -> dict[str, Any]:
    data = [wire.hit(hit) for hit in found.hits]
    return {"data": data, "next_page": next_page, "more": found.more}
