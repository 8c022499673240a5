"""Threads of a session (wire contract §13): the primary one, and a dream's sub-agents."""

from ninja import Router

from console.api import find, invalid, limit_of, needs, page
from sessions import conversation, wire
from sessions.api.sessions import find_session, statuses_of

router = Router()


def find_thread(request, session_id: str, thread_id: str):
    threads = find_session(request, session_id).threads
    return find(threads.select_related("session__workspace"), thread_id, "The thread")


@router.get("/{session_id}/threads")
def list_threads(request, session_id: str, limit: int | None = None):
    rows = find_session(request, session_id).threads.select_related("session__workspace")
    if statuses := statuses_of(request):
        rows = rows.filter(status__in=statuses)
    limit = limit_of(limit, default=1000, most=1000)
    cursor = request.GET.get("page")
    return page(rows, limit=limit, cursor=cursor, wire=wire.thread, kind="threads", order="asc")


@router.get("/{session_id}/threads/{thread_id}")
def retrieve_thread(request, session_id: str, thread_id: str):
    return wire.thread(find_thread(request, session_id, thread_id))


@router.post("/{session_id}/threads/{thread_id}/archive")
@needs("editor")
def archive_thread(request, session_id: str, thread_id: str):
    thread = find_thread(request, session_id, thread_id)
    try:
        return wire.thread(conversation.archive_thread(thread))
    except conversation.Refused as error:
        raise invalid(str(error)) from None
