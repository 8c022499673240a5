"""Sessions, their resources and threads (wire contract §10, §11, §13)."""

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from ninja import Router

from console.api import (
    cursor_of,
    find,
    invalid,
    limit_of,
    needs,
    not_found,
    page,
    position_of,
    within,
)
from memory.paths import Invalid
from sessions import conversation, wire
from sessions.api.agents import check_offered, config_changes
from sessions.api.bodies import AgentOverrides, SessionCreate, SessionUpdate, StoreResource
from sessions.events import Entry
from sessions.models import Access, Session

router = Router()


def find_session(request, session_id: str) -> Session:
    """A session of this workspace; the older spelling `session_…` of its id is understood."""
    if session_id.startswith("session_"):
        session_id = "sesn_" + session_id.removeprefix("session_")
    return find(request.workspace.sessions, session_id, "The session")


@router.post("")
@needs("editor")
def create(request, body: SessionCreate):
    if body.vault_ids:
        raise invalid("`vault_ids` is not offered by this server; leave it out.")
    if body.budget:
        raise invalid("`budget` is not offered by this server yet; leave it out.")
    agent, version, config = _agent(request, body.agent)
    environment = find(request.workspace.environments, body.environment_id, "The environment")
    with transaction.atomic(), _refusals():
        session = conversation.start(
            request.workspace,
            agent,
            environment,
            config=config,
            agent_version=version,
            mounts=[_mount(request, resource) for resource in body.resources or []],
            title=body.title,
            metadata=body.metadata,
        )
        if body.initial_events:
            entries = [Entry(event.type, _payload(event)) for event in body.initial_events]
            conversation.send(session, entries)
            session.refresh_from_db()
    return wire.session(session)


def _payload(event) -> dict[str, Any]:
    return event.model_dump(exclude={"type"}, exclude_unset=True)


class _refusals:
    """Turn what a verb refuses into the API's 400."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind, error, trace) -> None:
        if isinstance(error, (Invalid, conversation.Refused)):
            raise invalid(str(error)) from None


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


def _mount(request, resource: StoreResource) -> conversation.Mount:
    store = find(request.workspace.stores, resource.memory_store_id, "The memory store")
    return conversation.Mount(store, resource.access or Access.READ_WRITE, resource.instructions)


@router.get("")
def list_sessions(
    request,
    limit: int | None = None,
    order: str = "desc",
    include_archived: bool = False,
    agent_id: str | None = None,
    agent_version: int | None = None,
    memory_store_id: str | None = None,
):
    if order not in {"asc", "desc"}:
        raise invalid("`order` must be asc or desc.")
    rows = _filtered(request, include_archived, agent_id, agent_version, memory_store_id)
    return _both_ways(rows, request.GET.get("page"), limit_of(limit), order)


def _filtered(request, include_archived, agent_id, agent_version, memory_store_id) -> QuerySet:
    rows = request.workspace.sessions.prefetch_related("attachments")
    if not include_archived:
        rows = rows.filter(archived_at=None)
    if agent_id:
        rows = rows.filter(agent=agent_id)
    if agent_version is not None:
        if not agent_id:
            raise invalid("`agent_version` needs `agent_id`.")
        rows = rows.filter(agent_version=agent_version)
    if memory_store_id:
        rows = rows.filter(attachments__store_key=memory_store_id)
    if statuses := request.GET.getlist("statuses"):
        rows = rows.filter(status__in=statuses)
    return within(rows, request.GET, "created_at", "created_at")


def _both_ways(rows: QuerySet, cursor: str | None, limit: int, order: str) -> dict[str, Any]:
    """A page that knows the way back: `prev_page` beside `next_page`, as only sessions have it."""
    position = position_of(cursor)
    if position.get("back"):
        if position.get("o") != order:
            raise invalid("`page` is not a cursor of this list; start again without it.")
        flipped = "asc" if order == "desc" else "desc"
        forward = cursor_of(k=position.get("k"), o=flipped, at=position.get("at"))
        found = page(
            rows, limit=limit, cursor=forward, wire=wire.session, kind="sessions", order=flipped
        )
        data = found["data"][::-1]
        more_before, more_after = found["next_page"] is not None, True
    else:
        found = page(
            rows, limit=limit, cursor=cursor, wire=wire.session, kind="sessions", order=order
        )
        data = found["data"]
        more_before, more_after = bool(cursor), found["next_page"] is not None
    ends = (data[0]["id"], data[-1]["id"]) if data else (None, None)
    back = cursor_of(k="sessions", o=order, at=ends[0], back=1)
    forth = cursor_of(k="sessions", o=order, at=ends[1])
    return {
        "data": data,
        "next_page": forth if data and more_after else None,
        "prev_page": back if data and more_before else None,
    }


@router.get("/{session_id}")
def retrieve(request, session_id: str):
    return wire.session(find_session(request, session_id))


@router.post("/{session_id}")
@needs("editor")
def update(request, session_id: str, body: SessionUpdate):
    session = find_session(request, session_id)
    given = body.model_fields_set
    changes = {"title": body.title} if "title" in given else {}
    if body.metadata:
        changes["metadata"] = body.metadata
    with _refusals():
        return wire.session(conversation.describe(session, **changes))


@router.post("/{session_id}/archive")
@needs("editor")
def archive(request, session_id: str):
    with _refusals():
        return wire.session(conversation.archive(find_session(request, session_id)))


@router.delete("/{session_id}")
@needs("editor")
def delete(request, session_id: str):
    session = find_session(request, session_id)
    with _refusals():
        conversation.delete(session)
    return {"id": session.pk, "type": "session_deleted"}


@router.get("/{session_id}/resources")
def list_resources(request, session_id: str, limit: int | None = None):
    rows = find_session(request, session_id).attachments.all()
    shown = rows[: limit_of(limit, default=1000, most=1000)]
    return {"data": [wire.resource(attachment) for attachment in shown], "next_page": None}


@router.get("/{session_id}/threads")
def list_threads(request, session_id: str, limit: int | None = None):
    rows = find_session(request, session_id).threads.select_related("session")
    if statuses := request.GET.getlist("statuses"):
        rows = rows.filter(status__in=statuses)
    limit = limit_of(limit, default=1000, most=1000)
    cursor = request.GET.get("page")
    return page(rows, limit=limit, cursor=cursor, wire=wire.thread, kind="threads", order="asc")


@router.get("/{session_id}/threads/{thread_id}")
def retrieve_thread(request, session_id: str, thread_id: str):
    session = find_session(request, session_id)
    return wire.thread(find(session.threads.select_related("session"), thread_id, "The thread"))
