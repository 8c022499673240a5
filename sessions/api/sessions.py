"""Sessions and their resources (wire contract §10, §11)."""

from typing import Any, Literal

from django.db import transaction
from django.db.models import QuerySet
from ninja import Query, Router, Schema
from pydantic import Field

from console import api, ids, rows
from console.api import ApiError, find, invalid, needs, not_found
from console.queries import Between, Cursor, Limit, LongLimit
from console.shapes import Page
from sessions import afterthoughts, conversation, opening, shapes, updates, wire
from sessions.api import session_pages
from sessions.api.agents import check_offered, config_changes, resolve_tools
from sessions.api.blocks import is_empty
from sessions.api.bodies import (
    AgentOverrides,
    SessionCreate,
    SessionUpdate,
    StoreResource,
    Version,
)
from sessions.api.environments import find_environment
from sessions.events import Entry
from sessions.models import Access, Session, Status

router = Router(tags=["Sessions"])
Statuses = list[Literal[tuple(Status.values)]]


class Wanted(Schema):
    """Which sessions a list shows."""

    include_archived: bool = False
    agent_id: str | None = None
    agent_version: Version | None = None
    memory_store_id: str | None = None
    deployment_id: str | None = None
    statuses: Statuses = Field(default_factory=list)

    def of(self, sessions: QuerySet[Session]) -> QuerySet[Session]:
        if self.agent_version is not None and not self.agent_id:
            raise invalid("`agent_version` needs `agent_id`.")
        if self.deployment_id:
            return sessions.none()  # no session here comes from a deployment
        choice = {
            "agent": self.agent_id,
            "agent_version": self.agent_version,
            "attachments__store_key": self.memory_store_id,
            "status__in": self.statuses,
        }
        sessions = sessions.filter(**{name: value for name, value in choice.items() if value})
        return sessions if self.include_archived else sessions.filter(archived_at=None)


def find_session(request, session_id: str) -> Session:
    """A session of this workspace; the older spelling `session_…` of its id is understood."""
    session_id = ids.spelt_now(session_id)
    key, workspace = Session._meta.pk.get_prep_value(session_id), request.workspace
    found = rows.find(Session, "id = %s AND workspace_id = %s", key, rows.key(workspace))
    if not found:
        raise not_found("The session", session_id)
    [session] = found
    session.workspace = workspace
    return session


@router.post("")
@needs("editor")
def create_session(request, body: SessionCreate) -> shapes.Session:
    """Create a session

    With `initial_events` it starts to work at once.
    """
    if body.vault_ids:
        raise invalid("`vault_ids` is not offered by this server; leave it out.")
    agent, version, config = _agent(request, body.agent)
    environment = find_environment(request, body.environment_id)
    with transaction.atomic():
        session = opening.start(
            request.workspace,
            agent,
            environment,
            config=config,
            agent_version=version,
            mounts=[_mount(request, resource) for resource in body.resources or []],
            title=body.title,
            metadata=body.metadata,
            budget_cents=body.budget.cents if body.budget else None,
        )
        if body.initial_events:
            entries = [entry_of(event) for event in body.initial_events]
            conversation.send(session, entries, by=request.actor)
            session.refresh_from_db()
    return wire.session(session)


def entry_of(event) -> Entry:
    """A sent event as the log takes it."""
    if event.type == "user.message" and is_empty(event.content):
        raise invalid("The message is empty.")
    return Entry(event.type, event.model_dump(exclude={"type"}, exclude_unset=True))


def _agent(request, given) -> tuple:
    """Resolve an agent reference to (agent, version, configuration)."""
    reference = given if isinstance(given, str) else given.id
    agent = find(request.workspace.agents, reference, "The agent")
    number = None if isinstance(given, str) else given.version
    version = agent.versions.filter(number=number or agent.version).first()
    if version is None:
        raise not_found("The agent's version", str(number))
    config = version.config
    if isinstance(given, AgentOverrides):
        check_offered(given)
        config = {**config, **config_changes(given, config)}
    return agent, version.number, config


def _mount(request, resource: StoreResource) -> opening.Mount:
    store = find(request.workspace.stores, resource.memory_store_id, "The memory store")
    return opening.Mount(store, resource.access or Access.READ_WRITE, resource.instructions)


@router.get("")
def list_sessions(
    request,
    created: Query[Between],
    wanted: Query[Wanted],
    limit: Limit = 20,
    page: Cursor | None = None,
    order: Literal["asc", "desc"] = "desc",
) -> shapes.SessionPage:
    """List sessions

    By the time they were made. The only list that also knows the way back: `prev_page`.
    """
    # A pass at a session's end is that session's affair; whoever knows its id may look at it.
    mine = request.workspace.sessions.filter(reads=None).prefetch_related("attachments")
    return session_pages.page(wanted.of(mine), created, page, limit, order)


