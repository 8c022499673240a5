"""A model server for tests: real HTTP on a loopback port, both published protocols, a script.

    with FakeModels() as fake:
        fake.script(Turn("Let me look.", Call("read", {"path": "/a"})), Turn("It says ", "so."))
        ...                                       # point ANTHROPIC_BASE_URL at fake.url, or
                                                  # OPENAI_BASE_URL at fake.openai_url
    with FakeModels(respond=lambda request: Turn(...)) as fake:   # answers by content
        subprocess.run([...], env=os.environ | fake.environment)  # a real worker may call it

A request that the real endpoint would refuse (a stray key, an unanswered tool call, a fifth cache
mark) is refused with 400, so a test that passes here says something about the real one.
"""

import json
import select
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from socket import MSG_PEEK, SHUT_RDWR
from typing import Any

from sessions.providers.base import Request
from tests.sessions.fake_protocols import PROTOCOLS, Call, Think, Turn, sse

__all__ = ["KEY", "Asked", "Call", "FakeModels", "Raw", "Think", "Turn", "make_request"]

KEY = "sk-test-0123456789"
STREAM = "text/event-stream; charset=utf-8"


def make_request(*messages: dict[str, Any], **changes: Any) -> Request:
    """A request to a model; without messages, a user who says hello."""
    hello = {"role": "user", "content": [{"type": "text", "text": "Hello"}], "said_at": "now"}
    defaults = {"model": "fake-model", "system": "", "tools": [], "now": datetime.now(UTC)}
    return Request(**{**defaults, "messages": list(messages) or [hello], **changes})


@dataclass(frozen=True)
class Raw:
    """An answer byte for byte: an error, garbage, or a stream of one's own."""

    status: int = 200
    body: bytes | str | dict[str, Any] = b""
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def events(cls, *events: Any) -> "Raw":
        """A stream of data-only events, as Chat Completions sends them; strings go as they are."""
        return cls(200, b"".join(sse(event) for event in events), {"Content-Type": STREAM})

    @property
    def bytes(self) -> bytes:
        text = json.dumps(self.body) if isinstance(self.body, dict) else self.body
        return text.encode() if isinstance(text, str) else text


@dataclass(frozen=True)
class Asked:
    """A request as it came: path, headers (lower case), parsed body."""

    path: str
    headers: dict[str, str]
    json: dict[str, Any]


Respond = Callable[[dict[str, Any]], Turn | Raw]


class FakeModels:
    """The server. `requests` is what was asked so far, `client_left` whether one hung up early.

    `respond` is called from the server's threads, with the parsed body; scripted replies go
    first. An error raised in it is raised again when the `with` block ends.
    """

    def __init__(self, respond: Respond | None = None) -> None:
        self.respond = respond
        self.replies: deque[Turn | Raw] = deque()
        self.requests: list[Asked] = []
        self.failures: list[Exception] = []
        self.client_left = threading.Event()
        self.closing = threading.Event()
        self.numbers = count(1)

    def __enter__(self) -> "FakeModels":
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.fake = self
        serve = {"target": self.server.serve_forever, "args": (0.01,), "daemon": True}
        self.thread = threading.Thread(**serve)
        self.thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: Any) -> None:
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
        if self.failures and kind is None:
            raise self.failures[0]

    def script(self, *replies: Turn | Raw) -> None:
        """Queue replies, one for each request to come, whichever protocol it speaks."""
        self.replies.extend(replies)

    @property
    def url(self) -> str:
        """What ANTHROPIC_BASE_URL should be."""
        return f"http://127.0.0.1:{self.server.server_port}"

    @property
    def openai_url(self) -> str:
        """What OPENAI_BASE_URL should be."""
        return f"{self.url}/v1"

    @property
    def environment(self) -> dict[str, str]:
        """Variables that make a process use this server for `claude-…` and for `fake-model`."""
        return {
            "ANTHROPIC_BASE_URL": self.url,
            "ANTHROPIC_API_KEY": KEY,
            "OPENAI_BASE_URL": self.openai_url,
            "OPENAI_API_KEY": KEY,
            "OPENAI_MODELS": "fake-model",
        }

    def reply_to(self, request: dict[str, Any]) -> Turn | Raw:
        try:
            return self.replies.popleft()
        except IndexError:
            pass
        if self.respond is None:
            return Raw(400, {"error": {"message": "The script has no reply left."}})
        try:
            return self.respond(request)
        except Exception as error:  # noqa: BLE001  the test gets it when the block ends
            self.failures.append(error)
            return Raw(400, {"error": {"message": f"The test's respond failed: {error!r}"}})


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    fake: FakeModels

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that leaves is part of the script."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        fake, headers = (
            self.server.fake,
            {key.lower(): value for key, value in self.headers.items()},
        )
        body = json.loads(self.rfile.read(int(headers.get("content-length", 0))))
        fake.requests.append(Asked(self.path, headers, body))
        protocol = PROTOCOLS.get(self.path)
        if not protocol:
            return self._raw(Raw(404, {"error": {"message": f"No such path: {self.path}"}}))
        if complaint := protocol.complaint(headers, body):
            return self._raw(Raw(400, protocol.error("invalid_request_error", complaint)))
        reply = fake.reply_to(body)
        if isinstance(reply, Raw):
            return self._raw(reply)
        if not body.get("stream"):
            return self._raw(Raw(200, protocol.whole(reply, body)))
        return self._stream(reply, protocol.events(reply, body, fake.numbers))

    def _raw(self, reply: Raw) -> None:
        self.send_response(reply.status)
        for name, value in ({"Content-Type": "application/json"} | reply.headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.bytes)))
        self.end_headers()
        self.wfile.write(reply.bytes)

    def _stream(self, turn: Turn, events: Iterator[bytes]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", STREAM)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number, event in enumerate(events):
            if number == turn.stops_after:
                return self._stop(turn.then)
            self.server.fake.closing.wait(turn.delay)
            self._chunk(event)
        return self._chunk(b"")

    def _chunk(self, data: bytes) -> None:
        try:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        except OSError:
            self.server.fake.client_left.set()
            raise

    def _stop(self, how: str) -> None:
        if how == "end":
            return self._chunk(b"")
        if how == "hang":
            self._wait_for_client_to_leave()
        self.close_connection = True
        return self.connection.shutdown(SHUT_RDWR)

    def _wait_for_client_to_leave(self) -> None:
        while not self.server.fake.closing.is_set():
            readable, _, _ = select.select([self.connection], [], [], 0.05)
            if readable and self._has_left():
                return self.server.fake.client_left.set()
        return None

    def _has_left(self) -> bool:
        try:
            return not self.connection.recv(1, MSG_PEEK)
        except ConnectionResetError:  # what was sent last came too late for it
            return True
