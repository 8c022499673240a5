"""Memory versions (wire contract §7), and bringing one back (§20)."""

import re
from functools import partial
from typing import Literal

from ninja import Router

from console import api
from console.api import find, limit_of, needs, within
from memory import redaction, stores, wire
from memory.api.bodies import Restore, View, expected
from memory.api.memories import MOST_FULL
from memory.api.stores import find_store
from memory.models import Version
from memory.stores import Act

router = Router()


def _find(request, store_id: str, version_id: str) -> Version:
    versions = find_store(request, store_id).versions.with_text()
    return find(versions, version_id, "The memory version")


@router.get("/{store_id}/memory_versions")
def list_versions(
    request,
    store_id: str,
    memory_id: str | None = None,
    operation: Literal["created", "modified", "deleted"] | None = None,
    limit: int | None = None,
    page: str | None = None,
    view: View = "basic",
):
    store = find_store(request, store_id)
    rows = within(store.versions.all(), request.GET, "created_at", "created_at")
    if memory_id is not None:
        rows = rows.filter(memory=memory_id)
    if operation is not None:
        rows = rows.filter(operation=operation)
    for name, prefix in AUTHORS.items():
        if author := request.GET.get(name):
            author = re.sub("^session_", "sesn_", author)  # an older spelling
            rows = rows.filter(actor=author) if author.startswith(prefix) else rows.none()
    limit = limit_of(limit)
    return api.page(
        rows.with_text() if view == "full" else rows.sized(),
        limit=min(limit, MOST_FULL) if view == "full" else limit,
        cursor=page,
        wire=partial(wire.version, view=view),
        kind=f"versions of {store.pk}",
    )


AUTHORS = {"session_id": "sesn_", "api_key_id": "apikey_", "service_account_id": "svac_"}


@router.get("/{store_id}/memory_versions/{version_id}")
def retrieve_version(request, store_id: str, version_id: str, view: View = "full"):
    return wire.version(_find(request, store_id, version_id), view)


@router.post("/{store_id}/memory_versions/{version_id}/redact")
@needs("editor")
def redact_version(request, store_id: str, version_id: str):
    version = redaction.redact(_find(request, store_id, version_id), by=request.actor)
    return wire.version(version, "full")


@router.post("/{store_id}/memory_versions/{version_id}/restore")
@needs("editor")
def restore_version(
    request, store_id: str, version_id: str, body: Restore | None = None, view: View = "basic"
):
    version = _find(request, store_id, version_id)
    precondition = body.precondition if body else None
    memory = stores.restore(version, expected=expected(precondition), act=Act(request.actor))
    return wire.memory(memory, view)
