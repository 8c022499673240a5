"""The request's side of a session: start it, say something, stop it, archive or delete it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db import transaction
from django.utils import timezone

from console import live, rows
from console.actors import Actor
from console.models import Workspace
from memory import paths
from memory.models import Store
from memory.paths import Invalid
from sessions import agents, budgets, events, spending, tasks, telling, transcript
from sessions.context import MOUNT_ROOT
from sessions.events import Entry
from sessions.models import Access, Agent, Attachment, Environment, Event, Session, Status, Thread
from sessions.transcript import CONFIRMATION

MAX_MESSAGE_CHARACTERS = 1_000_000
MAX_DATA = 8_000_000  # base64, so six megabytes
MAX_STORES = 8
MAX_INSTRUCTIONS = 4096


class Refused(Exception):
    """The session's state forbids it; the message says why and what to do."""


@dataclass(frozen=True)
class Mount:
    """A store to attach, and how."""

    store: Store
    access: str = Access.READ_WRITE
    instructions: str | None = None


@transaction.atomic
def start(
    workspace: Workspace,
    agent: Agent,
    environment: Environment,
    *,
    config: dict[str, Any] | None = None,
    agent_version: int | None = None,
    mounts: Sequence[Mount] = (),
    title: str | None = None,
    metadata: dict | None = None,
    budget_cents: int | None = None,
) -> Session:
    """Open a session on a snapshot of the agent. Raises `Invalid` and `Refused`.

    `config` replaces the agent's own configuration (overrides); `mounts` are what is attached, the
    agent's default stores are the caller's to add.
    """
    if agent.archived_at:
        raise Refused(f"The agent {agent.name!r} is archived; choose another one.")
    if environment.archived_at:
        raise Refused(f"The environment {environment.name!r} is archived; choose another one.")
    config = agents.check_config(config or agent.latest.config)
    if budget_cents is not None:
        check_budget(workspace, config["model"]["id"], budget_cents)
    session = Session.objects.create(
        workspace=workspace,
        agent=agent,
        agent_version=agent_version or agent.version,
        agent_config=config,
        environment=environment,
        title=check_title(title),
        metadata=paths.check_metadata(metadata or {}),
        budget_cents=budget_cents,
    )
    attach(session, mounts)
    Thread.objects.create(session=session, name=session.agent_config["name"])
    return session


def check_title(title: str | None) -> str | None:
    if title and len(title) > 256:
        raise Invalid("The title must have at most 256 characters.")
    if title and "\0" in title:
        raise Invalid("The title may not contain a NUL character.")
    return title or None


def check_budget(workspace: Workspace, model: str, cents: int) -> None:
    """Raise `Invalid` unless this many cents can be a budget for the model."""
    if not 0 < cents <= spending.MOST_CENTS:
        raise Invalid("A budget must be a whole number of cents, more than 0.")
    if budgets.price_of(workspace, model) is None:
        raise Invalid(
            f"model_not_budgetable: nobody knows what the model {model!r} costs."
            " An owner can set its price under Settings, Models."
        )


@transaction.atomic
def attach(session: Session, mounts: Sequence[Mount], *, drafts: bool = False) -> None:
    """Mount stores into a new session. Raises `Invalid` and `Refused`."""
    if len(mounts) > MAX_STORES:
        raise Invalid(f"A session can attach at most {MAX_STORES} stores.")
    if len({mount.store.pk for mount in mounts}) < len(mounts):
        raise Invalid("A store can be attached only once.")
    # All in the order of their keys, or two sessions that begin at once would wait for each other.
    rows = Store.objects.select_for_update(no_key=True).order_by("pk")
    held = {store.pk: store for store in rows.filter(pk__in=[mount.store.pk for mount in mounts])}
    taken: set[str] = set()
    for mount in mounts:
        store = held.get(mount.store.pk)
        if store is None:
            raise Refused(f"The store {mount.store.name!r} has been deleted.")
        _check_mountable(store, mount, drafts)
        path = _free_path(store, taken)
        Attachment.objects.create(
            session=session,
            store=store,
            store_key=store.pk,
            access=Access(mount.access),
            instructions=mount.instructions or None,
            name=store.name,
            description=store.description,
            mount_path=path,
        )


def _check_mountable(store: Store, mount: Mount, drafts: bool) -> None:
    if store.is_draft and not drafts:
        dream = getattr(store, "dream", None)
        where = f" of {dream.pk}; review it at {dream.get_absolute_url()}review" if dream else ""
        raise Refused(
            f"The store {store.name!r} is a draft{where}. Adopt the dream before attaching it."
        )
    if store.is_archived:
        raise Refused(f"The store {store.name!r} is archived; new sessions cannot attach it.")
    if len(mount.instructions or "") > MAX_INSTRUCTIONS:
        raise Invalid(f"Instructions must have at most {MAX_INSTRUCTIONS:,} characters.")
    if "\0" in (mount.instructions or ""):
        raise Invalid("Instructions may not contain a NUL character.")


