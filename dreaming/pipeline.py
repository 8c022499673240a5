"""The worker's side of a dream: the stages, each taken under a lease by whichever worker comes.

clone → read (one sub-agent per transcript, in parallel) → consolidate → index → review. A stage is
done and the next one noted in one transaction: a worker killed between leaves a dream that the
sweep finds and any worker takes further.
"""

import logging

from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from console import accounts
from console.actors import Actor
from dreaming import indexing, prompts, subagents
from dreaming.models import (
    Dream,
    DreamStatus,
    Finding,
    Review,
    Stage,
    TranscriptState,
)
from memory import change_sets, stores
from memory.models import Store, StoreState
from memory.paths import Invalid
from memory.stores import Act
from sessions import agents, conversation, events, leases, opening, telling
from sessions.models import Access, Agent, Session, Status, Thread

logger = logging.getLogger(__name__)


class Failed(Exception):
    """The dream cannot go on. `type` is one of the wire contract's §14 error types."""

    def __init__(self, type: str, message: str) -> None:
        super().__init__(message)
        self.type = type


def advance(dream_id: str) -> None:
    """Take the dream as far as it goes now; returns at once when another worker is at it."""
    lease = leases.claim(Dream, dream_id)
    if lease is None:
        return
    try:
        while _step(lease):
            pass
    except leases.LeaseLost:
        logger.info("Dream %s was taken over by another worker.", dream_id)
    finally:
        lease.release()


def _step(lease: leases.Lease) -> bool:
    try:
        with transaction.atomic():
            _hold_stores(lease.pk)
            with lease.transaction() as dream:
                return settle(dream) if dream.is_over else STAGES[dream.stage](dream)
    except (leases.LeaseLost, OperationalError, InterfaceError):
        raise
    except Failed as failure:
        kind, message = failure.type, str(failure)
    except Exception:
        logger.exception("Dream %s failed.", lease.pk)
        kind, message = (
            "internal_error",
            "Something went wrong inside Reverie; see the server's log.",
        )
    with lease.transaction() as dream:
        # What is over stays as it ended; its session is put away at the next sweep.
        return not dream.is_over and fail(dream, kind, message)


def _hold_stores(dream_id: str) -> None:
    """Lock the dream's stores before the dream: in that order does deleting a store touch them."""
    keys = Dream.objects.filter(pk=dream_id).values_list("input_store", "output_store").get()
    held = Store.objects.select_for_update(no_key=True).filter(pk__in=filter(None, keys))
    list(held.order_by("pk").values_list("pk"))


# -- The stages: each runs in one transaction, notes the next, and says whether to go on --------


def _clone(dream: Dream) -> bool:
    source = dream.workspace.stores.filter(pk=dream.input_key).first()
    if source is None or source.is_archived:
        raise Failed("input_memory_store_unavailable", "The input store is gone or archived.")
    session = _pipeline_session(dream)
    by = Actor(session.pk, "Dream")
    dream.input_digest = change_sets.digest(change_sets.heads(source))
    dream.output_store = stores.clone(
        source,
        name=f"{source.name[:200]} (dream {timezone.now():%Y-%m-%d %H:%M})",
        description=source.description,
        state=StoreState.DRAFT,
        by=by,
    )
    mount = opening.Mount(dream.output_store, Access.READ_WRITE)
    opening.attach(session, [mount], drafts=True)
    dream.session, dream.status = session, DreamStatus.RUNNING
    primary = Thread.objects.create(session=session, name="Dream", purpose="consolidate")
    for transcript in dream.transcripts.all():
        subagents.assign(transcript, primary)
    return _move_on(dream, Stage.READ, ["output_store", "session", "status", "input_digest"])


def _pipeline_session(dream: Dream) -> Session:
    config = agents.blank_config("Dream", dream.model)
    config |= {"system": prompts.CONSOLIDATE, "tools": [agents.ALL_FILE_TOOLS]}
    environment = dream.workspace.environments.filter(archived_at=None).last()
    if environment is None:
        environment = agents.create_environment(dream.workspace, "Default")
    return Session.objects.create(
        workspace=dream.workspace,
        agent=_dreamer(dream),
        agent_version=1,
        agent_config=config,
        environment=environment,
        title=f"Dream over {dream.input_name}"[:256],
        is_dream=True,
        # Its threads are at work from now on: nobody may archive or delete it under them.
        status=Status.RUNNING,
    )


