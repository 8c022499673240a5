"""An instant language model: Chat Completions as a bare ASGI application, in a process of its own.

It answers "Done." at once. To a message that begins with `work N` it first answers N times with
three tool calls: it reads a file, searches the store, and writes a new file.
"""

import itertools
import json
import re
import time
import uuid
from typing import Any

from tests.sessions.fake_protocols import Call, ChatCompletions, Turn

MODEL = "instant-model"
MOUNT = "/mnt/memory/bench"
CALLS = 3  # in each answer that has any

protocol, numbers = ChatCompletions(), itertools.count(1)
times: list[tuple[float, float]] = []  # when a request had come in, and when its answer was out


def reply(messages: list[dict[str, Any]]) -> Turn:
    told = max(place for place, message in enumerate(messages) if message["role"] == "user")
    done = sum(message["role"] == "tool" for message in messages[told:])
    wanted = re.match(r"work (\d+)", messages[told]["content"])
    if not wanted or done >= CALLS * int(wanted[1]):
        return Turn("Done.")
    note = {"file_path": f"{MOUNT}/made/{uuid.uuid4().hex}.md", "content": "A note of one line.\n"}
    return Turn(
        Call("read", {"file_path": f"{MOUNT}/file-0.md"}),
        Call("grep", {"pattern": "heron", "path": MOUNT}),
        Call("write", note),
    )


async def application(scope, receive, send) -> None:
    if scope["type"] != "http":
        return
    arrived = time.time()
    body = b""
    while (message := await receive()).get("more_body"):
        body += message["body"]
    body += message["body"]
    if scope["method"] == "GET":
        kind, answer = b"application/json", json.dumps(times).encode()
        times.clear()
    else:
        asked = json.loads(body)
        kind = b"text/event-stream"
        answer = b"".join(protocol.events(reply(asked["messages"]), asked, numbers))
    size = str(len(answer)).encode()
    headers = [(b"content-type", kind), (b"content-length", size)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
    if scope["method"] == "POST":
        times.append((arrived, time.time()))
