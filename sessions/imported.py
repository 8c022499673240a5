"""A transcript becomes a session that has ended: its events, at their own times."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import F
from django.utils import timezone

from console import accounts, ids
from console.models import Workspace
from sessions import agents, events
from sessions.events import Entry
from sessions.foreign import Message, Transcript
from sessions.models import FORMAT, IMPORTED, Agent, Environment, Session, Status, Thread

AGENT = "Imported"
NO_RESULT = "The transcript holds no result of this call."


def agent_of(workspace: Workspace) -> Agent:
    """All imported sessions of a workspace share one archived agent: nobody can talk to it.

    The workspace's row stays locked, so that imports into it go one after the other.
    """
    accounts.hold(workspace.pk)
    mine = workspace.agents.filter(name=AGENT, metadata={IMPORTED: "agent"})
    if agent := mine.first():
        return agent
    agent = agents.create(
        workspace, agents.blank_config(AGENT, "imported"), metadata={IMPORTED: "agent"}
    )
    agents.archive(agent)
    return agent


def environment_of(workspace: Workspace) -> Environment:
    # One that is not archived, if there is one; databases sort what is empty differently.
    unarchived_first = F("archived_at").asc(nulls_first=True)
    return workspace.environments.order_by(unarchived_first).first() or agents.create_environment(
        workspace, "Default"
    )


def make(
    workspace: Workspace,
    agent: Agent,
    environment: Environment,
    transcript: Transcript,
    assistant: str,
) -> Session:
    """The session of a transcript; `assistant` is the speaker of a plain text who is no person."""
    now = timezone.now()
    times = [datetime.fromisoformat(each.at) for each in transcript.messages if each.at]
    session = Session.objects.create(
        workspace=workspace,
        agent=agent,
        agent_version=agent.version,
        agent_config=agent.latest.config,
        environment=environment,
        title=events.storable(transcript.title)[:256],
        metadata={IMPORTED: transcript.digest, FORMAT: transcript.format},
        status=Status.TERMINATED,
        created_at=min(times, default=now),
    )
    thread = Thread.objects.create(session=session, name=AGENT, status=Status.TERMINATED)
    events.append(thread, *entries(transcript, assistant), *_ending(thread))
    Session.objects.filter(pk=session.pk).update(updated_at=max(times, default=now))
    return session


def _ending(thread: Thread) -> list[Entry]:
    named = {"session_thread_id": thread.pk, "agent_name": thread.name}
    return [
        Entry("session.thread_status_terminated", named),
        Entry("session.status_terminated"),
    ]


def entries(transcript: Transcript, assistant: str) -> Iterator[Entry]:
    """The events of a transcript. Every call has one result, wherever it comes, and no result lacks
    its call."""
    answered = {each.call for each in transcript.messages if each.role == "result"}
    several = _named(transcript)
    keys: dict[str, str] = {}
    for message in transcript.messages:
        at = datetime.fromisoformat(message.at) if message.at else None
        if message.role == "call":
            keys[message.call] = key = ids.fresh("sevt")
            called = {"name": message.name, "input": message.given}
            yield Entry(
                "agent.tool_use", {**called, "evaluated_permission": "allow"}, id=key, at=at
            )
            if message.call not in answered:
                yield _result(key, NO_RESULT, at)
        elif message.role == "result":
            yield _result(keys[message.call], message.text, at, is_error=message.is_error)
        else:
            yield _said(message, assistant, at, named=message.role in several)


def _named(transcript: Transcript) -> set[str]:
    """In which roles several speak, so that it must be told who says what."""
    several = {role for role in ("user", "agent") if len(transcript.names(role)) > 1}
    return several | ({"said"} if len(transcript.speakers) > 2 else set())


def _result(call: str, text: str, at: datetime | None, *, is_error: bool = False) -> Entry:
    content = [{"type": "text", "text": text}]
    told = {"tool_use_id": call, "content": content, "is_error": is_error}
    # With facts it is the result of a call that was made: an error, not one that was skipped.
    return Entry("agent.tool_result", told, private={"imported": True}, at=at)


def _said(message: Message, assistant: str, at: datetime | None, *, named: bool) -> Entry:
    is_person = message.role == "user" or (message.role == "said" and message.name != assistant)
    text = f"{message.name}: {message.text}" if named and message.name else message.text
    kind = "user.message" if is_person else "agent.message"
    return Entry(kind, {"content": [{"type": "text", "text": text}]}, at=at)