def _free_path(store: Store, taken: set[str]) -> str:
    base = name = paths.slug(store.name)
    number = 2
    while name in taken:
        name, number = f"{base}-{number}", number + 1
    taken.add(name)
    return f"{MOUNT_ROOT}/{name}"


def say(session: Session, text: str) -> Event:
    """Send the user's message and wake the agent. Raises `Invalid` and `Refused`."""
    if not text.strip():
        raise Invalid("The message is empty. Write something first.")
    return send(session, [Entry("user.message", {"content": [{"type": "text", "text": text}]})])[0]


def decide(session: Session, call: str, *, allow: bool, message: str = "", by: Actor) -> Event:
    """Allow or deny a call that waits for permission. Raises `Invalid` and `Refused`."""
    payload = {"tool_use_id": call, "result": "allow" if allow else "deny"}
    if message.strip() and not allow:
        payload["deny_message"] = message.strip()
    return send(session, [Entry(CONFIRMATION, payload)], by=by)[0]


def decide_all(session: Session, calls: Iterable[str], *, allow: bool, by: Actor) -> list[Event]:
    """Allow or deny all of these calls, or none of them. Raises `Invalid` and `Refused`."""
    result = "allow" if allow else "deny"
    entries = [Entry(CONFIRMATION, {"tool_use_id": call, "result": result}) for call in calls]
    if not entries:
        raise Invalid("Say which calls are meant.")
    return send(session, entries, by=by)


def answer(session: Session, call: str, text: str, *, is_error: bool, by: Actor) -> Event:
    """Give a custom tool's result in place of the program. Raises `Invalid` and `Refused`."""
    content = [{"type": "text", "text": text}] if text else []
    payload = {"custom_tool_use_id": call, "content": content, "is_error": is_error}
    return send(session, [Entry("user.custom_tool_result", payload)], by=by)[0]


def send(session: Session, entries: Sequence[Entry], *, by: Actor | None = None) -> list[Event]:
    """Append what a user sent, all or nothing, and wake the agent if there is work for it.

    Messages, interrupts and decisions wait for a turn to take them up; results of custom tools are
    processed on receipt. `by` is remembered with decisions and results. Raises `Invalid` and
    `Refused`.
    """
    for entry in entries:
        _check_size(entry)
    with transaction.atomic():
        thread, session = held(session)
        check_open(session)
        _check_answers(thread, entries)
        is_busy, waits = thread.status != Status.IDLE, transcript.awaits_answers(thread)
        received = [_received(entry, is_busy or waits, by) for entry in entries]
        kinds = {entry.type for entry in entries}
        if "user.interrupt" in kinds and (is_busy or waits):
            rows.change(thread, stop_requested=True)
        # A turn that waits for answers has no use for a message; one that is over, for a stop.
        if kinds == {"user.message" if waits else "user.interrupt"} and not is_busy:
            return events.append(thread, *received)
        return wake(session, thread, *received)[: len(received)]


def held(session: Session) -> tuple[Thread, Session]:
    """Lock the primary thread, then the session: the order in which workers lock them.

    Raises `Refused` when somebody has deleted the session meanwhile.
    """
    return held_thread(session), rows.locked(Session, session.pk)


def held_thread(session: Session) -> Thread:
    """Lock the primary thread, for who locks stores as well: those come between it and the session.

    Raises `Refused` when somebody has deleted the session meanwhile.
    """
    mine = "session_id = %s AND parent_id IS NULL"
    threads = rows.find(Thread, mine, rows.key(session), lock=True)
    if not threads:
        raise Refused("This session has been deleted.")
    return threads[0]


def _check_answers(thread: Thread, entries: Sequence[Entry]) -> None:
    """A custom tool's call takes one result, and a call that was asked about one decision."""
    _check_named(
        thread,
        "custom_tool_use_id",
        [entry for entry in entries if entry.type == "user.custom_tool_result"],
        {"type": "agent.custom_tool_use"},
        "There is no open custom tool call {!r}.",
    )
    _check_named(
        thread,
        "tool_use_id",
        [entry for entry in entries if entry.type == CONFIRMATION],
        {"type": "agent.tool_use", "payload__evaluated_permission": "ask"},
        "There is no call {!r} that waits for permission.",
    )


