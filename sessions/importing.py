"""Transcripts of other programs become sessions: readable, to be dreamt over, and at their end.

A plan first, kept until its owner decides. What was imported before is known by its content.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from console import ids
from console.models import User, Workspace
from sessions import agents, events, foreign
from sessions.events import Entry
from sessions.foreign import Message, Transcript, Unreadable
from sessions.models import Agent, Import, Session, Status, Thread

MOST = 200  # transcripts at once
KEPT = 3  # plans of one person that wait at the same time
LIFETIME = timedelta(days=1)
AGENT = "Imported"
MARK = "imported_sha256"
NO_RESULT = "The transcript holds no result of this call."


class Gone(Exception):
    """The plan has been carried out or thrown away; the message says so."""


@dataclass(frozen=True)
class Item:
    """A transcript of a plan; `known` is the session that it is already."""

    number: int
    transcript: Transcript
    known: Session | None

    @property
    def counts(self) -> Counter:
        return Counter(each.role for each in self.transcript.messages)

    @property
    def left_out(self) -> list[tuple[str, int]]:
        return list(self.transcript.left_out.items())

    @property
    def times(self) -> list[datetime]:
        """When it began and when it ended, if that is known."""
        known = sorted(each.at for each in self.transcript.messages if each.at)
        return [datetime.fromisoformat(at) for at in known[:1] + known[-1:]]


# -- The plan -----------------------------------------------------------------------------------


@transaction.atomic
def plan(workspace: Workspace, user: User, files: Iterable[tuple[str, bytes]]) -> Import:
    """Read files, each a name and its bytes, and keep what they hold. Raises `Unreadable`."""
    found: list[Transcript] = []
    refused = []
    for name, data in files:
        try:
            found += foreign.read(name, data)
        except Unreadable as why:
            refused.append([name[-255:].replace("\0", ""), str(why)])
    if not found and not refused:
        raise Unreadable("Choose one or more transcripts to import.")
    if len(found) > MOST:
        raise Unreadable(f"These are {len(found):,} transcripts. Send at most {MOST} at once.")
    reading = {"transcripts": [each.as_json() for each in found], "refused": refused}
    kept = Import.objects.create(workspace=workspace, user=user, reading=events.storable(reading))
    mine = Import.objects.filter(user=user).order_by("-pk").values_list("pk", flat=True)
    Import.objects.filter(pk__in=list(mine[KEPT:])).delete()
    return kept


def items(kept: Import) -> list[Item]:
    found = [Transcript.from_json(each) for each in kept.reading["transcripts"]]
    known = _known(kept.workspace, [each.digest for each in found])
    return [Item(number, each, known.get(each.digest)) for number, each in enumerate(found)]


def _known(workspace: Workspace, digests: Sequence[str]) -> dict[str, Session]:
    mine = workspace.sessions.filter(**{f"metadata__{MARK}__in": digests})
    return {session.metadata[MARK]: session for session in mine.select_related("workspace")}


def sweep() -> None:
    """Throw away plans that nobody carried out."""
    Import.objects.filter(created_at__lt=timezone.now() - LIFETIME).delete()


# -- Carrying it out ------------------------------------------------------------------------------


@transaction.atomic
def carry_out(kept: Import, chosen: Iterable[int], persons: dict[int, str]) -> list[Session]:
    """Make sessions of the chosen transcripts, but for those that are there already.

    `persons` says, by the transcript's number, which speaker of a plain text is the person. Raises
    `Gone` when the plan has been carried out or thrown away meanwhile.
    """
    kept = Import.objects.select_for_update().filter(pk=kept.pk).first()
    if kept is None:
        raise Gone("This import was carried out already, or it has been thrown away.")
    wanted = set(chosen)
    agent = _agent(kept.workspace)
    made: dict[str, Session] = {}
    for item in items(kept):
        transcript = item.transcript
        if item.number in wanted and item.known is None and transcript.digest not in made:
            person = persons.get(item.number) or transcript.person
            made[transcript.digest] = _session(kept.workspace, agent, transcript, person)
    kept.delete()
    return list(made.values())


def _agent(workspace: Workspace) -> Agent:
    """All imported sessions of a workspace share one archived agent: nobody can talk to it."""
    Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)  # one, not two
    mine = workspace.agents.filter(name=AGENT, metadata={MARK: "agent"})
    if agent := mine.first():
        return agent
    agent = agents.create(
        workspace, agents.blank_config(AGENT, "imported"), metadata={MARK: "agent"}
    )
    agents.archive(agent)
    return agent


def _session(workspace: Workspace, agent: Agent, transcript: Transcript, person: str) -> Session:
    now = timezone.now()
    times = [datetime.fromisoformat(each.at) for each in transcript.messages if each.at]
    session = Session.objects.create(
        workspace=workspace,
        agent=agent,
        agent_version=agent.version,
        agent_config=agent.latest.config,
        environment=_environment(workspace),
        title=events.storable(transcript.title)[:256],
        metadata={MARK: transcript.digest, "imported_from": transcript.format},
        status=Status.TERMINATED,
        created_at=min(times, default=now),
    )
    thread = Thread.objects.create(session=session, name=AGENT, status=Status.TERMINATED)
    events.append(thread, *_entries(transcript, person), *_ending(thread))
    Session.objects.filter(pk=session.pk).update(updated_at=max(times, default=now))
    return session


def _environment(workspace: Workspace) -> Any:
    return workspace.environments.order_by("archived_at").first() or agents.create_environment(
        workspace, "Default"
    )


def _ending(thread: Thread) -> list[Entry]:
    named = {"session_thread_id": thread.pk, "agent_name": thread.name}
    return [
        Entry("session.thread_status_terminated", named),
        Entry("session.status_terminated"),
    ]


def _entries(transcript: Transcript, person: str) -> Iterator[Entry]:
    """The events of a transcript. Every call has a result, and every result a call."""
    several = len(transcript.speakers) > 2
    open_calls: dict[str, str] = {}
    for message in transcript.messages:
        at = datetime.fromisoformat(message.at) if message.at else None
        if message.role not in ("call", "result"):
            # A person speaks, or the agent answers: what was called before is over.
            yield from _without_result(open_calls, at)
        if message.role == "call":
            key = ids.fresh("sevt")
            told = message.call if message.call not in open_calls else ""
            open_calls[told or key] = key
            called = {"name": message.name, "input": message.given}
            allowed = {"evaluated_permission": "allow"}
            yield Entry("agent.tool_use", {**called, **allowed}, id=key, at=at)
        elif message.role == "result":
            if key := open_calls.pop(message.call, ""):
                yield _result(key, message.text, at, is_error=message.is_error)
        else:
            yield _said(message, person, at, named=several)
    yield from _without_result(open_calls, None)


def _without_result(open_calls: dict[str, str], at: datetime | None) -> Iterator[Entry]:
    for key in open_calls.values():
        yield _result(key, NO_RESULT, at)
    open_calls.clear()


def _result(call: str, text: str, at: datetime | None, *, is_error: bool = False) -> Entry:
    content = [{"type": "text", "text": text}]
    told = {"tool_use_id": call, "content": content, "is_error": is_error}
    return Entry("agent.tool_result", told, at=at)


def _said(message: Message, person: str, at: datetime | None, *, named: bool) -> Entry:
    is_person = message.role == "user" or (message.role == "said" and message.name == person)
    text = f"{message.name}: {message.text}" if named else message.text
    kind = "user.message" if is_person else "agent.message"
    return Entry(kind, {"content": [{"type": "text", "text": text}]}, at=at)
