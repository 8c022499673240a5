"""The unmodified SDKs, Python's and TypeScript's, and their helpers against the real stack."""

import asyncio
import os
import shutil
import subprocess
from pathlib import Path

import anthropic
import pytest
from anthropic import beta_async_tool
from anthropic.lib.sessions import accumulate_managed_agents_event

pytestmark = pytest.mark.stack
TS = Path(__file__).resolve().parent.parent / "ts"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {
    "type": "custom",
    "name": "get_weather",
    "description": "The weather of a city.",
    "input_schema": SCHEMA,
}
ASKS = {
    "type": "agent_toolset_20260401",
    "default_config": {"permission_policy": {"type": "auto"}},
}


@pytest.fixture(scope="module")
def key(stack):
    return stack.key


@pytest.fixture(scope="module")
def client(stack, key):
    return anthropic.Anthropic(api_key=key, base_url=stack.url)


def open_session(client, *tools, **changes):
    agent = client.beta.agents.create(name="Ada", model="builtin", tools=list(tools))
    environment = next(iter(client.beta.environments.list()))
    return client.beta.sessions.create(agent=agent.id, environment_id=environment.id, **changes)


def message(text):
    return {"type": "user.message", "content": [{"type": "text", "text": text}]}


def until_idle(stream):
    for event in stream:
        yield event
        if event.type == "session.status_idle":
            return


def sent(client, session, *events, **options):
    """What the stream says from sending the events until the session is idle."""
    with client.beta.sessions.events.stream(session.id, **options) as stream:
        client.beta.sessions.events.send(session.id, events=list(events))
        return list(until_idle(stream))


def test_lists_are_walked_to_their_end(client):
    made = {client.beta.agents.create(name=f"A{n}", model="builtin").id for n in range(5)}
    listed = [agent.id for agent in client.beta.agents.list(limit=2)]
    assert made <= set(listed) and len(listed) == len(set(listed))
    session = open_session(client)
    sent(client, session, message("Hello"))
    whole = [event.id for event in client.beta.sessions.events.list(session.id)]
    assert [event.id for event in client.beta.sessions.events.list(session.id, limit=2)] == whole
    backwards = client.beta.sessions.events.list(session.id, limit=3, order="desc")
    assert [event.id for event in backwards] == whole[::-1]


def test_the_tool_runner_answers_a_custom_tool(stack, key, client):
    session = open_session(client, WEATHER)
    asked = []

    @beta_async_tool(name="get_weather", description="The weather.", input_schema=SCHEMA)
    async def get_weather(city: str) -> str:
        asked.append(city)
        return f"{city}: rain, 12 degrees"

    async def run():
        async with anthropic.AsyncAnthropic(api_key=key, base_url=stack.url) as client:
            events = client.beta.sessions.events
            await events.send(session.id, events=[message("Use get_weather for Paris.")])
            runner = events.tool_runner(session.id, tools=[get_weather], max_idle=0.3)
            return [call async for call in runner]

    (call,) = asyncio.run(run())
    assert asked == ["Paris"] and call.posted and not call.is_error
    said = client.beta.sessions.events.list(session.id, types=["agent.message"])
    assert "Paris: rain, 12 degrees" in [event.content[0].text for event in said][-1]


def test_previews_add_up_to_the_message(client):
    session, preview, seen = open_session(client), None, []
    events = sent(client, session, message("What can you do?"), event_deltas=["agent.message"])
    for event in events:
        preview = accumulate_managed_agents_event(preview, event)
        if preview and preview.content:
            seen.append(preview.content[0].text)
    assert len(seen) > 1 and all(seen[-1].startswith(text) for text in seen)


def test_a_call_that_asks_is_allowed_and_another_denied(client):
    store = client.beta.memory_stores.create(name="asked")
    mount = {"type": "memory_store", "memory_store_id": store.id}
    session = open_session(client, ASKS, resources=[mount])

    def decide(events, result):
        reason = events[-1].stop_reason
        assert reason.type == "requires_action"
        ids = [{"tool_use_id": id, "result": result} for id in reason.event_ids]
        return sent(client, session, *({"type": "user.tool_confirmation", **id} for id in ids))

    denied = decide(sent(client, session, message("Dana's talk is at 14:30.")), "deny")
    assert denied[-1].stop_reason.type == "end_turn"
    assert list(client.beta.memory_stores.memories.list(store.id)) == []
    asked = sent(client, session, message("The harbour cafe opens at 7:15."))
    held = [e for e in asked if e.type == "agent.tool_use" and e.evaluated_permission == "ask"]
    assert held[0].evaluation.evaluated_permission.reason_code == "indeterminate"
    assert decide(asked, "allow")[-1].stop_reason.type == "end_turn"
    texts = [m.content for m in client.beta.memory_stores.memories.list(store.id, view="full")]
    assert "7:15" in "\n".join(texts) and "14:30" not in "\n".join(texts)


def test_a_stream_ends_with_its_session(client):
    session = open_session(client)
    with client.beta.sessions.events.stream(session.id) as stream:
        client.beta.sessions.archive(session.id)
        assert [event.type for event in stream][-1].endswith("_terminated")
    session = open_session(client)
    with client.beta.sessions.events.stream(session.id) as stream:
        client.beta.sessions.delete(session.id)
        assert [event.type for event in stream] == ["session.deleted"]
    with pytest.raises(anthropic.NotFoundError):
        client.beta.sessions.events.stream(session.id)


def test_initial_events_start_the_session(client):
    session = open_session(client, initial_events=[message("Hello"), message("And again")])
    assert session.status == "running"
    events = client.beta.sessions.events
    with events.stream(session.id) as stream:
        if client.beta.sessions.retrieve(session.id).status != "idle":
            list(until_idle(stream))
    said = [event for event in events.list(session.id) if event.type == "user.message"]
    assert [event.content[0].text for event in said] == ["Hello", "And again"]


# -- TypeScript ---------------------------------------------------------------------------


def npm_packages() -> None:
    """Fetch the SDK once; outside CI a machine without Node.js or a registry skips this."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("Node.js is missing")
    locked, installed = TS / "package-lock.json", TS / "node_modules" / ".package-lock.json"
    if installed.exists() and installed.stat().st_mtime >= locked.stat().st_mtime:
        return
    done = subprocess.run(["npm", "ci", "--ignore-scripts"], cwd=TS, capture_output=True, text=True)
    if done.returncode and os.environ.get("CI", "").lower() not in {"1", "true"}:
        pytest.skip(f"The SDK could not be fetched: {done.stderr[-300:]}")
    assert done.returncode == 0, done.stderr


def test_the_story_in_typescript(stack, key):
    npm_packages()
    environment = {**os.environ, "REVERIE_URL": stack.url, "REVERIE_KEY": key}
    done = subprocess.run(
        ["node", "story.mjs"], cwd=TS, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every claim holds" in done.stdout
