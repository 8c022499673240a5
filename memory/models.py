"""Versioned stores of Markdown: text lives once in a blob, everything else points to it."""

from typing import Self

from django.db import models
from django.urls import reverse
from django.utils import timezone

from console.ids import PublicIdField
from console.models import User, Workspace


class Blob(models.Model):
    """One text, stored byte for byte, whoever uses it."""

    sha256 = models.CharField(max_length=64, unique=True)
    content = models.TextField()
    size = models.PositiveIntegerField(help_text="Bytes of UTF-8.")
    # No foreign key: the segments point at nobody, and nobody is kept by them.
    segment = models.BigIntegerField(null=True, help_text="Where the search's index has it.")

    class Meta:
        indexes = [
            models.Index(fields=["id"], condition=models.Q(segment=None), name="not_yet_indexed")
        ]

    def __str__(self) -> str:
        return self.sha256


class Segment(models.Model):
    """A part of the search's index: some texts that were indexed together (see `indexing`)."""

    members = models.BinaryField(help_text="Keys of blobs, 8 bytes each; 0 where one was deleted.")

    def __str__(self) -> str:
        return f"segment {self.pk}"


class Gram(models.Model):
    """Those members of a segment that hold one gram; the key is segment and gram in one number."""

    id = models.BigAutoField(primary_key=True)
    members = models.BinaryField()

    def __str__(self) -> str:
        return f"gram {self.pk}"


def is_markdown(path: str) -> bool:
    """Whether a file of this name is rendered, or only shown as it is."""
    name = path.rpartition("/")[2]
    return "." not in name or name.rpartition(".")[2].lower() in {"", "md", "markdown", "mdown"}


class StoreState(models.TextChoices):
    DRAFT = "draft", "Draft"
    ACTIVE = "active", "Active"
    ARCHIVED = "archived", "Archived"


class Stores(models.QuerySet["Store"]):
    def current(self) -> "Stores":
        return self.filter(state=StoreState.ACTIVE)

    def unarchived(self) -> "Stores":
        return self.exclude(state=StoreState.ARCHIVED)

    def with_foreign_text(self) -> "Stores":
        """Say of each whether text was imported into it, and the import still stands."""
        imports = ChangeSet.objects.filter(kind=ChangeSet.Kind.IMPORT, undone_by=None)
        return self.annotate(
            has_foreign_text=models.Exists(imports.filter(store=models.OuterRef("pk")))
        )


class Store(models.Model):
    """A named file system of memories. A draft is a dream's output that nobody approved yet."""

    id = PublicIdField(prefix="memstore")
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="stores")
    name = models.CharField(max_length=255)
    description = models.CharField(max_length=1024, blank=True)
    metadata = models.JSONField(default=dict)
    state = models.CharField(max_length=8, choices=StoreState, default=StoreState.ACTIVE)
    # Kept beside the rows because every write checks the limit and every list shows them.
    memory_count = models.PositiveIntegerField(default=0)
    size = models.BigIntegerField(default=0, help_text="Bytes of all memories together.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, help_text="Name, description, state.")
    changed_at = models.DateTimeField(null=True, help_text="The last change of any memory.")
    archived_at = models.DateTimeField(null=True)

    objects = Stores.as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["workspace", "state"])]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("memory:store", args=[self.workspace.slug, self.pk])

    @property
    def is_draft(self) -> bool:
        return self.state == StoreState.DRAFT

    @property
    def is_archived(self) -> bool:
        return self.state == StoreState.ARCHIVED


class Texts(models.QuerySet):
    """What memories and versions have alike: a text that is seldom needed to show them."""

    def with_text(self) -> Self:
        return self.select_related("blob")

    def sized(self) -> Self:
        """Bring size and hash along, and leave the text where it is."""
        return self.select_related("blob").defer("blob__content")


class Memories(Texts):
    def under(self, prefix: str) -> "Memories":
        """Those below the folder `prefix`, which ends with a slash."""
        if prefix == "/":
            return self
        # A range, not LIKE: SQLite's LIKE folds case and can use no index.
        return self.filter(path__gte=prefix, path__lt=prefix[:-1] + "0")


class Memory(models.Model):
    """The text that stands at one path of one store now. Its id survives a rename."""

    id = PublicIdField(prefix="mem")
    # The constraint below is an index of the store's memories too.
    store = models.ForeignKey(Store, models.CASCADE, related_name="memories", db_index=False)
    path = models.CharField(max_length=1024)
    blob = models.ForeignKey(Blob, models.PROTECT, related_name="+")
    head = models.ForeignKey(
        "Version", models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now)

    objects = Memories.as_manager()

    class Meta:
        ordering = ["path"]
        constraints = [models.UniqueConstraint(fields=["store", "path"], name="one_text_per_path")]

    def __str__(self) -> str:
        return self.path

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def is_markdown(self) -> bool:
        return is_markdown(self.path)

    @property
    def content(self) -> str:
        return self.blob.content


