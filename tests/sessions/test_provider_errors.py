"""What both providers do when the endpoint fails them, and when the reader walks away."""

import json
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from sessions.providers import http
from sessions.providers.anthropic import Anthropic
from sessions.providers.base import ProviderError, TextDelta
from sessions.providers.http import Endpoint, lines, retry_after
from sessions.providers.openai import OpenAI
from tests.sessions.fake_models import KEY, Call, FakeModels, Raw, Turn, make_request

pytestmark = pytest.mark.once

EVENTS = {"Content-Type": "text/event-stream"}


@pytest.fixture
def fake():
    with FakeModels() as fake:
        yield fake


@pytest.fixture(params=["ANTHROPIC", "OPENAI"])
def vendor(request):
    return request.param


def provider_at(vendor, url, *, key=KEY, timeout=5):
    kind, path = {"ANTHROPIC": (Anthropic, ""), "OPENAI": (OpenAI, "/v1")}[vendor]
    return kind(Endpoint(vendor, url + path, key, timeout))


def error_of(vendor, url, **changes):
    with pytest.raises(ProviderError) as caught:
        list(provider_at(vendor, url, **changes).stream(make_request()))
    return caught.value


@pytest.mark.parametrize(
    ("status", "type", "retryable"),
    [
        (302, "model_request_failed_error", False),
        (400, "model_request_failed_error", False),
        (401, "model_request_failed_error", False),
        (402, "billing_error", False),
        (403, "model_request_failed_error", False),
        (404, "model_request_failed_error", False),
        (408, "model_request_failed_error", True),
        (409, "model_request_failed_error", True),
        (413, "model_request_failed_error", False),
        (429, "model_rate_limited_error", True),
        (500, "model_request_failed_error", True),
        (503, "model_overloaded_error", True),
        (529, "model_overloaded_error", True),
    ],
)
def test_a_status_says_what_happened_and_whether_to_try_again(
    fake, vendor, status, type, retryable
):
    fake.script(Raw(status, {"error": {"type": "x", "message": "Because."}}))
    error = error_of(vendor, fake.url)
    assert (error.type, error.retryable) == (type, retryable)
    assert f"answered {status}." in error.message
    assert error.message.endswith("It said: Because.")


@pytest.mark.parametrize(
    ("status", "variable"),
    [(401, "_API_KEY"), (402, "_API_KEY"), (403, "_API_KEY"), (404, "_MODELS"), (308, "_BASE_URL")],
)
def test_what_a_person_must_change_is_named(fake, vendor, status, variable):
    fake.script(Raw(status))
    assert vendor + variable in error_of(vendor, fake.url).message


@pytest.mark.parametrize("words", ["Your credit balance is too low", "insufficient_quota"])
@pytest.mark.parametrize("status", [400, 429])
def test_an_unpaid_account_is_a_matter_of_billing_whatever_the_status(fake, vendor, status, words):
    fake.script(Raw(status, {"error": {"code": words, "message": words}}))
    error = error_of(vendor, fake.url)
    assert (error.type, error.retryable) == ("billing_error", False)


@pytest.mark.parametrize("status", [400, 401, 500])
def test_an_echoed_key_is_never_passed_on(fake, vendor, status):
    fake.script(Raw(status, {"error": {"message": f"Bad key {KEY}!"}}))
    message = error_of(vendor, fake.url).message
    assert KEY not in message
    assert "Bad key [key]!" in message


def test_a_key_beyond_the_cut_leaves_no_half_behind(fake, vendor):
    fake.script(Raw(400, "x" * 290 + KEY))
    assert "sk-" not in error_of(vendor, fake.url).message


