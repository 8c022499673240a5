"""Transcripts of other programs become sessions: readable, to be dreamt over, and at their end.

A plan first, kept until its owner decides. What was imported before is known by its content.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from console import rows
from console.models import User, Workspace
from sessions import events, imported
from sessions.foreign import Transcript, Unreadable, parcels
from sessions.models import IMPORTED, Import, Session

MOST = 500  # transcripts in one plan
MOST_UNPACKED = 64 * 1024**2  # bytes that come out of a zip
KEPT = 3  # plans of one person that wait at the same time
LIFETIME = timedelta(days=1)
TOGETHER = 25  # sessions of one transaction

Wanted = tuple[Transcript, str | None]
"""A transcript, and which speaker of a plain text is the assistant: "" for none of them, None for
the likeliest."""


class Gone(Exception):
    """The plan has been carried out or thrown away; the message says so."""


@dataclass(frozen=True)
class Item:
    """A transcript of a plan; `known` is the session that it is already."""

    number: int
    transcript: Transcript
    known: Session | None

    @property
    def counts(self) -> Counter:
        return Counter(each.role for each in self.transcript.messages)

    @property
    def said(self) -> int:
        """How many messages somebody spoke."""
        counts = self.counts
        return counts["user"] + counts["agent"] + counts["said"]

    @property
    def left_out(self) -> list[tuple[str, int]]:
        return list(self.transcript.left_out.items())

    @property
    def times(self) -> list[datetime]:
        """When it began and, if that is another minute, when it ended; empty if nobody knows."""
        known = sorted(each.at for each in self.transcript.messages if each.at)
        ends = [datetime.fromisoformat(at) for at in known[:1] + known[-1:]]
        return list({f"{at:%Y-%m-%d %H:%M}": at for at in ends}.values())


# -- The plan -----------------------------------------------------------------------------------


def plan(workspace: Workspace, user: User, files: Iterable[tuple[str, bytes]]) -> Import:
    """Read files, each a name and its bytes, and keep what they hold. Raises `Unreadable`.

    Of more transcripts than a plan takes it keeps those that are not here yet, as many as it may,
    and counts the `more`: sent again, they are the next.
    """
    sent = parcels.read(files, most=MOST_UNPACKED)
    if not sent.found and not sent.refused:
        raise Unreadable(_nothing(sent))
    found = sent.found
    if len(found) > MOST:
        known = _known(workspace, [each.digest for each in found])
        found = [each for each in found if each.digest not in known]
    reading = {
        "transcripts": [each.as_json() for each in found[:MOST]],
        "refused": sent.refused,
        "skipped": list(sent.skipped.items()),
        "more": len(found[MOST:]),
    }
    return _keep(workspace, user, events.storable(reading))


@transaction.atomic
def _keep(workspace: Workspace, user: User, reading: dict[str, Any]) -> Import:
    kept = Import.objects.create(workspace=workspace, user=user, reading=reading)
    mine = Import.objects.filter(user=user).order_by("-pk").values_list("pk", flat=True)
    Import.objects.filter(pk__in=list(mine[KEPT:])).delete()
    return kept


def _nothing(sent: parcels.Sent) -> str:
    if not sent.skipped:
        return "Choose one or more transcripts to import."
    told = ", ".join(f"{count} × {what}" for what, count in sent.skipped.items())
    return f"No transcript was found in what was sent. Skipped: {told}."


def items(kept: Import) -> list[Item]:
    return itemised(kept.workspace, [Transcript.from_json(x) for x in kept.reading["transcripts"]])


def itemised(workspace: Workspace, found: Iterable[Transcript]) -> list[Item]:
    """The transcripts, numbered, with the sessions that they are already."""
    found = list(found)
    digests = [each.digest for each in found]
    known = _known(workspace, digests)
    told = enumerate(zip(found, digests, strict=True))
    return [Item(number, each, known.get(digest)) for number, (each, digest) in told]


def _known(workspace: Workspace, digests: Sequence[str]) -> dict[str, Session]:
    mine = workspace.sessions.filter(**{f"metadata__{IMPORTED}__in": digests})
    return {session.metadata[IMPORTED]: session for session in mine.select_related("workspace")}


def sweep() -> None:
    """Throw away plans that nobody carried out."""
    Import.objects.filter(created_at__lt=timezone.now() - LIFETIME).delete()


# -- Carrying it out ------------------------------------------------------------------------------


def carry_out(
    kept: Import, chosen: Iterable[int], assistants: dict[int, str | None]
) -> list[Session]:
    """Make sessions of the chosen transcripts, but for those that are there already.

    `assistants` says, by the transcript's number, which speaker of a plain text is no person. Raises
    `Gone` when the plan has been carried out or thrown away meanwhile. Dying on its way it leaves
    the plan, which then knows what came in.
    """
    wanted = set(chosen)
    found = [Transcript.from_json(each) for each in kept.reading["transcripts"]]
    chosen_ones = [(each, assistants.get(n)) for n, each in enumerate(found) if n in wanted]
    made = []
    for some in batches(chosen_ones):
        with transaction.atomic():
            held = Import.objects.select_for_update().filter(pk=kept.pk)
            if not held.values_list("pk", flat=True):
                raise Gone("This import was carried out already, or it has been thrown away.")
            made += bring_in(kept.workspace, some)
    kept.delete()
    return made


def batches(wanted: Sequence[Wanted]) -> Iterator[Sequence[Wanted]]:
    """As many as may come in at once, one transaction each: others want to write in between."""
    return rows.batches(wanted, TOGETHER)


@transaction.atomic
def bring_in(workspace: Workspace, wanted: Sequence[Wanted]) -> list[Session]:
    """Make sessions of transcripts, but for those that are there already."""
    agent = imported.agent_of(workspace)
    environment = imported.environment_of(workspace)
    # Asked only now: whoever imports the same holds the workspace until they are done.
    known = set(_known(workspace, [each.digest for each, _ in wanted]))
    made = []
    for transcript, assistant in wanted:
        if (digest := transcript.digest) not in known:
            known.add(digest)
            is_told = assistant in ("", *transcript.speakers)
            who = assistant if is_told else transcript.assistant
            made.append(imported.make(workspace, agent, environment, transcript, who))
    return made
