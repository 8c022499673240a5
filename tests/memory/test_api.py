"""The memory routes of the API, as bytes on the wire (wire contract §5–§7, §20)."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from console.api import cursor_of
from console.models import Role
from memory import change_sets, stores
from memory.models import Store, StoreState
from memory.stores import Act
from tests.factories import TESTER, Api, make_api, make_memory, make_store, make_workspace

pytestmark = pytest.mark.django_db
STORES = "/v1/memory_stores"
NOON = "The talk is at noon.\n"
NOON_SHA = stores.sha256(NOON)


@pytest.fixture
def store(db):
    return make_store(files={"/notes/talk.md": NOON}, description="What we know.")


@pytest.fixture
def talk(store):
    return store.memories.get()


def url(store, *rest):
    return "/".join([STORES, store.pk, *rest])


def error_of(response, status, kind="invalid_request_error"):
    """Check the envelope and give what stands in it."""
    body = response.json()
    assert (response.status_code, body["type"], body["error"]["type"]) == (status, "error", kind)
    assert body["request_id"] == response["request-id"]
    assert response.get("x-should-retry") == ("false" if status == 409 else None)
    return body["error"]


def pages(api, path, **params):
    """Follow the cursors; returns the items and how many pages they took."""
    items, count, cursor = [], 0, None
    while count == 0 or cursor:
        page = api.get(path, params | ({"page": cursor} if cursor else {})).json()
        items, count, cursor = items + page["data"], count + 1, page["next_page"]
    return items, count


# -- Stores


def test_a_store_on_the_wire(api, workspace):
    made = api.post(STORES, {"name": "Notes", "description": "d", "metadata": {"k": "v"}})
    store = Store.objects.get()
    body = made.json()
    assert made["content-type"].startswith("application/json")
    assert body == {
        "type": "memory_store",
        "id": store.pk,
        "name": "Notes",
        "description": "d",
        "metadata": {"k": "v"},
        "state": "active",
        "created_at": body["created_at"],
        "updated_at": body["updated_at"],
        "archived_at": None,
    }
    assert datetime.fromisoformat(body["created_at"]).tzinfo
    assert api.get(url(store)).json() == body


def test_an_unset_description_is_an_empty_text(api):
    assert api.post(STORES, {"name": "Notes"}).json()["description"] == ""


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": "x" * 256},
        {"name": "a\nb"},
        {"name": 5},
        {"name": None},
        {"name": "Notes", "colour": "red"},
        {"name": "Notes", "description": "x" * 1025},
        {"name": "Notes", "metadata": {"k": 5}},
        {"name": "Notes", "metadata": {"": "v"}},
        {"name": "Notes", "metadata": {str(n): "v" for n in range(17)}},
        {"name": "\ud800"},
        [],
        "Notes",
    ],
)
def test_a_store_that_breaks_a_rule_is_not_made(api, body):
    error_of(api.post(STORES, body), 400)
    assert not Store.objects.exists()


def test_what_is_no_json_is_refused(api):
    response = api.client.post(
        STORES, "{name", content_type="application/json", headers={"x-api-key": api.secret}
    )
    error_of(response, 400)


def test_a_body_beyond_the_limit_is_refused(api):
    response = api.client.post(
        STORES,
        b"x" * (32 * 1024 * 1024 + 1),
        content_type="application/json",
        headers={"x-api-key": api.secret},
    )
    error_of(response, 413, "request_too_large")


def test_stores_are_listed_newest_first_without_archived_ones(api):
    one, two, three = (make_store(name=name) for name in "123")
    stores.archive(two)
    assert [s["id"] for s in api.get(STORES).json()["data"]] == [three.pk, one.pk]
    everything = api.get(STORES, {"include_archived": "true"}).json()
    assert [s["id"] for s in everything["data"]] == [three.pk, two.pk, one.pk]
    assert everything["next_page"] is None


def test_stores_can_be_paged_through(api):
    expected = [make_store(name=str(n)).pk for n in range(5)][::-1]
    items, count = pages(api, STORES, limit=2)
    assert ([item["id"] for item in items], count) == (expected, 3)


def test_stores_can_be_asked_for_by_age(api, store):
    before, after = ((store.created_at + timedelta(days=d)).isoformat() for d in (-1, 1))
    assert api.get(STORES, {"created_at[gte]": before, "created_at[lte]": after}).json()["data"]
    assert not api.get(STORES, {"created_at[gte]": after}).json()["data"]
    error_of(api.get(STORES, {"created_at[gte]": "yesterday"}), 400)


@pytest.mark.parametrize("params", [{"limit": 0}, {"limit": 101}, {"limit": "x"}, {"page": "x"}])
def test_a_page_that_cannot_be_is_refused(api, store, params):
    error_of(api.get(STORES, params), 400)
    error_of(api.get(url(store, "memories"), params), 400)
    error_of(api.get(url(store, "memory_versions"), params), 400)
    error_of(api.get(url(store, "change_sets"), params), 400)


def test_an_update_patches_metadata_and_leaves_the_rest(api, store):
    api.post(url(store), {"metadata": {"a": "1", "b": "2"}})
    body = api.post(url(store), {"metadata": {"a": None, "c": "3"}, "description": ""}).json()
    assert (body["name"], body["description"]) == ("Notes", "")
    assert body["metadata"] == {"b": "2", "c": "3"}


def test_updated_at_moves_with_the_store_not_with_its_memories(api, store):
    before = api.get(url(store)).json()["updated_at"]
    make_memory(store, "/other.md")
    assert api.get(url(store)).json()["updated_at"] == before
    assert api.post(url(store), {"name": "New"}).json()["updated_at"] > before


def test_archiving_twice_changes_nothing(api, store):
    first = api.post(url(store, "archive")).json()
    assert first["archived_at"]
    assert first["state"] == "archived"
    assert api.post(url(store, "archive")).json() == first


def test_an_archived_store_is_read_only_but_can_be_emptied(api, store, talk):
    stores.archive(store)
    error_of(api.post(url(store), {"name": "New"}), 400)
    error_of(api.post(url(store, "memories"), {"path": "/a.md", "content": ""}), 400)
    error_of(api.post(url(store, "memories", talk.pk), {"content": "new"}), 400)
    assert api.get(url(store, "memories", talk.pk)).json()["content"] == NOON
    assert api.delete(url(store, "memories", talk.pk)).status_code == 200
    assert api.post(url(store, "memory_versions", talk.head_id, "redact")).status_code == 200
    assert api.delete(url(store)).status_code == 200


def test_a_draft_says_so_and_is_changed_only_in_its_review(api):
    draft = make_store(state=StoreState.DRAFT, files={"/a.md": "a\n"})
    assert api.get(url(draft)).json()["state"] == "draft"
    error = error_of(api.post(url(draft, "memories"), {"path": "/b.md", "content": ""}), 400)
    assert "review" in error["message"]


def test_a_deleted_store_is_gone_with_everything_in_it(api, store, talk):
    assert api.delete(url(store)).json() == {"type": "memory_store_deleted", "id": store.pk}
    for path in ("", "memories", f"memories/{talk.pk}", "memory_versions"):
        error_of(api.get(url(store, path).rstrip("/")), 404, "not_found_error")


# -- Memories


def test_a_memory_on_the_wire(api, store):
    body = api.post(url(store, "memories"), {"path": "/a.md", "content": "ä\n"}).json()
    memory = store.memories.get(path="/a.md")
    assert body == {
        "type": "memory",
        "id": memory.pk,
        "memory_store_id": store.pk,
        "memory_version_id": memory.head_id,
        "path": "/a.md",
        "content": None,
        "content_sha256": stores.sha256("ä\n"),
        "content_size_bytes": 3,
        "created_at": body["created_at"],
        "updated_at": body["updated_at"],
    }


def test_the_view_decides_about_the_content(api, store):
    memories = url(store, "memories")
    made = api.post(f"{memories}?view=full", {"path": "/a.md", "content": "a"}).json()
    one = url(store, "memories", made["id"])
    assert made["content"] == "a"
    assert api.get(one).json()["content"] == "a"
    assert api.get(one, {"view": "basic"}).json()["content"] is None
    assert api.post(one, {"content": "b"}).json()["content"] is None
    assert api.post(f"{one}?view=full", {"content": "c"}).json()["content"] == "c"
    assert api.get(memories).json()["data"][0]["content"] is None
    assert api.get(memories, {"view": "full"}).json()["data"][0]["content"] == "c"
    error_of(api.get(one, {"view": "half"}), 400)


@pytest.mark.parametrize(
    "content", ["", "x" * 102_400, "é" * 51_200, "no line break", "a\r\nb\x0b"]
)
def test_content_comes_back_byte_for_byte(api, store, content):
    made = api.post(url(store, "memories"), {"path": "/a.md", "content": content}).json()
    body = api.get(url(store, "memories", made["id"])).json()
    assert body["content"] == content
    assert body["content_size_bytes"] == len(content.encode())


def test_null_content_makes_an_empty_memory(api, store):
    made = api.post(url(store, "memories"), {"path": "/a.md", "content": None}).json()
    assert (made["content_size_bytes"], made["content_sha256"]) == (0, stores.sha256(""))


@pytest.mark.parametrize(
    "body",
    [
        {"path": "/a.md"},
        {"content": "a"},
        {"path": "a.md", "content": ""},
        {"path": "/a/", "content": ""},
        {"path": "/a//b", "content": ""},
        {"path": "/../a", "content": ""},
        {"path": "/" + "/".join("x" * 21), "content": ""},
        {"path": "/" + "é" * 512, "content": ""},
        {"path": "/a\0", "content": ""},
        {"path": "/e\u0301", "content": ""},
        {"path": "/\u202e", "content": ""},
        {"path": "/a.md", "content": "x" * 102_401},
        {"path": "/a.md", "content": "é" * 51_201},
        {"path": "/a.md", "content": "\0"},
        {"path": "/a.md", "content": "\ud800"},
        {"path": "/a.md", "content": 5},
        {"path": "/a.md", "content": "", "extra": 1},
    ],
)
def test_a_memory_that_breaks_a_rule_is_not_made(api, store, body):
    error_of(api.post(url(store, "memories"), body), 400)
    assert store.memories.count() == 1


@pytest.mark.parametrize("path", ["/notes/talk.md", "/notes", "/notes/talk.md/part"])
def test_a_path_that_is_taken_is_never_overwritten(api, store, talk, path):
    for content in ("other", NOON):
        response = api.post(url(store, "memories"), {"path": path, "content": content})
        error = error_of(response, 409, "memory_path_conflict_error")
        assert error["conflicting_memory_id"] == talk.pk
        assert error["conflicting_path"] == "/notes/talk.md"


def test_an_update_keeps_the_id_and_makes_a_version(api, store, talk):
    body = api.post(url(store, "memories", talk.pk), {"content": "new", "path": "/talk.md"}).json()
    assert (body["id"], body["path"], body["content_sha256"]) == (
        talk.pk,
        "/talk.md",
        stores.sha256("new"),
    )
    assert body["memory_version_id"] != talk.head_id
    assert [v.operation for v in store.versions.all()] == ["modified", "created"]


@pytest.mark.parametrize("body", [{}, {"content": None, "path": None}, {"content": NOON}])
def test_an_update_that_changes_nothing_makes_no_version(api, store, talk, body):
    answer = api.post(url(store, "memories", talk.pk), body)
    assert answer.json()["memory_version_id"] == talk.head_id


def precondition(sha):
    return {"type": "content_sha256", "content_sha256": sha}


def test_an_update_with_the_hash_last_seen_goes_through(api, store, talk):
    body = {"content": "new", "precondition": precondition(NOON_SHA)}
    assert api.post(url(store, "memories", talk.pk), body).status_code == 200


def test_an_update_with_an_old_hash_changes_nothing(api, store, talk):
    body = {"content": "new", "precondition": precondition("0" * 64)}
    response = api.post(url(store, "memories", talk.pk), body)
    error_of(response, 409, "memory_precondition_failed_error")
    assert api.get(url(store, "memories", talk.pk)).json()["content"] == NOON


def test_an_old_hash_does_not_matter_when_all_is_as_wanted(api, store, talk):
    body = {"content": NOON, "precondition": precondition("0" * 64)}
    assert api.post(url(store, "memories", talk.pk), body).status_code == 200
    body["path"] = "/elsewhere.md"
    response = api.post(url(store, "memories", talk.pk), body)
    error_of(response, 409, "memory_precondition_failed_error")


@pytest.mark.parametrize(
    "wrong", [{"type": "etag"}, {"type": "content_sha256"}, precondition("x"), precondition("")]
)
def test_a_precondition_that_says_nothing_is_refused(api, store, talk, wrong):
    body = {"content": "new", "precondition": wrong}
    error_of(api.post(url(store, "memories", talk.pk), body), 400)


def test_a_rename_onto_another_memory_is_refused(api, store, talk):
    other = make_memory(store, "/other.md", "other")
    response = api.post(url(store, "memories", talk.pk), {"path": "/other.md"})
    error = error_of(response, 409, "memory_path_conflict_error")
    assert error["conflicting_memory_id"] == other.pk


def test_a_memory_can_become_a_folder_above_its_old_place(api, store, talk):
    response = api.post(url(store, "memories", talk.pk), {"path": "/notes"})
    assert response.json()["path"] == "/notes"


def test_deleting_answers_in_json_and_leaves_the_history(api, store, talk):
    answer = api.delete(url(store, "memories", talk.pk))
    assert answer.json() == {"type": "memory_deleted", "id": talk.pk}
    error_of(api.get(url(store, "memories", talk.pk)), 404, "not_found_error")
    versions = api.get(url(store, "memory_versions"), {"memory_id": talk.pk}).json()["data"]
    assert [v["operation"] for v in versions] == ["deleted", "created"]


def test_deleting_with_an_old_hash_deletes_nothing(api, store, talk):
    one = url(store, "memories", talk.pk)
    wrong = api.delete(f"{one}?expected_content_sha256={'0' * 64}")
    error_of(wrong, 409, "memory_precondition_failed_error")
    assert api.delete(f"{one}?expected_content_sha256={NOON_SHA}").status_code == 200


# -- Lists of memories

TREE = ["/-.md", "/a.md", "/a/1.md", "/a/2.md", "/a/b/3.md", "/a0.md", "/b/c/4.md", "/é.md"]


@pytest.fixture
def tree(db):
    return make_store(files=dict.fromkeys(TREE, "x"))


def listed(api, store, **params):
    items, _ = pages(api, url(store, "memories"), **params)
    return [item["path"] for item in items]


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, TREE),
        ({"path_prefix": "/"}, TREE),
        ({"path_prefix": "/a/"}, ["/a/1.md", "/a/2.md", "/a/b/3.md"]),
        ({"path_prefix": "/a/", "depth": 1}, ["/a/1.md", "/a/2.md", "/a/b/"]),
        ({"depth": 1}, ["/-.md", "/a.md", "/a/", "/a0.md", "/b/", "/é.md"]),
        ({"path_prefix": "/nothing/"}, []),
        ({"depth": 0, "order_by": "path", "order": "desc", "beta": "true"}, TREE),
    ],
)
def test_memories_are_listed_in_byte_order(api, tree, params, expected, limit):
    assert listed(api, tree, limit=limit, **params) == expected


def test_a_folder_has_no_id(api, tree):
    items = api.get(url(tree, "memories"), {"depth": 1}).json()["data"]
    assert [item for item in items if item["type"] == "memory_prefix"] == [
        {"type": "memory_prefix", "path": "/a/"},
        {"type": "memory_prefix", "path": "/b/"},
    ]


@pytest.mark.parametrize(
    "params",
    [{"path_prefix": "/a"}, {"path_prefix": "a/"}, {"path_prefix": ""}, {"path_prefix": "/a\0/"}]
    + [{"depth": 2}, {"depth": -1}, {"depth": "x"}],
)
def test_a_list_that_cannot_be_is_refused(api, tree, params):
    error_of(api.get(url(tree, "memories"), params), 400)


def test_a_full_list_holds_twenty_at_most(api):
    store = make_store(files={f"/{n:02}.md": str(n) for n in range(25)})
    page = api.get(url(store, "memories"), {"view": "full", "limit": 100}).json()
    assert len(page["data"]) == 20
    assert page["data"][7]["content"] == "7"
    assert page["next_page"]


def test_a_cursor_belongs_to_its_list(api, tree, store):
    page = api.get(url(tree, "memories"), {"limit": 1}).json()["next_page"]
    error_of(api.get(url(tree, "memories"), {"page": page, "depth": 1}), 400)
    error_of(api.get(url(tree, "memories"), {"page": page, "path_prefix": "/a/"}), 400)
    error_of(api.get(url(store, "memories"), {"page": page}), 400)
    error_of(api.get(STORES, {"page": page}), 400)


def test_big_folders_are_skipped_in_one_step(api, django_assert_max_num_queries):
    files = {f"/{folder}/{n:03}.md": "x" for folder in "abc" for n in range(12)}
    store = make_store(files=files | {"/z.md": "x"})
    with django_assert_max_num_queries(10):
        assert listed(api, store, depth=1, limit=10) == ["/a/", "/b/", "/c/", "/z.md"]


def test_a_list_takes_as_many_queries_for_many_as_for_few(api, django_assert_max_num_queries):
    store = make_store(files={f"/{n:02}.md": str(n) for n in range(30)})
    with django_assert_max_num_queries(6):
        api.get(url(store, "memories"), {"limit": 100})
    with django_assert_max_num_queries(6):
        api.get(url(store, "memories"), {"view": "full"})
    with django_assert_max_num_queries(6):
        api.get(url(store, "memory_versions"), {"view": "full"})


# -- Versions


def test_a_version_on_the_wire(api, store, talk):
    body = api.get(url(store, "memory_versions", talk.head_id)).json()
    assert body == {
        "type": "memory_version",
        "id": talk.head_id,
        "memory_id": talk.pk,
        "memory_store_id": store.pk,
        "operation": "created",
        "created_at": body["created_at"],
        "path": "/notes/talk.md",
        "content": NOON,
        "content_sha256": NOON_SHA,
        "content_size_bytes": len(NOON),
        "created_by": {"type": "user_actor", "user_id": TESTER.id},
        "redacted_at": None,
        "redacted_by": None,
        "change_set_id": None,
    }


def test_a_deleted_version_has_a_path_and_no_text(api, store, talk):
    deleted = stores.remove(talk, act=Act(TESTER))
    body = api.get(url(store, "memory_versions", deleted.pk)).json()
    assert body["path"] == "/notes/talk.md"
    assert (body["content"], body["content_sha256"], body["content_size_bytes"]) == (None,) * 3


def test_a_write_names_the_key_that_made_it(api, store):
    api.post(url(store, "memories"), {"path": "/a.md", "content": ""})
    version = api.get(url(store, "memory_versions")).json()["data"][0]
    assert version["created_by"]["type"] == "api_actor"
    key = version["created_by"]["api_key_id"]
    found = api.get(url(store, "memory_versions"), {"api_key_id": key}).json()["data"]
    assert [v["path"] for v in found] == ["/a.md"]


def test_versions_can_be_filtered(api, store, talk):
    stores.update(talk, content="new", act=Act(TESTER))
    other = make_memory(store, "/other.md")

    def found(**params):
        data = api.get(url(store, "memory_versions"), params).json()["data"]
        return [(v["path"], v["operation"]) for v in data]

    assert found()[0] == ("/other.md", "created")
    assert found(memory_id=other.pk) == [("/other.md", "created")]
    assert found(operation="modified") == [("/notes/talk.md", "modified")]
    assert found(session_id=TESTER.id) == []
    assert found(service_account_id="svac_1") == []
    assert found(memory_id="nonsense") == []
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    assert found(**{"created_at[gte]": tomorrow}) == []
    assert len(found(**{"created_at[lte]": tomorrow})) == 3
    error_of(api.get(url(store, "memory_versions"), {"operation": "renamed"}), 400)


def test_versions_can_be_paged_through_in_full(api, store, talk):
    for number in range(45):
        stores.update(talk, content=str(number), act=Act(TESTER))
    items, count = pages(api, url(store, "memory_versions"), view="full", limit=100)
    assert count == 3
    assert [item["content"] for item in items] == [*map(str, range(44, -1, -1)), NOON]


def test_redacting_takes_the_text_and_leaves_the_record(api, store, talk):
    before = api.get(url(store, "memory_versions", talk.head_id)).json()
    stores.update(talk, content="new", act=Act(TESTER))
    redacted = api.post(url(store, "memory_versions", before["id"], "redact")).json()
    gone = ("path", "content", "content_sha256", "content_size_bytes")
    assert {redacted[name] for name in gone} == {None}
    assert redacted["redacted_by"]["type"] == "api_actor"
    kept = ("id", "operation", "created_by", "created_at", "memory_id")
    assert [redacted[name] for name in kept] == [before[name] for name in kept]
    again = api.post(url(store, "memory_versions", before["id"], "redact")).json()
    assert again == redacted


def test_the_current_text_cannot_be_redacted(api, store, talk):
    error_of(api.post(url(store, "memory_versions", talk.head_id, "redact")), 400)


def test_restoring_writes_an_old_text_back(api, store, talk):
    stores.update(talk, content="new", path="/new.md", act=Act(TESTER))
    restore = url(store, "memory_versions", talk.head_id, "restore")
    body = api.post(f"{restore}?view=full").json()
    assert (body["id"], body["path"], body["content"]) == (talk.pk, "/notes/talk.md", NOON)


def test_restoring_brings_a_deleted_memory_back_under_its_id(api, store, talk):
    deleted = stores.remove(talk, act=Act(TESTER))
    restore = url(store, "memory_versions", talk.head_id, "restore")
    assert api.post(restore, {}).json()["id"] == talk.pk
    error_of(api.post(url(store, "memory_versions", deleted.pk, "restore")), 400)


def test_restoring_keeps_a_precondition(api, store, talk):
    stores.update(talk, content="new", act=Act(TESTER))
    restore = url(store, "memory_versions", talk.head_id, "restore")
    wrong = api.post(restore, {"precondition": precondition("0" * 64)})
    error_of(wrong, 409, "memory_precondition_failed_error")
    right = {"precondition": precondition(stores.sha256("new"))}
    assert api.post(restore, right).status_code == 200


# -- Change sets


@pytest.fixture
def change_set(store, talk):
    change_set = change_sets.begin(store, "review", "Tidied", TESTER)
    act = Act(TESTER, change_set)
    stores.update(talk, content="The talk is at 1 pm.\n", act=act)
    stores.write(store, "/new.md", "new\n", act=act)
    return change_set


def test_a_change_set_on_the_wire(api, store, change_set):
    (body,) = api.get(url(store, "change_sets")).json()["data"]
    assert body == {
        "type": "change_set",
        "id": change_set.pk,
        "memory_store_id": store.pk,
        "kind": "review",
        "summary": "Tidied",
        "created_at": body["created_at"],
        "created_by": {"type": "user_actor", "user_id": TESTER.id},
        "undoes": None,
        "undone_by": None,
    }
    files = api.get(url(store, "change_sets", change_set.pk)).json()["files"]
    assert [(f["path"], f["before_sha256"]) for f in files] == [
        ("/new.md", None),
        ("/notes/talk.md", NOON_SHA),
    ]


def test_undoing_makes_a_change_set_of_its_own(api, store, talk, change_set):
    undo = url(store, "change_sets", change_set.pk, "undo")
    undone = api.post(undo).json()
    assert undone["undoes"] == change_set.pk
    assert [(f["path"], f["change"]) for f in undone["files"]] == [
        ("/new.md", "take"),
        ("/notes/talk.md", "take"),
    ]
    assert api.get(url(store, "memories", talk.pk)).json()["content"] == NOON
    first = api.get(url(store, "change_sets", change_set.pk)).json()
    assert first["undone_by"] == undone["id"]
    error_of(api.post(undo), 400)


def test_an_undo_that_needs_a_person_names_the_conflicts(api, store, talk, change_set):
    stores.update(talk, content="The talk is off.\n", act=Act(TESTER))
    undo = url(store, "change_sets", change_set.pk, "undo")
    preview = api.post(undo, {"dry_run": True}).json()
    error = error_of(api.post(undo), 409, "conflict_error")
    overlap = {"base": "The talk is at 1 pm.", "ours": "The talk is off.", "theirs": NOON.strip()}
    expected = {
        "path": "/notes/talk.md",
        "change": "conflict",
        "overlaps": [overlap],
        "in_the_way": [],
    }
    assert error["conflicts"] == [expected]
    assert (preview["type"], preview["files"][1]) == ("undo_preview", expected)
    text = {"content": "The talk is at noon, or off.\n"}
    assert api.post(undo, {"resolutions": {"/notes/talk.md": text}}).status_code == 200
    assert store.memories.get(path="/notes/talk.md").content == text["content"]


@pytest.mark.parametrize(
    "body", [{"resolutions": {"/new.md": "mine"}}, {"resolutions": {"/x": "ours"}}, {"force": True}]
)
def test_an_undo_with_a_decision_that_says_nothing_is_refused(api, store, change_set, body):
    error_of(api.post(url(store, "change_sets", change_set.pk, "undo"), body), 400)


# -- Search


def test_search_answers_lines(api, store, talk):
    body = api.get(url(store, "search"), {"q": "NOON|noon"}).json()
    hit = {"path": "/notes/talk.md", "line_number": 1, "line": NOON.strip(), "score": None}
    assert body == {
        "data": [{"type": "memory_search_hit", "memory_id": talk.pk, **hit}],
        "next_page": None,
        "more": False,
    }


@pytest.mark.parametrize("limit", [1, 3, 7])
def test_a_search_is_read_page_by_page(api, store, limit):
    for path in ("/a.md", "/b.md", "/notes/z.md"):
        make_memory(store, path, "heron\nstork\nheron\nheron\n")
    found, page = [], {}
    while page is not None:
        params = {"q": "heron", "limit": limit, **page}
        body = api.get(url(store, "search"), params).json()
        found += [(hit["path"], hit["line_number"]) for hit in body["data"]]
        assert body["more"] == (body["next_page"] is not None)
        page = {"page": body["next_page"]} if body["more"] else None
    assert found == [(path, n) for path in ("/a.md", "/b.md", "/notes/z.md") for n in (1, 3, 4)]


def test_a_cursor_of_nothing_is_refused(api):
    assert error_of(api.get("/v1/memory_stores", {"page": "page_e30"}), 400)


def test_a_cursor_belongs_to_its_search(api, store):
    make_memory(store, "/a.md", "heron\nheron\n")
    page = api.get(url(store, "search"), {"q": "heron", "limit": 1}).json()["next_page"]
    for wrong in ({"q": "stork", "page": page}, {"q": "heron", "page": page, "mode": "ranked"}):
        error_of(api.get(url(store, "search"), wrong), 400)
    for position in (
        {},
        {"path": 1, "line": 1},
        {"path": "/\0", "line": 1},
        {"path": "/", "line": "1"},
    ):
        forged = cursor_of(k="grep", s=store.pk, q="heron", **position)
        error_of(api.get(url(store, "search"), {"q": "heron", "page": forged}), 400)
    elsewhere = url(make_store(), "search")
    error_of(api.get(elsewhere, {"q": "heron", "page": page}), 400)


def test_ranked_search_answers_scores(api, store):
    body = api.get(url(store, "search"), {"q": "when is the talk", "mode": "ranked"}).json()
    assert body["data"][0]["score"] > 0


@pytest.mark.parametrize(
    "params",
    [{}, {"q": "("}, {"q": "a", "mode": "fuzzy"}, {"q": "a", "path_prefix": "x"}]
    + [{"q": "a", "limit": 201}, {"q": "a\0"}],
)
def test_a_search_that_cannot_be_is_refused(api, store, params):
    error_of(api.get(url(store, "search"), params), 400)


# -- Who may


def routes(store, memory, change_set):
    """Every route with the role it needs and a body that it takes."""
    version = memory.head_id
    return [
        ("get", STORES, None, "viewer"),
        ("post", STORES, {"name": "New"}, "editor"),
        ("get", url(store), None, "viewer"),
        ("post", url(store), {}, "editor"),
        ("get", url(store, "memories"), None, "viewer"),
        ("post", url(store, "memories"), {"path": "/n.md", "content": ""}, "editor"),
        ("get", url(store, "memories", memory.pk), None, "viewer"),
        ("post", url(store, "memories", memory.pk), {}, "editor"),
        ("get", url(store, "memory_versions"), None, "viewer"),
        ("get", url(store, "memory_versions", version), None, "viewer"),
        ("post", url(store, "memory_versions", version, "restore"), {}, "editor"),
        ("post", url(store, "memory_versions", version, "redact"), None, "editor"),
        ("get", url(store, "search") + "?q=talk", None, "viewer"),
        ("get", url(store, "change_sets"), None, "viewer"),
        ("get", url(store, "change_sets", change_set.pk), None, "viewer"),
        ("post", url(store, "change_sets", change_set.pk, "undo"), {"dry_run": True}, "reviewer"),
        ("delete", url(store, "memories", memory.pk), None, "editor"),
        ("post", url(store, "archive"), None, "editor"),
        ("delete", url(store), None, "editor"),
    ]


def send(api, method, path, body):
    return getattr(api, method)(path, *([body] if method == "post" else []))


@pytest.mark.parametrize("role", list(Role))
def test_each_role_gets_as_far_as_it_reaches(store, talk, change_set, role):
    api = make_api(role=role)
    for method, path, body, needed in routes(store, talk, change_set):
        response = send(api, method, path, body)
        assert (response.status_code != 403) == Role(role).includes(needed), (method, path)


def test_a_stranger_finds_nothing(store, talk, change_set):
    stranger = make_api(make_workspace())
    for method, path, body, _ in routes(store, talk, change_set):
        if path != STORES:
            response = send(stranger, method, path, body)
            error = error_of(response, 404, "not_found_error")
            assert "memory store" in error["message"]
    assert stranger.get(STORES).json()["data"] == []


def test_without_a_key_nothing_is_told(store):
    error_of(Api("wrong").get(url(store)), 401, "authentication_error")


def test_an_id_of_another_kind_is_not_found(api, store, talk):
    other = make_store(name="Other", files={"/a.md": "a"}).memories.get()
    for wrong in ("mem_01", talk.head_id, store.pk, other.pk, "x", "%00"):
        error_of(api.get(url(store, "memories", wrong)), 404, "not_found_error")


def test_answers_are_utf8_json(api, store):
    make_memory(store, "/größe.md", "漢字")
    data = json.loads(api.get(url(store, "memories"), {"view": "full"}).content)["data"]
    assert [(item["path"], item["content"]) for item in data][0] == ("/größe.md", "漢字")
