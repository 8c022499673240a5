"""The ASGI application: long-lived streams on the event loop, everything else by Django."""

import asyncio
import os
import re
from string import punctuation
from urllib.parse import quote

import django
from django.conf import settings
from django.utils.module_loading import import_string

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
django.setup(set_prefix=False)

from console.bridge import Bridge, Receive, Scope, Send  # noqa: E402
from console.live import hub  # noqa: E402

django_application = Bridge(settings.WEB_THREADS)
STREAMS = [(re.compile(path), name) for path, name in settings.STREAM_APPLICATIONS]


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    match scope["type"]:
        case "http":
            await _serve(scope, receive, send)
        case "lifespan":
            await _live_and_die(receive, send)
        case "websocket":
            await send({"type": "websocket.close"})


async def _serve(scope: Scope, receive: Receive, send: Send) -> None:
    query = scope.get("query_string", b"")
    if not query.isascii():
        # Django takes nothing but UTF-8 here; percent-encoded, any byte can be answered in words.
        scope = {**scope, "query_string": quote(query, safe=punctuation).encode()}
    for path, name in STREAMS:
        if path.match(scope["path"]):
            await _until_disconnect(import_string(name), scope, receive, send)
            return
    await django_application(scope, receive, send)


async def _until_disconnect(application, scope: Scope, receive: Receive, send: Send) -> None:
    """Run a stream and cancel it when its client leaves, so that it need not watch for that."""
    stream = asyncio.current_task()

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        stream.cancel()

    watcher = asyncio.create_task(watch())
    try:
        await application(scope, receive, send)
    except asyncio.CancelledError:
        if not watcher.done():
            raise
        stream.uncancel()
    finally:
        watcher.cancel()


async def _live_and_die(receive: Receive, send: Send) -> None:
    while (message := await receive())["type"] != "lifespan.shutdown":
        await hub.start()
        await send({"type": f"{message['type']}.complete"})
    await hub.stop()
    django_application.close()
    await send({"type": "lifespan.shutdown.complete"})
