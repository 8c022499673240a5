"""The provider for Chat Completions, against a server that speaks it, well or badly."""

import json

import pytest

from sessions.providers.base import ProviderError, Reply, TextDelta, Thinking, Usage
from sessions.providers.http import Endpoint
from sessions.providers.openai import OpenAI, payload
from tests.sessions.fake_models import KEY, Call, FakeModels, Raw, Think, Turn, make_request

pytestmark = pytest.mark.once

TOOLS = [{"name": "read", "description": "Reads.", "input_schema": {"type": "object"}}]


@pytest.fixture
def fake():
    with FakeModels() as fake:
        yield fake


@pytest.fixture
def provider(fake):
    return OpenAI(Endpoint("OPENAI", fake.openai_url, KEY, timeout=5))


def text(words):
    return {"type": "text", "text": words}


def chunk(finish_reason=None, **delta):
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]}


def calls(*deltas):
    """A chunk with tool call deltas, each given as (index, id, name, arguments); None is absent."""
    return chunk(tool_calls=[_call(*delta) for delta in deltas])


def _call(index, id, name, arguments):
    function = {"name": name, "arguments": arguments}
    given = {"index": index, "id": id}
    return {
        **{key: value for key, value in given.items() if value is not None},
        "function": {key: value for key, value in function.items() if value is not None},
    }


def reply_to(fake, provider, *events, request=None):
    fake.script(Raw.events(*events))
    *_, reply = provider.stream(request or make_request())
    return reply


def test_text_is_heard_piece_by_piece_and_given_whole_at_the_end(fake, provider):
    fake.script(Turn("Grüße, ", "\u2028", "🌍!", usage=Usage(30, 9, 200)))
    *deltas, reply = provider.stream(make_request())
    assert deltas == [TextDelta("Grüße, "), TextDelta("\u2028"), TextDelta("🌍!")]
    assert reply == Reply([text("Grüße, \u2028🌍!")], "end_turn", Usage(30, 9, 200))


def test_tool_calls_are_put_together_from_their_pieces(fake, provider):
    write = Call("write", {"path": "/a.md", "content": 'Line "one"\nΩ'}, "call_a")
    fake.script(Turn("Now.", write, Call("read", {}, "call_b")))
    _, reply = provider.stream(make_request())
    assert reply.stop_reason == "tool_use"
    assert reply.content == [
        text("Now."),
        {"type": "tool_use", "id": "call_a", "name": "write", "input": write.input},
        {"type": "tool_use", "id": "call_b", "name": "read", "input": {}},
    ]


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning"])
def test_reasoning_is_announced_once_and_not_kept(fake, provider, key):
    fake.script(Raw.events(chunk(**{key: "Hm"}), chunk(**{key: "m."}), chunk("stop", content="Ok")))
    assert list(provider.stream(make_request()))[:2] == [Thinking(), TextDelta("Ok")]


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param(
            [
                calls((0, "a", "read", '{"n": 1}')),
                calls((0, "b", "read", '{"n"')),
                calls((0, None, None, ": 2}")),
            ],
            id="every call numbered 0",
        ),
        pytest.param(
            [calls((None, "", "read", '{"n": 1}'), (None, "", "read", '{"n": 2}'))],
            id="neither numbers nor ids",
        ),
        pytest.param(
            [calls((0, None, "read", '{"n": 1}')), calls((1, None, "read", '{"n": 2}'))],
            id="no ids",
        ),
        pytest.param(
            [
                calls((0, "x", "read", '{"n"')),
                calls((1, "x", "read", '{"n"')),
                calls((0, "x", "read", ": 1}")),
                calls((1, "x", "read", ": 2}")),
            ],
            id="one id for all, id and name repeated, interleaved",
        ),
        pytest.param(
            [
                calls((None, "a", "read", '{"n"')),
                calls((None, None, None, ": 1}")),
                calls((None, "b", "read", "")),
                calls((None, "b", "read", '{"n": 2}')),
                calls((None, "b", "read", "")),
            ],
            id="no numbers",
        ),
        pytest.param(
            [calls((0, "a", "read", {"n": 1}), (1, "b", "read", {"n": 2}))],
            id="arguments already parsed",
        ),
    ],
)
def test_servers_number_and_name_calls_as_they_like(fake, provider, pieces):
    reply = reply_to(fake, provider, *pieces, chunk("stop"), "[DONE]")
    assert [call["input"] for call in reply.tool_calls] == [{"n": 1}, {"n": 2}]
    assert [call["name"] for call in reply.tool_calls] == ["read", "read"]
    assert len({call["id"] for call in reply.tool_calls} - {""}) == 2
    assert reply.stop_reason == "tool_use"


