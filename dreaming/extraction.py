"""A session's end: one pass over what is new in it saves what is worth keeping to its store.

Per agent, and off unless switched on. A sub-agent reads, with the tools and the prompt that dreams
read with; code checks its quotes, leaves out what the store says already and writes the rest as one
change set, by the session. The pass works in a session of its own: the one it reads may be archived.

running → done | skipped | failed. Nothing is written before the last step, which is one transaction:
whichever worker dies, the next one goes on, and nothing is saved twice.
"""

import logging

from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Q, Sum
from django.utils import timezone

from console import live
from console.actors import Actor
from dreaming import keeping, subagents, transcripts
from dreaming.models import Extraction, ExtractionState, Finding, Transcript, TranscriptState
from memory import change_sets, stores
from memory.models import Store
from memory.paths import Invalid
from memory.stores import ABSENT, Act
from sessions import agents, budgets, conversation, events, leases, loop, opening, telling
from sessions.conversation import Refused
from sessions.models import Access, Session, Status, Thread
from sessions.opening import Mount
from sessions.providers.builtin.kinds import has_secret
from sessions.trades import Trade

logger = logging.getLogger(__name__)
MOST_TEXT = 5_000_000  # bytes of a store that are compared with; of a larger one the latest files
MOST_TRIES = 5
FRUITLESS = (ExtractionState.SKIPPED, ExtractionState.FAILED)
NO_STORE = "No store is attached that the agent may write to."
NOTHING_SAID = "Nobody said anything in it."
NOTHING_FOUND = "Nothing in it was worth keeping."
SPENT = "The session's budget is spent."


# -- Beginning ----------------------------------------------------------------------------------


def due() -> list[str]:
    """Sessions whose time has come: archived, or idle for as long as their agent says."""
    quiet = Session.objects.filter(save_at__lte=timezone.now(), status__in=subagents.AT_REST)
    quiet = quiet.exclude(extractions__state=ExtractionState.RUNNING)
    return list(quiet.order_by("save_at").values_list("pk", flat=True)[:50])


@transaction.atomic
def begin(session: Session) -> Extraction | None:
    """Go through what is new in the session; None when there is nothing new or a pass is at it.

    Raises `Refused` while the session runs, and when it has been deleted.
    """
    conversation.held_thread(session)
    store = _writable_store(session)
    thread, session = conversation.held(session)
    if session.status not in subagents.AT_REST:
        raise Refused("The session is running. Wait until it is idle.")
    if session.extractions.filter(state=ExtractionState.RUNNING).exists():
        return None
    Session.objects.filter(pk=session.pk).update(save_at=None)
    after = _read_so_far(session)
    new = Q(seq__gt=after) | Q(processed_seq__gt=after)
    log = thread.events.filter(new).exclude(processed_at=None)
    lines = transcripts.lines(events.in_order(log))
    is_silent = not any(line["role"] == "user" for line in lines)
    if is_silent and session.extractions.exists():
        return None
    session.extractions.filter(state__in=FRUITLESS).delete()  # this one stands for them
    extraction = Extraction(session=session, after=after, upto=session.last_seq, store=store)
    left = _money_left(session)
    if why := NOTHING_SAID if is_silent else NO_STORE if not store else SPENT if left == 0 else "":
        extraction.state, extraction.note = ExtractionState.SKIPPED, why
        extraction.ended_at = timezone.now()
    extraction.save()
    if not why:
        _open(extraction, lines, left)
    _tell(extraction)
    return extraction


def _writable_store(session: Session) -> Store | None:
    """The session's first store that it may write to, locked: after the thread, before the session."""
    mine = session.attachments.filter(access=Access.READ_WRITE, store__isnull=False)
    keys = list(mine.values_list("store", flat=True))
    rows = Store.objects.select_for_update(no_key=True).filter(pk__in=keys).order_by("pk")
    usable = {store.pk: store for store in rows if not store.is_archived and not store.is_draft}
    return next((usable[key] for key in keys if key in usable), None)


def _read_so_far(session: Session) -> int:
    last = session.extractions.filter(state=ExtractionState.DONE).order_by("upto").last()
    return last.upto if last else 0


