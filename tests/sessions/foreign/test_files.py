"""Any file: texts, letters, calls and results, and whatever else somebody sends."""

import json

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from sessions.foreign import Unreadable
from tests.sessions.foreign.conversations import CODE, OPENAI, PLAIN, lines, read, told


def test_plain_text_is_read_by_its_speakers():
    [transcript] = read(PLAIN.encode(), "talk.txt")
    assert told(transcript)[0] == ("said", "When is the talk?\nI forgot.")
    assert transcript.speakers == ["Alice", "Bot"] and transcript.assistant == "Bot"


@pytest.mark.parametrize(
    ("speakers", "assistant"),
    [
        ("Assistant Human", "Assistant"),
        ("Zoe Me", "Zoe"),  # the other one of two
        ("Q A", "A"),
        ("Alice Bob", "Bob"),  # who spoke second, as in most talks with a machine
        ("Alice ChatGPT Bob", "ChatGPT"),
        ("Alice Bob Carol", ""),  # a talk among people
        ("Alice", ""),
    ],
)
def test_the_assistant_of_a_text_is_guessed_by_its_name(speakers, assistant):
    text = "".join(f"{name}: Hello.\n{name}: Still here.\n" for name in speakers.split())
    [transcript] = read(text.encode(), "a.txt")
    assert transcript.assistant == assistant


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_says_how_to_read(encoding):
    [transcript] = read("Ä: Grüße.\nB: Ça va?\nÄ: Ja.".encode(encoding))
    assert told(transcript)[0] == ("said", "Grüße.")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("Zoë: Grüße.".encode("latin-1"), r"no UTF-8 text \(byte 3\). Save it as UTF-8"),
        ("Zoë: Grüße.".encode("utf-16-le"), "UTF-16 without its mark. Save it as UTF-8"),
        (b"\xff\xfea", "no UTF-16 text .*Save it as UTF-8"),
        (b"a\0b", "NUL"),
        (b"", "No messages"),
        (b"Just some prose without anybody speaking.", "No messages"),
        (b"Note: this.\nTime: noon.\nPlace: here.\nRoom: four.\nHost: Bob.\n", "No conversation"),
        (b'{"a": 1}', "No messages"),
        (b"[1, 2]", "No messages"),
        (b"{broken\n{too", "no line of it can be read"),
        (b"[" * 100_000, "can be read"),
    ],
)
def test_what_is_no_transcript_is_refused_in_words(data, why):
    with pytest.raises(Unreadable, match=why):
        read(data)


def test_results_find_their_calls_across_what_is_said_and_orphans_are_counted():
    def ask(key):
        return {"id": key, "function": {"name": f"call {key}", "arguments": "{}"}}

    rows = [
        {"role": "assistant", "content": "", "tool_calls": [ask("a"), ask("b"), ask("a")]},
        {"role": "user", "content": "Still there?"},
        {"role": "assistant", "content": "One moment."},
        {"role": "tool", "tool_call_id": "b", "content": "B"},
        {"role": "tool", "tool_call_id": "a", "content": "first A"},
        {"role": "tool", "tool_call_id": "nobody", "content": "x"},
        {"role": "tool", "tool_call_id": "a", "content": "second A"},
        {"role": "tool", "tool_call_id": "a", "content": "third A"},
    ]
    [transcript] = read(rows)
    assert [(each.role, each.call, each.text) for each in transcript.messages] == [
        ("call", "1", ""),
        ("call", "2", ""),
        ("call", "3", ""),
        ("user", "", "Still there?"),
        ("agent", "", "One moment."),
        ("result", "2", "B"),
        ("result", "1", "first A"),
        ("result", "3", "second A"),
    ]
    assert transcript.left_out == {"results of calls that it does not hold": 2}


def test_the_same_conversation_has_one_digest_whatever_file_it_came_in():
    [one], [other] = read(lines(*CODE)), read(CODE, "renamed.json")
    assert one.digest == other.digest != read(OPENAI)[0].digest


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)
KEYS = st.sampled_from(
    [
        *("type", "role", "content", "message", "messages", "sessionId", "timestamp", "payload"),
        *("mapping", "current_node", "a", "author", "parent", "children", "output", "items"),
        *("tool_calls", "function_call", "parts", "name", "call_id"),
    ]
)
WORDS = st.sampled_from(
    [
        *("user", "assistant", "tool", "text", "tool_use", "tool_result", "function", "a"),
        *("message", "function_call", "function_call_output", "response_item", "reasoning"),
    ]
)
ROW = st.dictionaries(
    KEYS,
    WORDS | JSON | st.lists(st.dictionaries(KEYS, WORDS | JSON, max_size=4), max_size=3),
    max_size=6,
)
TREES = st.fixed_dictionaries({"mapping": st.dictionaries(WORDS, ROW), "current_node": WORDS})


QUICKLY = settings(
    deadline=None,
    max_examples=40,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@QUICKLY
@given(st.lists(ROW | TREES, max_size=4))
def test_no_json_breaks_the_reader(rows):
    for data in (json.dumps(rows).encode(), lines(*rows)):
        try:
            found = read(data)
        except Unreadable:
            continue
        for each in found:
            calls = [one.call for one in each.messages if one.role == "call"]
            results = [one.call for one in each.messages if one.role == "result"]
            assert each.messages and len(set(results)) == len(results)
            assert set(results) <= set(calls) and len(set(calls)) == len(calls)
