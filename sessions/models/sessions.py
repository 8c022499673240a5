"""Sessions, their threads and their log: the transcript is the log, nothing else."""

from django.db import models
from django.db.models.fields.json import KT
from django.db.models.functions import Substr
from django.urls import reverse
from django.utils import timezone

from console.ids import PublicIdField
from console.models import User, Workspace
from memory.models import Store
from sessions.models.agents import Access, Agent, Environment


class Status(models.TextChoices):
    IDLE = "idle", "Idle"
    RUNNING = "running", "Running"
    RESCHEDULING = "rescheduling", "Retrying"
    TERMINATED = "terminated", "Ended"


REQUIRES_ACTION = "requires_action"
IMPORTED, FORMAT = "imported_sha256", "imported_from"  # in the metadata of imported sessions
BUDGET_REACHED = "budget_reached"
FAILED = "retries_exhausted"  # the stop reason of a turn that was given up
WITHDRAWN = "withdrawn"  # private to a message that was taken back: by whom


class Sessions(models.QuerySet["Session"]):
    def needing_an_answer(self) -> "Sessions":
        """Those that stand still until a person allows a call or gives a custom tool's result."""
        return self.filter(status=Status.IDLE, idle_reason=REQUIRES_ACTION)

    def with_first_words(self) -> "Sessions":
        """Bring along the beginning of what each was told first, for lists."""
        said = Event.objects.filter(session=models.OuterRef("pk")).said_by_people()
        words = said.values(text=Substr(KT("payload__content__0__text"), 1, 400))
        return self.annotate(first_words=models.Subquery(words[:1]))


class Session(models.Model):
    """One conversation: an agent's snapshot, attached stores, and an append-only log."""

    id = PublicIdField(prefix="sesn")
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="sessions")
    agent = models.ForeignKey(Agent, models.PROTECT, related_name="sessions")
    agent_version = models.PositiveIntegerField()
    agent_config = models.JSONField(help_text="The agent as it was when the session began.")
    environment = models.ForeignKey(Environment, models.PROTECT, related_name="sessions")
    title = models.CharField(max_length=256, null=True)  # noqa: DJ001 - null on the wire
    metadata = models.JSONField(default=dict)
    is_dream = models.BooleanField(default=False, help_text="A dream's own pipeline.")
    reads = models.ForeignKey(
        "self",
        models.CASCADE,
        null=True,
        related_name="passes",
        help_text="The session whose transcript this one goes through, to save what is worth it.",
    )
    # The primary thread's status, kept here for lists and filters.
    status = models.CharField(max_length=12, choices=Status, default=Status.IDLE)
    # Likewise: the type of the stop reason that it last went idle with. Old news while it works.
    idle_reason = models.CharField(max_length=20, blank=True)
    last_seq = models.PositiveBigIntegerField(default=0, help_text="The log's length.")
    input_tokens = models.PositiveBigIntegerField(default=0)
    output_tokens = models.PositiveBigIntegerField(default=0)
    cache_read_input_tokens = models.PositiveBigIntegerField(default=0)
    cache_creation_input_tokens = models.PositiveBigIntegerField(default=0)
    active_seconds = models.FloatField(default=0)
    cost = models.PositiveBigIntegerField(default=0, help_text="At list price, in nano-dollars.")
    save_at = models.DateTimeField(null=True, help_text="When to save what is worth keeping.")
    # Only a session that began with a budget can have one.
    budget_cents = models.PositiveBigIntegerField(null=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now)
    archived_at = models.DateTimeField(null=True)

    objects = Sessions.as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["workspace", "status"]),
            models.Index(fields=["workspace", "created_at"], name="sessions_by_age"),
            models.Index(
                fields=["workspace", "status"],
                condition=models.Q(idle_reason=REQUIRES_ACTION),
                name="sessions_needing_an_answer",
            ),
            models.Index(
                fields=["save_at"],
                condition=models.Q(save_at__isnull=False),
                name="sessions_to_save",
            ),
        ]

    def __str__(self) -> str:
        return self.title or "Untitled session"

    def get_absolute_url(self) -> str:
        return reverse("sessions:session", args=[self.workspace.slug, self.pk])

    @property
    def imported_from(self) -> str:
        """The format of the transcript that came in as this session, if it did."""
        return str(self.metadata.get(FORMAT) or "") if IMPORTED in self.metadata else ""

    @property
    def primary(self) -> "Thread":
        return self.threads.get(parent=None)

    @property
    def model(self) -> str:
        return self.agent_config["model"]["id"]

    @property
    def cost_dollars(self) -> float:
        return self.cost / 10**9

    @property
    def budget_dollars(self) -> float | None:
        return None if self.budget_cents is None else self.budget_cents / 100

    @property
    def snapshot(self) -> dict:
        """The agent as this session has it, as the wire shows it."""
        head = {"type": "agent", "id": self.agent_id, "version": self.agent_version}
        return {**head, **self.agent_config}

    @property
    def is_over(self) -> bool:
        return self.status == Status.TERMINATED

    @property
    def needs_answer(self) -> bool:
        return self.status == Status.IDLE and self.idle_reason == REQUIRES_ACTION

    @property
    def has_failed(self) -> bool:
        """Whether its last turn was given up."""
        return self.status == Status.IDLE and self.idle_reason == FAILED


