"""The request's side of a dream: start it, cancel it, put it away."""

from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone

from console.actors import Actor
from console.models import Workspace
from dreaming import subagents, tasks, transcripts
from dreaming.models import Dream, DreamStatus, Transcript
from memory.models import Store
from memory.paths import Invalid
from sessions import events
from sessions.models import Session
from sessions.providers import catalogue
from sessions.providers.base import ProviderError

MAX_SESSIONS = 100
MAX_INSTRUCTIONS = 4096


class Refused(Exception):
    """The dream's state forbids it; the message says why."""


@transaction.atomic
def start(
    workspace: Workspace,
    store: Store,
    sessions: Sequence[Session],
    *,
    model: str,
    instructions: str | None = None,
    by: Actor,
) -> Dream:
    """Queue a dream over a store and 1–100 sessions, whose transcripts are copied here and now.

    Raises `Invalid`.
    """
    _check(store, sessions, model, instructions)
    dream = Dream.objects.create(
        workspace=workspace,
        input_store=store,
        input_key=store.pk,
        input_name=store.name,
        model=model,
        instructions=instructions or None,
        created_by=by.id,
    )
    for session in sorted(sessions, key=lambda session: session.pk):
        lines = transcripts.lines(events.in_order(_primary_events(session)))
        Transcript.objects.create(
            dream=dream,
            session=session,
            session_key=session.pk,
            title=_title(session, lines),
            lines=lines,
            events_total=len({line["event"] for line in lines}),
        )
    transaction.on_commit(lambda: tasks.advance.delay(dream.pk), robust=True)
    return dream


def _title(session: Session, lines: list[transcripts.Line]) -> str:
    """The session's title, else what the user said first."""
    said = next((line["text"] for line in lines if line["role"] == "user"), "")
    return session.title or " ".join(said[:400].split())[:80] or str(session)


def _primary_events(session: Session):
    return session.events.filter(thread__parent=None).exclude(processed_at=None)


def _check(store: Store, sessions: Sequence[Session], model: str, instructions: str | None) -> None:
    if store.is_archived:
        raise Invalid(f"The store {store.name!r} is archived; a dream needs an active one.")
    if store.is_draft:
        raise Invalid(f"The store {store.name!r} is a draft; adopt its dream first.")
    _check_sessions(sessions)
    if instructions is not None and len(instructions) > MAX_INSTRUCTIONS:
        raise Invalid(f"Instructions must have at most {MAX_INSTRUCTIONS:,} characters.")
    if "\0" in (instructions or ""):
        raise Invalid("Instructions may not contain a NUL character.")
    if not 1 <= len(model) <= 256:
        raise Invalid("Choose a model.")
    try:
        catalogue.provider_for(model, store.workspace)
    except ProviderError as error:
        raise Invalid(error.message) from None


def _check_sessions(sessions: Sequence[Session]) -> None:
    if not 1 <= len(sessions) <= MAX_SESSIONS:
        raise Invalid(f"Choose 1 to {MAX_SESSIONS} sessions; {len(sessions)} were chosen.")
    if len({session.pk for session in sessions}) < len(sessions):
        raise Invalid("A session was named twice.")
    if any(session.is_dream for session in sessions):
        raise Invalid("A dream's own session cannot be dreamt over.")


@transaction.atomic
def cancel(dream: Dream) -> Dream:
    """Stop the dream now; what it wrote stays in the draft, which can never be adopted.

    Cancelling twice changes nothing. Raises `Refused` for one that has completed or failed.
    """
    dream = Dream.objects.select_for_update(no_key=True).get(pk=dream.pk)
    if dream.status == DreamStatus.CANCELED:
        return dream
    if dream.is_over:
        raise Refused(f"This dream has already {dream.status}; there is nothing to cancel.")
    dream.status, dream.ended_at = DreamStatus.CANCELED, timezone.now()
    dream.save(update_fields=["status", "ended_at"])
    subagents.stop(dream)
    subagents.tell(dream)
    transaction.on_commit(lambda: tasks.advance.delay(dream.pk), robust=True)
    return dream


@transaction.atomic
def archive(dream: Dream) -> Dream:
    """Put a finished dream away; its output stays. Twice changes nothing. Raises `Refused`."""
    dream = Dream.objects.select_for_update(no_key=True).get(pk=dream.pk)
    if not dream.is_over:
        raise Refused("This dream is still running; cancel it first.")
    if dream.archived_at is None:
        dream.archived_at = timezone.now()
        dream.save(update_fields=["archived_at"])
    return dream
