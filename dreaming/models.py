"""Dreams: a store and past transcripts in, a draft store out, a person's review, an adoption."""

from django.db import models
from django.urls import reverse
from django.utils import timezone

from console.ids import PublicIdField
from console.models import User, Workspace
from memory.models import Blob, ChangeSet, Store
from sessions.models import Session, Thread


class DreamStatus(models.TextChoices):
    PENDING = "pending", "Queued"
    RUNNING = "running", "Dreaming"
    COMPLETED = "completed", "Completed"
    FAILED = "failed", "Failed"
    CANCELED = "canceled", "Cancelled"


class Stage(models.TextChoices):
    """Where a running dream stands; each step is taken by one conditional UPDATE."""

    CLONE = "clone", "Copy the store"
    READ = "read", "Read the transcripts"
    CONSOLIDATE = "consolidate", "Consolidate"
    INDEX = "index", "Index and check"
    DONE = "done", "Done"


DOING = {
    Stage.CLONE: "Copying the store",
    Stage.READ: "Reading the transcripts",
    Stage.CONSOLIDATE: "Consolidating",
    Stage.INDEX: "Writing the index",
    Stage.DONE: "Done",
}


class Dreams(models.QuerySet["Dream"]):
    def unfinished(self) -> "Dreams":
        return self.filter(status__in=[DreamStatus.PENDING, DreamStatus.RUNNING])

    def with_undoing(self) -> "Dreams":
        """`undone_at`: when the last adoption was undone, if it was."""
        latest = Adoption.objects.filter(dream=models.OuterRef("pk")).order_by("-pk")
        return self.annotate(undone_at=models.Subquery(latest.values("undone_at")[:1]))

    def unsettled(self) -> "Dreams":
        """Those with work left: not over, or over with a session that is still open."""
        return self.filter(
            models.Q(status__in=[DreamStatus.PENDING, DreamStatus.RUNNING])
            | models.Q(session__archived_at=None, session__isnull=False)
        )


class Dream(models.Model):
    """One run. `status` is the wire's; `stage` says how far a running dream has come."""

    id = PublicIdField(prefix="drm")
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="dreams")
    input_store = models.ForeignKey(Store, models.SET_NULL, null=True, related_name="dreams")
    input_key = models.CharField(max_length=40, help_text="The input's id, also after it is gone.")
    input_name = models.CharField(max_length=255)
    input_digest = models.CharField(max_length=64, blank=True, help_text="Of all paths and texts.")
    output_store = models.OneToOneField(Store, models.SET_NULL, null=True, related_name="dream")
    model = models.CharField(max_length=256)
    instructions = models.CharField(max_length=4096, null=True)  # noqa: DJ001 - null on the wire
    status = models.CharField(max_length=10, choices=DreamStatus, default=DreamStatus.PENDING)
    stage = models.CharField(max_length=12, choices=Stage, default=Stage.CLONE)
    session = models.OneToOneField(Session, models.SET_NULL, null=True, related_name="dream")
    error_type = models.CharField(max_length=64, blank=True)
    error_message = models.TextField(blank=True)
    summary = models.TextField(blank=True, help_text="What the consolidation said it did.")
    lease_owner = models.CharField(max_length=64, blank=True)
    lease_until = models.DateTimeField(null=True)
    created_by = models.CharField(max_length=40)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    ended_at = models.DateTimeField(null=True)
    archived_at = models.DateTimeField(null=True)

    objects = Dreams.as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["status", "lease_until"])]

    def __str__(self) -> str:
        return f"Dream over {self.input_name}"

    def get_absolute_url(self) -> str:
        return reverse("dreaming:dream", args=[self.workspace.slug, self.pk])

    @property
    def is_over(self) -> bool:
        return self.status not in (DreamStatus.PENDING, DreamStatus.RUNNING)

    @property
    def doing(self) -> str:
        """What an unfinished dream is at, in words."""
        return DOING[self.stage] if self.status == DreamStatus.RUNNING else "Waiting for a worker"


class ExtractionState(models.TextChoices):
    RUNNING = "running", "Saving"
    DONE = "done", "Saved"
    SKIPPED = "skipped", "Nothing saved"
    FAILED = "failed", "Failed"


