"""A model that dreams to order, and the worker's part in a dream, played in this process.

    with Dreamer(writes={"/talk.md": "The talk is at one.\n"}) as dreamer:
        dreamer.settle_in(settings)
        dream = carry_out(begin(store, [session]))

In a transcript it records every line a user said, word for word. In the consolidation it writes the
files of `writes`, and removes those whose text is None.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

from dreaming import dreams, pipeline, subagents, tasks
from dreaming.models import Dream
from memory.models import Store
from sessions import events
from sessions.events import Entry
from sessions.models import Session
from tests.factories import TESTER, make_session
from tests.sessions.fake_models import Call, FakeModels, Raw, Turn

MODEL = "fake-model"


class Dreamer(FakeModels):
    """`writes` maps paths to the texts that the consolidation leaves; None takes a file away."""

    def __init__(self, writes: dict[str, str | None] | None = None) -> None:
        super().__init__(self.dream_on)
        self.writes = writes or {}

    def settle_in(self, settings: Any) -> None:
        settings.OPENAI_BASE_URL = self.openai_url
        settings.OPENAI_MODELS = [MODEL]

    def dream_on(self, request: dict[str, Any]) -> Turn | Raw:
        reads = any(tool["function"]["name"] == "record_finding" for tool in request["tools"])
        if request["messages"][-1]["role"] == "tool":
            return Turn("This part is read." if reads else "I tidied up.")
        said = request["messages"][-1]["content"]
        calls = findings(said) if reads else self.edits(request["messages"][0]["content"])
        return Turn(*calls) if calls else Turn("There is nothing to do.")

    def edits(self, system: str) -> list[Call]:
        mount = re.search(r'mount_path="([^"]+)"', system)[1]
        calls = []
        for path, text in self.writes.items():
            place = {"file_path": mount + path}
            if text is None:
                calls.append(Call("remove", place))
            else:
                calls += [Call("read", place), Call("write", {**place, "content": text})]
        return calls


def findings(message: str) -> list[Call]:
    lines = [json.loads(line) for line in message.splitlines() if line.startswith("{")]
    return [
        Call(
            "record_finding",
            {
                "statement": line["text"][:2000],
                "kind": "fact",
                "quote": line["text"][:2000],
                "event_id": line["event"],
            },
        )
        for line in lines
        if line["role"] == "user"
    ]


def talked(*texts: str, stores: Sequence[Store] = (), **changes: Any) -> Session:
    """A session in which a user said these things."""
    session = make_session(stores=list(stores), **changes)
    for text in texts:
        said = {"content": [{"type": "text", "text": text}]}
        events.append(session.primary, Entry("user.message", said))
    session.refresh_from_db()
    return session


def begin(store: Store, sessions: Sequence[Session], **changes: Any) -> Dream:
    options = {"model": MODEL, "by": TESTER, **changes}
    return dreams.start(store.workspace, store, sessions, **options)


def carry_out(dream: Dream) -> Dream:
    """Do what workers do until the dream has come to rest."""
    pipeline.advance(dream.pk)
    while waiting := subagents.waiting(dream.pk):
        for thread in waiting:
            tasks.work(thread)
        pipeline.advance(dream.pk)
    dream.refresh_from_db()
    return dream
