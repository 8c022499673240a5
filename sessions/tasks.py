"""Doorbells: a task carries an id and finds everything else in the database."""

from celery import shared_task
from django.utils import timezone

from console import rows
from sessions import importing, leases, loop, stalled
from sessions.models import Status, Thread
from sessions.tools import chat_tools
from sessions.trades import Trade


@shared_task
def run_turn(thread_id: str) -> None:
    """Run the thread's turn, unless someone else is at it already."""
    loop.run(thread_id, CHAT)


@shared_task
def sweep() -> None:
    """Ring again for every turn that should be running and is not: the broker may forget."""
    stalled.resume()
    waiting = Thread.objects.filter(loop.due(), leases.free(timezone.now()), purpose="chat")
    for pk in waiting.values_list("pk", flat=True)[:500]:
        run_turn.delay(pk)


# Only a moment or a lease may stand between these and the sweep: that is for it to see.
has_strays = rows.any_of(
    Thread.objects.filter(status__in=(Status.RUNNING, Status.RESCHEDULING), purpose="chat"),
    stalled.threads(),
)


@shared_task
def sweep_imports() -> None:
    importing.sweep()


def ring_later(thread_id: str, seconds: float) -> None:
    run_turn.apply_async([thread_id], countdown=seconds)


CHAT = Trade(toolbox=chat_tools, ring=ring_later)
