"""The request's side of a session: say something, decide, stop it, archive or delete it."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from django.db import transaction
from django.utils import timezone

from console import live, rows
from console.actors import Actor
from memory.paths import Invalid
from sessions import events, tasks, telling, transcript
from sessions.events import Entry
from sessions.models import Event, Session, Status, Thread
from sessions.transcript import CONFIRMATION

MAX_MESSAGE_CHARACTERS = 1_000_000
MAX_DATA = 8_000_000  # base64, so six megabytes


class Refused(Exception):
    """The session's state forbids it; the message says why and what to do."""


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
        rows.change(thread, status=Status.RUNNING, updated_at=timezone.now())
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
    now = timezone.now()
    session.threads.update(status=Status.TERMINATED, updated_at=now)
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
