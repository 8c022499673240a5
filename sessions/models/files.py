"""The files that a session's tools work with."""

from django.db import models
from django.utils import timezone

from sessions.models.sessions import Session


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
