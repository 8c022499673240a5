"""Live streams: a session's log as server-sent events, for programs and for the session page.

A raw ASGI application in front of Django, because a stream inside Django holds a thread and a
database connection as long as it lives. Here a stream is one task on the event loop; what it needs
of the database is read by a few threads that keep their connections.

The log is the truth: a ring only says "look again", and a client that comes back with the id of the
last event it saw misses nothing.
"""

import asyncio
import logging
import re
import secrets
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any, Protocol

from django.core.handlers.asgi import ASGIRequest
from django.db import Error, close_old_connections
from django.http import HttpResponse

from console.api import ApiError, any_error, envelope, not_found, refuse_method
from console.live import RING, Message, hub
from console.middleware import WORKSPACE
from sessions import feeds

logger = logging.getLogger(__name__)
PING_SECONDS = 15.0
PING = b'event: ping\ndata: {"type":"ping"}\n\n'
HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache, no-store"),
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
]
Send = Callable[[dict[str, Any]], Awaitable[None]]

readers = ThreadPoolExecutor(4, thread_name_prefix="stream")


class Source(Protocol):
    """What one client is to hear. What reads the database runs in a thread."""

    topics: list[str]
    greeting: bytes  # a proxy that waits for the whole answer keeps even this back
    is_over: bool
    pause: float  # seconds to wait after news, so that many rings become one look

    def is_allowed(self) -> bool:
        """Whether the client may still listen. Reads the database."""

    def news(self) -> list[bytes]:
        """Frames for what was committed since the last call. Reads the database."""

    def rung(self, told: str) -> list[bytes] | None:
        """Frames for what a ring told; None when only a look at the database can say."""

    def whispered(self, payload: dict[str, Any]) -> bytes:
        """The frame for a preview; empty when there is nothing to pass on."""


async def application(scope: dict[str, Any], receive: Callable, send: Send) -> None:
    """Serve one stream, until its session is over or the caller cancels it: its client has left."""
    request = ASGIRequest(scope, BytesIO())
    request.id = f"req_01{secrets.token_hex(11)}"
    if request.method != "GET":
        await _answer(refuse_method(request, "GET"), send)
        return
    try:
        source = await in_thread(_open, request)
    except ApiError as refusal:
        await _answer(envelope(request, refusal), send)
        return
    except Exception as error:  # noqa: BLE001 - a client is answered, whatever is wrong
        await _answer(any_error(request, error), send)
        return
    headers = [*HEADERS, (b"request-id", request.id.encode())]
    if key := getattr(request, "api_key", None):
        headers.append((WORKSPACE.encode(), key.workspace_id.encode()))
    del request  # the stream may be open for hours
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    try:
        await _relay(source, send)
    except Error as trouble:
        # The client comes back by itself, with the last id it saw.
        logger.warning("A live stream ended: %s", trouble)
    await send({"type": "http.response.body", "body": b""})


async def in_thread(job: Callable, *given: Any) -> Any:
    """Run a job that reads the database in one of the threads kept for that."""
    return await asyncio.get_running_loop().run_in_executor(readers, _fresh, job, *given)


def _fresh(job: Callable, *given: Any) -> Any:
    close_old_connections()
    return job(*given)


ROUTES: list[tuple[re.Pattern, Callable[..., Source]]] = [
    (re.compile(r"/v1/sessions/([^/]+)/events/stream"), feeds.session_log),
    (re.compile(r"/v1/sessions/([^/]+)/threads/([^/]+)/stream"), feeds.thread_log),
    (re.compile(r"/w/([^/]+)/live"), feeds.page),
]


def _open(request: ASGIRequest) -> Source:
    """Let the client in and find what it wants to hear. Raises `ApiError`."""
    for route, open_source in ROUTES:
        if match := route.fullmatch(request.path_info):
            return open_source(request, *match.groups())
    raise not_found("Stream", request.path_info)


async def _relay(source: Source, send: Send) -> None:
    loop = asyncio.get_running_loop()
    async with hub.subscribe(source.topics) as feed:
        await _send(send, source.greeting)
        await _send(send, *await in_thread(source.news))
        ping_at = loop.time() + PING_SECONDS
        while not source.is_over:
            message = await feed.next(until=ping_at)
            if message is None and feed.has_ended:
                return
            if loop.time() >= ping_at:
                if not await in_thread(source.is_allowed):
                    return
                await _send(send, PING)
                ping_at = loop.time() + PING_SECONDS
            if message:
                await _send(send, *await _frames(source, message))


async def _frames(source: Source, message: Message) -> list[bytes]:
    if message.kind != RING:
        return [source.whispered(message.payload)]
    if message.payload and (frames := source.rung(message.payload)) is not None:
        return frames
    frames = await in_thread(source.news)
    if frames and source.pause:
        await asyncio.sleep(source.pause)
    return frames


async def _send(send: Send, *frames: bytes) -> None:
    if body := b"".join(frames):
        await send({"type": "http.response.body", "body": body, "more_body": True})


async def _answer(response: HttpResponse, send: Send) -> None:
    headers = [(name.lower().encode(), value.encode()) for name, value in response.items()]
    start = {"type": "http.response.start", "status": response.status_code, "headers": headers}
    await send(start)
    await send({"type": "http.response.body", "body": response.content})
