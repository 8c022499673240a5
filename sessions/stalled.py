"""Turns that a budget has stopped, and how they go on once it leaves room: raised, or a new month."""

from django.db import transaction
from django.db.models import F, Q, QuerySet

from console.models import Workspace
from sessions import events, spending, telling
from sessions.models import BUDGET_REACHED, Session, Status, Thread

AT_ONCE = 200


def threads() -> QuerySet[Thread]:
    """Those that a budget has stopped, whether or not it leaves room by now."""
    stalled = Thread.objects.filter(status=Status.IDLE, idle_reason=BUDGET_REACHED)
    return stalled.filter(session__archived_at=None)


def resume() -> None:
    """Set those threads to work again whose session and workspace may both spend.

    The sweep calls this: whoever raises a budget has to find nothing and nobody.
    """
    stalled = threads()
    named = Workspace.objects.filter(pk__in=stalled.order_by().values("session__workspace"))
    free = [pk for pk in named.values_list("pk", flat=True) if not spending.is_spent(pk)]
    if free:
        own = Q(session__budget_cents=None)
        own |= Q(session__cost__lt=F("session__budget_cents") * spending.CENT)
        for pk in stalled.filter(own, session__workspace__in=free).values_list("pk", flat=True)[
            :AT_ONCE
        ]:
            _go_on(pk)


@transaction.atomic
def _go_on(pk: str) -> None:
    thread = Thread.objects.select_for_update(no_key=True).filter(pk=pk).first()
    if thread is None or not thread.is_stalled:
        return
    events.append(thread, *telling.status_entries(thread, "running"))
    Thread.objects.filter(pk=pk).update(status=Status.RUNNING)
    if thread.parent_id is None:
        Session.objects.filter(pk=thread.session_id).update(status=Status.RUNNING)
