"""Conversations as other programs keep them."""

import io
import json
import zipfile

from sessions import foreign

HOSTILE = "<script>alert('x')</script>"


def claude(kind, content, **more):
    message = {"role": kind, "content": content}
    head = {"type": kind, "sessionId": "a-1", "uuid": "u", "parentUuid": None}
    return {**head, "timestamp": "2026-11-20T10:00:00.000Z", "message": message, **more}


CODE = [
    {"type": "summary", "summary": "Find the heron", "leafUuid": "u"},
    claude("user", "Where is the heron?"),
    claude("user", "<local-command>", isMeta=True),
    claude(
        "assistant",
        [
            {"type": "thinking", "thinking": "Hm."},
            {"type": "text", "text": "Let me look."},
            {"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "ls"}},
        ],
    ),
    claude("user", [{"type": "tool_result", "tool_use_id": "t1", "content": "heron.md"}]),
    claude(
        "assistant", [{"type": "text", "text": "In heron.md."}], timestamp="2026-11-20T10:01:00Z"
    ),
    claude("user", "Aside.", isSidechain=True),
]
OPENAI = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "When is the talk?"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "c1", "function": {"name": "look", "arguments": '{"for": "talk"}'}}],
    },
    {"role": "tool", "tool_call_id": "c1", "content": "14:30"},
    {"role": "assistant", "content": [{"type": "text", "text": "At 14:30."}]},
]
RESPONSES = [
    {"type": "message", "role": "developer", "content": "Be brief."},
    {
        "type": "message",
        "role": "user",
        "content": [
            {"type": "input_text", "text": "When is the talk?"},
            {"type": "input_image", "image_url": "data:"},
        ],
    },
    {"type": "reasoning", "summary": []},
    {"type": "function_call", "call_id": "c1", "name": "look", "arguments": '{"for": "talk"}'},
    {"type": "web_search_call", "id": "ws"},
    {"type": "function_call_output", "call_id": "c1", "output": "14:30"},
    {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "At 14:30."}],
    },
]
THE_TALK = [
    ("user", "When is the talk?"),
    ("call", "look"),
    ("result", "14:30"),
    ("agent", "At 14:30."),
]
PLAIN = "Alice: When is the talk?\nI forgot.\nBot: At 14:30.\nAlice: Thanks.\n"


def node(key, parent, role="user", *parts, kind="text", **more):
    """A node of a ChatGPT conversation; without parts it holds no message."""
    message = {
        "author": {"role": role},
        "create_time": 1_790_000_000 + len(key),
        "content": {"content_type": kind, "parts": list(parts)},
        **more,
    }
    return {key: {"id": key, "parent": parent, "message": message if parts else None}}


def chatgpt(*nodes, last="end", **more):
    mapping = {key: value for each in nodes for key, value in each.items()}
    for key, each in mapping.items():
        each["children"] = [k for k, other in mapping.items() if other["parent"] == key]
    return {"title": "The talk", "mapping": mapping, "current_node": last, **more}


TREE = chatgpt(
    node("root", None),
    node("system", "root", "system", "Be brief."),
    node("old", "system", "user", "When’s the tlak?"),
    node("old answer", "old", "assistant", "What?"),
    node("new", "system", "user", "When is the talk?"),
    node("thought", "new", "assistant", "Hm.", kind="thoughts"),
    node("asks", "thought", "assistant", '{"for": "talk"}', recipient="look"),
    node("told", "asks", "tool", "14:30"),
    node("end", "told", "assistant", "At 14:30."),
)


def lines(*rows):
    return "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows).encode()


def zipped(files):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return packed.getvalue()


def read(told, name="talk.jsonl"):
    return foreign.read(name, told if isinstance(told, bytes) else json.dumps(told).encode())


def told(transcript):
    return [(each.role, each.text or each.name) for each in transcript.messages]
