"""Memory versions (wire contract §7), and bringing one back (§20)."""

from functools import partial
from typing import Literal

from django.db.models import QuerySet
from ninja import Query, Router, Schema

from console import api, ids
from console.api import find, needs
from console.queries import Between, Cursor, Limit
from console.shapes import Page
from memory import redaction, stores, wire
from memory.api.bodies import Restore, View, expected
from memory.api.memories import MOST_FULL
from memory.api.stores import find_store
from memory.models import Version
from memory.shapes import Memory, MemoryVersion
from memory.stores import Act

router = Router(tags=["Memory versions"])
AUTHORS = {"session_id": "sesn_", "api_key_id": "apikey_", "service_account_id": "svac_"}


class Author(Schema):
    """Who wrote the versions that are asked for."""

    session_id: str | None = None
    api_key_id: str | None = None
    service_account_id: str | None = None

    def of(self, versions: QuerySet[Version]) -> QuerySet[Version]:
        for name, prefix in AUTHORS.items():
            if author := getattr(self, name):
                author = ids.spelt_now(author)
                is_one = author.startswith(prefix)
                versions = versions.filter(actor=author) if is_one else versions.none()
        return versions


def _find(request, store_id: str, version_id: str) -> Version:
    versions = find_store(request, store_id).versions.with_text()
    return find(versions, version_id, "The memory version")


@router.get("/{store_id}/memory_versions")
def list_versions(
    request,
    store_id: str,
    created: Query[Between],
    author: Query[Author],
    memory_id: str | None = None,
    operation: Literal["created", "modified", "deleted"] | None = None,
    limit: Limit = 20,
    page: Cursor | None = None,
    view: View = "basic",
) -> Page[MemoryVersion]:
    """List memory versions

    Newest first. A page has at most 20 of them with `view=full`.
    """
    store = find_store(request, store_id)
    rows = author.of(created.within(store.versions.all()))
    if memory_id is not None:
        rows = rows.filter(memory=memory_id)
    if operation is not None:
        rows = rows.filter(operation=operation)
    return api.page(
        rows.with_text() if view == "full" else rows.sized(),
        limit=min(limit, MOST_FULL) if view == "full" else limit,
        cursor=page,
        wire=partial(wire.version, view=view),
        kind=f"versions of {store.pk}",
    )


@router.get("/{store_id}/memory_versions/{version_id}")
def retrieve_version(request, store_id: str, version_id: str, view: View = "full") -> MemoryVersion:
    """Retrieve a memory version"""
    return wire.version(_find(request, store_id, version_id), view)


@router.post("/{store_id}/memory_versions/{version_id}/redact")
@needs("editor")
def redact_version(request, store_id: str, version_id: str) -> MemoryVersion:
    """Redact a memory version

    Takes its text, path and hash away for good. A memory's newest version cannot be redacted.
    """
    version = redaction.redact(_find(request, store_id, version_id), by=request.actor)
    return wire.version(version, "full")


@router.post("/{store_id}/memory_versions/{version_id}/restore")
@needs("editor")
def restore_version(
    request, store_id: str, version_id: str, body: Restore | None = None, view: View = "basic"
) -> Memory:
    """Restore a memory version

    Writes its text and path back, as a new version.
    """
    version = _find(request, store_id, version_id)
    precondition = body.precondition if body else None
    memory = stores.restore(version, expected=expected(precondition), act=Act(request.actor))
    return wire.memory(memory, view)
