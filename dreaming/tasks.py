"""Doorbells of dreaming: a dream to take further, a thread of it to work on, and the sweep."""

from contextlib import suppress

from celery import shared_task
from django.db.models.functions import Now
from django.utils import timezone

from console import rows
from dreaming import extraction, pipeline, prompts, subagents
from dreaming.models import Dream, Extraction, ExtractionState
from sessions import leases, loop
from sessions.conversation import Refused
from sessions.models import Session, Thread
from sessions.trades import Trade


@shared_task
def advance(dream_id: str) -> None:
    """Take the dream as far as it goes, and ring for its threads."""
    pipeline.advance(dream_id)
    for thread_id in subagents.waiting(dream_id)[: subagents.room()]:
        work.delay(thread_id)


@shared_task
def work(thread_id: str) -> None:
    """Run one of a dream's threads, unless someone else is at it already."""
    thread = Thread.objects.filter(pk=thread_id).first()
    if thread is None:
        return
    subagents.begin(thread_id)
    loop.run(thread_id, TRADES[thread.purpose])
    if dream_id := subagents.end(thread_id):
        advance.delay(dream_id)


@shared_task
def sweep() -> None:
    """Ring again for every dream that is not over, or whose session is not yet closed."""
    quiet = Dream.objects.filter(leases.free(timezone.now()))
    for pk in quiet.unsettled().values_list("pk", flat=True)[:100]:
        advance.delay(pk)


has_strays = rows.any_of(Dream.objects.unsettled())


def ring_later(thread_id: str, seconds: float) -> None:
    work.apply_async([thread_id], countdown=seconds)


@shared_task
def extract(key: int) -> None:
    """Go on with a pass at a session's end."""
    extraction.work(key, EXTRACTING)


@shared_task
def sweep_ends() -> None:
    """Begin the passes whose time has come, and ring again for those under way."""
    for session in Session.objects.filter(pk__in=extraction.due()):
        with suppress(Refused):  # it runs again, or somebody has deleted it meanwhile
            extraction.begin(session)
    for key in extraction.waiting()[: subagents.room()]:
        extract.delay(key)


has_ends = rows.any_of(
    Session.objects.filter(save_at__lte=Now()),
    Extraction.objects.filter(state=ExtractionState.RUNNING),
)


def ring_extraction(thread_id: str, seconds: float) -> None:
    found = Extraction.objects.filter(transcript__thread=thread_id).first()
    if found:
        extract.apply_async([found.pk], countdown=seconds)


EXTRACTING = Trade(subagents.reading_tools, ring_extraction, system=prompts.EXTRACT, forgets=True)
TRADES = {
    "extract": Trade(subagents.reading_tools, ring_later, system=prompts.EXTRACT, forgets=True),
    "consolidate": Trade(subagents.consolidation_tools, ring_later),
}
