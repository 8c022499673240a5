"""What is read of Claude Code's sessions, and what is left out and counted."""

import json

import pytest

from sessions.foreign import Unreadable, claude_code
from tests.sessions.foreign.conversations import CODE, claude, lines, read, told


def test_a_session_is_read_with_its_calls():
    [transcript] = read(lines(*CODE))
    assert transcript.title == "Find the heron" and transcript.format == claude_code.FORMAT
    assert told(transcript) == [
        ("user", "Where is the heron?"),
        ("agent", "Let me look."),
        ("call", "Bash"),
        ("result", "heron.md"),
        ("agent", "In heron.md."),
    ]
    assert transcript.messages[0].at == "2026-11-20T10:00:00+00:00"


def test_rows_may_come_as_one_list():
    assert told(read(CODE)[0]) == told(read(lines(*CODE))[0])


def test_what_is_left_out_is_told():
    rows = [*CODE, "{broken", {"type": "system", "sessionId": "a-1"}, "[1]", '"words"']
    assert read(lines(*rows))[0].left_out == {
        "thoughts": 1,
        "messages of sub-agents": 1,
        "the program’s own notes": 2,
        "line 8: no JSON": 1,
        "lines that are no objects": 2,
    }


def test_summaries_of_a_full_window_stay_out_and_are_counted():
    summary = claude("user", "This session goes on from one…", isCompactSummary=True)
    [transcript] = read(lines(*CODE, summary))
    assert transcript.left_out[claude_code.SUMMARIES] == 1
    assert "goes on" not in str(told(transcript))


def test_rows_of_no_session_and_rows_without_a_message_are_counted():
    rows = [{"type": "file-history-snapshot", "messageId": "m"}, {**CODE[1], "message": None}]
    left_out = read(lines(*CODE, *rows))[0].left_out
    assert left_out["the program’s own notes"] == 2
    assert left_out["entries that are no messages"] == 1


@pytest.mark.parametrize(
    "content",
    [
        "<local-command-stdout>42</local-command-stdout>",
        [{"type": "text", "text": "<system-reminder>Be good.</system-reminder>"}],
    ],
)
def test_what_the_program_puts_into_a_persons_mouth_is_no_word_of_theirs(content):
    [transcript] = read(lines(claude("user", "Hello."), claude("user", content)))
    assert told(transcript) == [("user", "Hello.")]
    assert transcript.left_out == {"the program’s own notes": 1}


def test_a_file_of_a_sub_agent_is_refused_and_says_what_it_is():
    rows = [claude("user", "Aside.", isSidechain=True), claude("assistant", "x", isSidechain=True)]
    with pytest.raises(Unreadable, match="in it, only 2 × messages of sub-agents"):
        read(lines(*rows))


def test_several_sessions_of_a_file_come_apart():
    other = claude("user", "Another one.", sessionId="b-2")
    assert [each.title for each in read(lines(*CODE[1:], other))] == [
        "Where is the heron?",
        "Another one.",
    ]


def test_images_in_results_are_counted_and_texts_kept():
    image = {"type": "image", "source": {"type": "base64", "data": "…"}}
    use = {"type": "tool_use", "id": "t", "name": "Read", "input": {}}
    text = {"type": "text", "text": "A heron."}
    outcome = {"type": "tool_result", "tool_use_id": "t", "content": [text, image, image]}
    [transcript] = read(lines(claude("assistant", [use]), claude("user", [outcome, image])))
    assert told(transcript)[-1] == ("result", "A heron.")
    assert transcript.left_out == {
        "images and other attachments in results": 2,
        "images and other attachments": 1,
    }


def test_tools_that_the_model_itself_ran_are_calls_with_results():
    use = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "heron"}}
    hit = {"type": "web_search_result", "title": "Herons", "url": "https://example.org/"}
    found = {"type": "web_search_tool_result", "tool_use_id": "s", "content": [hit]}
    [transcript] = read(lines(claude("assistant", [use, found])))
    assert told(transcript) == [("call", "web_search"), ("result", "Herons https://example.org/")]


def test_blocks_nobody_knows_are_counted_by_their_kind():
    blocks = [{"type": "hologram"}, 7, {"type": "text", "text": "Hi."}]
    [transcript] = read(lines(claude("assistant", blocks)))
    assert transcript.left_out == {
        "blocks of the kind “hologram”": 1,
        "blocks that are no objects": 1,
    }


