"""What the model endpoints share: one HTTP client, event streams, and errors a person can act on."""

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any

import httpx

from console.endpoints import SETTINGS, place
from sessions.providers.base import ProviderError

CONNECT_SECONDS = 5
QUOTED = 300  # characters of an endpoint's own words that are worth showing
READ = 20_000  # bytes of an error page that are worth reading

# Some endpoints answer 400 or 429 where they mean "nobody has paid".
UNPAID = re.compile(r"insufficient_quota|billing_error|credit balance", re.IGNORECASE)
# How Anthropic, OpenAI, vLLM, llama.cpp and Ollama say that a conversation does not fit.
TOO_LONG = re.compile(
    r"prompt is too long|context_length_exceeded|maximum context length|exceed_context_size"
    r"|exceeds? (the )?(available )?context|context (window|size|length) (is )?exceeded|input is too long",
    re.IGNORECASE,
)
TYPES = {
    402: "billing_error",
    429: "model_rate_limited_error",
    503: "model_overloaded_error",
    529: "model_overloaded_error",
}
ADVICE = {
    401: "It does not accept the key: check {key}.",
    402: "The account has no credit left: top it up, or check {key}.",
    403: "The key may not do this: check {key}.",
    404: "It does not know the model or the address: check {models} and {address}.",
    429: "It asks for fewer requests.",
    503: "It is overloaded.",
    529: "It is overloaded.",
    **dict.fromkeys((301, 302, 307, 308), "It has moved: check {address}."),
}


@cache
def client() -> httpx.Client:
    """The process's one client; `httpx.Client` may be used from many threads."""
    return new_client()


def new_client() -> httpx.Client:
    """A proxy named in the environment cannot reach our own loopback, so that goes direct."""
    loopback = dict.fromkeys(("all://127.0.0.1", "all://localhost", "all://[::1]"))
    return httpx.Client(headers={"User-Agent": "reverie"}, mounts=loopback)


@dataclass(frozen=True)
class Endpoint:
    """Where a vendor's protocol is spoken.

    `timeout` is the longest silence we bear, in seconds, not the longest reply. `vendor` begins the
    names of its settings; `name` is what an owner called it who added it to a workspace.
    """

    vendor: str
    base_url: str
    api_key: str = field(repr=False)
    timeout: float
    name: str = ""

    def post(self, path: str, body: dict[str, Any], headers: Mapping[str, str]) -> Iterator[bytes]:
        """Send `body` and yield the data of each event of the answer; raise `ProviderError`.

        Closing the generator closes the connection, which tells the endpoint to stop. A stream cut
        off before its first event is one without events.
        """
        with (
            self._explained(),
            client().stream(
                "POST",
                self.base_url + path,
                json=body,
                headers={"Accept": "text/event-stream", **headers},
                timeout=httpx.Timeout(self.timeout, connect=CONNECT_SECONDS),
            ) as response,
        ):
            if response.status_code != 200:
                raise self.failure(response.status_code, _beginning(response), response.headers)
            yield from self._events(response)

    def hidden_failure(
        self, path: str, body: dict[str, Any], headers: Mapping[str, str]
    ) -> ProviderError:
        """Why a stream ended before its first event: what the endpoint says when asked without one.

        llama-cpp-python has sent its 200 by the time it finds that a conversation is too long.
        """
        timeout = httpx.Timeout(self.timeout, connect=CONNECT_SECONDS)
        url = self.base_url + path
        with (
            self._explained(),
            new_client() as fresh,  # the endpoint is about to close the old one's connection
            fresh.stream("POST", url, json=body, headers=headers, timeout=timeout) as response,
        ):
            if response.status_code == 200:
                return self.broken()
            return self.failure(response.status_code, _beginning(response), response.headers)

    @contextmanager
    def reading(self, data: bytes) -> Iterator[None]:
        """Turn a stumble over `data` that is not what the protocol promises into an error."""
        try:
            yield
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise self.garbled(data) from None

    def failure(
        self, status: int, text: str, headers: Mapping[str, str] | None = None
    ) -> ProviderError:
        """Explain the error `status` that the endpoint answered with `text`."""
        answered = f"{self.host} answered {status}."
        status = 402 if status in {400, 429} and UNPAID.search(text) else status
        advice = ADVICE.get(status, "").format(**self.places)
        too_long = bool(TOO_LONG.search(text))
        retryable = not too_long and (status in {408, 409, 429} or status >= 500)
        return ProviderError(
            TYPES.get(status, "model_request_failed_error"),
            " ".join(filter(None, [answered, advice, self.quoted(text)])),
            retryable=retryable,
            retry_after=retry_after(headers or {}) if retryable else None,
            too_long=too_long,
        )

    def broken(self) -> ProviderError:
        return self._failed(f"{self.host} broke off in the middle of its answer.")

    def garbled(self, data: bytes) -> ProviderError:
        said = self.quoted(data.decode(errors="replace"))
        return self._failed(f"{self.host} answered with something that is no model reply. {said}")

    def quoted(self, text: str) -> str:
        """The endpoint's own words, short and without the key it may have echoed."""
        words = " ".join(_message(text).split())
        # A stand-in such as "ollama" keeps no secret, and would blot out a model's name.
        words = words.replace(self.api_key, "[key]") if len(self.api_key) >= 8 else words
        words = words if len(words) <= QUOTED else words[: QUOTED - 1] + "…"
        return f"It said: {words}" if words else ""

    @property
    def host(self) -> str:
        """Scheme, host and port: the base URL without a password or path."""
        try:
            url = httpx.URL(self.base_url)
        except httpx.InvalidURL:
            return self.places["address"]
        return f"{url.scheme}://{url.netloc.decode()}"

    @property
    def places(self) -> dict[str, str]:
        """Where a person mends its `key`, its `address` and its `models`."""
        return {what: place(self.vendor, self.name, what) for what in SETTINGS}

    def _failed(self, message: str, *, retryable: bool = True) -> ProviderError:
        return ProviderError("model_request_failed_error", message.strip(), retryable=retryable)

    def _events(self, response: httpx.Response) -> Iterator[bytes]:
        data = b""
        try:
            for line in lines(response.iter_bytes()):
                for data in self._data(line):
                    yield data
        except (httpx.RemoteProtocolError, httpx.ReadError):
            if data:
                raise

    def _data(self, line: bytes) -> Iterator[bytes]:
        # Both protocols put each event's JSON on one line, so a line is all we need to join.
        name, _, value = line.partition(b":")
        if name == b"data":
            yield value.strip()
        elif name not in {b"", b"event", b"id", b"retry"}:
            raise self.garbled(line)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        # What httpx says may hold the key (an illegal header) or a password (a URL): our own words.
        check = "check {address}".format(**self.places)
        try:
            yield
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError):
            raise self._failed(
                f"Cannot connect to {self.host}. Is it up? If so, {check}."
            ) from None
        except httpx.TimeoutException:
            message = f"{self.host} was silent for {self.timeout:g} seconds."
            raise self._failed(message) from None
        except (
            httpx.UnsupportedProtocol,
            httpx.LocalProtocolError,
            httpx.InvalidURL,
            UnicodeError,
        ):
            message = f"The request cannot be sent: {check} and {self.places['key']}."
            raise self._failed(message, retryable=False) from None
        except httpx.RequestError:
            raise self.broken() from None


def lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Join `chunks` and split them at line ends.

    Not `iter_lines` of httpx: that also splits at U+2028 and its like, which JSON may hold.
    """
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line.rstrip(b"\r") for line in whole)
    if rest:
        yield rest


def tool_input(text: str) -> dict[str, Any]:
    """Parse a tool call's arguments.

    A model may write broken JSON, or be cut off within it. The call is kept, with the raw text
    as `_unparsed`, so that the tool can tell the model what was wrong.
    """
    try:
        value = json.loads(text.strip() or "{}")
        json.dumps(value, allow_nan=False)  # NaN and Infinity are Python's, not JSON's
    except (ValueError, RecursionError):
        return {"_unparsed": storable(text)}
    value = {} if value is None else value
    return storable(value if isinstance(value, dict) else {"_unparsed": text})


def storable(value: Any) -> Any:
    """Copy a JSON value without what no database takes for text: NUL, half a surrogate pair."""
    if isinstance(value, str):
        if value.isascii() and "\0" not in value:
            return value
        whole = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return whole.replace("\0", "\ufffd")
    if isinstance(value, list):
        return [storable(item) for item in value]
    if isinstance(value, dict):
        return {storable(key): storable(item) for key, item in value.items()}
    return value


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from `retry-after-ms` or `retry-after` (seconds or an HTTP date)."""
    with suppress(KeyError, ValueError):
        return _seconds(float(headers["retry-after-ms"]) / 1000)
    with suppress(KeyError, ValueError):
        return _seconds(float(headers["retry-after"]))
    with suppress(KeyError, ValueError, OverflowError):
        date = parsedate_to_datetime(headers["retry-after"])
        return _seconds(
            (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
        )
    return None


def _seconds(number: float) -> float:
    if not math.isfinite(number):
        raise ValueError(number)
    return max(number, 0.0)


def _beginning(response: httpx.Response) -> str:
    # A connection that dies while it explains itself has still told us its status.
    text = b""
    with suppress(httpx.RequestError):
        for chunk in response.iter_bytes():
            text += chunk
            if len(text) > READ:
                break
    return text[:READ].decode(errors="replace")


def _message(text: str) -> str:
    """Dig the sentence out of an error: `{"error": {"message": …}}`, its cousins, a web page."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return re.sub(r"<[^<>]*>", " ", text) if text.lstrip().startswith("<") else text
    for key in ("error", "message", "detail"):
        if isinstance(value, dict) and value.get(key):
            value = value[key]
    return value if isinstance(value, str) else text
