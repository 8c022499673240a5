"""Threads of a session (wire contract §13): the primary one, and a dream's sub-agents."""

from ninja import Query, Router

from console import api
from console.api import find, needs
from console.queries import Cursor, LongLimit
from console.shapes import Page
from sessions import conversation, shapes, wire
from sessions.api.sessions import Statuses, find_session

router = Router(tags=["Threads"])


def find_thread(request, session_id: str, thread_id: str):
    threads = find_session(request, session_id).threads
    return find(threads.select_related("session__workspace"), thread_id, "The thread")


@router.get("/{session_id}/threads")
def list_threads(
    request,
    session_id: str,
    statuses: Query[Statuses] = [],  # noqa: B006 - pydantic copies it
    limit: LongLimit = 1000,
    page: Cursor | None = None,
) -> Page[shapes.SessionThread]:
    """List a session's threads

    The primary one first, then those of a dream's sub-agents.
    """
    session = find_session(request, session_id)
    rows = session.threads.select_related("session__workspace")
    rows = rows.filter(status__in=statuses) if statuses else rows
    options = {"wire": wire.thread, "kind": f"threads of {session.pk}", "order": "asc"}
    return api.page(rows, limit=limit, cursor=page, **options)


@router.get("/{session_id}/threads/{thread_id}")
def retrieve_thread(request, session_id: str, thread_id: str) -> shapes.SessionThread:
    """Retrieve a thread"""
    return wire.thread(find_thread(request, session_id, thread_id))


@router.post("/{session_id}/threads/{thread_id}/archive")
@needs("editor")
def archive_thread(request, session_id: str, thread_id: str) -> shapes.SessionThread:
    """Archive a thread

    Not the primary one, and only while it is idle.
    """
    thread = find_thread(request, session_id, thread_id)
    return wire.thread(conversation.archive_thread(thread))