def _check_named(
    thread: Thread, key: str, entries: list[Entry], calls: dict[str, str], refusal: str
) -> None:
    given = [entry.payload[key] for entry in entries]
    if not given:
        return
    asked = thread.events.filter(pk__in=given, **calls)
    still_open = set(asked.values_list("pk", flat=True))
    # Only with what is an id: PostgreSQL takes no JSON with a NUL or half a surrogate pair in it.
    types, named = (*transcript.ANSWERS, CONFIRMATION), {f"payload__{key}__in": still_open}
    still_open -= {answer.payload[key] for answer in thread.events.filter(type__in=types, **named)}
    for call in given:
        if call not in still_open:
            raise Invalid(refusal.format(call))
        still_open.remove(call)


def _check_size(entry: Entry) -> None:
    blocks = entry.payload.get("content") or []
    if sum(map(_letters, blocks)) > MAX_MESSAGE_CHARACTERS:
        raise Invalid(f"The message is too long: at most {MAX_MESSAGE_CHARACTERS:,} characters.")
    sources = [block["source"] for block in blocks if block["type"] in {"image", "document"}]
    if sum(len(source.get("data", "")) for source in sources) > MAX_DATA:
        raise Invalid(f"Images and documents are too big: at most {MAX_DATA:,} characters of data.")


def _letters(block: dict) -> int:
    inside = sum(map(_letters, block.get("content") or []))
    return inside + len(block.get("text", "")) + len(block.get("title") or "")


def _received(entry: Entry, can_be_stopped: bool, by: Actor | None) -> Entry:
    if entry.type in transcript.ABOUT_CALLS and by:
        entry = replace(entry, private={"by": by.name})
    queued = entry.type in {"user.message", CONFIRMATION}
    return replace(entry, queued=queued or entry.type == "user.interrupt" and can_be_stopped)


def check_open(session: Session) -> None:
    """Raise `Refused` unless people may take part in the session."""
    if session.is_dream:
        raise Refused("This session belongs to a dream; it takes neither messages nor changes.")
    if session.archived_at or session.is_over:
        raise Refused("This session is archived. Start a new one to go on.")


def wake(session: Session, thread: Thread, *sent: Entry, why: dict | None = None) -> list[Event]:
    """Append what was sent and let a worker see to the thread; the caller has locked both rows."""
    # Before anything that rings the readers: they would keep the processor from it.
    # Robust: what was sent is kept, and the sweep finds it, whether or not the broker can be rung.
    transaction.on_commit(lambda: tasks.run_turn.delay(thread.pk), robust=True)
    if thread.status == Status.IDLE:
        sent += tuple(telling.status_entries(thread, "running", why))
        rows.change(thread, status=Status.RUNNING)
        rows.change(session, status=Status.RUNNING)
    return events.append(thread, *sent) if sent else []


def stop(session: Session) -> None:
    """Interrupt what the agent is doing or waits for; nothing happens when there is nothing."""
    thread = session.primary
    if thread.status != Status.IDLE or transcript.awaits_answers(thread):
        send(session, [Entry("user.interrupt")])


@transaction.atomic
def archive(session: Session) -> Session:
    """End the session for good; it stays readable. Twice changes nothing. Raises `Refused`."""
    thread, session = held(session)
    if session.archived_at:
        return session
    _check_quiet(session)
    for each in [*thread.children.all(), thread]:
        events.append(each, *telling.status_entries(each, "terminated"))
    session.threads.update(status=Status.TERMINATED)
    now = timezone.now()
    saves = session.agent.saves_after is not None and not session.is_dream
    Session.objects.filter(pk=session.pk).update(
        archived_at=now, updated_at=now, status=Status.TERMINATED, save_at=now if saves else None
    )
    session.refresh_from_db()
    return session


@transaction.atomic
def archive_thread(thread: Thread) -> Thread:
    """Put a sub-agent's thread away. Twice changes nothing. Raises `Refused`."""
    if thread.parent_id is None:
        raise Refused("This is the session's own thread; archive the session instead.")
    thread = Thread.objects.select_for_update(no_key=True).get(pk=thread.pk)
    if thread.status not in (Status.IDLE, Status.TERMINATED):
        raise Refused("The thread is running. Wait until it is done.")
    if thread.archived_at is None and not thread.session.archived_at:
        thread.archived_at = timezone.now()
        thread.save(update_fields=["archived_at"])
    return thread


@transaction.atomic
def delete(session: Session) -> None:
    """Remove the session and its log; stores keep what it wrote. Raises `Refused`."""
    _, session = held(session)
    _check_quiet(session)
    pk = session.pk
    session.delete()
    live.ring_after_commit(pk)


def _check_quiet(session: Session) -> None:
    if session.status not in (Status.IDLE, Status.TERMINATED):
        raise Refused("The session is running. Stop it first.")
