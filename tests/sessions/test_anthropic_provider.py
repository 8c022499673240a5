"""The provider for the Messages API, against a server that speaks it."""

from copy import deepcopy

import anthropic
import pytest

from sessions.providers.anthropic import Anthropic
from sessions.providers.base import ProviderError, Reply, TextDelta, Thinking, Usage
from sessions.providers.http import Endpoint
from tests.sessions.fake_models import KEY, Call, FakeModels, Raw, Think, Turn, make_request

pytestmark = pytest.mark.once

TOOLS = [
    {"name": name, "description": name, "input_schema": {"type": "object"}}
    for name in ("read", "grep")
]


@pytest.fixture
def fake():
    with FakeModels() as fake:
        yield fake


@pytest.fixture
def provider(fake):
    return Anthropic(Endpoint("ANTHROPIC", fake.url, KEY, timeout=5))


def said(*blocks, role="user"):
    return {"role": role, "content": list(blocks), "said_at": "2025-01-01T00:00:00Z"}


def text(words):
    return {"type": "text", "text": words}


def called(id, **input):
    return {"type": "tool_use", "id": id, "name": "read", "input": input}


def answered(id, words="done"):
    return {"type": "tool_result", "tool_use_id": id, "content": words, "is_error": False}


def sent(fake):
    return fake.requests[-1].json


def marks(value):
    """The paths of every cache mark in a request."""
    if isinstance(value, dict):
        found = [()] if "cache_control" in value else []
        return found + [(key, *path) for key, item in value.items() for path in marks(item)]
    if isinstance(value, list):
        return [(number, *path) for number, item in enumerate(value) for path in marks(item)]
    return []


def test_text_is_heard_piece_by_piece_and_given_whole_at_the_end(fake, provider):
    fake.script(Turn("Grüße, ", "\u2028", "🌍!", usage=Usage(3, 9, 200, 40)))
    *deltas, reply = provider.stream(make_request())
    assert deltas == [TextDelta("Grüße, "), TextDelta("\u2028"), TextDelta("🌍!")]
    assert reply == Reply([text("Grüße, \u2028🌍!")], "end_turn", Usage(3, 9, 200, 40))


def test_tool_calls_keep_their_order_among_texts_that_are_numbered(fake, provider):
    call = Call("write", {"path": "/a.md", "content": 'Line "one"\nΩ', "deep": {"n": [1, None]}})
    fake.script(Turn("First.", call, "Then ", "this.", Call("read")))
    *deltas, reply = provider.stream(make_request())
    assert [(delta.index, delta.text) for delta in deltas] == [
        (0, "First."),
        (1, "Then "),
        (1, "this."),
    ]
    assert [block["type"] for block in reply.content] == ["text", "tool_use", "text", "tool_use"]
    assert [block["input"] for block in reply.tool_calls] == [call.input, {}]
    assert reply.stop_reason == "tool_use"


def test_thinking_is_announced_once_a_block_and_goes_back_whole(fake, provider):
    fake.script(Turn(Think("A long thought.", "sig"), "Yes.", Think("More.", "sig2"), Call("read")))
    *deltas, reply = provider.stream(make_request())
    assert deltas == [Thinking(), TextDelta("Yes."), Thinking()]
    assert reply.content[0] == {
        "type": "thinking",
        "thinking": "A long thought.",
        "signature": "sig",
    }
    history = [said(text("Hi")), said(*reply.content, role="assistant")]
    result = said(answered(reply.tool_calls[0]["id"]))
    fake.script(Turn("Done."))
    list(provider.stream(make_request(*history, result)))
    assert sent(fake)["messages"][1]["content"] == reply.content


def test_thoughts_cut_off_before_their_signature_are_left_out(fake, provider):
    fake.script(Turn(Think("Half a th", signature=""), stop_reason="max_tokens"))
    *_, reply = provider.stream(make_request())
    assert (reply.content, reply.stop_reason) == ([], "max_tokens")


def test_redacted_thinking_is_kept(fake, provider):
    block = {"type": "redacted_thinking", "data": "opaque"}
    start = {"type": "content_block_start", "index": 0, "content_block": block}
    fake.script(Raw.events(start, {"type": "message_stop"}))
    thinking, reply = provider.stream(make_request())
    assert (thinking, reply.content) == (Thinking(), [block])


def test_a_call_cut_off_in_its_arguments_is_kept_as_raw_text(fake, provider):
    block = {"type": "tool_use", "id": "toolu_1", "name": "write", "input": {}}
    delta = {"type": "input_json_delta", "partial_json": '{"path": "/a'}
    fake.script(
        Raw.events(
            {"type": "content_block_start", "index": 0, "content_block": block},
            {"type": "content_block_delta", "index": 0, "delta": delta},
            {"type": "message_delta", "delta": {"stop_reason": "max_tokens"}},
            {"type": "message_stop"},
        )
    )
    [reply] = provider.stream(make_request())
    assert reply.tool_calls[0]["input"] == {"_unparsed": '{"path": "/a'}


def test_a_refusal_says_why(fake, provider):
    fake.script(Turn("I", stop_reason="refusal", explanation="Not that."))
    *_, reply = provider.stream(make_request())
    assert (reply.stop_reason, reply.explanation) == ("refusal", "Not that.")


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("max_tokens", "max_tokens"),
        ("model_context_window_exceeded", "max_tokens"),
        ("stop_sequence", "end_turn"),
        ("something_new", "end_turn"),
    ],
)
def test_stop_reasons_come_down_to_four(fake, provider, theirs, ours):
    fake.script(Turn("So.", stop_reason=theirs))
    *_, reply = provider.stream(make_request())
    assert reply.stop_reason == ours


