"""The worker's side of a dream: the stages, each taken under a lease by whichever worker comes.

clone → read (one sub-agent per transcript, in parallel) → consolidate → index → review. A stage is
done and the next one noted in one transaction: a worker killed between leaves a dream that the
sweep finds and any worker takes further.
"""

import logging

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from console import live
from console.actors import Actor
from console.models import Workspace
from dreaming import indexing, prompts, transcripts
from dreaming.findings import record_tool
from dreaming.models import (
    Dream,
    DreamStatus,
    Finding,
    Review,
    Stage,
    Transcript,
    TranscriptState,
)
from memory import change_sets, stores
from memory.models import Store, StoreState
from memory.paths import Invalid
from memory.stores import Act
from sessions import agents, conversation, events, leases, loop, opening, telling
from sessions.events import Entry
from sessions.models import BUDGET_REACHED, Access, Agent, Event, Session, Status, Thread
from sessions.tools import Toolbox
from sessions.tools.files import file_tools, remove_tool
from sessions.tools.mounts import Mounts

logger = logging.getLogger(__name__)
LOOKING = {"read", "glob", "grep"}
AT_REST = (Status.IDLE, Status.TERMINATED)


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
        _begin_reading(transcript, primary)
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
    # One at a time: two first dreams at once must not make two of them.
    workspace = Workspace.objects.select_for_update(no_key=True).get(pk=dream.workspace_id)
    agent = workspace.agents.filter(metadata=mark).first()
    if agent is None:
        config = agents.blank_config("Dream", dream.model)
        agent = agents.archive(agents.create(workspace, config, metadata=mark))
    return agent


def _begin_reading(transcript: Transcript, primary: Thread) -> None:
    thread = Thread.objects.create(
        session=primary.session,
        parent=primary,
        name=transcript.title[:256],
        purpose="extract",
        status=Status.RUNNING,
    )
    transcript.thread = thread
    transcript.save(update_fields=["thread"])
    named = {"session_thread_id": thread.pk, "agent_name": thread.name, "workflow_run_id": None}
    events.append(
        thread,
        Entry("session.thread_created", named),
        *telling.status_entries(thread, "running"),
        *messages(transcript),
    )


def messages(transcript: Transcript) -> list[Entry]:
    """A transcript as its sub-agent gets it: one message for each chunk, read one after another."""
    pieces = transcripts.chunks(transcript.lines)
    return [
        Entry(
            "user.message",
            _text(transcripts.as_message(transcript.title, piece, number, len(pieces))),
            private={"events": len({line["event"] for line in piece})},
            queued=True,
        )
        for number, piece in enumerate(pieces, 1)
    ]


def _read(dream: Dream) -> bool:
    note_ends(dream)
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
    (primary,) = _hold_threads(dream).filter(parent=None)
    events.append(
        primary,
        Entry("user.message", _text(message), queued=True),
        *telling.status_entries(primary, "running"),
    )
    Thread.objects.filter(pk=primary.pk).update(status=Status.RUNNING)
    return _move_on(dream, Stage.CONSOLIDATE)


def _consolidate(dream: Dream) -> bool:
    primary = dream.session.primary
    if primary.status != Status.IDLE or primary.is_stalled:
        return False
    if trouble := trouble_of(primary):
        raise Failed("internal_error", f"The consolidation failed. {trouble}")
    said = primary.events.filter(type="agent.message").last()
    dream.summary = said.payload["content"][-1]["text"] if said else ""
    return _move_on(dream, Stage.INDEX, ["summary"])


def _index(dream: Dream) -> bool:
    store = dream.output_store
    if store is None:
        raise Failed("internal_error", "The dream's draft was deleted while it was at work.")
    tree = change_sets.heads(store)
    change_sets.load(tree.values())
    files = {path: blob.content for path, blob in tree.items()}
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
    tell(dream)
    return True


def fail(dream: Dream, type: str, message: str) -> bool:
    """End the dream with an error a person can read; what it wrote stays in the draft."""
    dream.status, dream.ended_at = DreamStatus.FAILED, timezone.now()
    dream.error_type, dream.error_message = type, message
    dream.save(update_fields=["status", "ended_at", "error_type", "error_message"])
    stop_threads(dream)
    tell(dream)
    return True


def settle(dream: Dream) -> bool:
    """Archive the pipeline's session once its threads have come to rest."""
    note_ends(dream)
    session = dream.session
    if session and not session.archived_at and not _at_work(session).exists():
        list(_hold_threads(dream))
        # The primary thread of a dream that ended early never ran, so it never said "idle".
        Session.objects.filter(pk=session.pk).update(status=Status.IDLE)
        conversation.archive(session)
        tell(dream)
    return False


def _hold_threads(dream: Dream) -> QuerySet[Thread]:
    """Lock the threads before their session, as everybody does."""
    return dream.session.threads.select_for_update(no_key=True).order_by("pk")