@pytest.mark.parametrize("second", [(0, "b", "read", ""), (0, None, "list", "")])
def test_calls_with_one_number_and_no_arguments_are_told_apart(fake, provider, second):
    reply = reply_to(fake, provider, calls((0, "a", "read", ""), second), chunk("stop"))
    assert [call["name"] for call in reply.tool_calls] == ["read", second[2]]


def test_an_id_used_before_in_the_conversation_is_made_new(fake, provider):
    use = {"type": "tool_use", "id": "call_0", "name": "read", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "call_0", "content": "x"}
    request = make_request(
        {"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}
    )
    stream = [calls((0, "call_0", "read", "{}")), chunk("tool_calls")]
    reply = reply_to(fake, provider, *stream, request=request)
    assert reply.tool_calls[0]["id"] not in {"", "call_0"}


@pytest.mark.parametrize(
    "arguments", ['{"path": "/a', '["/a"]', "read /a", '{"n": NaN}', "[" * 9999]
)
def test_arguments_that_are_no_json_object_are_kept_as_raw_text(fake, provider, arguments):
    reply = reply_to(fake, provider, calls((0, "a", "read", arguments)), chunk("length"))
    assert reply.tool_calls[0]["input"] == {"_unparsed": arguments}
    assert reply.stop_reason == "max_tokens"


@pytest.mark.parametrize("arguments", ["", " ", "null", None])
def test_a_call_without_arguments_has_empty_ones(fake, provider, arguments):
    reply = reply_to(fake, provider, calls((0, "a", "read", arguments)), chunk("tool_calls"))
    assert reply.tool_calls[0]["input"] == {}


def test_a_call_that_names_no_tool_is_a_broken_answer(fake, provider):
    with pytest.raises(ProviderError) as caught:
        reply_to(fake, provider, calls((0, "a", None, "{}")), chunk("tool_calls"))
    assert caught.value.retryable


def test_a_content_filter_and_a_refusal_in_words_are_refusals(fake, provider):
    filtered = reply_to(fake, provider, chunk("content_filter", content="I"))
    refused = reply_to(fake, provider, chunk(refusal="I can"), chunk("stop", refusal="not."))
    assert filtered.stop_reason == refused.stop_reason == "refusal"
    assert (filtered.explanation[:12], refused.explanation) == ("The endpoint", "I cannot.")


def test_cached_tokens_are_counted_apart(fake, provider):
    usage = {"prompt_tokens": 100, "completion_tokens": 7, "prompt_tokens_details": None}
    details = {"prompt_tokens_details": {"cached_tokens": 60}}
    plain = reply_to(fake, provider, chunk("stop", content="a"), {"choices": [], "usage": usage})
    cached = reply_to(fake, provider, {**chunk("stop", content="a"), "usage": usage | details})
    assert plain.usage == Usage(100, 7)
    assert cached.usage == Usage(40, 7, cache_read_input_tokens=60)


def test_usage_that_is_not_reported_is_estimated(fake, provider):
    words = "word" * 10
    turns = Turn(words, usage=None), Turn(Think(words), usage=None), Turn(words, usage=Usage())
    fake.script(*turns)
    request = make_request(system="x" * 4000)
    for usage in (list(provider.stream(request))[-1].usage for _ in turns):
        assert 1000 < usage.input_tokens < 1100
        assert usage.output_tokens == 10


def test_a_stream_may_end_without_the_done_mark(fake, provider):
    assert reply_to(fake, provider, chunk("stop", content="Ok")).text == "Ok"


def test_a_conversation_is_told_in_chat_completions_own_words():
    request = make_request(
        {"role": "user", "content": [text("Hi"), text("there")], "said_at": "t"},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm", "signature": "s"},
                text("Let me see."),
                {"type": "tool_use", "id": "a", "name": "read", "input": {"path": "/ü"}},
                {"type": "tool_use", "id": "b", "name": "read", "input": {"_unparsed": "{"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "a", "content": [text("one"), text("two")]},
                {"type": "tool_result", "tool_use_id": "b", "content": "bad", "is_error": True},
                text("Go on"),
            ],
        },
        system="Be kind.",
        tools=TOOLS,
    )
    body = payload(request)
    system, hi, answer, *rest = body["messages"]
    assert system == {"role": "system", "content": "Be kind."}
    assert hi == {"role": "user", "content": "Hi\n\nthere"}
    assert (answer["role"], answer["content"]) == ("assistant", "Let me see.")
    assert [json.loads(call["function"]["arguments"]) for call in answer["tool_calls"]] == [
        {"path": "/ü"},
        {"_unparsed": "{"},
    ]
    assert rest == [
        {"role": "tool", "tool_call_id": "a", "content": "one\ntwo"},
        {"role": "tool", "tool_call_id": "b", "content": "Error: bad"},
        {"role": "user", "content": "Go on"},
    ]
    function = {"name": "read", "description": "Reads.", "parameters": {"type": "object"}}
    assert body["tools"] == [{"type": "function", "function": function}]


