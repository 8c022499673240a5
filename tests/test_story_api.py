"""The main job as a program lives it: the unmodified `anthropic` package against `manage.py up`."""

import time

import anthropic
import httpx
import pytest

from tests import story

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def client(stack):
    return anthropic.Anthropic(api_key=stack.key, base_url=stack.url)


@pytest.fixture(scope="module")
def raw(stack):
    headers = {"x-api-key": stack.key}
    with httpx.Client(base_url=stack.url, headers=headers, timeout=30) as raw:
        yield raw


def open_session(client, *resources, title="Story"):
    agent = next(each for each in client.beta.agents.list() if each.name == "Research assistant")
    environment = next(iter(client.beta.environments.list()))
    return client.beta.sessions.create(
        agent=agent.id, environment_id=environment.id, title=title, resources=list(resources)
    )


def say(client, session, text):
    """Send a message, follow the stream until the session is idle, return what was streamed."""
    with client.beta.sessions.events.stream(session.id) as stream:
        message = {"type": "user.message", "content": [{"type": "text", "text": text}]}
        client.beta.sessions.events.send(session.id, events=[message])
        seen = []
        for event in stream:
            seen.append(event)
            if event.type == "session.status_idle":
                break
    return seen


def answer(events):
    texts = [e.content[0].text for e in events if e.type == "agent.message"]
    return "\n".join(texts)


def tools(events):
    return [event.name for event in events if event.type == "agent.tool_use"]


def mounted(store, **changes):
    return {"type": "memory_store", "memory_store_id": store.id, **changes}


def dream_over(client, store, sessions, **changes):
    dream = client.beta.dreams.create(
        model="builtin",
        inputs=[
            {"type": "memory_store", "memory_store_id": store.id},
            {"type": "sessions", "session_ids": [session.id for session in sessions]},
        ],
        **changes,
    )
    deadline = time.monotonic() + 60
    while dream.status in {"pending", "running"} and time.monotonic() < deadline:
        time.sleep(0.2)
        dream = client.beta.dreams.retrieve(dream.id)
    return dream


def test_the_story_from_amnesia_to_adoption(client, raw):
    first = open_session(client)
    say(client, first, story.TOLD)
    assert "14:30" not in answer(say(client, open_session(client), story.ASKED))
    assert story.LINK not in answer(say(client, open_session(client), story.ASKED))

    store = client.beta.memory_stores.create(name="cwc-memory")
    taught = open_session(client, mounted(store, instructions=story.INSTRUCTIONS))
    events = say(client, taught, story.TOLD)
    assert {"glob", "grep"} & set(tools(events)) and "write" in tools(events)

    events = say(client, open_session(client, mounted(store)), story.ASKED)
    assert {"grep", "read"} <= set(tools(events))
    assert story.LINK in answer(events) and ".md" in answer(events)

    refused = open_session(client, mounted(store, access="read_only"))
    assert "read-only" in answer(say(client, refused, "The cafe opens at 7:15.")).lower()

    sessions = [taught]
    for told in story.MORE:
        sessions.append(open_session(client, mounted(store, instructions=story.INSTRUCTIONS)))
        say(client, sessions[-1], told)

    before = list(client.beta.memory_stores.memories.list(store.id, view="full"))
    dream = dream_over(client, store, sessions)
    assert dream.status == "completed" and dream.usage.input_tokens > 0
    output = dream.outputs[0].memory_store_id
    assert list(client.beta.memory_stores.memories.list(store.id, view="full")) == before
    with pytest.raises(anthropic.BadRequestError, match="draft"):
        open_session(client, {"type": "memory_store", "memory_store_id": output})

    review = raw.get(f"/v1/dreams/{dream.id}/review").json()
    assert review["state"] == "open" and "/index.md" in [f["path"] for f in review["files"]]
    tidied = "\n".join(
        memory.content for memory in client.beta.memory_stores.memories.list(output, view="full")
    )
    assert tidied.count("Dana Reyes") <= 2 and "14:30" in tidied

    assert raw.post(f"/v1/dreams/{dream.id}/adopt", json={"mode": "same_store"}).status_code == 409
    assert raw.post(f"/v1/dreams/{dream.id}/review/approve").json()["state"] == "approved"
    raw.post(f"/v1/dreams/{dream.id}/adopt", json={"mode": "same_store"}).raise_for_status()

    events = say(client, open_session(client, mounted(store)), "When is the CMA talk?")
    reads = [
        e.input["file_path"] for e in events if e.type == "agent.tool_use" and e.name == "read"
    ]
    assert reads[0].endswith("/index.md") and "14:30" in answer(events)

    undone = raw.post(f"/v1/dreams/{dream.id}/adopt/undo")
    assert undone.status_code == 200, undone.text
    now = {
        m.path: m.content for m in client.beta.memory_stores.memories.list(store.id, view="full")
    }
    assert {m.path: m.content for m in before}.items() <= now.items()

    adopted = raw.post(
        f"/v1/dreams/{dream.id}/adopt", json={"mode": "new_store", "archive_old": True}
    )
    assert adopted.status_code == 200, adopted.text
    fresh = open_session(client, {"type": "memory_store", "memory_store_id": output})
    assert "14:30" in answer(say(client, fresh, "When is the CMA talk?"))
    assert client.beta.memory_stores.retrieve(store.id).archived_at
    assert client.beta.sessions.retrieve(taught.id).status == "idle"


def test_what_was_streamed_can_be_listed_in_the_same_order(client):
    session = open_session(client)
    streamed = say(client, session, "Hello there")
    listed = [event.id for event in client.beta.sessions.events.list(session.id)]
    order = list(dict.fromkeys(event.id for event in streamed if event.processed_at))
    assert [pk for pk in listed if pk in set(order)] == order