def test_a_stand_in_for_a_key_does_not_blot_out_names(fake, vendor):
    fake.script(Raw(400, "registry.ollama.ai"))
    assert "registry.ollama.ai" in error_of(vendor, fake.url, key="ollama").message


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"error": "plain"}, "plain"),
        ({"message": "top"}, "top"),
        ({"detail": "detail"}, "detail"),
        ("<html><title>502 Bad\n Gateway</title></html>", "502 Bad Gateway"),
        ('{"odd": 1}', '{"odd": 1}'),
        ("x" * 400, "x" * 299 + "…"),
    ],
)
def test_the_endpoints_own_words_are_found_and_kept_short(fake, vendor, body, said):
    fake.script(Raw(500, body))
    assert error_of(vendor, fake.url).message.endswith(f"It said: {said}")


def test_an_error_without_words_is_no_loose_end(fake, vendor):
    fake.script(Raw(500))
    assert error_of(vendor, fake.url).message == f"{fake.url} answered 500."


def test_the_wait_the_endpoint_asks_for_is_passed_on(fake, vendor):
    fake.script(Raw(429, "", {"Retry-After": "7"}), Raw(401, "", {"Retry-After": "7"}))
    assert error_of(vendor, fake.url).retry_after == 7
    assert error_of(vendor, fake.url).retry_after is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "2.5"}, 2.5),
        ({"retry-after": "-3"}, 0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after-ms": "inf", "retry-after": "4"}, 4),
        ({"retry-after": "Mon, 01 Jan 2001 00:00:00 GMT"}, 0),
        ({"retry-after": "Mon, 01 Jan 2001 00:00:00 -0000"}, 0),
        ({"retry-after": "Mon, 99 Jan 99999 00:00:00 GMT"}, None),
    ],
)
def test_a_wait_is_read_in_each_of_its_spellings(headers, seconds):
    assert retry_after(headers) == seconds


def test_a_wait_may_be_a_date():
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    assert 55 < retry_after({"retry-after": date}) <= 60


@pytest.mark.parametrize("then", ["cut", "end"])
@pytest.mark.parametrize("events", [0, 1, 4])
def test_a_stream_that_breaks_off_is_never_a_reply(fake, vendor, then, events):
    # Twice: where nothing came at all, it is asked for the reason.
    fake.script(*[Turn("One ", "two ", "three.", stops_after=events, then=then)] * 2)
    error = error_of(vendor, fake.url)
    assert (error.type, error.retryable) == ("model_request_failed_error", True)
    assert "broke off" in error.message


def test_a_call_that_breaks_off_is_never_a_reply(fake, vendor):
    fake.script(Turn(Call("write", {"content": "word " * 20}), stops_after=7, then="end"))
    assert error_of(vendor, fake.url).retryable


@pytest.mark.parametrize(
    "body",
    [
        "<html>Please sign in</html>",
        '{"id": "a whole reply, not streamed"}',
        "data: {not json}\n\n",
        "data: [1, 2]\n\n",
        'data: "text"\n\n',
        "data: " + "[" * 100_000 + "\n\n",
        b"data: \xff\xfe\n\n",
    ],
)
def test_garbage_is_said_to_be_garbage_and_tried_again(fake, vendor, body):
    fake.script(Raw(200, body, EVENTS))
    error = error_of(vendor, fake.url)
    assert (error.type, error.retryable) == ("model_request_failed_error", True)
    assert "no model reply" in error.message


@pytest.mark.parametrize(
    "event",
    [
        {"type": "content_block_delta", "index": 3, "delta": {"type": "text_delta", "text": "x"}},
        {"type": "content_block_start", "index": 0},
        {"type": "message_start", "message": {"usage": {"input_tokens": "many"}}},
        {"no": "type"},
    ],
)
def test_an_event_that_lacks_what_the_messages_api_promises_is_garbage(fake, event):
    fake.script(Raw.events(event))
    assert "no model reply" in error_of("ANTHROPIC", fake.url).message