def stop_threads(dream: Dream) -> None:
    """Ask every worker on this dream to stop at the next safe point; what is stalled stays so."""
    if dream.session:
        stalled = dream.session.threads.filter(idle_reason=BUDGET_REACHED)
        (_at_work(dream.session) | stalled).update(stop_requested=True)


def _at_work(session: Session) -> QuerySet[Thread]:
    return session.threads.exclude(status__in=AT_REST)


def tell(dream: Dream) -> None:
    """Ring everyone who watches the dream."""
    live.ring_after_commit(dream.pk)
    if dream.session_id:
        live.ring_after_commit(dream.session_id)


# -- The sub-agents ---------------------------------------------------------------------------


def reading_tools(session: Session, actor: Actor) -> Toolbox:
    """A sub-agent looks around in the draft and records findings; it changes nothing."""
    call = Event.objects.filter(pk=actor.event).select_related("thread__transcript").first()
    mounts = Mounts(session, actor)
    looking = [tool for tool in file_tools(mounts) if tool.name in LOOKING]
    transcript = call.thread.transcript if call else Transcript()
    return Toolbox([*looking, record_tool(transcript)], mounts)


def consolidation_tools(session: Session, actor: Actor) -> Toolbox:
    """The consolidation reads and rewrites the draft, and nothing else."""
    mounts = Mounts(session, actor, into_draft=True)
    return Toolbox([*file_tools(mounts), remove_tool(mounts)], mounts)


def waiting(dream_id: str) -> list[str]:
    """The dream's threads that should be running and have no worker."""
    threads = Thread.objects.filter(leases.free(timezone.now()), session__dream=dream_id)
    return list(threads.filter(loop.due()).values_list("pk", flat=True))


def at_work() -> int:
    """How many threads of all dreams have a worker right now."""
    held = Thread.objects.filter(session__is_dream=True, lease_until__gte=timezone.now())
    return held.count()


def begin(thread_id: str) -> None:
    """Note that a worker has begun with a transcript."""
    queued = Transcript.objects.filter(thread=thread_id, state=TranscriptState.QUEUED)
    if queued.filter(dream__status=DreamStatus.RUNNING).update(
        state=TranscriptState.READING, started_at=timezone.now()
    ):
        tell(Dream.objects.get(transcripts__thread=thread_id))


def note_ends(dream: Dream) -> None:
    """Note how those threads went whose worker died before it could say so."""
    at_rest = dream.transcripts.filter(thread__status__in=AT_REST, ended_at=None)
    for thread_id in at_rest.values_list("thread", flat=True):
        end(thread_id)


def end(thread_id: str) -> str | None:
    """Note how a thread went, once it is at rest; returns the dream to advance, or None."""
    thread = Thread.objects.select_related("session__dream").get(pk=thread_id)
    dream = thread.session.dream
    # A budget that is spent makes a dream wait, not fail.
    if thread.status not in AT_REST or thread.is_stalled and not dream.is_over:
        return None
    if transcript := Transcript.objects.filter(thread=thread, ended_at=None).first():
        # A dream that is over stopped its threads: they came to rest without having read it all.
        trouble = trouble_of(thread) or ("It was stopped." if dream.is_over else "")
        transcript.state = TranscriptState.FAILED if trouble else TranscriptState.DONE
        transcript.error, transcript.ended_at = trouble, timezone.now()
        transcript.events_read = read_so_far(transcript)
        transcript.save(update_fields=["state", "error", "ended_at", "events_read"])
        tell(dream)
    return dream.pk


def read_so_far(transcript: Transcript) -> int:
    """How many of the transcript's events are in the chunks that its sub-agent has finished."""
    if transcript.state == TranscriptState.DONE:
        return transcript.events_total
    if transcript.thread is None:
        return 0
    taken = transcript.thread.events.filter(type="user.message").exclude(processed_at=None)
    chunks = taken.order_by("seq").values_list("private", flat=True)
    return finished(list(chunks), transcript.events_total)


def finished(taken: list[dict], total: int) -> int:
    """Count the events of all chunks taken up but the last, which is still being read."""
    # An event so long that it was cut counts in two chunks.
    return min(total, sum(chunk["events"] for chunk in taken[:-1]))


def trouble_of(thread: Thread) -> str:
    """Why a thread that is idle did not end well; "" when it did."""
    end = thread.events.filter(type="session.thread_status_idle").last()
    if end is None:
        return "It never ran."
    reason = end.payload["stop_reason"]["type"]
    if reason == "budget_reached":
        return "The budget was spent before it was done."
    if reason != "retries_exhausted":
        return "" if reason == "end_turn" else "The model refused."
    return thread.events.filter(type="session.error").last().payload["error"]["message"]


def _text(text: str) -> dict:
    return {"content": [{"type": "text", "text": text}]}
