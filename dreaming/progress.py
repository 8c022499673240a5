"""What a dream's page shows of its progress, in a handful of queries however large the dream is."""

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from dreaming import review
from dreaming.models import (
    Dream,
    DreamStatus,
    Finding,
    ReviewState,
    Stage,
    Transcript,
    TranscriptState,
)
from dreaming.subagents import finished
from sessions.models import BUDGET_REACHED, Event, Status
from sessions.telling import USAGE_KEYS

STEPS = (
    (Stage.CLONE, "Copy"),
    (Stage.READ, "Read"),
    (Stage.CONSOLIDATE, "Consolidate"),
    (Stage.INDEX, "Index"),
)
STEP_STATES = {DreamStatus.FAILED: "failed", DreamStatus.CANCELED: "skipped"}


@dataclass(frozen=True)
class Step:
    """A stage as the stepper shows it: `state` is done, current, failed, skipped or ""."""

    label: str
    state: str
    note: str = ""


@dataclass(frozen=True)
class Reading:
    """How far one transcript's sub-agent is. `read` and `total` count events."""

    transcript: Transcript
    read: int
    stopped: bool

    @property
    def total(self) -> int:
        return self.transcript.events_total

    @property
    def state(self) -> str:
        if self.stopped and self.transcript.state != TranscriptState.DONE:
            return "stopped"
        return self.transcript.state

    @property
    def label(self) -> str:
        return "Stopped" if self.state == "stopped" else self.transcript.get_state_display()

    @property
    def tokens(self) -> int:
        thread = self.transcript.thread
        return thread.input_tokens + thread.output_tokens if thread else 0


@dataclass(frozen=True)
class Progress:
    """Everything about a dream's run that changes while it runs."""

    dream: Dream

    @cached_property
    def readings(self) -> list[Reading]:
        taken = self._chunks_taken()
        stopped = self.dream.status == DreamStatus.CANCELED
        return [
            Reading(transcript, _read(transcript, taken), stopped)
            for transcript in _with_counts(self.dream)
        ]

    def _chunks_taken(self) -> dict[str, list[dict]]:
        """The parts that each sub-agent has taken up so far, in order."""
        parts = Event.objects.filter(
            session=self.dream.session_id, type="user.message", thread__transcript__isnull=False
        ).exclude(processed_at=None)
        taken = defaultdict(list)
        for thread, part in parts.order_by("seq").values_list("thread", "private"):
            taken[thread].append(part)
        return taken

    @property
    def waits_for_budget(self) -> bool:
        """Whether the workspace's budget has stopped it; it goes on when there is room again."""
        if self.dream.is_over or self.dream.session is None:
            return False
        stalled = {"status": Status.IDLE, "idle_reason": BUDGET_REACHED}
        return self.dream.session.threads.filter(**stalled).exists()

    @property
    def done(self) -> int:
        return sum(reading.state == TranscriptState.DONE for reading in self.readings)

    @property
    def found(self) -> int:
        return sum(reading.transcript.found for reading in self.readings)

    @property
    def verified(self) -> int:
        return sum(reading.transcript.verified for reading in self.readings)

    @property
    def steps(self) -> list[Step]:
        stages = [stage for stage, _ in STEPS]
        at = len(stages) if self.dream.stage == Stage.DONE else stages.index(self.dream.stage)
        steps = [
            Step(label, self._state(number, at), self._note(stage))
            for number, (stage, label) in enumerate(STEPS)
        ]
        return [*steps, Step("Review", self._review_state())]

    def _state(self, number: int, at: int) -> str:
        if number < at:
            return "done"
        if number == at:
            waits = self.dream.status == DreamStatus.PENDING
            return STEP_STATES.get(self.dream.status, "" if waits else "current")
        return "skipped" if self.dream.is_over else ""

    def _note(self, stage: str) -> str:
        if stage == Stage.READ == self.dream.stage and self.readings:
            return f"{self.done} of {len(self.readings)}"
        return ""

    def _review_state(self) -> str:
        if self.dream.status != DreamStatus.COMPLETED:
            return "skipped" if self.dream.is_over else ""
        decided = self.dream.review.state in (ReviewState.ADOPTED, ReviewState.REJECTED)
        return "done" if decided else "current"

    @cached_property
    def summary(self) -> dict[str, int]:
        """Counts of what a completed dream proposes; empty for any other."""
        can_tell = self.dream.status == DreamStatus.COMPLETED and self.dream.output_store
        return review.wire_summary(self.dream) if can_tell else {}

    @property
    def sentence(self) -> str:
        return sentence(self.summary)

    @property
    def tokens_in(self) -> int:
        names = (name for name in USAGE_KEYS if name != "output_tokens")
        return sum(getattr(self.dream.session, name, 0) for name in names)

    @property
    def tokens_out(self) -> int:
        return getattr(self.dream.session, "output_tokens", 0)

    @property
    def tokens(self) -> int:
        return self.tokens_in + self.tokens_out

    @property
    def seconds(self) -> float:
        return ((self.dream.ended_at or timezone.now()) - self.dream.created_at).total_seconds()

    @property
    def changes(self) -> int:
        return sum(self.summary.get(kind, 0) for kind in ("changed", "added", "removed"))


def _with_counts(dream: Dream) -> QuerySet[Transcript]:
    verified = Count("findings", filter=Q(findings__verified=True))
    counted = dream.transcripts.annotate(found=Count("findings"), verified=verified)
    return counted.select_related("thread").defer("lines")


def _read(transcript: Transcript, taken: dict[str, list[dict]]) -> int:
    if transcript.ended_at:
        return transcript.events_read
    return finished(taken[transcript.thread_id], transcript.events_total)


def findings(dream: Dream, only: str = "") -> QuerySet[Finding]:
    """A dream's findings by transcript; `only` may be "doubtful" or "verified"."""
    found = Finding.objects.filter(transcript__dream=dream)
    if only in ("doubtful", "verified"):
        found = found.filter(verified=only == "verified")
    found = found.select_related("transcript__session").defer("transcript__lines")
    return found.order_by("transcript", "pk")


def sentence(summary: dict[str, int]) -> str:
    """Say the counts of `review.wire_summary` in words."""
    if not summary:
        return ""
    found = summary["findings"]
    if not found:
        return f"{_files(summary)} · no findings"
    return f"{_files(summary)} · {_count(found, 'finding')}, {summary['verified']:,} verified"


def _files(summary: dict[str, int]) -> str:
    kinds = (("changed", "changed"), ("added", "new"), ("removed", "removed"))
    counts = [(summary[kind], word) for kind, word in kinds if summary[kind]]
    if not counts:
        return "Nothing changed"
    (first, word), *others = counts
    said = f"{first:,} new {_plural(first, 'file')}" if word == "new" else ""
    return ", ".join(
        [said or f"{_count(first, 'file')} {word}", *(f"{n:,} {w}" for n, w in others)]
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {_plural(number, noun)}"


def _plural(number: int, noun: str) -> str:
    return noun if number == 1 else f"{noun}s"
