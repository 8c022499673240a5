"""Messages with roles, and items of Responses."""

import json

import pytest

from sessions.foreign import openai, responses
from tests.sessions.foreign.conversations import OPENAI, RESPONSES, THE_TALK, lines, read, told


@pytest.mark.parametrize(
    "data",
    [
        json.dumps(OPENAI).encode(),
        json.dumps({"messages": OPENAI}).encode(),
        json.dumps([{"messages": OPENAI}]).encode(),
        lines({"messages": OPENAI}),
        lines(OPENAI),
        lines(*OPENAI),
    ],
)
def test_messages_are_read_in_each_of_their_wrappings(data):
    [transcript] = read(data, "talk.json")
    assert told(transcript) == THE_TALK and transcript.format == openai.FORMAT
    assert transcript.messages[1].given == {"for": "talk"}
    assert transcript.left_out == {"system prompts": 1}


@pytest.mark.parametrize(
    "data",
    [
        json.dumps(RESPONSES).encode(),
        json.dumps({"input": RESPONSES[:3], "output": RESPONSES[3:]}).encode(),
        json.dumps({"items": RESPONSES}).encode(),
        lines(*RESPONSES),
    ],
)
def test_items_of_responses_are_read_in_each_of_their_wrappings(data):
    [transcript] = read(data, "talk.json")
    assert told(transcript) == THE_TALK and transcript.format == responses.FORMAT
    assert transcript.left_out == {
        "system prompts": 1,
        "thoughts": 1,
        "images and other attachments": 1,
        "items of the kind “web_search_call”": 1,
    }


def test_a_response_with_what_was_asked_is_a_conversation():
    assert told(read({"input": "When is the talk?", "output": RESPONSES[3:]})[0]) == THE_TALK


def test_sessions_of_codex_are_read_from_their_lines():
    at = "2026-11-20T10:00:00Z"
    context = {"type": "message", "role": "user", "content": "<environment_context>…"}
    rows = [{"type": "session_meta", "timestamp": at, "payload": {"id": "x"}}]
    rows += [
        {"type": "response_item", "timestamp": at, "payload": item}
        for item in [context, *RESPONSES]
    ]
    [transcript] = read(lines(*rows))
    assert told(transcript) == THE_TALK
    assert transcript.messages[0].at == "2026-11-20T10:00:00+00:00"
    assert transcript.left_out["the program’s own notes"] == 2


def test_calls_from_before_they_had_ids_find_their_results_by_name():
    asks = {"name": "look", "arguments": '{"for": "talk"}'}
    rows = [
        {"role": "user", "content": "When is the talk?"},
        {"role": "assistant", "content": None, "function_call": asks},
        {"role": "function", "name": "look", "content": "14:30"},
        {"role": "assistant", "content": "At 14:30."},
    ]
    [transcript] = read(rows)
    assert told(transcript) == THE_TALK and transcript.messages[1].given == {"for": "talk"}
    assert transcript.messages[2].call == transcript.messages[1].call


@pytest.mark.parametrize(
    "message",
    [
        {"role": "assistant", "content": None, "refusal": "I cannot."},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "I cannot."}]},
    ],
)
def test_a_refusal_is_what_the_agent_said(message):
    assert told(read([{"role": "user", "content": "Do."}, message])[0])[1] == ("agent", "I cannot.")


def test_what_stays_out_is_counted_by_what_it_is():
    picture = {"type": "image_url", "image_url": {"url": "data:"}}
    rows = [
        {"role": "user", "content": ["Look.", picture]},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": ["?", {"id": "x"}],
            "audio": {"id": "a"},
        },
        {"role": "narrator", "content": "Meanwhile…"},
        "just words",
        {"no": "role"},
    ]
    assert read(rows)[0].left_out == {
        "images and other attachments": 1,
        "sounds": 1,
        "calls of an unknown shape": 2,
        "messages of unknown roles": 1,
        "entries that are no messages": 2,
    }


def test_lists_and_lines_of_other_shapes_are_counted():
    talk = {"messages": OPENAI}
    told_in_list = read([talk, {"a": 1}, 7, [[1]]])[0].left_out
    assert told_in_list == {"system prompts": 1, "entries that are no conversations": 3}
    told_in_lines = read(lines(talk, {"a": 1}, 7, "{broken"))[0].left_out
    assert told_in_lines == {
        "system prompts": 1,
        "line 4: no JSON": 1,
        "lines that are no objects": 1,
        "entries that are no conversations": 1,
    }


def test_conversations_of_one_title_are_numbered():
    three = [{"messages": OPENAI}, {"messages": OPENAI[1:]}, {"title": "T", "messages": OPENAI}]
    assert [each.title for each in read(three)] == ["talk (1)", "talk (2)", "T"]


def test_what_a_call_was_given_is_kept_whatever_it_is():
    def given(arguments):
        calls = [{"id": "c", "function": {"name": "f", "arguments": arguments}}]
        return read([{"role": "assistant", "tool_calls": calls}])[0].messages[0].given

    deep = "[" * 200 + "]" * 200
    assert given("no JSON") == {"input": "no JSON"} and given("[1]") == {"input": [1]}
    assert given('{"n": 1e999, "m": NaN}') == {"n": "1e999", "m": "NaN"}
    assert given(f'{{"a": {deep}}}') == {"input": f'{{"a": {deep}}}'}
