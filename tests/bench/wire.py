"""Clients that add next to nothing to what they measure."""

import http.client
import json
import queue
import socket
import threading
import time
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

PATIENCE = 40  # seconds for anything to happen
KEPT_ALIVE = 3  # seconds that a server surely keeps an idle connection


class Wire:
    """One kept-alive HTTP connection. An ordinary client costs more than the request it sends."""

    def __init__(self, url: str, **headers: str) -> None:
        self.where = urlsplit(url)
        self.headers = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._connect()

    def _connect(self) -> None:
        self.socket = socket.create_connection((self.where.hostname, self.where.port), PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.used = time.monotonic()

    def request(self, method: str, path: str, body: Any = None) -> bytes:
        """The bytes of a request; a body is sent as JSON."""
        data = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nhost: {self.where.netloc}\r\n{self.headers}"
        if body is not None:
            head += f"content-type: application/json\r\ncontent-length: {len(data)}\r\n"
        return f"{head}\r\n".encode() + data

    def send(self, request: bytes) -> bytes:
        """Send it and return the body of the answer, which must have a content-length."""
        if time.monotonic() - self.used > KEPT_ALIVE:
            self.socket.close()
            self._connect()
        self.socket.sendall(request)
        got = self.socket.recv(65536)
        while (end := got.find(b"\r\n\r\n")) < 0:
            got += self._more()
        head = got[:end].lower()
        size = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        while len(got) < end + 4 + size:
            got += self._more()
        if not head.startswith(b"http/1.1 2"):
            raise RuntimeError(got.decode(errors="replace"))
        self.used = time.monotonic()
        return got[end + 4 :]

    def _more(self) -> bytes:
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("The server hung up.")
        return data

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request and parse the JSON that comes back."""
        return json.loads(self.send(self.request(method, path, body)))


@dataclass(frozen=True)
class Heard:
    """An event of a stream: when it was here (seconds since 1970), its name and its data."""

    at: float
    name: str
    data: dict[str, Any]


class Listener:
    """Follows a stream of server-sent events in a thread of its own."""

    def __init__(self, url: str, path: str, **headers: str) -> None:
        where = urlsplit(url)
        self._connection = http.client.HTTPConnection(where.hostname, where.port)
        self._connection.request("GET", path, headers=headers)
        self._response = self._connection.getresponse()
        if self._response.status != 200:
            raise RuntimeError(self._response.read().decode())
        self._socket = self._connection.sock or self._response.fp.raw._sock
        self._heard: queue.Queue[Heard] = queue.Queue()
        self._greeted = threading.Event()
        threading.Thread(target=self._follow, daemon=True).start()

    def __enter__(self) -> Self:
        if not self._greeted.wait(PATIENCE):
            raise TimeoutError("The stream said nothing.")
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)

    def until(self, name: str) -> list[Heard]:
        """All that is heard up to the next event of this name."""
        heard: list[Heard] = []
        while not heard or heard[-1].name != name:
            try:
                heard.append(self._heard.get(timeout=PATIENCE))
            except queue.Empty:
                names = ", ".join(event.name for event in heard) or "nothing"
                raise TimeoutError(f"Heard {names}, and then no {name}.") from None
        return heard

    def _follow(self) -> None:
        at, name, data = 0.0, "", ""
        while line := self._response.readline():
            self._greeted.set()
            text = line.decode().rstrip("\n")
            if text.startswith(("event: ", "data: ")) and not (name or data):
                at = time.time()
            if text.startswith("event: "):
                name = text[7:]
            elif text.startswith("data: "):
                data = text[6:]
            elif not text and data:
                self._heard.put(Heard(at, name, json.loads(data)))
                name = data = ""
