"""A reverse proxy that hands on no answer before it is whole, as some do by default."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

KEPT_BACK = {"transfer-encoding", "connection", "content-length", "keep-alive"}


@contextmanager
def withholding(url: str) -> Iterator[str]:
    """The address of a proxy before `url`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(urlsplit(url).netloc))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def _handler(behind: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _pass(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            connection = http.client.HTTPConnection(behind)
            connection.request(self.command, self.path, body, dict(self.headers))
            answer = connection.getresponse()
            whole = answer.read()
            connection.close()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in KEPT_BACK:
                    self.send_header(name, value)
            self.send_header("content-length", str(len(whole)))
            with suppress(ConnectionError):  # whoever asked may have left meanwhile
                self.end_headers()
                self.wfile.write(whole)

        do_GET = do_POST = _pass

        def log_message(self, *given) -> None:
            pass

    return Handler
