"""The official SDK, unmodified, against a running server: every call of beta.memory_stores."""

import anthropic
import httpx
import pytest

from console import accounts
from console.models import Role
from memory import stores
from memory.models import Store
from tests.factories import TESTER, the_workspace

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def client(live_server):
    key = accounts.issue_key(the_workspace(), "SDK", Role.OWNER)[1]
    with anthropic.Anthropic(api_key=key, base_url=live_server.url) as client:
        yield client


@pytest.fixture
def beta(client):
    return client.beta.memory_stores


@pytest.fixture
def store(beta):
    return beta.create(name="Notes", description="d", metadata={"k": "v"})


@pytest.fixture
def talk(beta, store):
    return beta.memories.create(store.id, path="/notes/talk.md", content="noon\n")


def test_stores_from_beginning_to_end(beta, store):
    assert store.type == "memory_store"
    assert store.metadata == {"k": "v"}
    assert store.archived_at is None
    updated = beta.update(store.id, name="New", metadata={"k": None, "x": "y"})
    assert (updated.name, updated.description, updated.metadata) == ("New", "d", {"x": "y"})
    assert beta.retrieve(store.id) == updated
    assert [listed.id for listed in beta.list()] == [store.id]
    assert beta.archive(store.id).archived_at.tzinfo
    assert list(beta.list()) == []
    assert [listed.id for listed in beta.list(include_archived=True)] == [store.id]
    assert beta.delete(store.id).type == "memory_store_deleted"
    with pytest.raises(anthropic.NotFoundError):
        beta.retrieve(store.id)


def test_lists_of_stores_follow_their_pages(beta):
    made = [beta.create(name=str(number)) for number in range(5)]
    assert [store.id for store in beta.list(limit=2)] == [store.id for store in made[::-1]]
    late = beta.list(created_at_gte=made[3].created_at)
    assert {store.id for store in late} == {made[3].id, made[4].id}


def test_memories_from_beginning_to_end(beta, store, talk):
    memories = beta.memories
    assert talk.content is None
    assert memories.retrieve(talk.id, memory_store_id=store.id).content == "noon\n"
    changed = memories.update(
        talk.id,
        memory_store_id=store.id,
        content="1 pm\n",
        path="/talk.md",
        precondition={"type": "content_sha256", "content_sha256": talk.content_sha256},
        view="full",
    )
    assert (changed.id, changed.path, changed.content) == (talk.id, "/talk.md", "1 pm\n")
    deleted = memories.delete(
        talk.id, memory_store_id=store.id, expected_content_sha256=changed.content_sha256
    )
    assert (deleted.id, deleted.type) == (talk.id, "memory_deleted")


def test_memories_are_listed_by_folders(beta, store, talk):
    for path in ("/a.md", "/notes/b.md", "/z/y/x.md"):
        beta.memories.create(store.id, path=path, content="x")
    flat = beta.memories.list(store.id, limit=1)
    assert [memory.path for memory in flat] == [
        "/a.md",
        "/notes/b.md",
        "/notes/talk.md",
        "/z/y/x.md",
    ]
    folders = list(beta.memories.list(store.id, depth=1, limit=2))
    assert [(entry.type, entry.path) for entry in folders] == [
        ("memory", "/a.md"),
        ("memory_prefix", "/notes/"),
        ("memory_prefix", "/z/"),
    ]
    full = beta.memories.list(store.id, path_prefix="/notes/", view="full")
    assert [memory.content for memory in full] == ["x", "noon\n"]


def test_versions_from_beginning_to_end(beta, store, talk):
    beta.memories.update(talk.id, memory_store_id=store.id, content="1 pm\n")
    first = beta.memory_versions.retrieve(talk.memory_version_id, memory_store_id=store.id)
    assert (first.operation, first.content, first.created_by.type) == (
        "created",
        "noon\n",
        "api_actor",
    )
    versions = beta.memory_versions.list(
        store.id,
        memory_id=talk.id,
        operation="modified",
        api_key_id=first.created_by.api_key_id,
        created_at_gte=first.created_at,
    )
    assert [version.content for version in versions] == [None]
    redacted = beta.memory_versions.redact(first.id, memory_store_id=store.id)
    assert redacted.redacted_at
    assert (redacted.path, redacted.content, redacted.content_sha256) == (None, None, None)


def test_a_text_survives_the_way_there_and_back(beta, store):
    text = "漢字 🙂 é\r\n\ttab\u2028" * 500
    made = beta.memories.create(store.id, path="/größe/ñ.md", content=text, view="full")
    assert made.content == text
    assert made.content_sha256 == stores.sha256(text)
    assert beta.memories.create(store.id, path="/empty.md", content=None).content_size_bytes == 0


def test_conflicts_are_told_once_and_not_retried(live_server, client, store, talk):
    sent = []
    counting = anthropic.DefaultHttpxClient(
        event_hooks={"request": [lambda request: sent.append(request)]}
    )
    with client.with_options(http_client=counting) as client:
        memories = client.beta.memory_stores.memories
        with pytest.raises(anthropic.ConflictError) as raised:
            memories.create(store.id, path="/notes", content="")
        assert raised.value.type == "memory_path_conflict_error"
        assert raised.value.body["error"]["conflicting_memory_id"] == talk.id
        with pytest.raises(anthropic.ConflictError) as raised:
            memories.delete(talk.id, memory_store_id=store.id, expected_content_sha256="0" * 64)
    assert raised.value.type == "memory_precondition_failed_error"
    assert raised.value.request_id.startswith("req_")
    assert len(sent) == 2


def test_errors_arrive_as_the_sdk_knows_them(beta, store, live_server):
    with pytest.raises(anthropic.BadRequestError, match="slash"):
        beta.memories.create(store.id, path="a.md", content="")
    with pytest.raises(anthropic.BadRequestError, match="together"):
        beta.list(betas=["managed-agents-2026-04-01"])
    with (
        anthropic.Anthropic(api_key="wrong", base_url=live_server.url) as stranger,
        pytest.raises(anthropic.AuthenticationError),
    ):
        stranger.beta.memory_stores.list()


def test_an_older_sdk_and_plain_http_get_in_too(live_server, store, client):
    headers = {
        "x-api-key": client.api_key,
        "anthropic-version": "2023-06-01",
        "anthropic-beta": "managed-agents-2026-04-01",
    }
    answer = httpx.get(f"{live_server.url}/v1/memory_stores?beta=true", headers=headers)
    assert [found["id"] for found in answer.json()["data"]] == [store.id]
    assert answer.headers["request-id"].startswith("req_")


def test_what_people_wrote_is_told_apart(beta, store):
    act = stores.Act(TESTER)
    stores.write(Store.objects.get(), "/mine.md", "mine\n", act=act)
    (version,) = beta.memory_versions.list(store.id)
    assert (version.created_by.type, version.created_by.user_id) == ("user_actor", TESTER.id)
