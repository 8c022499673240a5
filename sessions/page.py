"""What the session page shows, read from the database for the views and for the live stream."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from urllib.parse import quote

from django.db.models import Q, QuerySet
from django.urls import reverse

from console.actors import Actor
from memory.models import Operation, Version
from sessions import events
from sessions.models import Attachment, Event, Session, Thread
from sessions.reading import bodies, commands
from sessions.reading.entries import Entry, Said, answer_of, said_by_user
from sessions.reading.lines import Answer
from sessions.reading.places import Places
from sessions.reading.reader import TAKERS, Reader
from sessions.tools.base import ToolError
from sessions.tools.mounts import Mounts
from sessions.transcript import ABOUT_CALLS, ANSWERS, CONFIRMATION, text_of

CHAT = "chat"  # the purpose of threads in which people talk
FEW_CHANGES, CHANGES = 20, 200  # files of one command shown at once, and when asked
TAIL = 200  # events shown at once; earlier ones come when asked for


def places_of(session: Session) -> Places:
    """The session's mounts, with addresses of their files' pages."""
    slug = session.workspace.slug

    def file_url(attachment: Attachment, path: str) -> str:
        if path == "/":
            return reverse("memory:store", args=[slug, attachment.store_id])
        at = reverse("memory:at", args=[slug, attachment.store_id])
        return f"{at}?path={quote(path)}"

    return Places(session.attachments.all(), file_url)


def version_url(slug: str, version: Version) -> str:
    return reverse("memory:version", args=[slug, version.store_id, version.pk])


# -- The log ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stretch:
    """A part of the log: its entries, and the positions where earlier and later parts begin."""

    entries: list[Entry]
    earlier: int | None = None
    later: int | None = None


def happened(thread: Thread, upto: int) -> QuerySet[Event]:
    """What the log held at position `upto`, in order, without what waited then."""
    known = thread.events.filter(seq__lte=upto, type__in=TAKERS).exclude(processed_at=None)
    return events.in_order(known.exclude(processed_seq__gt=upto))


def waiting(thread: Thread, upto: int) -> list[Said]:
    """The messages that no turn had taken up at position `upto`."""
    sent = thread.events.filter(seq__lte=upto, type="user.message").order_by("seq")
    queued = sent.filter(Q(processed_at=None) | Q(processed_seq__gt=upto))
    is_machine = thread.purpose != CHAT
    return [said_by_user(event, is_waiting=True, is_machine=is_machine) for event in queued]


def tail(thread: Thread, places: Places, upto: int) -> Stretch:
    return before(thread, places, upto + 1, upto)


def before(thread: Thread, places: Places, position: int, upto: int) -> Stretch:
    """The stretch that ends just before `position`."""
    log = happened(thread, upto)
    newest_first = log.filter(position__lt=position).order_by("-position")[: TAIL + 1]
    found = list(newest_first)[::-1]
    more = len(found) > TAIL
    return _read(thread, places, upto, found[-TAIL:], earlier=more)


def after(thread: Thread, places: Places, position: int, upto: int) -> Stretch:
    """The stretch that begins just after `position`."""
    found = list(happened(thread, upto).filter(position__gt=position)[: TAIL + 1])
    return _read(thread, places, upto, found[:TAIL], later=len(found) > TAIL)


def around(thread: Thread, places: Places, event: Event, upto: int) -> Stretch:
    """The tail when it holds the event, else the stretch in whose upper half the event stands."""
    log = happened(thread, upto)
    position = event.processed_seq or event.seq
    if log.filter(position__gte=position)[:TAIL].count() < TAIL:
        return tail(thread, places, upto)
    above = list(log.filter(position__lt=position).order_by("-position")[: TAIL // 3])[::-1]
    below = list(log.filter(position__gte=position)[: TAIL + 1])
    found = [*above, *below[:TAIL]]
    more = {"earlier": len(above) == TAIL // 3, "later": len(below) > TAIL}
    return _read(thread, places, upto, found, **more)


def _read(
    thread: Thread,
    places: Places,
    upto: int,
    found: list[Event],
    *,
    earlier: bool = False,
    later: bool = False,
) -> Stretch:
    if not found:
        return Stretch([])
    reader = prepared_reader(thread, places, found[0].position)
    shown = {entry.id: entry for entry in reader.read(found)}
    # A stretch may end between a call and its result; the call's row shows both all the same.
    for told in _told_about(thread, reader.calls).filter(seq__lte=upto):
        shown |= {entry.id: entry for entry in reader.take(told)}
    return Stretch(
        list(shown.values()),
        found[0].position if earlier else None,
        found[-1].position if later else None,
    )


def prepared_reader(thread: Thread, places: Places, position: int) -> Reader:
    """A reader who has counted what the log held of the turn under way before `position`."""
    reader = Reader(places, is_machine=thread.purpose != CHAT)
    log = events.in_order(thread.events.exclude(processed_at=None)).filter(position__lt=position)
    if last := log.last():
        ended = log.filter(type="session.thread_status_idle").last()
        turn = log.filter(position__gt=ended.position) if ended else log
        for event in turn.filter(type__in=COUNTED):
            reader.take(event)
        reader.last_at = last.processed_at
    return reader


COUNTED = ("session.thread_status_running", "span.model_request_end")


def remember_call(reader: Reader, told: Event) -> None:
    """Let the reader know the call of a result or decision that it is about to take."""
    if told.type in ABOUT_CALLS and (pk := _call_of(told)) not in reader.calls:
        for call in Event.objects.filter(pk=pk):
            reader.calls[pk] = call
            if decision := decision_on(call):
                reader.decisions[pk] = decision


def _told_about(thread: Thread, calls: Iterable[str]) -> QuerySet[Event]:
    """Decisions about calls, and their results, in that order."""
    ids = list(calls)
    if not ids:
        return Event.objects.none()
    asked = Q(payload__tool_use_id__in=ids) | Q(payload__custom_tool_use_id__in=ids)
    return thread.events.filter(asked, type__in=ABOUT_CALLS).exclude(processed_at=None)


def _call_of(told: Event) -> str:
    return told.payload[ABOUT_CALLS[told.type]]


def entry_event(session: Session, event_id: str) -> Event | None:
    """The event that a link names; a result is shown with its call, so it leads there."""
    event = session.events.select_related("thread").filter(pk=event_id).first()
    if event and event.type in ABOUT_CALLS:
        return session.events.select_related("thread").filter(pk=_call_of(event)).first()
    return event


def target_of(stretch: Stretch, event: Event) -> str:
    """The entry to show for an event: its own, else the last one before it."""
    if any(entry.id == event.pk for entry in stretch.entries):
        return event.pk
    at = event.processed_at or event.created_at
    before = [entry.id for entry in stretch.entries if entry.at <= at]
    return before[-1] if before else ""


# -- One call ---------------------------------------------------------------------------------


def result_of(call: Event) -> Event | None:
    return _told_about(call.thread, [call.pk]).filter(type__in=ANSWERS).first()


def decision_on(call: Event) -> Event | None:
    return _told_about(call.thread, [call.pk]).filter(type=CONFIRMATION).first()


def body_of(
    call: Event, result: Event | None, places: Places, *, whole: bool
) -> bodies.Body | commands.Command:
    """What opens below a call's row."""
    name, given = call.payload["name"], call.payload["input"]
    answer = answer_of(result) if result else None
    if answer and name == "bash" and ("how" in answer.facts or "restarted" in answer.facts):
        return _command(call, answer, places, whole=whole)
    if answer is None and name == "write":
        return bodies.change(given, places, _text_now(call), str(given.get("content") or ""))
    if answer and (key := answer.facts.get("version")):
        version = Version.objects.select_related("blob").filter(pk=key).first()
        if version:
            url = version_url(call.session.workspace.slug, version)
            return replace(_stored_change(version, given, places), version_url=url)
    return bodies.body(name, given, answer, places, whole=whole)


