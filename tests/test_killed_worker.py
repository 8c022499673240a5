"""`kill -9` of the worker, mid-turn and mid-dream, on the real stack."""

import time
from contextlib import suppress
from pathlib import Path

import anthropic
import pytest

from tests import story
from tests.sessions.fake_models import Call, FakeModels, Turn
from tests.stack import running_stack

pytestmark = pytest.mark.stack
RESUMED_WITHIN = 25  # seconds; a lease has to run out first
TOOLS = [{"type": "agent_toolset_20260401"}]
RUN = "Run it."
COMMAND = "echo once >> /mnt/memory/slept/log.md; sleep 9.14159"


def slow_reply(request):
    """Six writes, one per request, each after a moment in which the worker can be killed."""
    done = sum(message["role"] == "tool" for message in request["messages"])
    if RUN in str(request["messages"]):
        return Turn("It ran.") if done else Turn(Call("bash", {"command": COMMAND}))
    if done == 6:
        return Turn("All six are written.", delay=0.05)
    path = f"/mnt/memory/notes/{done}.md"
    return Turn(Call("write", {"file_path": path, "content": f"Note {done}.\n"}), delay=0.1)


@pytest.fixture(scope="module")
def stack():
    with FakeModels(slow_reply) as fake:
        models = {"OPENAI_BASE_URL": fake.openai_url, "OPENAI_MODELS": "slow-model"}
        with running_stack(**models, LEASE_SECONDS="3") as stack:
            yield stack


@pytest.fixture(scope="module")
def client(stack):
    return anthropic.Anthropic(api_key=stack.key, base_url=stack.url)


def wait_for(what, seconds=RESUMED_WITHIN):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := what():
            return found
        time.sleep(0.1)
    raise AssertionError("It did not happen in time.")


def test_a_worker_killed_mid_turn_loses_and_doubles_nothing(stack, client):
    beta = client.beta
    store = beta.memory_stores.create(name="notes")
    agent = beta.agents.create(name="Slow", model="slow-model", tools=TOOLS)
    environment = next(iter(beta.environments.list()))
    session = beta.sessions.create(
        agent=agent.id,
        environment_id=environment.id,
        resources=[{"type": "memory_store", "memory_store_id": store.id}],
    )
    content = [{"type": "text", "text": "Write six notes."}]
    beta.sessions.events.send(session.id, events=[{"type": "user.message", "content": content}])

    def written():
        return list(beta.memory_stores.memories.list(store.id))

    for count in (1, 3):
        wait_for(lambda count=count: len(written()) >= count)
        stack.kill_worker()
    wait_for(lambda: beta.sessions.retrieve(session.id).status == "idle", 60)
    events = list(beta.sessions.events.list(session.id))
    calls = [event.id for event in events if event.type == "agent.tool_use"]
    results = [event.tool_use_id for event in events if event.type == "agent.tool_result"]
    versions = list(beta.memory_stores.memory_versions.list(store.id))
    assert calls == results and len(results) == 6
    assert sorted(version.path for version in versions) == [f"/{n}.md" for n in range(6)]
    assert [event.type for event in events].count("session.status_idle") == 1


def sleepers() -> list[str]:
    """The processes of that command, wherever they are."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (entry / "cmdline").read_bytes() == b"sleep\x009.14159\0":
                found.append(entry.name)
    return found


def test_a_command_dies_with_its_worker_and_runs_again_to_count_once(stack, client):
    beta = client.beta
    store = beta.memory_stores.create(name="slept")
    agent = beta.agents.create(name="Sleepy", model="slow-model", tools=TOOLS)
    environment = next(iter(beta.environments.list()))
    session = beta.sessions.create(
        agent=agent.id,
        environment_id=environment.id,
        resources=[{"type": "memory_store", "memory_store_id": store.id}],
        initial_events=[{"type": "user.message", "content": [{"type": "text", "text": RUN}]}],
    )
    wait_for(sleepers)
    stack.kill_worker()
    wait_for(lambda: not sleepers(), 6)
    wait_for(sleepers)
    wait_for(lambda: beta.sessions.retrieve(session.id).status == "idle")
    events = list(beta.sessions.events.list(session.id))
    assert [event.type for event in events].count("agent.tool_result") == 1
    [version] = beta.memory_stores.memory_versions.list(store.id)
    memory = beta.memory_stores.memories.retrieve(
        version.memory_id, memory_store_id=store.id, view="full"
    )
    assert memory.content == "once\n"


def test_a_worker_killed_mid_dream_costs_a_step_not_the_dream(stack, client):
    beta = client.beta
    store = beta.memory_stores.create(name="dreamt")
    agent = next(agent for agent in beta.agents.list() if agent.name == "Research assistant")
    environment = next(iter(beta.environments.list()))
    sessions = []
    for text in (story.TOLD, *story.MORE):
        session = beta.sessions.create(
            agent=agent.id,
            environment_id=environment.id,
            resources=[{"type": "memory_store", "memory_store_id": store.id}],
            initial_events=[{"type": "user.message", "content": [{"type": "text", "text": text}]}],
        )
        sessions.append(session.id)
    for pk in sessions:
        wait_for(lambda pk=pk: beta.sessions.retrieve(pk).status == "idle")
    dream = beta.dreams.create(
        model="builtin",
        inputs=[
            {"type": "memory_store", "memory_store_id": store.id},
            {"type": "sessions", "session_ids": sessions},
        ],
    )
    wait_for(lambda: beta.dreams.retrieve(dream.id).session_id)
    stack.kill_worker()
    done = wait_for(lambda: _over(beta.dreams.retrieve(dream.id)), 60)
    assert done.status == "completed", done.error
    assert len(done.outputs) == 1


def _over(dream):
    return dream if dream.status not in {"pending", "running"} else None
