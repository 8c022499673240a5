"""The bridge from ASGI to Django, and the way past it that streams take."""

import asyncio
import threading
from types import SimpleNamespace

import pytest
from django.core.exceptions import RequestDataTooBig
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.test import override_settings
from django.urls import path

from console import asgi, bridge

pytestmark = pytest.mark.once


def echo(request: HttpRequest):
    try:
        body = len(request.body)
    except RequestDataTooBig:
        return JsonResponse({"error": "too big"}, status=413)
    return JsonResponse({"body": body, "query": request.GET.dict(), "form": request.POST.dict()})


def upload(request: HttpRequest):
    try:
        return JsonResponse({name: file.size for name, file in request.FILES.items()})
    except RequestDataTooBig:
        return HttpResponse(status=413)


def pieces(request: HttpRequest):
    return StreamingHttpResponse(b"x" * 1000 for _ in range(500))


def where(request: HttpRequest):
    connection.ensure_connection()
    return JsonResponse([threading.get_ident(), id(connection.connection)], safe=False)


def cookies(request: HttpRequest):
    response = HttpResponse(status=204)
    response.set_cookie("a", "1")
    response.set_cookie("b", "2")
    return response


urlpatterns = [
    path("echo", echo),
    path("upload", upload),
    path("pieces", pieces),
    path("where", where),
    path("cookies", cookies),
]


@pytest.fixture
def call():
    """Call the bridge with a request, the way a server does, and return what it sent."""
    with override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=[]):
        django = bridge.Bridge(threads=2)
        yield lambda *args, **options: asyncio.run(_call(django, *args, **options))
        django.close()


async def _call(application, target, *chunks, method="GET", headers=(), leaves=False):
    path_, _, query = target.partition("?")
    scope = {
        "type": "http",
        "method": method,
        "path": path_,
        "query_string": query.encode("latin1"),
        "headers": [(name.encode(), value.encode()) for name, value in headers],
    }
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    end = {"type": "http.disconnect"} if leaves else {"type": "http.request"}
    waiting, sent = iter([*messages, end]), []

    async def receive():
        return next(waiting)

    async def send(message):
        sent.append(message)

    await application(scope, receive, send)
    if not sent:
        return None
    body = b"".join(message.get("body", b"") for message in sent[1:])
    assert not sent[-1].get("more_body")
    return SimpleNamespace(status=sent[0]["status"], headers=sent[0]["headers"], body=body)


FORM = [("content-type", "application/x-www-form-urlencoded")]


def test_a_request_arrives_with_its_query_and_form(call):
    answer = call("/echo?q=%C3%A4%20%26", b"a=1", b"&b=2", method="POST", headers=FORM)
    assert answer.body == b'{"body": 7, "query": {"q": "\\u00e4 &"}, "form": {"a": "1", "b": "2"}}'


def test_a_body_of_32_mb_is_read_and_a_larger_one_is_refused_by_the_view(call):
    megabytes = [b"x" * 1024 * 1024] * 32
    assert call("/echo", *megabytes, method="POST").status == 200
    assert call("/echo", *megabytes, b"x", method="POST").status == 413


def test_a_file_that_is_too_large_is_refused_and_not_cut(call):
    headers = [("content-type", "multipart/form-data; boundary=b")]
    start = b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n'
    small, large = [b"x" * 1024 * 1024] * 5, [b"x" * 1024 * 1024] * 33
    answer = call("/upload", start, *small, b"\r\n--b--\r\n", method="POST", headers=headers)
    assert answer.body == b'{"f": 5242880}'
    answer = call("/upload", start, *large, b"\r\n--b--\r\n", method="POST", headers=headers)
    assert answer.status == 413


def test_half_a_request_never_reaches_a_view(call):
    assert call("/echo", b"a=1", method="POST", headers=FORM, leaves=True) is None


def test_a_query_of_raw_bytes_is_read_as_if_it_were_percent_encoded(call, monkeypatch):
    monkeypatch.setattr(asgi, "django_application", bridge.Bridge(threads=1))
    with override_settings(ROOT_URLCONF=__name__):
        answer = asyncio.run(_call(asgi.application, "/echo?a=%41&q=\xc3\xa4\xff"))
    assert answer.body.startswith(b'{"body": 0, "query": {"a": "A", "q": "\\u00e4\\ufffd"}')


def test_a_stream_arrives_whole(call):
    assert call("/pieces").body == b"x" * 500_000


def test_each_cookie_has_a_header_of_its_own(call):
    headers = call("/cookies").headers
    assert [name for name, _ in headers].count(b"Set-Cookie") == 2


@pytest.mark.django_db(transaction=True)
def test_threads_and_their_connections_outlive_a_request(call):
    answers = {call("/where").body for _ in range(20)}
    assert len(answers) <= 2


# -- Streams -------------------------------------------------------------------------------


async def endless(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    try:
        await asyncio.Event().wait()
    finally:
        scope["ended"] = True


def test_a_stream_goes_past_django_and_ends_when_its_client_leaves(monkeypatch):
    monkeypatch.setattr(asgi, "STREAMS", [(asgi.re.compile("^/stream$"), f"{__name__}.endless")])
    scope = {"type": "http", "path": "/stream"}
    sent = asyncio.run(_leave(scope))
    assert sent == ["http.response.start"]
    assert scope["ended"]


async def _leave(scope):
    waiting, sent = iter(["http.request", "http.disconnect"]), []

    async def receive():
        await asyncio.sleep(0.01)
        return {"type": next(waiting)}

    async def send(message):
        sent.append(message["type"])

    async with asyncio.timeout(5):
        await asgi.application(scope, receive, send)
    return sent


def test_a_stream_that_ends_by_itself_is_done(monkeypatch):
    async def brief(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})

    monkeypatch.setattr(asgi, "STREAMS", [(asgi.re.compile("^/stream$"), "brief")])
    monkeypatch.setattr(asgi, "import_string", lambda name: brief)
    assert asyncio.run(_leave({"type": "http", "path": "/stream"})) == ["http.response.start"]


def test_websockets_are_closed():
    sent = []

    async def send(message):
        sent.append(message)

    asyncio.run(asgi.application({"type": "websocket"}, None, send))
    assert sent == [{"type": "websocket.close"}]