def test_images_and_text_documents_go_along():
    image = {"type": "base64", "media_type": "image/png", "data": "iVBO"}
    sources = [("image", image), ("image", {"type": "url", "url": "https://example.com/a.png"})]
    sources += [("document", {"type": "text", "data": "Minutes"})]
    sources += [("document", {"type": "base64", "data": "JVBE"})]
    blocks = [{"type": kind, "source": source} for kind, source in sources]
    [message] = payload(make_request({"role": "user", "content": blocks}))["messages"]
    assert [part.get("text") or part["image_url"]["url"] for part in message["content"]] == [
        "data:image/png;base64,iVBO",
        "https://example.com/a.png",
        "Minutes",
        "[document: cannot be shown to this model]",
    ]


def test_only_openai_itself_gets_the_new_name_of_the_limit():
    theirs = payload(make_request(max_tokens=9), "https://api.openai.com")
    others = payload(make_request(max_tokens=9), "http://localhost:11434")
    assert (theirs["max_completion_tokens"], others["max_tokens"]) == (9, 9)
    assert "max_tokens" not in theirs
    assert "max_completion_tokens" not in others


def test_the_key_is_sent_when_there_is_one(fake, provider):
    fake.script(Turn("Hi."), Turn("Hi."))
    list(provider.stream(make_request()))
    list(OpenAI(Endpoint("OPENAI", fake.openai_url, "", timeout=5)).stream(make_request()))
    assert [asked.headers.get("authorization") for asked in fake.requests] == [
        f"Bearer {KEY}",
        None,
    ]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "registry.ollama.ai/library/llama2 does not support tools"),
        (400, '"auto" tool choice requires --enable-auto-tool-choice'),
        (404, "No endpoints found that support tool use"),
        (500, "tools param requires --jinja flag"),
    ],
)
def test_a_model_without_tools_is_said_to_be_one(fake, provider, status, words):
    fake.script(Raw(status, {"error": {"message": words}}))
    with pytest.raises(ProviderError, match="takes no tools.*Choose a model") as caught:
        list(provider.stream(make_request(tools=TOOLS)))
    assert not caught.value.retryable
    assert words in caught.value.message


@pytest.mark.parametrize("unheard", [Raw.events(), Turn("", stops_after=0, then="cut")])
def test_a_server_that_ends_its_stream_unheard_is_asked_why(fake, provider, unheard):
    # As llama-cpp-python 0.3.36 does it: its 200 is out before it counts the tokens.
    words = (
        "This model's maximum context length is 1024 tokens. However, you requested 2630 tokens (2629"
        " in the messages, 1 in the completion). Please reduce the length of the messages or completion."
    )
    told = {"message": words, "type": "invalid_request_error", "param": "messages"}
    fake.script(unheard, Raw(400, {"error": told | {"code": "context_length_exceeded"}}))
    with pytest.raises(ProviderError, match="maximum context length") as caught:
        list(provider.stream(make_request(tools=TOOLS)))
    assert caught.value.too_long and not caught.value.retryable
    first, second = (asked.json for asked in fake.requests)
    assert first["stream"] and "stream" not in second and "stream_options" not in second
    assert second["max_tokens"] == 1
    assert [second[key] for key in ("messages", "tools")] == [
        first[key] for key in ("messages", "tools")
    ]


def test_a_call_without_words_has_an_empty_text():
    # llama-cpp-python 0.3.36 answers 500 to null: "Input should be a valid string".
    use = {"type": "tool_use", "id": "a", "name": "read", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "a", "content": "x"}
    request = make_request(
        {"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}
    )
    assert payload(request)["messages"][0]["content"] == ""


def test_another_complaint_about_a_tool_is_left_as_it_is(fake, provider):
    fake.script(Raw(400, {"error": {"message": "Invalid schema for function 'read'"}}))
    with pytest.raises(ProviderError) as caught:
        list(provider.stream(make_request(tools=TOOLS)))
    assert "takes no tools" not in caught.value.message


@pytest.mark.parametrize(
    ("error", "type", "retryable"),
    [
        ({"error": {"message": "Boom", "code": 503}}, "model_overloaded_error", True),
        ({"error": {"message": "Boom", "code": "x"}}, "model_request_failed_error", True),
        ({"error": {"message": "Slow", "code": "rate_limit"}}, "model_rate_limited_error", True),
        ({"error": {"message": "Pay", "code": "insufficient_quota"}}, "billing_error", False),
        ({"object": "error", "message": "No", "code": 400}, "model_request_failed_error", False),
    ],
)
def test_an_error_in_the_stream_is_an_error(fake, provider, error, type, retryable):
    with pytest.raises(ProviderError) as caught:
        reply_to(fake, provider, chunk(content="I"), error)
    assert (caught.value.type, caught.value.retryable) == (type, retryable)
