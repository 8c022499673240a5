"""The shapes of the answers about stores, as the OpenAPI document has them (wire contract §5–§7, §20)."""

from typing import Literal

from console.shapes import Author, Counts, NotRequired, Page, Time, TypedDict
from memory.merge import Change
from memory.models import ChangeSet as Row
from memory.models import Operation, StoreState
from memory.transfer import Status


class MemoryStore(TypedDict):
    type: Literal["memory_store"]
    id: str
    name: str
    description: str
    metadata: dict[str, str]
    state: Literal[tuple(StoreState.values)]
    created_at: Time
    updated_at: Time
    archived_at: Time | None


class DeletedMemoryStore(TypedDict):
    type: Literal["memory_store_deleted"]
    id: str


class Memory(TypedDict):
    type: Literal["memory"]
    id: str
    memory_store_id: str
    memory_version_id: str
    path: str
    content: str | None
    content_sha256: str
    content_size_bytes: int
    created_at: Time
    updated_at: Time


class MemoryPrefix(TypedDict):
    """A folder, in a list with `depth=1`."""

    type: Literal["memory_prefix"]
    path: str


class MemoryPage(Page[Memory | MemoryPrefix]):
    """Files, and with `depth=1` folders, by path."""


class DeletedMemory(TypedDict):
    type: Literal["memory_deleted"]
    id: str


class MemoryVersion(TypedDict):
    type: Literal["memory_version"]
    id: str
    memory_id: str
    memory_store_id: str
    operation: Literal[tuple(Operation.values)]
    created_at: Time
    path: str | None
    content: str | None
    content_sha256: str | None
    content_size_bytes: int | None
    created_by: Author
    redacted_at: Time | None
    redacted_by: Author
    change_set_id: str | None


# -- Change sets


class ChangeSet(TypedDict):
    type: Literal["change_set"]
    id: str
    memory_store_id: str
    kind: Literal[tuple(Row.Kind.values)]
    summary: str
    created_at: Time
    created_by: Author
    undoes: str | None
    undone_by: str | None


class ChangedFile(TypedDict):
    path: str
    before_sha256: str | None
    after_sha256: str | None


class ChangeSetWithFiles(ChangeSet):
    files: list[ChangedFile]


class OverlapShape(TypedDict):
    """A place that both sides changed; null where a side has no file."""

    base: str | None
    ours: str | None
    theirs: str | None


class MergedFile(TypedDict):
    path: str
    change: Change
    overlaps: list[OverlapShape]
    in_the_way: list[str]


class Undone(ChangeSet):
    files: list[MergedFile]


class UndoPreview(TypedDict):
    type: Literal["undo_preview"]
    files: list[MergedFile]


# -- Search


class SearchHit(TypedDict):
    type: Literal["memory_search_hit"]
    memory_id: str
    path: str
    line_number: int
    line: str
    score: float | None


class SearchHits(Page[SearchHit]):
    more: bool


# -- In and out


class ImportedFile(TypedDict):
    path: str
    status: Status
    reason: str | None
    note: str | None
    before_sha256: str | None
    after_sha256: str | None
    size_bytes: int


class ImportPlan(TypedDict):
    type: Literal["import_plan"]
    kind: str
    path_prefix: str
    plan_sha256: str
    counts: Counts
    skipped: Counts
    files: list[ImportedFile]
    change_set: NotRequired[ChangeSet | None]
