"""What can be changed of a session while it lives: title, metadata, its agent's tools, its budget."""

from typing import Any

from django.db import transaction

from memory import paths
from sessions import agents, budgets, conversation, events, opening, transcript
from sessions.conversation import Refused
from sessions.events import Entry
from sessions.models import Session, Status, Thread

Changes = dict[str, Any]


@transaction.atomic
def update(session: Session, **given: Any) -> Session:
    """Change `title` (None takes it away), `metadata` (a patch), `tools` or `budget_cents`.

    `tools` replace the agent's, resolved as on the wire, for this session only. A raised or removed
    budget (None) lets a turn go on that the budget had stopped. Raises `Invalid` and `Refused`.
    """
    thread, session = conversation.held(session)
    changes: Changes = {}
    for key, value in given.items():
        changes |= CHANGES[key](session, value)
    changes = {key: value for key, value in changes.items() if getattr(session, key) != value}
    if changes:
        Session.objects.filter(pk=session.pk).update(**changes)
        session.refresh_from_db()
        events.append(thread, Entry("session.updated", _told(session, changes)))
        _go_on(session, thread, changes)
        session.refresh_from_db()
    return session


def _title(session: Session, title: str | None) -> Changes:
    return {"title": opening.check_title(title)}


def _metadata(session: Session, patch: dict[str, str | None]) -> Changes:
    return {"metadata": paths.patch_metadata(session.metadata, patch)}


def _tools(session: Session, tools: list[dict]) -> Changes:
    conversation.check_open(session)
    if session.status != Status.IDLE:
        raise Refused("The session is running; its agent's tools can be changed when it is idle.")
    return {"agent_config": agents.check_config({**session.agent_config, "tools": tools})}


def _budget(session: Session, cents: int | None) -> Changes:
    conversation.check_open(session)
    if cents is not None:
        if session.budget_cents is None:
            raise Refused(
                "budget_create_only: a budget can be set when a session is made, not added later."
            )
        if cents * budgets.CENT <= session.cost:
            raise Refused(
                "budget_not_raised: the session has already spent as much as this budget allows."
            )
        opening.check_budget(session.workspace, session.model, cents)
    return {"budget_cents": cents}


CHANGES = {"title": _title, "metadata": _metadata, "tools": _tools, "budget_cents": _budget}


def _told(session: Session, changes: Changes) -> dict[str, Any]:
    """The changed fields, as the wire has them."""
    told = {key: changes[key] for key in ("title", "metadata") if key in changes}
    if "agent_config" in changes:
        told["agent"] = session.snapshot
    if "budget_cents" in changes:
        told["budget"] = budgets.wire_budget(session.budget_cents)
    return told


def _go_on(session: Session, thread: Thread, changes: Changes) -> None:
    if "budget_cents" in changes and transcript.why_idle(thread) == "budget_reached":
        conversation.wake(session, thread)