class Extraction(models.Model):
    """A pass over what was said in a session since the last one, to save what is worth keeping."""

    session = models.ForeignKey(Session, models.CASCADE, related_name="extractions")
    after = models.PositiveBigIntegerField(help_text="The position in the log it begins behind.")
    upto = models.PositiveBigIntegerField(help_text="The position up to which it reads.")
    state = models.CharField(max_length=8, choices=ExtractionState, default=ExtractionState.RUNNING)
    note = models.TextField(blank=True, help_text="Why it failed or saved nothing.")
    store = models.ForeignKey(Store, models.SET_NULL, null=True, related_name="extractions")
    change_set = models.OneToOneField(
        ChangeSet, models.SET_NULL, null=True, related_name="extraction"
    )
    lease_owner = models.CharField(max_length=64, blank=True)
    lease_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["state", "lease_until"])]
        constraints = [
            models.UniqueConstraint(
                fields=["session"], condition=models.Q(state="running"), name="one_pass_at_a_time"
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_state_display()}: {self.session}"

    @property
    def is_running(self) -> bool:
        return self.state == ExtractionState.RUNNING

    @property
    def can_be_tried_again(self) -> bool:
        return self.state in (ExtractionState.FAILED, ExtractionState.SKIPPED)


class TranscriptState(models.TextChoices):
    QUEUED = "queued", "Queued"
    READING = "reading", "Reading"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"


class Transcript(models.Model):
    """One session's words, as they were when a dream or a pass began, and how far it is read."""

    # One of the two.
    dream = models.ForeignKey(Dream, models.CASCADE, null=True, related_name="transcripts")
    extraction = models.OneToOneField(
        Extraction, models.CASCADE, null=True, related_name="transcript"
    )
    session = models.ForeignKey(Session, models.SET_NULL, null=True, related_name="dreamt")
    session_key = models.CharField(max_length=40)
    title = models.CharField(max_length=256)
    thread = models.OneToOneField(Thread, models.SET_NULL, null=True, related_name="transcript")
    state = models.CharField(max_length=8, choices=TranscriptState, default=TranscriptState.QUEUED)
    # [{"event", "role", "at", "text"}, …]: the dream keeps its own copy, so that deleting the
    # session meanwhile takes nothing from it.
    lines = models.JSONField(default=list)
    events_total = models.PositiveIntegerField(default=0)
    events_read = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["dream", "session_key"], name="one_transcript_each")
        ]

    def __str__(self) -> str:
        return self.title


class Finding(models.Model):
    """What a sub-agent got out of one transcript, with the words that say so.

    `verified` is set by code alone: the quote stands in that event, and the event is evidence.
    """

    class Kind(models.TextChoices):
        FACT = "fact", "Fact"
        PREFERENCE = "preference", "Preference"
        CORRECTION = "correction", "Correction"
        DECISION = "decision", "Decision"
        FOLLOW_UP = "follow_up", "Follow-up"
        RESOURCE = "resource", "Resource"

    id = PublicIdField(prefix="find")
    transcript = models.ForeignKey(Transcript, models.CASCADE, related_name="findings")
    statement = models.TextField()
    kind = models.CharField(max_length=10, choices=Kind)
    quote = models.TextField()
    event = models.CharField(max_length=40)
    said_at = models.DateTimeField(null=True)
    verified = models.BooleanField(default=False)
    doubt = models.CharField(max_length=255, blank=True, help_text="Why it was not verified.")
    # Where a pass at a session's end has put it, or found it said already.
    path = models.CharField(max_length=1024, blank=True)
    was_known = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.statement


class ReviewState(models.TextChoices):
    OPEN = "open", "Open"
    APPROVED = "approved", "Approved"
    REJECTED = "rejected", "Rejected"
    ADOPTED = "adopted", "Adopted"


class Review(models.Model):
    """A person's verdict on a dream. `digest` binds an approval to the very bytes reviewed."""

    id = PublicIdField(prefix="rev")
    dream = models.OneToOneField(Dream, models.CASCADE, related_name="review")
    state = models.CharField(max_length=8, choices=ReviewState, default=ReviewState.OPEN)
    digest = models.CharField(
        max_length=64, blank=True, help_text="Of all approved paths and texts."
    )
    decided_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    decided_by_name = models.CharField(max_length=255, blank=True)
    decided_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return f"Review of {self.dream}"


class Verdict(models.TextChoices):
    ACCEPT = "accept", "Accept"
    REJECT = "reject", "Reject"
    EDIT = "edit", "Edit"


class Decision(models.Model):
    """The verdict on one file; a file without one is accepted as proposed once approved."""

    review = models.ForeignKey(Review, models.CASCADE, related_name="decisions")
    path = models.CharField(max_length=1024)
    verdict = models.CharField(max_length=6, choices=Verdict)
    blob = models.ForeignKey(Blob, models.PROTECT, null=True, related_name="+")
    by = models.CharField(max_length=40)
    by_name = models.CharField(max_length=255)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["path"]
        constraints = [models.UniqueConstraint(fields=["review", "path"], name="one_verdict_each")]

    def __str__(self) -> str:
        return f"{self.verdict} {self.path}"


class Adoption(models.Model):
    """The moment approved text became what sessions read, with all that undoing it needs."""

    class Mode(models.TextChoices):
        SAME_STORE = "same_store", "Into the same store"
        NEW_STORE = "new_store", "As a new store"

    id = PublicIdField(prefix="adp")
    dream = models.ForeignKey(Dream, models.CASCADE, related_name="adoptions")
    mode = models.CharField(max_length=10, choices=Mode)
    store = models.ForeignKey(Store, models.SET_NULL, null=True, related_name="adoptions")
    change_set = models.OneToOneField(
        ChangeSet, models.SET_NULL, null=True, related_name="adoption"
    )
    undo_change_set = models.OneToOneField(
        ChangeSet, models.SET_NULL, null=True, related_name="undone_adoption"
    )
    # {"added", "changed", "removed", "merged", "unchanged"}: files, counted.
    counts = models.JSONField(default=dict)
    digest = models.CharField(max_length=64, help_text="Of what the store held afterwards.")
    archived_old = models.BooleanField(default=False)
    # The ids of the agents whose default was switched.
    switched = models.JSONField(default=list)
    by = models.CharField(max_length=40)
    by_name = models.CharField(max_length=255)
    at = models.DateTimeField(default=timezone.now)
    undone_by = models.CharField(max_length=40, blank=True)
    undone_by_name = models.CharField(max_length=255, blank=True)
    undone_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.get_mode_display()}: {self.dream}"
