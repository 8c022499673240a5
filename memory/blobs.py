"""Texts: each is kept once, whoever uses it, and is gone for good when nobody does any more."""

import hashlib
from collections.abc import Callable, Sequence

from django.conf import settings
from django.db import connection, transaction
from django.db.models import PROTECT, QuerySet

from console import rows
from memory import indexing, paths
from memory.models import Blob

BLOB = ["id", "sha256", "content", "size"]  # what a writer knows of a text it brings
TEXTS = 100  # texts in memory at once
PATIENCE = 2_000  # milliseconds to wait for readers of the write-ahead log


def keep(content: str) -> Blob:
    """Return the blob that holds `content`, which is made if need be. Raises `Invalid`.

    No sweep takes it away before the transaction ends that is going to point to it.
    """
    data = paths.check_content(content)
    digest = hashlib.sha256(data).hexdigest()
    blob = Blob(sha256=digest, content=content, size=len(data))
    # Most texts are new: asking first would be one question more for each of them.
    while not rows.insert(blob, or_nothing=True):
        if key := _held([digest]).get(digest):
            return Blob.from_db(connection.alias, BLOB, [key, digest, content, len(data)])
    return blob


def keep_all(digests: Sequence[str], text_of: Callable[[str], str]) -> dict[str, int]:
    """Keep many texts as `keep` does; returns the keys of their blobs by hash.

    `text_of` is asked for those that do not exist yet. Raises `Invalid`, `ValueError` for a text that
    has another hash.
    """
    kept: dict[str, int] = {}
    # In one order everywhere: two imports of the same new texts then wait, and never for each other.
    for batch in rows.batches(sorted(digests), TEXTS):
        kept |= _held(batch)
        while missing := [digest for digest in batch if digest not in kept]:
            made = [_new(digest, text_of(digest)) for digest in missing]
            Blob.objects.bulk_create(made, ignore_conflicts=True)
            kept |= _held(missing)
    return kept


def _new(digest: str, content: str) -> Blob:
    data = paths.check_content(content)
    if hashlib.sha256(data).hexdigest() != digest:
        raise ValueError(f"A text has not the hash {digest}.")
    return Blob(sha256=digest, content=content, size=len(data))


def _held(digests: Sequence[str]) -> dict[str, int]:
    """The keys of those that exist, kept from being deleted until the transaction ends.

    As a foreign key does it, but that is checked only at the end of the transaction. Other writers
    of the same texts need not wait. SQLite lets one transaction write at a time anyway.
    """
    lock = " FOR KEY SHARE" if connection.features.has_select_for_update else ""
    places = ", ".join(["%s"] * len(digests))
    query = f"SELECT sha256, id FROM memory_blob WHERE sha256 IN ({places}) ORDER BY id{lock}"  # noqa: S608 - of constants
    with connection.cursor() as cursor:
        cursor.execute(query, list(digests))
        return dict(cursor.fetchall())


def sweep(keys: list[int]) -> None:
    """Delete those texts that nothing points to any more, be it of an app above this one.

    What points to a blob with PROTECT uses it. What is only made from it points with CASCADE and
    goes with it; anything made from texts that no foreign key ties to them, as the search's index,
    must be taken away here, or a redaction would leave a copy behind.
    """
    for batch in rows.batches(keys):
        unused = _unused(batch).select_for_update().order_by("pk")
        held = list(unused.values_list("pk", flat=True))
        # Asked again: a writer may have pointed to one while we waited for its lock.
        gone = list(_unused(held).values_list("pk", flat=True))
        indexing.forget(gone)
        Blob.objects.filter(pk__in=gone).only("pk").delete()


def _unused(keys: list[int]) -> QuerySet[Blob]:
    # Relations without a name of their own count as hidden.
    relations = [rel for rel in Blob._meta.get_fields(include_hidden=True) if rel.one_to_many]
    unused = Blob.objects.filter(pk__in=keys)
    for field in (relation.field for relation in relations if relation.on_delete is PROTECT):
        pointing = field.model.objects.filter(**{f"{field.name}__in": keys})
        unused = unused.exclude(pk__in=pointing.order_by().values(field.name))
    return unused


def wipe_after_commit() -> None:
    """Once the transaction is done, take what it deleted out of SQLite's write-ahead log too.

    In the database file itself deleted bytes are overwritten at once (`secure_delete`); the log
    beside it would hold them until it happens to be reused. PostgreSQL overwrites when it needs the
    room: nothing that a transaction can do changes that.
    """
    if connection.vendor == "sqlite":
        # Robust: what was committed is not to be told as failed.
        transaction.on_commit(_empty_log, robust=True)


def _empty_log() -> None:
    with connection.cursor() as cursor:
        # Readers at work may keep it from being emptied; whoever redacts need not wait for long.
        cursor.execute(f"PRAGMA busy_timeout={PATIENCE}")
        try:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            cursor.fetchone()
        finally:
            patience = settings.DATABASES["default"]["OPTIONS"]["timeout"]
            cursor.execute(f"PRAGMA busy_timeout={patience * 1000}")