@router.get("/{session_id}")
def retrieve_session(request, session_id: str) -> shapes.Session:
    """Retrieve a session"""
    return wire.session(find_session(request, session_id))


@router.post("/{session_id}")
@needs("editor")
def update_session(request, session_id: str, body: SessionUpdate) -> shapes.Session:
    """Update a session

    What is absent stays; `metadata` is a patch, `agent.tools` is replaced in full, for this session only and while
    it is idle. A budget can be changed or taken away, not added.
    """
    session = find_session(request, session_id)
    return wire.session(updates.update(session, **_changes(body)))


def _changes(body: SessionUpdate) -> dict[str, Any]:
    given = body.model_fields_set
    if "vault_ids" in given:
        raise invalid("`vault_ids` cannot be changed; leave it out.")
    changes: dict[str, Any] = {"title": body.title} if "title" in given else {}
    if body.metadata:
        changes["metadata"] = body.metadata
    if body.agent:
        check_offered(body.agent)
        if "tools" in body.agent.model_fields_set:
            changes["tools"] = resolve_tools(body.agent.tools)
    if "budget" in given:
        changes["budget_cents"] = body.budget.cents if body.budget else None
    return changes


@router.post("/{session_id}/archive")
@needs("editor")
def archive_session(request, session_id: str) -> shapes.Session:
    """Archive a session

    It can still be read, and works no more. Refused while it runs: interrupt it first.
    """
    return wire.session(conversation.archive(find_session(request, session_id)))


@router.post("/{session_id}/retry")
@needs("editor")
def retry_session(request, session_id: str) -> shapes.Session:
    """Try a failed turn again

    After a turn ended with `retries_exhausted`: the model is asked again, without a new message. Not part of
    Anthropic's API.
    """
    session = find_session(request, session_id)
    afterthoughts.try_again(session, by=request.actor)
    session.refresh_from_db()
    return wire.session(session)


@router.delete("/{session_id}")
@needs("editor")
def delete_session(request, session_id: str) -> shapes.DeletedSession:
    """Delete a session

    With its events; stores, agent and environment stay. Refused while it runs.
    """
    session = find_session(request, session_id)
    conversation.delete(session)
    return {"id": session.pk, "type": "session_deleted"}


@router.get("/{session_id}/resources", tags=["Session resources"])
def list_resources(
    request, session_id: str, limit: LongLimit = 1000, page: Cursor | None = None
) -> Page[shapes.MountedStore]:
    """List a session's resources

    The memory stores it works with, in the order they were attached.
    """
    session = find_session(request, session_id)
    kind = f"resources of {session.pk}"
    options = {"wire": wire.resource, "kind": kind, "order": "asc"}
    return api.page(session.attachments.all(), limit=limit, cursor=page, **options)


@router.post("/{session_id}/resources", tags=["Session resources"])
@needs("editor")
def add_resource(request, session_id: str):
    """Add a resource

    Always refused here: files are not offered, and stores are attached when a session is made.
    """
    find_session(request, session_id)
    raise invalid(
        "Files are not offered by this server, and memory stores are attached when a session is"
        " made: make a new session with the stores it needs in `resources`."
    )


@router.get("/{session_id}/resources/{resource_id}", tags=["Session resources"])
def retrieve_resource(request, session_id: str, resource_id: str):
    """Retrieve a resource

    Always answers 404 here: attached stores have no ids of their own.
    """
    raise _no_resource(request, session_id, resource_id)


@router.post("/{session_id}/resources/{resource_id}", tags=["Session resources"])
@needs("editor")
def update_resource(request, session_id: str, resource_id: str):
    """Update a resource

    Always answers 404 here: attached stores have no ids of their own.
    """
    raise _no_resource(request, session_id, resource_id)


@router.delete("/{session_id}/resources/{resource_id}", tags=["Session resources"])
@needs("editor")
def delete_resource(request, session_id: str, resource_id: str):
    """Delete a resource

    Always answers 404 here: attached stores have no ids of their own.
    """
    raise _no_resource(request, session_id, resource_id)


def _no_resource(request, session_id: str, resource_id: str) -> ApiError:
    """Attached stores have no ids of their own (contract §11), and there is nothing else."""
    find_session(request, session_id)
    return not_found("The resource", resource_id)
