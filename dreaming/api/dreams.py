"""Dreams (wire contract §14)."""

from typing import Literal

from ninja import Query, Router

from console import api, ids
from console.api import find, invalid, needs, not_found
from console.queries import Between, Cursor, Limit
from console.shapes import Page
from dreaming import dreams, wire
from dreaming.api.bodies import DreamCreate, DreamModel
from dreaming.api.finding import find_dream, rows_of
from dreaming.models import DreamStatus
from dreaming.shapes import Dream
from sessions.models import Session

router = Router(tags=["Dreams"])


@router.post("")
@needs("editor")
def create_dream(request, body: DreamCreate) -> Dream:
    """Create a dream

    Over one memory store and 1 to 100 sessions. It never changes its input: it writes a draft, to be reviewed.
    """
    stores_given = [each for each in body.inputs if each.type == "memory_store"]
    sessions_given = [each for each in body.inputs if each.type == "sessions"]
    if len(stores_given) != 1 or len(sessions_given) != 1:
        raise invalid("`inputs` needs exactly one memory_store entry and one sessions entry.")
    if body.output_behavior and body.output_behavior.type == "update_existing":
        raise invalid(
            "`output_behavior` update_existing is not offered by this server: a dream writes to a"
            " new store, which is reviewed and then adopted into the same one. Use create_new."
        )
    store = find(request.workspace.stores, stores_given[0].memory_store_id, "The memory store")
    chosen = _sessions(request, sessions_given[0].session_ids)
    options = {"model": _model(body.model), "instructions": body.instructions, "by": request.actor}
    dream = dreams.start(request.workspace, store, chosen, **options)
    return wire.dream(find_dream(request, dream.pk))


def _model(given: str | DreamModel) -> str:
    if isinstance(given, str):
        return given
    if given.speed == "fast":
        raise invalid("`model.speed`: dreams run at standard speed only.")
    return given.id


def _sessions(request, given: list[str]) -> list[Session]:
    wanted = list(map(ids.spelt_now, given))
    if len(set(wanted)) < len(wanted):
        raise invalid("`session_ids` names a session twice.")
    found = {session.pk: session for session in request.workspace.sessions.filter(pk__in=wanted)}
    if missing := [each for each in wanted if each not in found]:
        raise not_found("The session", missing[0])
    return list(found.values())


@router.get("")
def list_dreams(
    request,
    created: Query[Between],
    statuses: Query[list[Literal[tuple(DreamStatus.values)]]] = [],  # noqa: B006 - pydantic copies it
    limit: Limit = 20,
    page: Cursor | None = None,
    include_archived: bool = False,
) -> Page[Dream]:
    """List dreams

    Newest first.
    """
    rows = rows_of(request)
    if not include_archived:
        rows = rows.filter(archived_at=None)
    rows = rows.filter(status__in=statuses) if statuses else rows
    rows = created.within(rows)
    return api.page(rows, limit=limit, cursor=page, wire=wire.dream, kind="dreams")


@router.get("/{dream_id}")
def retrieve_dream(request, dream_id: str) -> Dream:
    """Retrieve a dream"""
    return wire.dream(find_dream(request, dream_id))


@router.post("/{dream_id}/cancel")
@needs("editor")
def cancel_dream(request, dream_id: str) -> Dream:
    """Cancel a dream

    What it wrote stays. Cancelling it again changes nothing.
    """
    dreams.cancel(find_dream(request, dream_id))
    return wire.dream(find_dream(request, dream_id))


@router.post("/{dream_id}/archive")
@needs("editor")
def archive_dream(request, dream_id: str) -> Dream:
    """Archive a dream

    Once it has ended; its draft stays.
    """
    dreams.archive(find_dream(request, dream_id))
    return wire.dream(find_dream(request, dream_id))