def _dreamer(dream: Dream) -> Agent:
    """The agent that pipeline sessions belong to: one per workspace, archived from the start."""
    mark = {"reverie": "dream"}
    workspace = accounts.hold(dream.workspace_id)
    agent = workspace.agents.filter(metadata=mark).first()
    if agent is None:
        config = agents.blank_config("Dream", dream.model)
        agent = agents.archive(agents.create(workspace, config, metadata=mark))
    return agent


def _read(dream: Dream) -> bool:
    subagents.note_ends(dream)
    states = list(dream.transcripts.values_list("state", flat=True))
    if {TranscriptState.QUEUED, TranscriptState.READING} & set(states):
        return False
    failed = dream.transcripts.filter(state=TranscriptState.FAILED).defer("lines")
    if failed:
        total = len(states)
        raise Failed(
            "internal_error",
            f"{len(failed)} of {total} transcripts could not be read. {failed[0].title}:"
            f" {failed[0].error}",
        )
    found = Finding.objects.filter(transcript__dream=dream, verified=True)
    found = found.select_related("transcript").defer("transcript__lines")
    message = prompts.consolidation(found, dream.instructions)
    (primary,) = subagents.hold(dream).filter(parent=None)
    events.append(
        primary,
        subagents.message(message),
        *telling.status_entries(primary, "running"),
    )
    Thread.objects.filter(pk=primary.pk).update(status=Status.RUNNING)
    return _move_on(dream, Stage.CONSOLIDATE)


def _consolidate(dream: Dream) -> bool:
    primary = dream.session.primary
    if primary.status != Status.IDLE or primary.is_stalled:
        return False
    if trouble := subagents.trouble_of(primary):
        raise Failed("internal_error", f"The consolidation failed. {trouble}")
    said = primary.events.filter(type="agent.message").last()
    dream.summary = said.payload["content"][-1]["text"] if said else ""
    return _move_on(dream, Stage.INDEX, ["summary"])


def _index(dream: Dream) -> bool:
    store = dream.output_store
    if store is None:
        raise Failed("internal_error", "The dream's draft was deleted while it was at work.")
    files = change_sets.contents(change_sets.heads(store))
    files.pop(indexing.INDEX, None)
    had = set(change_sets.first_versions(store)) - {indexing.INDEX}
    if had and not files:
        raise Failed("internal_error", "The consolidation removed every file; nothing to adopt.")
    if files:
        _write_index(dream, files)
    Review.objects.get_or_create(dream=dream)
    dream.status, dream.ended_at = DreamStatus.COMPLETED, timezone.now()
    return _move_on(dream, Stage.DONE, ["status", "ended_at"])


def _write_index(dream: Dream, files: dict[str, str]) -> None:
    act = Act(Actor(dream.session_id, "Dream"), into_draft=True)
    try:
        stores.write(dream.output_store, indexing.INDEX, indexing.index_of(files), act=act)
    except (Invalid, stores.Occupied) as error:
        raise Failed("internal_error", f"The index could not be written. {error}") from None


STAGES = {
    Stage.CLONE: _clone,
    Stage.READ: _read,
    Stage.CONSOLIDATE: _consolidate,
    Stage.INDEX: _index,
    Stage.DONE: lambda dream: False,
}


def _move_on(dream: Dream, stage: str, fields: list[str] | None = None) -> bool:
    dream.stage = stage
    dream.save(update_fields=["stage", *(fields or [])])
    subagents.tell(dream)
    return True


def fail(dream: Dream, type: str, message: str) -> bool:
    """End the dream with an error a person can read; what it wrote stays in the draft."""
    dream.status, dream.ended_at = DreamStatus.FAILED, timezone.now()
    dream.error_type, dream.error_message = type, message
    dream.save(update_fields=["status", "ended_at", "error_type", "error_message"])
    subagents.stop(dream)
    subagents.tell(dream)
    return True


def settle(dream: Dream) -> bool:
    """Archive the pipeline's session once its threads have come to rest."""
    subagents.note_ends(dream)
    session = dream.session
    if session and not session.archived_at and not subagents.under_way(session).exists():
        list(subagents.hold(dream))
        # The primary thread of a dream that ended early never ran, so it never said "idle".
        Session.objects.filter(pk=session.pk).update(status=Status.IDLE)
        conversation.archive(session)
        subagents.tell(dream)
    return False
