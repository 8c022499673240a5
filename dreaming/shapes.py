"""The shapes of the answers about dreams, reviews and adoptions (wire contract §14, §20)."""

from typing import Literal

from console.shapes import Author, Counts, Time, TypedDict
from dreaming.losses import FATES
from dreaming.models import Adoption as AdoptionRow
from dreaming.models import DreamStatus, ReviewState, Verdict
from dreaming.models import Finding as FindingRow
from memory.merge import Change
from memory.shapes import OverlapShape


class DreamStore(TypedDict):
    type: Literal["memory_store"]
    memory_store_id: str


class DreamSessions(TypedDict):
    type: Literal["sessions"]
    session_ids: list[str]


class DreamModelInUse(TypedDict):
    id: str
    speed: Literal["standard"]


class CreateNew(TypedDict):
    type: Literal["create_new"]


class DreamUsage(TypedDict):
    input_tokens: int
    output_tokens: int
    cache_read_input_tokens: int
    cache_creation_input_tokens: int


class DreamError(TypedDict):
    type: str
    message: str


class Dream(TypedDict):
    type: Literal["dream"]
    id: str
    status: Literal[tuple(DreamStatus.values)]
    inputs: list[DreamStore | DreamSessions]
    outputs: list[DreamStore]
    model: DreamModelInUse
    instructions: str | None
    output_behavior: CreateNew
    session_id: str | None
    usage: DreamUsage
    error: DreamError | None
    created_at: Time
    ended_at: Time | None
    archived_at: Time | None


# -- The review


class Hunk(TypedDict):
    id: str
    before_start: int
    before_lines: int
    after_start: int
    after_lines: int


class ReviewedFile(TypedDict):
    path: str
    change: Literal["changed", "added", "removed"]
    before_sha256: str | None
    proposed_sha256: str | None
    verdict: Literal[tuple(Verdict.values)] | None
    lines_added: int
    lines_removed: int
    moved: str | None
    hunks: list[Hunk]


class Decision(TypedDict):
    path: str
    verdict: Literal[tuple(Verdict.values)]
    content: str | None
    by: Author
    at: Time


class MadeDecision(Decision):
    type: Literal["dream_review_decision"]


class GoneLine(TypedDict):
    """A line that the dream leaves out, or says in other words."""

    path: str
    line: int
    statement: str
    fate: Literal[FATES]
    now: str | None


class Source(TypedDict):
    type: Literal["finding"]
    id: str
    statement: str
    kind: Literal[tuple(FindingRow.Kind.values)]
    quote: str
    session_id: str
    event_id: str
    said_at: Time | None
    verified: bool
    doubt: str | None


class Blocker(TypedDict):
    message: str


class ReviewSummary(TypedDict):
    changed: int
    added: int
    removed: int
    findings: int
    verified: int
    text: str


class DreamReview(TypedDict):
    type: Literal["dream_review"]
    id: str
    dream_id: str
    state: Literal[tuple(ReviewState.values)]
    digest: str
    summary: ReviewSummary
    files: list[ReviewedFile]
    decisions: list[Decision]
    ledger: list[GoneLine]
    sources: list[Source]
    blockers: list[Blocker]
    decided_by: str | None
    decided_at: Time | None
    created_at: Time


# -- Adoption


class Adoption(TypedDict):
    type: Literal["adoption"]
    id: str
    dream_id: str
    mode: Literal[tuple(AdoptionRow.Mode.values)]
    memory_store_id: str | None
    change_set_id: str | None
    counts: Counts
    digest: str
    archived_old: bool
    switched_agent_ids: list[str]
    by: Author
    created_at: Time
    undone_by: Author
    undone_at: Time | None
    undo_change_set_id: str | None


class AdoptedFile(TypedDict):
    path: str
    change: Change


class AdoptionConflict(TypedDict):
    """A file that both sides changed; null where a side has no such file."""

    path: str
    ours: str | None
    theirs: str | None
    overlaps: list[OverlapShape]
    in_the_way: list[str]


class AdoptionPreview(TypedDict):
    type: Literal["adoption_preview"]
    dream_id: str
    mode: Literal[tuple(AdoptionRow.Mode.values)]
    counts: Counts
    files: list[AdoptedFile]
    conflicts: list[AdoptionConflict]
