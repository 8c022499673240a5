"""A dream's threads: a sub-agent for each transcript, and the one that consolidates."""

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from console import live
from console.actors import Actor
from dreaming import transcripts
from dreaming.findings import record_tool
from dreaming.models import Dream, DreamStatus, Transcript, TranscriptState
from sessions import events, leases, loop, telling
from sessions.events import Entry
from sessions.models import BUDGET_REACHED, Event, Session, Status, Thread
from sessions.tools import Toolbox
from sessions.tools.files import file_tools, remove_tool
from sessions.tools.mounts import Mounts

LOOKING = {"read", "glob", "grep"}
AT_REST = (Status.IDLE, Status.TERMINATED)


def assign(transcript: Transcript, primary: Thread) -> None:
    """Give the transcript a sub-agent that is to read it."""
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
        message(
            transcripts.as_message(transcript.title, piece, number, len(pieces)),
            events=len({line["event"] for line in piece}),
        )
        for number, piece in enumerate(pieces, 1)
    ]


def message(text: str, **private: int) -> Entry:
    """What a thread is to do; it takes it up when it has done what came before."""
    content = [{"type": "text", "text": text}]
    return Entry("user.message", {"content": content}, private=private or None, queued=True)


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


def room() -> int:
    """How many more of all dreams' threads may have a worker: the others are for conversations."""
    held = Thread.objects.filter(session__is_dream=True, lease_until__gte=timezone.now())
    return max(0, settings.DREAM_THREADS - held.count())


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


def hold(dream: Dream) -> QuerySet[Thread]:
    """Lock the threads before their session, as everybody does."""
    return dream.session.threads.select_for_update(no_key=True).order_by("pk")


def stop(dream: Dream) -> None:
    """Ask every worker on this dream to stop at the next safe point; what is stalled stays so."""
    if dream.session:
        stalled = dream.session.threads.filter(idle_reason=BUDGET_REACHED)
        (under_way(dream.session) | stalled).update(stop_requested=True)


def under_way(session: Session) -> QuerySet[Thread]:
    """The session's threads that have not come to rest, whether or not they have a worker."""
    return session.threads.exclude(status__in=AT_REST)


def tell(dream: Dream) -> None:
    """Ring everyone who watches the dream."""
    live.ring_after_commit(dream.pk)
    if dream.session_id:
        live.ring_after_commit(dream.session_id)