class ChangeSet(models.Model):
    """The versions that one act made together; undone as one."""

    class Kind(models.TextChoices):
        ADOPTION = "adoption", "Adoption"
        UNDO = "undo", "Undo"
        REVIEW = "review", "Review"
        DREAM = "dream", "Dream"
        IMPORT = "import", "Import"
        ROLLBACK = "rollback", "Rollback"
        COMMAND = "command", "Command"
        MOVE = "move", "Move"
        DELETION = "deletion", "Deletion"
        EXTRACTION = "extraction", "Saved from a session"

    id = PublicIdField(prefix="chg")
    store = models.ForeignKey(Store, models.CASCADE, related_name="change_sets")
    kind = models.CharField(max_length=10, choices=Kind)
    summary = models.CharField(max_length=255)
    actor = models.CharField(max_length=40)
    actor_name = models.CharField(max_length=255)
    undoes = models.ForeignKey("self", models.SET_NULL, null=True, related_name="undone_by")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return self.summary

    @property
    def is_undone(self) -> bool:
        """An undo that was undone itself leaves the way open to undo once more."""
        return self.undone_by.filter(undone_by=None).exists()


class Operation(models.TextChoices):
    CREATED = "created", "Created"
    MODIFIED = "modified", "Modified"
    DELETED = "deleted", "Deleted"


class Version(models.Model):
    """An immutable record of one change. Only a redaction ever touches it again."""

    id = PublicIdField(prefix="memver")
    store = models.ForeignKey(Store, models.CASCADE, related_name="versions", db_index=False)
    # The memory's row goes when it is deleted; its history stays, under the same id.
    memory = models.ForeignKey(
        Memory, models.DO_NOTHING, related_name="versions", db_constraint=False, db_index=False
    )
    change_set = models.ForeignKey(
        ChangeSet, models.SET_NULL, null=True, related_name="versions", db_index=False
    )
    operation = models.CharField(max_length=8, choices=Operation)
    path = models.CharField(max_length=1024, null=True)  # noqa: DJ001 - null means redacted
    blob = models.ForeignKey(Blob, models.PROTECT, null=True, related_name="+")
    actor = models.CharField(max_length=40)
    actor_name = models.CharField(max_length=255)
    event = models.CharField(max_length=40, blank=True, help_text="The event that asked for it.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    redacted_at = models.DateTimeField(null=True)
    redacted_by = models.CharField(max_length=40, blank=True)
    redacted_by_name = models.CharField(max_length=255, blank=True)
    redacted_reason = models.CharField(max_length=500, blank=True)

    objects = Texts.as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [
            # In order, so that a page of a long history and what stood before need no sorting.
            models.Index(fields=["store", "id"], name="versions_of_store"),
            models.Index(fields=["memory", "id"], name="versions_of_memory"),
            # Most versions are part of nothing larger: a copy of a store need not list them here.
            models.Index(
                fields=["change_set"],
                condition=models.Q(change_set__isnull=False),
                name="versions_of_change_set",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.operation} {self.path or '(redacted)'}"

    @property
    def content(self) -> str | None:
        return self.blob.content if self.blob else None

    @property
    def size(self) -> int:
        return self.blob.size if self.blob else 0


class Use(models.Model):
    """What one session got to see of one memory, and when last.

    A row per session, so that sessions which read the same file at once do not wait for each other.
    `reads` counts how often its text was read, `finds` how often a search showed lines of it.
    """

    store = models.ForeignKey(Store, models.CASCADE, related_name="uses")
    # Stays when the memory is deleted: a restored one comes back under its id.
    memory = models.ForeignKey(
        Memory, models.DO_NOTHING, related_name="uses", db_constraint=False, db_index=False
    )
    session = models.CharField(max_length=40, help_text="Its public id.")
    name = models.CharField(max_length=255, help_text="What the agent was called.")
    reads = models.PositiveIntegerField(default=0)
    finds = models.PositiveIntegerField(default=0)
    read_at = models.DateTimeField(null=True)
    found_at = models.DateTimeField(null=True)
    event = models.CharField(max_length=40, help_text="The call that read or found it last.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["memory", "session"], name="one_use_per_session")
        ]

    def __str__(self) -> str:
        return f"{self.session} read {self.memory_id} {self.reads} times"


class Upload(models.Model):
    """A zip that somebody sent and has not imported yet; `store` is None when it makes a new one.

    It waits in the database, so that any web process can show its plan. `reading` is what was found
    in it (`memory.archives.Reading`), so that nobody has to unpack it to draw a page.
    """

    id = PublicIdField(prefix="upload")
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="uploads")
    store = models.ForeignKey(Store, models.CASCADE, null=True, related_name="uploads")
    user = models.ForeignKey(User, models.CASCADE, related_name="uploads")
    name = models.CharField(max_length=255)
    data = models.BinaryField()
    reading = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return self.name
