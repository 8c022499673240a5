"""What careless, older and hostile programs send to memory's routes: always the envelope."""

import pytest

from console.api import cursor_of
from memory import stores
from memory.stores import Act
from tests.factories import TESTER, make_store
from tests.memory.test_api import NOON, STORES, error_of, url

pytestmark = pytest.mark.django_db


@pytest.fixture
def store(db):
    return make_store(files={"/notes/talk.md": NOON})


@pytest.fixture
def talk(store):
    return store.memories.get()


def raw(api, body, path=STORES, **options):
    headers = {"x-api-key": api.secret}
    options = {"content_type": "application/json", **options}
    return api.client.post(path, body, headers=headers, **options)


# -- Bodies


@pytest.mark.parametrize(
    "body",
    [
        b"{name",
        b"[" * 100_000,
        b'{"name": ' + b"9" * 5000 + b"}",
        b'{"name": "\xe9"}',
        b'{"name": "\xed\xa0\x80"}',
        b'{"name": NaN}',
        b'\xef\xbb\xbf{"name": "a"}',
    ],
    ids=["cut", "deep", "huge number", "latin-1", "half a pair", "NaN", "byte order mark"],
)
def test_what_is_no_json_is_named_as_the_reason(api, body):
    assert "JSON" in error_of(raw(api, body), 400)["message"]


@pytest.mark.parametrize("body", [b"", b"null", b"5", b'"Notes"', b"[]", b"{}"])
def test_a_body_that_is_no_store_is_refused(api, body):
    error_of(raw(api, body), 400)


def test_a_missing_body_is_named_as_the_reason(api):
    assert "body" in error_of(raw(api, b""), 400)["message"]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_json_is_read_whatever_it_is_called(api, kind):
    assert raw(api, b'{"name": "Notes"}', content_type=kind).json()["name"] == "Notes"


def test_posts_without_a_body_say_that_it_is_json(api, store, talk):
    stores.update(talk, content="new", act=Act(TESTER))
    for path in ("archive", f"memory_versions/{talk.head_id}/redact"):
        assert raw(api, b"", f"{url(store)}/{path}").status_code == 200


# -- Queries


@pytest.mark.parametrize(
    "moment",
    ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-02-30T00:00:00Z", "now", ""]
    + ["2026-03-15", "2026-03-15T10:00:00"],
)
def test_a_moment_that_never_was_is_refused(api, store, moment):
    for path in (STORES, url(store, "memory_versions")):
        error_of(api.get(path, {"created_at[gte]": moment}), 400)


@pytest.mark.parametrize(
    "moment",
    ["2026-03-15T10:00:00Z", "2026-03-15t10:00:00.123456789z", "2026-03-15T10:00:00+02:00"]
    + ["2026-03-15 10:00:00.1-05:30"],
)
def test_a_moment_is_read_in_every_spelling(api, store, moment):
    assert len(api.get(STORES, {"created_at[gte]": moment}).json()["data"]) == 1


def test_thousands_of_parameters_are_refused(api, store):
    error_of(api.get(f"{url(store)}?{'a=1&' * 2000}"), 400)


def test_what_an_older_sdk_asks_for_is_overlooked(api, store):
    query = {"beta": "true", "order_by": "path", "order": "desc"}
    assert len(api.get(url(store, "memories"), query).json()["data"]) == 1


@pytest.mark.parametrize("after", ["\ud800", "a\0", 5, None, ["/"], {"$gt": ""}])
def test_a_forged_cursor_of_memories_is_refused(api, store, after):
    place = {"k": "memories", "s": store.pk, "p": "/", "d": 0}
    page = cursor_of(**place, after=after)
    error_of(api.get(url(store, "memories"), {"page": page}), 400)


@pytest.mark.parametrize("at", ["junk", 10**30, "", None, [1], "mem_01LivC3NgL3C6", "\ud800"])
def test_a_forged_cursor_of_stores_is_refused(api, store, at):
    error_of(api.get(STORES, {"page": cursor_of(k="stores", o="desc", at=at)}), 400)


