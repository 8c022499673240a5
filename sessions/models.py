"""Agents, environments, and sessions: a session's transcript is its event log, nothing else."""

from django.db import models
from django.db.models.fields.json import KT
from django.db.models.functions import Substr
from django.urls import reverse
from django.utils import timezone

from console.ids import PublicIdField
from console.models import User, Workspace
from memory.models import Store


class Access(models.TextChoices):
    READ_WRITE = "read_write", "Read & write"
    READ_ONLY = "read_only", "Read only"


class Agents(models.QuerySet["Agent"]):
    def current(self) -> "Agents":
        return self.filter(archived_at=None)

    def with_latest(self) -> "Agents":
        """Bring each agent's latest version along, for lists."""
        newest = AgentVersion.objects.filter(number=models.F("agent__version"))
        return self.prefetch_related(models.Prefetch("versions", newest, to_attr="newest"))


class Agent(models.Model):
    """A named configuration; every change makes a new version of it."""

    id = PublicIdField(prefix="agent")
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="agents")
    version = models.PositiveIntegerField(default=1, help_text="The latest.")
    # A copy of the latest version's name, for lists and searches.
    name = models.CharField(max_length=256)
    metadata = models.JSONField(default=dict)
    # Like the default stores, this is about sessions that are there already, and makes no version.
    saves_after = models.PositiveIntegerField(
        null=True, help_text="Minutes idle until what is worth keeping is saved; null for never."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now)
    archived_at = models.DateTimeField(null=True)

    objects = Agents.as_manager()

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("sessions:agent", args=[self.workspace.slug, self.pk])

    @property
    def latest(self) -> "AgentVersion":
        newest = getattr(self, "newest", None)
        return newest[0] if newest else self.versions.get(number=self.version)


class AgentVersion(models.Model):
    """What an agent was at one time. `config` holds the fields of the wire contract's §8:
    name, description, model, system, tools, skills, mcp_servers, multiagent, execution_identity.
    """

    agent = models.ForeignKey(Agent, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    config = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["agent", "number"], name="agent_versions")]

    def __str__(self) -> str:
        return f"{self.config['name']} v{self.number}"


class DefaultStore(models.Model):
    """A store that new sessions of an agent attach unless they say otherwise."""

    agent = models.ForeignKey(Agent, models.CASCADE, related_name="default_stores")
    store = models.ForeignKey(Store, models.CASCADE, related_name="default_for")
    access = models.CharField(max_length=10, choices=Access, default=Access.READ_WRITE)
    instructions = models.CharField(max_length=4096, blank=True)

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["agent", "store"], name="one_default_each")]

    def __str__(self) -> str:
        return f"{self.store} for {self.agent}"


class Environment(models.Model):
    """Where tools run. `config` is the wire contract's §9."""

    id = PublicIdField(prefix="env")
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="environments")
    name = models.CharField(max_length=256)
    description = models.CharField(max_length=2048, null=True)  # noqa: DJ001 - null on the wire
    config = models.JSONField()
    metadata = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now)
    archived_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_last(self) -> bool:
        """Whether no other open environment is left for new sessions."""
        open_ones = Environment.objects.filter(workspace=self.workspace_id, archived_at=None)
        return not open_ones.exclude(pk=self.pk).exists()


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


class ModelPrice(models.Model):
    """What a model costs a workspace, in US dollars per million tokens."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="model_prices")
    model = models.CharField(max_length=256)
    input = models.DecimalField(max_digits=12, decimal_places=4)
    output = models.DecimalField(max_digits=12, decimal_places=4)
    cache_read = models.DecimalField(max_digits=12, decimal_places=4)
    cache_write = models.DecimalField(max_digits=12, decimal_places=4)

    class Meta:
        ordering = ["model"]
        constraints = [models.UniqueConstraint(fields=["workspace", "model"], name="one_price")]

    def __str__(self) -> str:
        return self.model


class SpendingLimit(models.Model):
    """The most that a workspace may use in a month; None does not limit."""

    workspace = models.OneToOneField(Workspace, models.CASCADE, related_name="spending_limit")
    tokens = models.PositiveBigIntegerField(null=True)
    cents = models.PositiveBigIntegerField(null=True)

    def __str__(self) -> str:
        return f"Limit of {self.workspace}"


class MonthSpent(models.Model):
    """What all requests of a workspace have used in one month."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="months")
    month = models.CharField(max_length=7, help_text="As 2026-11, in UTC.")
    tokens = models.PositiveBigIntegerField(default=0)
    cost = models.PositiveBigIntegerField(default=0, help_text="At list price, in nano-dollars.")

    class Meta:
        ordering = ["-month"]
        constraints = [models.UniqueConstraint(fields=["workspace", "month"], name="one_month")]

    def __str__(self) -> str:
        return f"{self.workspace} in {self.month}"

    @property
    def cost_dollars(self) -> float:
        return self.cost / 10**9


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


class ScratchFile(models.Model):
    """A file in a session's /workspace: its working memory, gone with the session.

    Text stands in `content`. What is none, or too long for the file tools, stands in `data`.
    """

    session = models.ForeignKey(Session, models.CASCADE, related_name="scratch")
    path = models.CharField(max_length=1024)
    content = models.TextField()
    data = models.BinaryField(null=True)
    sha256 = models.CharField(max_length=64)
    size = models.PositiveIntegerField(help_text="Bytes.")
    executable = models.BooleanField(default=False)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["path"]
        constraints = [models.UniqueConstraint(fields=["session", "path"], name="scratch_paths")]

    def __str__(self) -> str:
        return self.path


class Glimpse(models.Model):
    """What a session last saw of a file: the hash its next `write` there must still meet."""

    session = models.ForeignKey(Session, models.CASCADE, related_name="glimpses")
    path = models.CharField(max_length=1400, help_text="As the agent spells it: /mnt/memory/…")
    sha256 = models.CharField(max_length=64)
    seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["session", "path"], name="last_glimpse")]

    def __str__(self) -> str:
        return self.path