@pytest.mark.parametrize(
    "chunk",
    [
        {"choices": ["text"]},
        {"choices": [{"delta": {"content": 5}}]},
        {"choices": [{"delta": {"tool_calls": ["read"]}}]},
        {"choices": [], "usage": {"prompt_tokens": "many"}},
    ],
)
def test_a_chunk_that_lacks_what_chat_completions_promise_is_garbage(fake, chunk):
    fake.script(Raw.events(chunk))
    assert "no model reply" in error_of("OPENAI", fake.url).message


def test_comments_and_other_fields_of_an_event_stream_are_passed_over(fake):
    chunk = {"choices": [{"delta": {"content": "Ok"}, "finish_reason": "stop"}]}
    stream = (
        f": keep-alive\r\n\r\nid: 1\r\nretry: 5\r\ndata:{json.dumps(chunk)}\r\n\r\ndata: [DONE]"
    )
    fake.script(Raw(200, stream, EVENTS))
    *_, reply = provider_at("OPENAI", fake.url).stream(make_request())
    assert reply.text == "Ok"


def test_lines_are_joined_whatever_the_chunks_and_split_at_line_ends_only():
    text = "data: é\u2028x\u0085y\r\n\r\nlast".encode()
    for size in range(1, len(text) + 1):
        chunks = [text[start : start + size] for start in range(0, len(text), size)]
        assert list(lines(chunks)) == ["data: é\u2028x\u0085y".encode(), b"", b"last"]


def test_an_endpoint_that_falls_silent_is_given_up(fake, vendor):
    fake.script(Turn("One ", "two.", stops_after=3, then="hang"))
    error = error_of(vendor, fake.url, timeout=0.2)
    assert error.message == f"{fake.url} was silent for 0.2 seconds."
    assert error.retryable


def test_an_endpoint_that_only_takes_its_time_is_waited_for(fake):
    fake.script(Turn(*["word "] * 12, delay=0.06))
    *_, reply = provider_at("OPENAI", fake.url, timeout=0.6).stream(make_request())
    assert reply.text == "word " * 12


def test_an_endpoint_that_is_down_may_come_back(vendor):
    with FakeModels() as gone:
        url = gone.url
    error = error_of(vendor, url)
    assert (error.type, error.retryable) == ("model_request_failed_error", True)
    assert f"{vendor}_BASE_URL" in error.message


@pytest.mark.parametrize("url", ["localhost:11434", "ftp://localhost", "http://localhost:port", ""])
def test_an_address_that_is_none_is_not_tried_again(vendor, url):
    error = error_of(vendor, url)
    assert not error.retryable
    assert f"{vendor}_BASE_URL" in error.message


@pytest.mark.parametrize("key", ["sk-secret…", "sk-secret\nsk-secret"])
def test_a_key_that_cannot_be_sent_is_not_shown(fake, vendor, key):
    error = error_of(vendor, fake.url, key=key)
    assert not error.retryable
    assert "sk-" not in error.message
    assert f"{vendor}_API_KEY" in error.message


def test_a_password_in_the_address_is_not_shown(fake, vendor):
    fake.script(Raw(500))
    message = error_of(vendor, fake.url.replace("//", "//user:hunter2@")).message
    assert "hunter2" not in message


def test_a_proxy_of_the_environment_does_not_stand_before_our_own_machine(
    fake, vendor, monkeypatch
):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    http.client.cache_clear()
    fake.script(Turn("Hi."))
    *_, reply = provider_at(vendor, fake.url).stream(make_request())
    http.client.cache_clear()
    assert reply.text == "Hi."


def test_a_reader_who_leaves_hangs_up(fake, vendor):
    fake.script(Turn("One ", "two ", "three.", stops_after=4, then="hang"))
    stream = provider_at(vendor, fake.url).stream(make_request())
    assert next(stream) == TextDelta("One ")
    started = time.monotonic()
    stream.close()
    assert fake.client_left.wait(20)
    assert time.monotonic() - started < 1


def test_the_key_is_not_in_what_a_debugger_prints(vendor):
    assert KEY not in repr(provider_at(vendor, "http://localhost"))
