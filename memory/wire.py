"""How stores, memories, versions and change sets look on the wire (wire contract §5–§7, §20)."""

from typing import Any

from console import actors
from console.api import stamp
from memory.listing import Folder
from memory.merge import FileMerge
from memory.models import ChangeSet, Memory, Store, Version
from memory.search import Hit
from memory.transfer import Item, Plan


def store(store: Store) -> dict[str, Any]:
    return {
        "type": "memory_store",
        "id": store.pk,
        "name": store.name,
        "description": store.description,
        "metadata": store.metadata,
        "state": store.state,
        "created_at": stamp(store.created_at),
        "updated_at": stamp(store.updated_at),
        "archived_at": stamp(store.archived_at),
    }


def memory(memory: Memory, view: str) -> dict[str, Any]:
    return {
        "type": "memory",
        "id": memory.pk,
        "memory_store_id": memory.store_id,
        "memory_version_id": memory.head_id,
        "path": memory.path,
        "content": memory.content if view == "full" else None,
        "content_sha256": memory.blob.sha256,
        "content_size_bytes": memory.blob.size,
        "created_at": stamp(memory.created_at),
        "updated_at": stamp(memory.updated_at),
    }


def item(item: Memory | Folder, view: str) -> dict[str, Any]:
    """An entry of a list by folders."""
    if isinstance(item, Folder):
        return {"type": "memory_prefix", "path": item.path}
    return memory(item, view)


def version(version: Version, view: str) -> dict[str, Any]:
    blob = version.blob
    return {
        "type": "memory_version",
        "id": version.pk,
        "memory_id": version.memory_id,
        "memory_store_id": version.store_id,
        "operation": version.operation,
        "created_at": stamp(version.created_at),
        "path": version.path,
        "content": version.content if view == "full" else None,
        "content_sha256": blob.sha256 if blob else None,
        "content_size_bytes": blob.size if blob else None,
        "created_by": actors.wire(version.actor),
        "redacted_at": stamp(version.redacted_at),
        "redacted_by": actors.wire(version.redacted_by),
        "change_set_id": version.change_set_id,
    }


def change_set(change_set: ChangeSet) -> dict[str, Any]:
    undone_by = next((u.pk for u in change_set.undone_by.all() if not u.undone_by.all()), None)
    return {
        "type": "change_set",
        "id": change_set.pk,
        "memory_store_id": change_set.store_id,
        "kind": change_set.kind,
        "summary": change_set.summary,
        "created_at": stamp(change_set.created_at),
        "created_by": actors.wire(change_set.actor),
        "undoes": change_set.undoes_id,
        "undone_by": undone_by,
    }


def file_merge(merge: FileMerge) -> dict[str, Any]:
    """What a merge does to one file; the texts only where somebody has to choose."""
    return {
        "path": merge.path,
        "change": merge.change,
        "overlaps": [
            {"base": overlap.base, "ours": overlap.ours, "theirs": overlap.theirs}
            for overlap in merge.overlaps
        ],
        "in_the_way": list(merge.in_the_way) if merge.is_conflict else [],
    }


def hit(hit: Hit) -> dict[str, Any]:
    return {
        "type": "memory_search_hit",
        "memory_id": hit.memory_id,
        "path": hit.path,
        "line_number": hit.line_number,
        "line": hit.line,
        "score": hit.score,
    }


def plan(plan: Plan) -> dict[str, Any]:
    """What an import does or would do, file by file; nothing is said twice about a refused one."""
    return {
        "type": "import_plan",
        "kind": plan.options.kind,
        "path_prefix": plan.options.folder,
        "plan_sha256": plan.digest,
        "counts": plan.counts,
        "skipped": plan.skipped,
        "files": [_item(item) for item in plan.items],
    }


def _item(item: Item) -> dict[str, Any]:
    return {
        "path": item.path,
        "status": item.status,
        "reason": item.reason or None,
        "note": item.note or None,
        "before_sha256": item.before or None,
        "after_sha256": item.found.sha256 or None,
        "size_bytes": item.found.size,
    }
