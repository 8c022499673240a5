"""Taking texts out of the history for good; who did what and when stays on record."""

from django.db import transaction
from django.utils import timezone

from console.actors import Actor
from memory import blobs
from memory.models import Memories, Memory, Store, Texts, Version
from memory.paths import Invalid
from memory.stores import Refused

MAX_REASON = 500


def same_text(version: Version) -> Texts:
    """The workspace's other versions that hold the very same text."""
    mine = {"store__workspace": version.store.workspace_id, "blob": version.blob_id}
    found = Version.objects.filter(**mine).exclude(blob=None).exclude(pk=version.pk)
    return found.select_related("store__workspace")


def standing(version: Version) -> Memories:
    """The workspace's files that hold the version's text now: they keep it from being gone."""
    held = {"store__workspace": version.store.workspace_id, "blob": version.blob_id}
    return Memory.objects.filter(**held).exclude(blob=None).select_related("store__workspace")


@transaction.atomic
def redact(version: Version, *, by: Actor, reason: str = "") -> Version:
    """Take path and text out of a version.

    Raises `Refused` for the text a live memory holds now, `Invalid` for a reason that is too long.
    Redacting twice changes nothing.
    """
    _check_reason(reason)
    _hold([version.store_id])
    version = Version.objects.select_for_update(no_key=True).get(pk=version.pk)
    if version.redacted_at:
        return version
    if Memory.objects.filter(head=version).exists():
        raise Refused("This is the current text. Change or delete the memory first, then redact.")
    return _take_out([version], by, reason)[0]


@transaction.atomic
def redact_everywhere(version: Version, *, by: Actor, reason: str = "") -> list[Version]:
    """Take the version's text out of every version of the workspace that holds it.

    All or nothing. Raises `Refused` while a file still holds it, `Invalid` as `redact` does.
    """
    _check_reason(reason)
    _hold(sorted({version.store_id, *same_text(version).values_list("store", flat=True)}))
    version = Version.objects.select_related("store").get(pk=version.pk)
    if version.blob_id is None:
        return []
    if file := standing(version).first():
        raise Refused(
            f"{file.path} in {file.store} holds this text now."
            " Change or delete it first, then redact."
        )
    keys = [version.pk, *same_text(version).values_list("pk", flat=True)]
    held = Version.objects.select_for_update(no_key=True).filter(pk__in=keys)
    return _take_out(list(held.order_by("pk")), by, reason)


def _check_reason(reason: str) -> None:
    if len(reason) > MAX_REASON:
        raise Invalid(f"The reason may have at most {MAX_REASON} characters.")


def _hold(keys: list[str]) -> None:
    list(Store.objects.select_for_update(no_key=True).filter(pk__in=keys).order_by("pk"))


def _take_out(versions: list[Version], by: Actor, reason: str) -> list[Version]:
    gone = {version.blob_id for version in versions if version.blob_id}
    now = timezone.now()
    for version in versions:
        version.path = version.blob = None
        version.redacted_at, version.redacted_reason = now, reason
        version.redacted_by, version.redacted_by_name = by.id, by.name[:255]
        version.save()
    blobs.sweep(sorted(gone))
    blobs.wipe_after_commit()
    return versions
