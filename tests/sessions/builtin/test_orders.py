"""Tools the person names: called as said, filled from the message, and what came back is repeated."""

import pytest

from sessions.providers.base import Request
from sessions.providers.builtin import Builtin
from sessions.providers.builtin.arguments import fill
from tests.sessions.builtin.world import DAY

pytestmark = pytest.mark.once
UNITS = {"type": "string", "enum": ["celsius", "fahrenheit"]}


def schema(required: str = "", **properties) -> dict:
    kinds = {"s": {"type": "string"}, "i": {"type": "integer"}, "n": {"type": "number"}}
    kinds |= {"b": {"type": "boolean"}, "l": {"type": "array"}, "o": {"type": "object"}}
    shown = {
        name: kinds.get(kind, kind) if isinstance(kind, str) else kind
        for name, kind in properties.items()
    }
    return {"type": "object", "properties": shown, "required": required.split()}


WEATHER = schema("city", city="s", unit=UNITS)
FORECAST = schema("city", city="s", days="i", unit=UNITS)
TOOLS = {
    "get_weather": WEATHER,
    "get_time": schema("place", place="s"),
    "deploy": schema("service version", service="s", version="s", force="b"),
    "read": schema("file_path", file_path="s"),
    "bash": schema("", command="s"),
}


def ask(text: str, *turns: tuple, tools: dict = TOOLS):
    """The reply to a text; each of `turns` is the results that the reply before got."""
    specs = [
        {"name": name, "description": "", "input_schema": each} for name, each in tools.items()
    ]
    messages = [{"role": "user", "content": [{"type": "text", "text": text}], "said_at": None}]
    request = Request("builtin", "", messages, specs, DAY)
    *_, reply = Builtin().stream(request)
    for results in turns:
        messages.append({"role": "assistant", "content": reply.content, "said_at": None})
        blocks = [
            {"type": "tool_result", "tool_use_id": call["id"], "content": said, "is_error": bad}
            for call, (said, bad) in zip(reply.tool_calls, results, strict=True)
        ]
        messages.append({"role": "user", "content": blocks, "said_at": None})
        *_, reply = Builtin().stream(request)
    return reply


def calls(text: str, **options) -> list[tuple]:
    return [(call["name"], call["input"]) for call in ask(text, **options).tool_calls]


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("use get_weather for Paris", {"city": "Paris"}),
        ("Please use the get_weather tool for New York, please!", {"city": "New York"}),
        ("Can you call get_weather on São Paulo in fahrenheit?", {"city": "São Paulo", "unit": "fahrenheit"}),
        ("call get_weather with city=Paris and unit=celsius", {"city": "Paris", "unit": "celsius"}),
        ('run get_weather {"city": "Paris", "unit": "celsius", "x": 1}', {"city": "Paris", "unit": "celsius"}),
        ('Use `get_weather` with city: "Rio de Janeiro".', {"city": "Rio de Janeiro"}),
    ],
)  # fmt: skip
def test_a_named_tool_is_called_with_what_the_message_says(text, given):
    assert calls(text) == [("get_weather", given)]


def test_what_need_not_be_given_is_heard_with_its_name():
    given = fill(FORECAST, " for Berlin, 3 days, unit celsius").values
    assert given == {"city": "Berlin", "days": 3, "unit": "celsius"}


def test_several_tools_are_called_at_once():
    assert calls("Use get_weather for Paris and get_time for Tokyo.") == [
        ("get_weather", {"city": "Paris"}),
        ("get_time", {"place": "Tokyo"}),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "We use get_weather every morning.",
        "What does get_weather do?",
        "Use read access for Bob.",
        "Use get_weather_v2 for Paris",
        "Read is a tool that we use.",
        "",
    ],
)
def test_a_tool_that_is_only_mentioned_is_not_called(text):
    assert calls(text) == []


