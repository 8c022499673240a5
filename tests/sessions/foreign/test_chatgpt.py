"""ChatGPT's export: of each tree of messages the branch that was shown last."""

import pytest

from sessions.foreign import chatgpt as reader
from tests.sessions.foreign.conversations import THE_TALK, TREE, chatgpt, node, read, told


def test_the_branch_that_was_shown_last_is_read_and_the_others_are_counted():
    [transcript] = read([TREE], "conversations.json")
    assert told(transcript) == THE_TALK
    assert (transcript.title, transcript.format) == ("The talk", reader.FORMAT)
    assert transcript.messages[1].given == {"for": "talk"}
    assert transcript.messages[2].call == transcript.messages[1].call
    assert transcript.messages[0].at.startswith("2026-09-21")
    assert transcript.left_out == {"system prompts": 1, "thoughts": 1, reader.BRANCHES: 2}


def test_each_conversation_of_an_export_comes_apart():
    other = chatgpt(node("end", None, "user", "Hello."), title="Another")
    assert [each.title for each in read([TREE, other])] == ["The talk", "Another"]


@pytest.mark.parametrize("last", [None, "nowhere", 7, []])
def test_without_a_current_node_the_latest_branch_is_read(last):
    assert told(read({**TREE, "current_node": last})[0])[0] in [
        ("user", "When is the talk?"),
        ("user", "When’s the tlak?"),
    ]


def test_a_tree_that_bites_its_tail_ends():
    tree = chatgpt(node("a", "end", "user", "Hi."), node("end", "a", "assistant", "Hello."))
    assert told(read(tree)[0]) == [("user", "Hi."), ("agent", "Hello.")]


def test_all_that_a_tool_answers_is_the_calls_one_result():
    tree = chatgpt(
        node("asks", None, "assistant", "search heron", recipient="browser"),
        node("one", "asks", "tool", "First page."),
        node("two", "one", "tool", "Second page."),
        node("end", "two", "assistant", "Found."),
    )
    assert told(read(tree)[0]) == [
        ("call", "browser"),
        ("result", "First page.\n\nSecond page."),
        ("agent", "Found."),
    ]
    assert read(tree)[0].messages[0].given == {"input": "search heron"}


def test_pictures_are_counted_and_spoken_words_read():
    spoken = {"content_type": "audio_transcription", "text": "And this?"}
    picture = {"content_type": "image_asset_pointer", "asset_pointer": "file://x"}
    tree = chatgpt(node("end", None, "user", picture, spoken, kind="multimodal_text"))
    [transcript] = read(tree)
    assert told(transcript) == [("user", "And this?")]
    assert transcript.left_out == {"images and other attachments": 1}


def test_what_was_never_shown_stays_out_and_is_counted():
    hidden = {"metadata": {"is_visually_hidden_from_conversation": True}}
    tree = chatgpt(
        node("a", None, "user", "I am a bird.", kind="user_editable_context"),
        node("b", "a", "user", "Go on.", **hidden),
        node("c", "b", "narrator", "Then…"),
        node("end", "c", "user", "Hello."),
    )
    [transcript] = read(tree)
    assert told(transcript) == [("user", "Hello.")]
    assert transcript.left_out == {"the program’s own notes": 2, "messages of unknown roles": 1}
