"""Agents, and the environments that their tools run in."""

from django.db import models
from django.urls import reverse
from django.utils import timezone

from console.ids import PublicIdField
from console.models import Workspace
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
    # Copies of the latest version's, for lists and searches.
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
    metadata = models.JSONField(default=dict)
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
