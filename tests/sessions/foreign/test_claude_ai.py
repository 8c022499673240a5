"""Claude's export of conversations."""

from sessions.foreign import claude_ai
from tests.sessions.foreign.conversations import THE_TALK, read, told


def said(sender, *content, text="", **more):
    at = "2026-11-20T10:00:00.123456Z"
    return {"sender": sender, "text": text, "content": list(content), "created_at": at, **more}


TALK = {
    "uuid": "u",
    "name": "The talk",
    "chat_messages": [
        said("human", text="When is the talk?", attachments=[{"file_name": "a.pdf"}], files=[{}]),
        said(
            "assistant",
            {"type": "thinking", "thinking": "Hm."},
            {"type": "tool_use", "id": None, "name": "look", "input": {"for": "talk"}},
            {"type": "tool_result", "tool_use_id": None, "content": [{"text": "14:30"}]},
            {"type": "text", "text": "At 14:30."},
        ),
        said("narrator", text="Then…"),
        "words",
    ],
}


def test_conversations_are_read_with_calls_that_have_no_ids():
    [transcript] = read([TALK], "conversations.json")
    assert told(transcript) == THE_TALK
    assert (transcript.title, transcript.format) == ("The talk", claude_ai.FORMAT)
    assert transcript.messages[0].at == "2026-11-20T10:00:00.123456+00:00"
    assert transcript.left_out == {
        "images and other attachments": 2,
        "thoughts": 1,
        "messages of unknown roles": 1,
        "entries that are no messages": 1,
    }


def test_a_conversation_without_a_name_or_messages_is_counted():
    left_out = read([TALK, {"uuid": "v", "name": "", "chat_messages": []}])[0].left_out
    assert left_out["conversations without messages"] == 1