class Attachment(models.Model):
    """A store mounted into a session. Name and description are as they were at the start."""

    session = models.ForeignKey(Session, models.CASCADE, related_name="attachments")
    # A deleted store leaves the session readable; its mount is then gone.
    store = models.ForeignKey(Store, models.SET_NULL, null=True, related_name="attachments")
    store_key = models.CharField(max_length=40, help_text="The store's id, also after it is gone.")
    access = models.CharField(max_length=10, choices=Access, default=Access.READ_WRITE)
    instructions = models.CharField(max_length=4096, null=True)  # noqa: DJ001 - null on the wire
    name = models.CharField(max_length=255)
    description = models.CharField(max_length=1024, blank=True)
    mount_path = models.CharField(max_length=300)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.mount_path

    @property
    def is_writable(self) -> bool:
        return self.access == Access.READ_WRITE


class Import(models.Model):
    """Transcripts that somebody sent, until they are made sessions or a day has passed."""

    id = PublicIdField(prefix="import")
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="imports")
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    reading = models.JSONField(help_text="What was found, see sessions.importing.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"Import of {self.user}"


class Thread(models.Model):
    """A line of work inside a session; what a worker claims, with a lease it must renew."""

    id = PublicIdField(prefix="sthr")
    session = models.ForeignKey(Session, models.CASCADE, related_name="threads")
    parent = models.ForeignKey("self", models.CASCADE, null=True, related_name="children")
    name = models.CharField(max_length=256)
    purpose = models.CharField(max_length=12, default="chat")
    status = models.CharField(max_length=12, choices=Status, default=Status.IDLE)
    # The type of the stop reason that it last went idle with. Old news while it works.
    idle_reason = models.CharField(max_length=20, blank=True)
    stop_requested = models.BooleanField(default=False)
    retries = models.PositiveSmallIntegerField(default=0, help_text="Of the request under way.")
    retry_at = models.DateTimeField(null=True)
    lease_owner = models.CharField(max_length=64, blank=True)
    lease_until = models.DateTimeField(null=True)
    input_tokens = models.PositiveBigIntegerField(default=0)
    output_tokens = models.PositiveBigIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now)
    archived_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["pk"]
        indexes = [
            models.Index(fields=["status", "lease_until"]),
            models.Index(
                fields=["status"],
                condition=models.Q(idle_reason=BUDGET_REACHED),
                name="threads_stalled",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_stalled(self) -> bool:
        """Whether a budget has stopped it in the middle of a turn."""
        return self.status == Status.IDLE and self.idle_reason == BUDGET_REACHED


class AppendOnly(models.QuerySet["Event"]):
    """The log is written by `events.append` alone; these guards stop accidents."""

    def said_by_people(self):
        """Messages to the agent, in order, without those that were taken back."""
        stands = models.Q(private__isnull=True) | ~models.Q(private__has_key=WITHDRAWN)
        return self.filter(stands, type="user.message").order_by("seq")

    def update(self, **changes):
        raise TypeError("The event log is append-only.")

    def bulk_update(self, *args, **options):
        raise TypeError("The event log is append-only.")


class Event(models.Model):
    """One entry of the log.

    `seq` counts a session's entries from 1 without gaps. A queued user event enters the log twice:
    when it is sent (`seq`) and when a turn takes it up (`processed_seq`); both count. `payload` is
    what the wire shows beside id, type and times; `private` is for us (a model's thinking blocks).
    """

    id = PublicIdField(prefix="sevt")
    session = models.ForeignKey(Session, models.CASCADE, related_name="events")
    thread = models.ForeignKey(Thread, models.CASCADE, related_name="events")
    seq = models.PositiveBigIntegerField()
    type = models.CharField(max_length=48)
    payload = models.JSONField(default=dict)
    private = models.JSONField(null=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    processed_at = models.DateTimeField(null=True)
    processed_seq = models.PositiveBigIntegerField(null=True)

    objects = AppendOnly.as_manager()

    class Meta:
        ordering = ["seq"]
        constraints = [
            models.UniqueConstraint(fields=["session", "seq"], name="log_without_gaps"),
            models.UniqueConstraint(fields=["session", "processed_seq"], name="taken_up_once"),
        ]
        indexes = [
            models.Index(fields=["thread", "type"]),
            models.Index(
                fields=["thread", "seq"],
                condition=models.Q(processed_at=None),
                name="events_waiting",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.seq} {self.type}"

    def save(self, *args, **options) -> None:
        if not self._state.adding:
            raise TypeError("The event log is append-only.")
        super().save(*args, **options)

    @property
    def is_withdrawn(self) -> bool:
        """Whether it was taken back while it waited: no turn has heard it."""
        return bool(self.private and WITHDRAWN in self.private)