@pytest.mark.parametrize(
    "page", ["é", "page_", "page_é", "page_!", "page_bnVsbA", "page_" + "W" * 4000]
)
def test_what_is_no_cursor_is_refused(api, store, page):
    for path in (STORES, url(store, "memories"), url(store, "memory_versions")):
        error_of(api.get(path, {"page": page}), 400)


def test_the_older_spelling_of_a_session_is_understood(api, store):
    author = stores.Actor("sesn_01abc", "Agent")
    stores.write(store, "/its.md", "its\n", act=Act(author))
    for name in ("sesn_01abc", "session_01abc"):
        found = api.get(url(store, "memory_versions"), {"session_id": name}).json()["data"]
        assert [version["path"] for version in found] == ["/its.md"]


# -- Headers and methods


def test_the_two_beta_headers_exclude_each_other_on_memorys_routes_alone(api, store):
    both = {"anthropic-beta": "managed-agents-2026-04-01, agent-memory-2026-07-22"}
    error_of(api.get(url(store), headers=both), 400)
    assert api.get("/v1/agents", headers=both).status_code == 200
    for one in both["anthropic-beta"].split(", "):
        assert api.get(url(store), headers={"anthropic-beta": f"x,{one}"}).status_code == 200


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_a_key_is_taken_from_either_header(api, store, scheme):
    headers = {"authorization": f"{scheme} {api.secret}"}
    assert api.client.get(url(store), headers=headers).status_code == 200
    assert api.client.get(url(store), headers={"x-api-key": api.secret}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{}, {"x-api-key": ""}, {"x-api-key": "é"}, {"authorization": "Bearer"}]
    + [{"authorization": "Basic cnZyOg=="}],
)
def test_no_key_is_no_way_in(client, store, headers):
    error_of(client.get(url(store), headers=headers), 401, "authentication_error")


@pytest.mark.parametrize(
    "path", ["/v1/", "/v1/vaults", "/v1/memory_stores/", "/v1/memory_stores/x/y"]
)
def test_a_route_that_is_not_there_answers_in_the_envelope(client, path):
    error_of(client.get(path), 404, "not_found_error")


def test_a_method_that_is_not_offered_names_those_that_are(api, store):
    answer = api.client.put(url(store), headers={"x-api-key": api.secret})
    assert "DELETE, GET, POST" in error_of(answer, 405)["message"]
    assert answer["Allow"] == "DELETE, GET, POST"


def test_a_memory_can_be_changed_by_patch_as_it_once_was(api, store, talk):
    answer = api.client.patch(
        url(store, "memories", talk.pk),
        {"content": "new"},
        content_type="application/json",
        headers={"x-api-key": api.secret},
    )
    assert answer.json()["content_sha256"] == stores.sha256("new")


def test_answers_are_json_without_escapes(api):
    answer = raw(api, '{"name": "größe 漢字 🙂"}'.encode())
    assert answer["content-type"].startswith("application/json")
    assert '"name":"größe 漢字 🙂"'.encode() in answer.content


# -- Rules of updates


def test_an_update_that_changes_nothing_leaves_the_store_its_age(api, store):
    before = api.get(url(store)).json()
    for body in ({}, {"name": "Notes"}, {"name": None, "description": None, "metadata": None}):
        assert api.post(url(store), body).json() == before


def test_a_precondition_alone_asks_for_nothing_and_gets_it(api, store, talk):
    body = {"precondition": {"type": "content_sha256", "content_sha256": "0" * 64}}
    answer = api.post(url(store, "memories", talk.pk), body)
    assert answer.json()["memory_version_id"] == talk.head_id


def test_a_full_store_takes_changes_but_no_new_memories(api, store, talk, monkeypatch):
    monkeypatch.setattr("memory.paths.MAX_MEMORIES", 1)
    body = {"path": "/b.md", "content": ""}
    assert "full" in error_of(api.post(url(store, "memories"), body), 400)["message"]
    assert api.post(url(store, "memories", talk.pk), {"content": "new"}).status_code == 200
    assert api.post(url(store, "memories", talk.pk), {"path": "/b.md"}).status_code == 200
