"""Who may see and do what: users, workspaces, members with roles, API keys; model endpoints."""

import hashlib

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.urls import reverse
from django.utils import timezone

from console.ids import PublicIdField


class Role(models.TextChoices):
    """What a member or a key may do; each role includes the ones before it."""

    VIEWER = "viewer", "Viewer"
    EDITOR = "editor", "Editor"
    REVIEWER = "reviewer", "Reviewer"
    OWNER = "owner", "Owner"

    def includes(self, needed: str) -> bool:
        order = list(Role)
        return order.index(self) >= order.index(Role(needed))


class User(AbstractUser):
    """A person who signs in."""

    id = PublicIdField(prefix="user")

    @property
    def name(self) -> str:
        return self.get_full_name() or self.username


class Workspace(models.Model):
    """An island: everything below belongs to exactly one and is seen from no other."""

    id = PublicIdField(prefix="wrkspc")
    name = models.CharField(max_length=100)
    slug = models.SlugField(max_length=60, unique=True)
    members = models.ManyToManyField(User, through="Membership", related_name="workspaces")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["name", "pk"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("workspace", args=[self.slug])


class Membership(models.Model):
    """A person's place in a workspace."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role, default=Role.VIEWER)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "user"], name="one_membership_each")
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.workspace}"


class ApiKeys(models.QuerySet["ApiKey"]):
    def live(self) -> "ApiKeys":
        return self.filter(revoked_at=None)

    def revoked(self) -> "ApiKeys":
        return self.exclude(revoked_at=None)


class ApiKey(models.Model):
    """A program's way in. Only a digest is kept; the secret is shown once, when it is made."""

    id = PublicIdField(prefix="apikey")
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=100)
    role = models.CharField(max_length=10, choices=Role, default=Role.EDITOR)
    digest = models.CharField(max_length=64, unique=True)
    hint = models.CharField(max_length=20, help_text="The secret's last characters.")
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    objects = ApiKeys.as_manager()

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return self.name

    @staticmethod
    def digest_of(secret: str) -> str:
        # The secret holds 256 random bits: a slow password hash would protect nothing more.
        return hashlib.sha256(secret.encode()).hexdigest()


class ModelEndpoint(models.Model):
    """An address where language models answer, which an owner set up for one workspace.

    `served` holds `{"id", "window"}`: what agents may choose there, and how many tokens the endpoint
    says fit into it (null when it does not say). `context_window` overrules that for all of them.
    """

    class Protocol(models.TextChoices):
        OPENAI = "openai", "OpenAI Chat Completions"
        ANTHROPIC = "anthropic", "Anthropic Messages"

    id = PublicIdField(prefix="endp")
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="endpoints")
    name = models.CharField(max_length=100)
    protocol = models.CharField(max_length=10, choices=Protocol, default=Protocol.OPENAI)
    base_url = models.CharField(max_length=500)
    sealed_key = models.TextField(blank=True, help_text="See `vault`.")
    key_hint = models.CharField(max_length=4, blank=True, help_text="The key's last characters.")
    context_window = models.PositiveIntegerField(null=True, blank=True)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    served = models.JSONField(default=list)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "name"], name="one_endpoint_per_name")
        ]

    def __str__(self) -> str:
        return self.name
