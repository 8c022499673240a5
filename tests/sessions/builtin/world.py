"""A small world for the built-in model: a memory in a dict, the file tools, and the turn loop."""

import fnmatch
import json
from datetime import UTC, datetime
from xml.sax.saxutils import quoteattr

import re2

from sessions.providers.base import Reply, Request, TextDelta
from sessions.providers.builtin import Builtin

MOUNT = "/mnt/memory/cwc-memory"
CHAT_TOOLS = ("read", "write", "edit", "glob", "grep")
DAY = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Memory:
    """Files by absolute path, with the tools every model knows; `denied` makes writes fail."""

    def __init__(self, files=None, *, denied=""):
        self.files = dict(files or {})
        self.denied = denied
        self.fail_next_edit = False
        self.most_listed = 200
        self.calls = []

    def run(self, name, given):
        """The result of one call as (text, is_error)."""
        self.calls.append((name, given))
        try:
            return getattr(self, name)(**given), False
        except (ValueError, KeyError) as error:
            return str(error.args[0]), True

    def read(self, file_path, view_range=None):
        if file_path not in self.files:
            raise KeyError(f"{file_path} does not exist")
        return self.files[file_path]

    def write(self, file_path, content):
        self._allow()
        self.files[file_path] = content
        return f"Wrote {file_path}"

    def edit(self, file_path, old_string, new_string, replace_all=False):
        self._allow()
        if self.fail_next_edit:
            self.fail_next_edit = False
            self.files[file_path] += "- Somebody else was here.\n"
            raise ValueError("The file has changed since it was read")
        found = self.read(file_path).count(old_string)
        if found != 1 and not replace_all:
            raise ValueError(f"old_string occurs {found} times")
        self.files[file_path] = self.files[file_path].replace(old_string, new_string)
        return f"Edited {file_path}"

    def remove(self, file_path):
        self._allow()
        del self.files[file_path]
        return f"Removed {file_path}"

    def glob(self, pattern, path="/"):
        name = pattern.removeprefix("**/")
        found = [
            each
            for each in sorted(self.files)
            if each.startswith(f"{path}/")
            and fnmatch.fnmatchcase(each.rsplit("/", 1)[-1], name)
            and (pattern.startswith("**/") or each == f"{path}/{pattern}")
        ]
        return "\n".join(found[: self.most_listed]) or "no matches"

    def grep(self, pattern, path="/"):
        compiled = re2.compile(pattern)
        hits = [
            f"{name}:{number}:{line}"
            for name in sorted(self.files)
            if name.startswith(f"{path}/")
            for number, line in enumerate(self.files[name].splitlines(), start=1)
            if compiled.search(line)
        ]
        return "\n".join(hits) or "no matches"

    def _allow(self):
        if self.denied:
            raise ValueError(self.denied)

    def text(self, name):
        return self.files[f"{MOUNT}/{name}"]

    @property
    def everything(self):
        return "\n".join(self.files.values())


def section(*stores):
    """The system prompt's memory section for (name, access, instructions) triples."""
    rows = [
        f"<store name={quoteattr(name)} mount_path={quoteattr('/mnt/memory/' + name)} "
        f"access={quoteattr(access)}>\ndescription: \ninstructions: {instructions}\n</store>"
        for name, access, instructions in stores
    ]
    return "You help.\n<memory_stores>\n" + "\n".join(rows) + "\n</memory_stores>\n"


STORE = section(("cwc-memory", "read_write", "Track sessions attended, links and follow-ups"))