def test_plain_words_are_tools_when_they_are_called_tools():
    assert calls("Use the read tool on /workspace/a.md") == [
        ("read", {"file_path": "/workspace/a.md"})
    ]
    assert calls("run bash: ls -la /tmp") == [("bash", {"command": "ls -la /tmp"})]


def test_what_came_back_is_repeated_word_for_word():
    reply = ask("use get_weather for Paris", [("Rain\n12 degrees", False)])
    assert reply.stop_reason == "end_turn" and reply.tool_calls == []
    assert "```text\nRain\n12 degrees\n```" in reply.text and "get_weather" in reply.text


def test_a_fence_in_what_came_back_does_not_end_the_block():
    reply = ask("use get_weather for Paris", [("```\ncode\n```", False)])
    assert "````text\n```\ncode\n```\n````" in reply.text


def test_a_failure_and_a_refusal_are_told():
    assert "no such city" in ask("use get_weather for Xyz", [("no such city", True)]).text
    assert "came back with nothing" in ask("use get_weather for Xyz", [("", False)]).text


def test_what_is_missing_is_asked_for_and_not_invented():
    reply = ask("use deploy for billing")
    assert reply.tool_calls == [] and "`version`" in reply.text


def test_the_rest_of_the_message_is_still_heard():
    reply = ask("Use get_time for Tokyo. What can you do?", [("09:00", False)])
    assert "09:00" in reply.text and "extractive" in reply.text


@pytest.mark.parametrize(
    ("wanted", "text", "values"),
    [
        (schema("a b", a="i", b="n"), "with 3 and 4.5", {"a": 3, "b": 4.5}),
        (schema("a b", a="s", b="s"), "for billing, v1.2", {"a": "billing", "b": "v1.2"}),
        (schema("a", a="b"), "yes", {"a": True}),
        (schema("a", a="l"), "for red, green and blue", {"a": ["red", "green", "blue"]}),
        (schema("a", a="i", b="s"), "a=7", {"a": 7}),
        (schema("a", a="s"), "a='x y'", {"a": "x y"}),
        (schema("", a="s"), "to run `ls -l | wc`.", {"a": "ls -l | wc"}),
        (schema(""), "for Paris", {}),
    ],
)
def test_fields_take_what_fits_their_type(wanted, text, values):
    filled = fill(wanted, text)
    assert filled.values == values and filled.missing == []


@pytest.mark.parametrize("kind", ["i", "b", "o", "s"])
def test_a_field_that_nothing_fits_is_missing(kind):
    assert fill(schema("a", a=kind), "").missing == ["a"]


@pytest.mark.parametrize("end", ["", "x"])
@pytest.mark.parametrize(
    "filler", [" ", ", ", "and ", '"', "{", "city=", "use get_weather ", "(", "!", "1"]
)
def test_a_hostile_order_ends(filler, end):
    ask("use get_weather for " + filler * (200_000 // len(filler)) + end)


@pytest.mark.parametrize("text", ["n=" + "9" * 400, '{"n": NaN}', '{"n": 1e999}', "n=1e5"])
@pytest.mark.parametrize("kind", ["i", "n"])
def test_a_number_that_json_cannot_hold_is_missing(kind, text):
    assert fill(schema("n", n=kind), text).missing == ["n"]


def test_a_long_whole_number_keeps_its_last_digits():
    assert fill(schema("id", id="i"), "id=1234567890123456789").values == {
        "id": 1234567890123456789
    }


@pytest.mark.parametrize(
    ("wanted", "values"),
    [
        ({"n": {"type": ["integer", "null"]}}, {"n": 5}),
        ({"n": {"type": ["null", "string"]}}, {"n": "5"}),
        ({"n": True}, {"n": "5"}),
        ({"n": {"enum": 5}}, {"n": "5"}),
    ],
)
def test_unusual_schemas_are_filled_as_far_as_they_are_understood(wanted, values):
    assert fill({"properties": wanted, "required": ["n", 7]}, "for 5").values == values
    assert fill({"properties": [], "required": "n"}, "for 5") == fill({}, "for 5")