def test_what_a_later_protocol_adds_is_passed_over(fake, provider):
    fake.script(
        Raw.events(
            {"type": "ping"},
            {"type": "a_new_event"},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "new_block"}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "new_delta"}},
            {"type": "message_stop"},
        )
    )
    assert list(provider.stream(make_request())) == [Reply([], "end_turn")]


def test_text_no_database_can_keep_is_made_harmless(fake, provider):
    fake.script(Turn("a\0b", Call("write", {"content": "nul \0 here"})))
    delta, reply = provider.stream(make_request())
    assert delta.text == "a\ufffdb"
    assert reply.tool_calls[0]["input"] == {"content": "nul \ufffd here"}


def test_the_request_says_who_asks_and_nothing_of_ours(fake, provider):
    fake.script(Turn("Hi."))
    list(provider.stream(make_request(model="claude-x", max_tokens=99, purpose="extract")))
    [asked] = fake.requests
    assert asked.headers["x-api-key"] == KEY
    assert asked.headers["anthropic-version"] == "2023-06-01"
    assert set(asked.json) == {"model", "max_tokens", "messages", "stream"}
    assert set(asked.json["messages"][0]) == {"role", "content"}


def test_the_prefix_that_stays_is_marked_for_the_cache(fake, provider):
    fake.script(Turn("Ok."))
    conversation = [
        said(text("One")),
        said(text("Two"), role="assistant"),
        said(text("Three")),
        said(called("toolu_a"), called("toolu_b"), role="assistant"),
        said(answered("toolu_a"), answered("toolu_b")),
    ]
    list(provider.stream(make_request(*conversation, system="Be kind.", tools=TOOLS)))
    assert sorted(marks(sent(fake)), key=str) == [
        ("messages", 2, "content", 0),
        ("messages", 4, "content", 1),
        ("system", 0),
        ("tools", 1),
    ]


def test_each_request_reads_the_prefix_the_one_before_wrote(fake, provider):
    first = [said(text("One"))]
    second = [*first, said(called("toolu_a"), role="assistant"), said(answered("toolu_a"))]
    for conversation in (first, second):
        fake.script(Turn("Ok."))
        list(provider.stream(make_request(*conversation, system="Be kind.", tools=TOOLS)))
    one, two = (asked.json for asked in fake.requests)
    assert two["messages"][:1] == one["messages"]
    assert (two["system"], two["tools"]) == (one["system"], one["tools"])


def test_the_callers_request_is_not_touched(fake, provider):
    fake.script(Turn("Ok."))
    request = make_request(said(text("One"), text(" ")), system="Be kind.", tools=deepcopy(TOOLS))
    before = deepcopy(request)
    list(provider.stream(request))
    assert request == before


def test_blank_text_is_not_sent_as_the_api_would_refuse_it(fake, provider):
    fake.script(Turn("Ok."))
    blank = said(text("\n"), role="assistant")
    list(provider.stream(make_request(said(text("One"), text(" ")), blank, said(text("Two")))))
    assert [len(message["content"]) for message in sent(fake)["messages"]] == [1, 1]


def test_an_error_in_the_stream_is_the_error_it_would_have_been_before_it(fake, provider):
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    fake.script(Raw.events({"type": "ping"}, error))
    with pytest.raises(ProviderError) as caught:
        list(provider.stream(make_request()))
    assert (caught.value.type, caught.value.retryable) == ("model_overloaded_error", True)


def test_the_official_client_understands_the_fake(fake):
    fake.script(Turn(Think("Hm."), "Hel", "lo", Call("read", {"path": "/a"}), usage=Usage(7, 8, 9)))
    client = anthropic.Anthropic(base_url=fake.url, api_key=KEY, max_retries=0)
    hello = [{"role": "user", "content": "Hi"}]
    with client.messages.stream(model="claude-x", max_tokens=9, messages=hello) as stream:
        assert list(stream.text_stream) == ["Hel", "lo"]
        message = stream.get_final_message()
    assert [block.type for block in message.content] == ["thinking", "text", "tool_use"]
    assert message.content[0].signature == Think().signature
    assert message.content[2].input == {"path": "/a"}
    assert (message.stop_reason, message.usage.output_tokens) == ("tool_use", 8)
    assert message.usage.cache_read_input_tokens == 9


def test_the_official_client_and_ours_read_the_same_reply(fake, provider):
    turn = Turn("Let me look.", Call("grep", {"pattern": "Ω"}, "toolu_1"), usage=Usage(1, 2, 3, 4))
    fake.script(turn, turn)
    *_, ours = provider.stream(make_request())
    client = anthropic.Anthropic(base_url=fake.url, api_key=KEY, max_retries=0)
    hello = [{"role": "user", "content": "Hi"}]
    with client.messages.stream(model="claude-x", max_tokens=9, messages=hello) as stream:
        theirs = stream.get_final_message()
    keys = {"type", "text", "id", "name", "input"}
    assert [block.model_dump(include=keys, exclude_none=True) for block in theirs.content] == (
        ours.content
    )
    assert theirs.usage.cache_creation_input_tokens == ours.usage.cache_creation_input_tokens == 4


def test_the_official_client_gets_the_fakes_refusals_as_the_real_ones(fake):
    client = anthropic.Anthropic(base_url=fake.url, api_key=KEY, max_retries=0)
    stray = [{"role": "user", "content": "Hi", "said_at": "now"}]
    with (
        pytest.raises(anthropic.BadRequestError, match="Extra inputs"),
        client.messages.stream(model="claude-x", max_tokens=9, messages=stray),
    ):
        pass