class Conversation:
    """One session: say something, get the final answer; `steps` lists the tools of the last turn."""

    def __init__(
        self, memory=None, *, system=None, at=DAY, purpose="chat", tools=CHAT_TOOLS, extra=None
    ):
        self.memory = memory if memory is not None else Memory()
        self.system = system if system is not None else (STORE if memory is not None else "")
        self.at = at
        self.purpose = purpose
        self.tools = [{"name": n, "description": "", "input_schema": {}} for n in tools]
        self.extra = extra or {}
        self.messages = []
        self.steps = []
        self.replies = []

    def say(self, text, at=None):
        at = at or self.at
        if not self.messages or self.messages[-1]["role"] != "user":
            self.messages.append({"role": "user", "content": []})
        self.messages[-1]["content"].append({"type": "text", "text": text})
        self.messages[-1]["said_at"] = at.isoformat()
        self.steps = []
        for _ in range(40):
            reply = self.ask()
            self.messages.append({"role": "assistant", "content": reply.content})
            if not reply.tool_calls:
                return reply.text
            self.steps.append([call["name"] for call in reply.tool_calls])
            self.messages.append({"role": "user", "content": self._results(reply)})
        raise AssertionError("the turn did not end")

    def ask(self):
        """One reply, checked for what every reply must hold."""
        request = Request("builtin", self.system, self.messages, self.tools, self.at, self.purpose)
        *pieces, reply = list(Builtin().stream(request))
        assert isinstance(reply, Reply)
        assert all(isinstance(piece, TextDelta) for piece in pieces)
        assert "".join(piece.text for piece in pieces) == reply.text
        json.dumps(reply.content)
        self.replies.append(reply)
        return reply

    def _results(self, reply):
        return [self._result(call) for call in reply.tool_calls]

    def _result(self, call):
        run = self.extra.get(call["name"])
        text, failed = run(call["input"]) if run else self.memory.run(call["name"], call["input"])
        return {
            "type": "tool_result",
            "tool_use_id": call["id"],
            "content": [{"type": "text", "text": text}],
            "is_error": failed,
        }


def tell(memory, *messages, at=DAY):
    """Say each message in a session of its own; the last answer."""
    answer = ""
    for message in messages:
        answer = Conversation(memory, at=at).say(message)
    return answer


def ask(memory, question, at=DAY):
    """The answer of a fresh session."""
    return Conversation(memory, at=at).say(question)


def store(**files):
    """A memory with files named by keyword: `cma_talk="…"` is cma-talk.md."""
    return Memory({f"{MOUNT}/{name.replace('_', '-')}.md": text for name, text in files.items()})


def lines(*events):
    """A transcript chunk of (role, text) or (role, text, day) events, as a sub-agent gets it."""
    rows = [
        {
            "event": f"sevt_{number}",
            "role": role,
            "at": f"{(*day, '2026-11-20')[0]}T12:00:00Z",
            "text": text,
        }
        for number, (role, text, *day) in enumerate(events)
    ]
    body = "\n".join(json.dumps(row) for row in rows)
    return f'<transcript title="A chat" part="1/1">\n{body}\n</transcript>'


def extract(*chunks):
    """What a sub-agent records over the chunks, and its last words."""
    recorded = []

    def record(given):
        recorded.append(given)
        return "Recorded.", False

    conversation = Conversation(
        purpose="extract", tools=("record_finding", "read"), extra={"record_finding": record}
    )
    said = [conversation.say(chunk) for chunk in chunks]
    return recorded, said[-1] if said else ""


def consolidate(memory, *findings, instructions=""):
    """Run a consolidation over (statement, day) pairs; its summary."""
    rows = [
        {
            "finding": f"find_{n}",
            "statement": s,
            "event": f"sevt_{n}",
            "session": "sesn_1",
            "said_at": f"{day}T12:00:00Z",
        }
        for n, (s, day) in enumerate(findings)
    ]
    body = "\n".join(json.dumps(row) for row in rows)
    wishes = f"<instructions>\n{instructions}\n</instructions>\n\n" if instructions else ""
    conversation = Conversation(memory, purpose="consolidate", tools=(*CHAT_TOOLS, "remove"))
    return conversation.say(f"{wishes}<findings>\n{body}\n</findings>")
