"""Django as an ASGI application that answers every request on a fixed pool of threads.

Django's own ASGIHandler starts a thread per request: 300 to 800 requests a second where this makes
5000 or more, and a new database connection each time. Here threads live as long as the process, so
CONN_MAX_AGE keeps their connections. a2wsgi does that too, at half the speed (it crosses between
threads three times a response); a slow client holds one of its threads, a chunked request has no
body, and a view gets half a form when the client hangs up in the middle of it.
"""

import asyncio
import contextlib
import contextvars
import tempfile
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import IO, Any

from django.conf import settings
from django.core import signals
from django.core.exceptions import RequestDataTooBig
from django.core.handlers.asgi import ASGIRequest, get_script_prefix
from django.core.handlers.base import BaseHandler
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

PIECE = 256 * 1024  # bytes of a response sent at once


class TooBig(BytesIO):
    """Stands for a body above the limit: reading it raises what Django raises for large forms."""

    def read(self, size: int | None = -1) -> bytes:
        raise RequestDataTooBig("The request body is larger than DATA_UPLOAD_MAX_MEMORY_SIZE.")

    readline = read


class Bridge(BaseHandler):
    """Runs Django's synchronous handler, middleware and views in `threads` lasting threads."""

    def __init__(self, threads: int) -> None:
        super().__init__()
        self.load_middleware()
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="django")

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        received = await _read(receive)
        if received is None:
            return  # the client left before it had said everything
        # A context of its own: what a view activates (a time zone, say) ends with the request.
        run = contextvars.copy_context().run
        start, body = await asyncio.get_running_loop().run_in_executor(
            self._threads, run, self._answer, scope, *received
        )
        await send(start)
        with body:
            while piece := body.read(PIECE):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body"})

    def _answer(self, scope: Scope, body: IO[bytes], size: int) -> tuple[dict, IO[bytes]]:
        """Answer in this thread; return the first message to send and a file with the body.

        A stream is written to a file as well, so that no slow reader ever occupies a thread.
        """
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=self.__class__, scope=scope)
        with body:
            response = self._respond(scope, body, size)
            with contextlib.closing(response):  # Django then looks after this thread's connections
                if not response.streaming:
                    return _start(response), BytesIO(response.content)
                spool = _spool()
                spool.writelines(response)
                spool.seek(0)
                return _start(response), spool

    def _respond(self, scope: Scope, body: IO[bytes], size: int) -> HttpResponseBase:
        request = ASGIRequest(scope, body)
        if size:
            request.META["CONTENT_LENGTH"] = str(size)  # a chunked request has none
        return self.get_response(request)


async def _read(receive: Receive) -> tuple[IO[bytes], int] | None:
    """Take in the whole body before a thread is busy with it; None when the client hangs up."""
    size, limit = 0, settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    body, more = _spool(), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            body.close()
            return None
        more = message.get("more_body", False)
        size += len(message.get("body", b""))
        if size <= limit:  # the rest is read and dropped, so that the client gets to our answer
            body.write(message.get("body", b""))
    if size > limit:
        body.close()
        return TooBig(), size
    body.seek(0)
    return body, size


def _spool() -> IO[bytes]:
    """A file that is kept in memory as long as it is small."""
    return tempfile.SpooledTemporaryFile(settings.FILE_UPLOAD_MAX_MEMORY_SIZE)


def _start(response: HttpResponseBase) -> dict[str, Any]:
    headers = [(name.encode("ascii"), value.encode("latin1")) for name, value in response.items()]
    headers += [
        (b"Set-Cookie", cookie.OutputString().encode("ascii"))
        for cookie in response.cookies.values()
    ]
    return {"type": "http.response.start", "status": response.status_code, "headers": headers}