def _money_left(session: Session) -> int | None:
    """What is left of the session's budget, in whole cents; None when it has none."""
    if session.budget_cents is None:
        return None
    passes = session.passes.aggregate(cost=Sum("cost", default=0))["cost"]
    return max(0, session.budget_cents - -(-(session.cost + passes) // budgets.CENT))


def _open(extraction: Extraction, lines: list[transcripts.Line], left: int | None) -> None:
    """Make the session in which a sub-agent reads, and hand it the transcript."""
    read = extraction.session
    name = read.agent_config["name"]
    config = agents.blank_config(name, read.model) | {"tools": [agents.ALL_FILE_TOOLS]}
    session = Session.objects.create(
        workspace=read.workspace,
        agent=read.agent,
        agent_version=read.agent_version,
        agent_config=config,
        environment=read.environment,
        title=f"What to keep of {read}"[:256],
        is_dream=True,
        reads=read,
        status=Status.RUNNING,
        budget_cents=left,
    )
    opening.attach(session, [Mount(extraction.store, Access.READ_ONLY)])
    thread = Thread.objects.create(
        session=session, name=name, purpose="extract", status=Status.RUNNING
    )
    transcript = Transcript.objects.create(
        extraction=extraction,
        session=read,
        session_key=read.pk,
        title=str(read),
        thread=thread,
        state=TranscriptState.READING,
        lines=lines,
        events_total=len({line["event"] for line in lines}),
        started_at=timezone.now(),
    )
    told = telling.status_entries(thread, "running")
    events.append(thread, *told, *subagents.messages(transcript))


# -- Going on -----------------------------------------------------------------------------------


def waiting() -> list[int]:
    """Passes that somebody should be working on and nobody does: to read, or to write what was found."""
    now = timezone.now()
    ready = Thread.objects.filter(leases.free(now), loop.due() | Q(status__in=subagents.AT_REST))
    free = Extraction.objects.filter(leases.free(now), state=ExtractionState.RUNNING)
    # A pass without a thread: its own session was deleted.
    mine = Q(transcript__thread__in=ready) | Q(transcript__thread=None)
    return list(free.filter(mine).order_by("pk").values_list("pk", flat=True)[:100])


def work(key: int, trade: Trade) -> None:
    """Read on, and write once all is read; returns at once when another worker is at it."""
    lease = leases.claim(Extraction, key, "state = %s", ExtractionState.RUNNING)
    if lease is None:
        return
    try:
        _work(lease, trade)
    except leases.LeaseLost:
        logger.info("The pass %s was taken over by another worker, or is gone.", key)
    finally:
        lease.release()


def _work(lease: leases.Lease, trade: Trade) -> None:
    extraction = Extraction.objects.select_related("session", "transcript__thread").get(pk=lease.pk)
    thread = extraction.transcript.thread
    if thread:
        loop.run(thread.pk, trade)
        thread.refresh_from_db()
        if thread.status not in subagents.AT_REST:
            return  # the model's endpoint asked for time
        if thread.is_stalled and not budgets.is_own_spent(thread.session):
            return  # the workspace's month is spent: it goes on when there is room again
    why = subagents.trouble_of(thread) if thread else "Its own session was deleted."
    try:
        if why:
            _end(lease, ExtractionState.FAILED, why)
        else:
            _save(lease, extraction)
    except (leases.LeaseLost, OperationalError, InterfaceError):
        raise
    except (Invalid, stores.Refused, stores.Occupied, stores.Conflict) as error:
        _end(lease, ExtractionState.FAILED, f"It could not be written. {error}")
    except Exception:
        logger.exception("The pass %s failed.", lease.pk)
        why = "Something went wrong inside Reverie; see the server's log."
        _end(lease, ExtractionState.FAILED, why)


def _save(lease: leases.Lease, extraction: Extraction) -> None:
    findings = extraction.transcript.findings
    for finding in findings.filter(verified=True):
        if has_secret(finding.statement):
            doubt = "it may hold a password or a key, so it is not saved"
            findings.filter(pk=finding.pk).update(verified=False, doubt=doubt)
    good = list(findings.filter(verified=True))
    if not good:
        return _end(lease, ExtractionState.DONE, NOTHING_FOUND)
    for last in range(MOST_TRIES - 1, -1, -1):
        tree = change_sets.heads(extraction.store) if extraction.store else {}
        before = _texts(extraction.store, tree)
        plan = keeping.plan(good, before, tree, _link(extraction.session))
        try:
            return _write(lease, plan, before, good)
        except stores.Conflict:  # somebody was faster; look at what stands there now
            if not last:
                raise
    return None


def _texts(store: Store | None, tree: change_sets.Tree) -> dict[str, str]:
    """Those files of the store that are compared with, by path: those changed last come first."""
    compared, room = {}, MOST_TEXT
    latest = store.memories.order_by("-updated_at").values_list("path", flat=True) if tree else ()
    for path in latest:
        if path in tree and (room := room - tree[path].size) >= 0:
            compared[path] = tree[path]
    return change_sets.contents(compared)


def _link(session: Session) -> str:
    return f"{settings.PUBLIC_URL}{session.get_absolute_url()}?event={{event}}#{{event}}"


def _write(
    lease: leases.Lease, plan: keeping.Plan, before: dict[str, str], findings: list[Finding]
) -> None:
    """Write the files, note what became of each finding, and end: all in one transaction."""
    with transaction.atomic():
        extraction = Extraction.objects.select_related("store", "session").get(pk=lease.pk)
        if extraction.store is None:
            raise Invalid("The store has been deleted.")
        session = extraction.session
        name = session.agent_config["name"]
        by = Actor(session.pk, name)
        store = stores.writable(extraction.store, Act(by))
        with lease.transaction() as extraction:
            if plan.texts:
                what = f"Saved from “{session}”"
                extraction.change_set = change_sets.begin(store, "extraction", what, by)
            for path, text in plan.texts.items():
                act = Act(Actor(session.pk, name, plan.first[path].event), extraction.change_set)
                expected = stores.sha256(before[path]) if path in before else ABSENT
                stores.write(store, path, text, act=act, expected=expected)
            for finding in findings:
                finding.was_known = finding.pk in plan.known
                finding.path = plan.known.get(finding.pk) or plan.new[finding.pk]
            Finding.objects.bulk_update(findings, ["path", "was_known"])
            note = "" if plan.texts else "All of it was in the store already."
            _close(extraction, ExtractionState.DONE, note)


def _end(lease: leases.Lease, state: str, note: str) -> None:
    with lease.transaction() as extraction:
        _close(extraction, state, note)


def _close(extraction: Extraction, state: str, note: str) -> None:
    extraction.state, extraction.note, extraction.ended_at = state, note, timezone.now()
    extraction.save(update_fields=["state", "note", "ended_at", "change_set"])
    is_done = state == ExtractionState.DONE
    Transcript.objects.filter(extraction=extraction).update(
        state=TranscriptState.DONE if is_done else TranscriptState.FAILED,
        error="" if is_done else note,
        ended_at=extraction.ended_at,
    )
    thread = extraction.transcript.thread
    if thread:
        conversation.archive(thread.session)
    _tell(extraction)


def _tell(extraction: Extraction) -> None:
    live.ring_after_commit(extraction.session_id)
