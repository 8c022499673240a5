"""The request's side of a session: start it, say something, stop it, archive or delete it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone

from console import live
from console.models import Workspace
from memory import paths
from memory.models import Store
from memory.paths import Invalid
from sessions import events, loop, tasks
from sessions.context import MOUNT_ROOT
from sessions.events import Entry
from sessions.models import Access, Agent, Attachment, Environment, Event, Session, Status, Thread

MAX_MESSAGE_BYTES = 1_000_000
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
) -> Session:
    """Open a session on a snapshot of the agent. Raises `Invalid` and `Refused`.

    `config` replaces the agent's own configuration (overrides); `mounts` are what is attached, the
    agent's default stores are the caller's to add.
    """
    if agent.archived_at:
        raise Refused(f"The agent {agent.name!r} is archived; choose another one.")
    if environment.archived_at:
        raise Refused(f"The environment {environment.name!r} is archived; choose another one.")
    session = Session.objects.create(
        workspace=workspace,
        agent=agent,
        agent_version=agent_version or agent.version,
        agent_config=config or agent.latest.config,
        environment=environment,
        title=check_title(title),
        metadata=paths.check_metadata(metadata or {}),
    )
    attach(session, mounts)
    Thread.objects.create(session=session, name=session.agent_config["name"])
    return session


def check_title(title: str | None) -> str | None:
    if title and (len(title) > 256 or "\0" in title):
        raise Invalid("The title must have at most 256 characters.")
    return title or None


def attach(session: Session, mounts: Sequence[Mount], *, drafts: bool = False) -> None:
    """Mount stores into a new session. Raises `Invalid` and `Refused`."""
    if len(mounts) > MAX_STORES:
        raise Invalid(f"A session can attach at most {MAX_STORES} stores.")
    if len({mount.store.pk for mount in mounts}) < len(mounts):
        raise Invalid("A store can be attached only once.")
    taken: set[str] = set()
    for mount in mounts:
        store = Store.objects.select_for_update(of=("self",)).get(pk=mount.store.pk)
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


def send(session: Session, entries: Sequence[Entry]) -> list[Event]:
    """Append what a user sent, all or nothing, and wake the agent if there is work for it.

    Messages and interrupts wait for a turn to take them up; results of custom tools are processed
    on receipt. Raises `Invalid` and `Refused`.
    """
    for entry in entries:
        _check_size(entry)
    with transaction.atomic():
        # The thread first, then the session: the order in which workers lock them.
        thread = Thread.objects.select_for_update().get(session=session, parent=None)
        session = Session.objects.select_for_update().get(pk=session.pk)
        _check_open(session)
        rows = events.append(thread, *(_received(thread, entry) for entry in entries))
        kinds = {entry.type for entry in entries}
        if "user.interrupt" in kinds and thread.status != Status.IDLE:
            Thread.objects.filter(pk=thread.pk).update(stop_requested=True)
            transaction.on_commit(lambda: tasks.run_turn.delay(thread.pk))
        if kinds - {"user.interrupt"}:
            _wake(session, thread)
    return rows


def _check_size(entry: Entry) -> None:
    size = sum(len(str(block.get("text", ""))) for block in entry.payload.get("content") or [])
    if size > MAX_MESSAGE_BYTES:
        raise Invalid(f"The message is too long: at most {MAX_MESSAGE_BYTES:,} characters.")


def _received(thread: Thread, entry: Entry) -> Entry:
    waits = entry.type == "user.message"
    waits = waits or entry.type == "user.interrupt" and thread.status != Status.IDLE
    return Entry(entry.type, entry.payload, queued=waits)


def _check_open(session: Session) -> None:
    if session.is_dream:
        raise Refused("This session belongs to a dream; it takes no messages.")
    if session.archived_at or session.is_over:
        raise Refused("This session is archived. Start a new one to go on.")


def _wake(session: Session, thread: Thread) -> None:
    if thread.status == Status.IDLE:
        events.append(thread, *loop.status_entries(thread, "running"))
        Thread.objects.filter(pk=thread.pk).update(status=Status.RUNNING)
        Session.objects.filter(pk=session.pk).update(status=Status.RUNNING)
    transaction.on_commit(lambda: tasks.run_turn.delay(thread.pk))


def stop(session: Session) -> None:
    """Interrupt what the agent is doing; nothing happens when it is doing nothing."""
    if Thread.objects.filter(session=session, parent=None).exclude(status=Status.IDLE).exists():
        send(session, [Entry("user.interrupt")])


@transaction.atomic
def describe(session: Session, **changes) -> Session:
    """Change `title` (None takes it away) or `metadata` (a patch). Raises `Invalid`."""
    session = Session.objects.select_for_update().get(pk=session.pk)
    if "title" in changes:
        changes["title"] = check_title(changes["title"])
    if "metadata" in changes:
        changes["metadata"] = paths.patch_metadata(session.metadata, changes["metadata"])
    changes = {key: value for key, value in changes.items() if getattr(session, key) != value}
    if changes:
        Session.objects.filter(pk=session.pk).update(**changes)
        events.append(session.primary, Entry("session.updated", changes))
    session.refresh_from_db()
    return session


@transaction.atomic
def archive(session: Session) -> Session:
    """End the session for good; it stays readable. Twice changes nothing. Raises `Refused`."""
    thread = Thread.objects.select_for_update().get(session=session, parent=None)
    session = Session.objects.select_for_update().get(pk=session.pk)
    if session.archived_at:
        return session
    _check_quiet(session)
    events.append(thread, *loop.status_entries(thread, "terminated"))
    session.threads.update(status=Status.TERMINATED)
    now = timezone.now()
    Session.objects.filter(pk=session.pk).update(
        archived_at=now, updated_at=now, status=Status.TERMINATED
    )
    session.refresh_from_db()
    return session


@transaction.atomic
def delete(session: Session) -> None:
    """Remove the session and its log; stores keep what it wrote. Raises `Refused`."""
    session = Session.objects.select_for_update().get(pk=session.pk)
    _check_quiet(session)
    pk = session.pk
    session.delete()
    transaction.on_commit(lambda: live.ring(pk))


def _check_quiet(session: Session) -> None:
    if session.status not in (Status.IDLE, Status.TERMINATED):
        raise Refused("The session is running. Stop it first.")