def test_line_separators_inside_a_message_end_no_line():
    said = "One\u2028two\u2029three\x85four"
    row = json.dumps(claude("user", said), ensure_ascii=False)
    [transcript] = read(f"{row}\r\n{row}\n".encode())
    assert told(transcript) == [("user", said)] * 2 and not transcript.left_out


def test_a_file_of_countless_kinds_is_told_in_few_words():
    blocks = [{"type": f"kind {n}"} for n in range(1000)]
    [transcript] = read(lines(claude("user", "Hi."), claude("user", blocks)))
    assert len(transcript.left_out) <= 31 and sum(transcript.left_out.values()) == 1000


# -- Branches -----------------------------------------------------------------------------------


def chain(*rows):
    """Rows that name their parents: (key, parent, kind, content, id of the reply)."""
    return [
        {
            **claude(kind, content, uuid=key, parentUuid=parent),
            "message": {"role": kind, "content": content, "id": more[0] if more else None},
        }
        for key, parent, kind, content, *more in rows
    ]


def use(key):
    return [{"type": "tool_use", "id": key, "name": "Read", "input": {}}]


def result(key, text):
    return [{"type": "tool_result", "tool_use_id": key, "content": text}]


def test_where_one_went_back_the_branch_that_went_on_is_read():
    rows = chain(
        ("a", None, "user", "Where is the heron?"),
        ("b", "a", "assistant", "By the pond."),
        ("c", "b", "user", "Which one?"),
        ("d", "c", "assistant", "The small one."),
        ("e", "b", "user", "And the stork?"),
        ("f", "e", "assistant", "On the roof."),
    )
    [transcript] = read(lines(*rows))
    assert [text.text for text in transcript.messages] == [
        "Where is the heron?",
        "By the pond.",
        "And the stork?",
        "On the roof.",
    ]
    assert transcript.left_out == {claude_code.REWOUND: 2}


def test_parallel_calls_fork_without_a_branch_being_left():
    rows = chain(
        ("a", None, "user", "Look."),
        ("b", "a", "assistant", use("t1"), "m1"),
        ("c", "b", "assistant", use("t2"), "m1"),
        ("d", "b", "user", result("t1", "one")),
        ("e", "c", "user", result("t2", "two")),
        ("f", "e", "assistant", "Done.", "m2"),
    )
    [transcript] = read(lines(*rows))
    assert [role for role, _ in told(transcript)] == [
        *("user", "call", "call", "result", "result", "agent")
    ]
    assert not transcript.left_out


def test_parallel_calls_of_a_branch_that_was_left_go_with_it():
    rows = chain(
        ("a", None, "user", "Look."),
        ("b", "a", "assistant", use("t1"), "m1"),
        ("c", "b", "assistant", use("t2"), "m1"),
        ("d", "b", "user", result("t1", "one")),
        ("e", "c", "user", result("t2", "two")),
        ("f", "a", "user", "Rather not."),
    )
    [transcript] = read(lines(*rows))
    assert told(transcript) == [("user", "Look."), ("user", "Rather not.")]
    assert transcript.left_out == {claude_code.REWOUND: 4}


def test_a_window_that_was_condensed_begins_a_tree_of_its_own():
    rows = chain(
        ("a", None, "user", "Where is the heron?"),
        ("b", "a", "assistant", "By the pond."),
        ("c", None, "user", "This session goes on."),
        ("d", "c", "user", "And the stork?"),
    )
    rows[2]["isCompactSummary"] = True
    aside = {**rows[1], "uuid": "x", "parentUuid": "a", "isSidechain": True}
    [transcript] = read(lines(*rows, aside))
    assert len(transcript.messages) == 3
    assert transcript.left_out == {claude_code.SUMMARIES: 1, "messages of sub-agents": 1}


@pytest.mark.parametrize("parent", ["a", "b", "nowhere", 7, None])
def test_parents_that_make_no_sense_lose_nothing(parent):
    rows = chain(("a", "b", "user", "One."), ("b", "a", "assistant", "Two."))
    rows += chain(("c", parent, "user", "Three."))
    [transcript] = read(lines(*rows))
    assert [each.text for each in transcript.messages] == ["One.", "Two.", "Three."]
