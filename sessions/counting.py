"""What a turn adds to the counts of its session, its thread and its workspace: tokens, money, time."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from django.utils import timezone

from console import rows
from sessions import budgets, spending
from sessions.models import Event, Session, Thread
from sessions.providers.base import Reply
from sessions.telling import USAGE_KEYS

COUNTS = (*USAGE_KEYS, "active_seconds", "cost")


def add_reply(session: Session, thread: Thread, reply: Reply) -> None:
    """Count a model's reply, at today's price; last in its transaction, for others wait for the row."""
    usage = asdict(reply.usage)
    price = budgets.price_of(session.workspace, session.model)
    cost = price.cost(reply.usage) if price else 0
    rows.add(session, {**usage, "cost": cost})
    output = usage["output_tokens"]
    read = {"input_tokens": sum(usage.values()) - output, "output_tokens": output}
    rows.add(thread, read, retries=0)
    spending.add(session.workspace_id, sum(usage.values()), cost)


def add_time(session: Session, log: Sequence[Event]) -> None:
    """Count the time since the session began to run, as the log of its primary thread says."""
    runs = (event for event in reversed(log) if event.type == "session.status_running")
    if began := next(runs, None):
        seconds = (timezone.now() - began.created_at).total_seconds()
        rows.add(session, {"active_seconds": seconds})


def so_far(session: Session) -> dict[str, Any]:
    """What the session has used, as `session.usage` tells it; reads the counts anew."""
    rows.refresh(session, *COUNTS, "budget_cents")
    budget = budgets.wire_budget(session.budget_cents)
    return {"usage": budgets.wire_usage(session), "budget": budget}