def _text_now(call: Event) -> str | None:
    """What a write would replace."""
    mounts = Mounts(call.session, Actor(call.session_id, ""))
    try:
        return mounts.text(mounts.place(str(call.payload["input"].get("file_path") or "")))
    except ToolError:
        return None


def _stored_change(version: Version, given: dict, places: Places) -> bodies.Body:
    earlier = Version.objects.select_related("blob").filter(
        memory_id=version.memory_id, store=version.store_id, pk__lt=version.pk
    )
    before = None if version.operation == Operation.CREATED else earlier.first()
    return change_of(version, before and before.content, given, places)


def change_of(version: Version, before: str | None, given: dict, places: Places) -> bodies.Body:
    """What a version changed, as a diff with what stood there before."""
    if version.redacted_at:
        return bodies.Text(note="What was written here has been redacted from the history.")
    return bodies.change(given, places, before, version.content)


def _command(call: Event, answer: Answer, places: Places, *, whole: bool) -> commands.Command:
    """A command with what it printed, and its changes: the first of them with their diffs."""
    shown, hidden = bodies.cut(commands.output_of(answer).split("\n"), whole)
    changes = answer.facts.get("changed", [])[: CHANGES if whole else FEW_CHANGES]
    keys = [change["version"] for change in changes if change["version"]]
    versions = Version.objects.select_related("blob").in_bulk(keys)
    slug = call.session.workspace.slug
    changed = []
    for change in changes:
        more: dict = {}
        if version := versions.get(change["version"]):
            body = _stored_change(version, {}, places)
            more = {"version_url": version_url(slug, version), "diff": getattr(body, "diff", None)}
        changed.append(commands.placed(change, places, **more))
    shown_command = commands.command(call.payload["input"], answer, shown, hidden, changed)
    return replace(shown_command, sets=list(_change_sets(call, answer, places)))


def _change_sets(call: Event, answer: Answer, places: Places) -> Iterator[tuple[str, str]]:
    for made in answer.facts.get("change_sets", []):
        place = places.find(made["at"])
        attached = call.session.attachments.filter(mount_path=made["at"]).exclude(store=None)
        if place and (attachment := attached.first()):
            slug = call.session.workspace.slug
            history = reverse("memory:store_history", args=[slug, attachment.store_id])
            yield place.store, f"{history}?change={made['id']}"


def raw(call: Event, result: Event | None) -> list[tuple[str, str]]:
    """Input and result as they stand in the log, for those who want to see."""
    shown = [("Input", call.payload["input"])]
    if result:
        shown.append(("Result", result.payload.get("content")))
    return [(title, json.dumps(value, ensure_ascii=False, indent=2)) for title, value in shown]


def headed(sessions: Iterable[Session]) -> list[Session]:
    """Give each of a list its `heading`: the title, or what was said first, else that is `below`."""
    sessions = list(sessions)
    for session in sessions:
        said = " ".join((session.first_words or "").split())
        session.heading = session.title or said or "Untitled session"
        session.below = said if session.title else ""
    return sessions


def name_of(session: Session) -> str:
    """What a page about the session is headed with: its title, or what was said first."""
    first = None if session.title else session.primary.events.said_by_people().first()
    said = " ".join(text_of(first)[:1000].split()) if first else ""
    said = f"{said[:119]}…" if len(said) > 120 else said
    return session.title or said or str(session)
