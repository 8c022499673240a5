"""The API of dreams, over HTTP with nothing but a key (wire contract §14 and §20)."""

import json

import pytest

from console.models import Role
from dreaming import dreams, review
from dreaming.models import Dream
from memory import stores
from memory.stores import Act
from tests.dreaming.conftest import BEFORE
from tests.dreaming.dreamer import MODEL, begin, carry_out, talked
from tests.factories import TESTER, make_api, make_dream, make_session, make_store, make_workspace

pytestmark = pytest.mark.django_db
TWO = "# Talk\n\nThe talk is at two o'clock now.\nAlice speaks.\n"


def wanted(store, *sessions, **changes) -> dict:
    inputs = [
        {"type": "memory_store", "memory_store_id": store.pk},
        {"type": "sessions", "session_ids": [session.pk for session in sessions]},
    ]
    return {"inputs": inputs, "model": MODEL, **changes}


def error_of(response) -> tuple[int, str, str]:
    error = json.loads(response.content)["error"]
    return response.status_code, error["type"], error["message"]


def write(store, path, text):
    stores.write(store, path, text, act=Act(TESTER))


# -- Create -------------------------------------------------------------------------------


def test_a_new_dream_has_every_field_of_the_contract(api, dreamer, store):
    sessions = [talked("One is enough."), talked("Two is company.")]
    found = api.post("/v1/dreams", wanted(store, *sessions[::-1])).json()
    assert found.pop("id").startswith("drm_01")
    assert found.pop("created_at").endswith("Z")
    assert found == {
        "type": "dream",
        "status": "pending",
        "inputs": [
            {"type": "memory_store", "memory_store_id": store.pk},
            {"type": "sessions", "session_ids": sorted(session.pk for session in sessions)},
        ],
        "outputs": [],
        "model": {"id": MODEL, "speed": "standard"},
        "instructions": None,
        "output_behavior": {"type": "create_new"},
        "session_id": None,
        "usage": {
            "input_tokens": 0,
            "output_tokens": 0,
            "cache_read_input_tokens": 0,
            "cache_creation_input_tokens": 0,
        },
        "error": None,
        "ended_at": None,
        "archived_at": None,
    }


def test_the_model_may_be_an_object(api, dreamer, store):
    body = wanted(store, talked("One."), model={"id": MODEL, "speed": "standard"})
    assert api.post("/v1/dreams", body).json()["model"]["id"] == MODEL


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": {"id": MODEL, "speed": "fast"}}, "standard"),
        ({"model": ""}, "at least 1 character"),
        ({"model": "claude-nobody-set-up"}, "ANTHROPIC_API_KEY"),
        ({"instructions": ""}, "at least 1 character"),
        ({"instructions": "x" * 4097}, "at most 4096"),
        ({"output_behavior": {"type": "update_existing"}}, "not offered"),
        ({"output_behavior": {"type": "create_new", "memory_store_id": "x"}}, "memory_store_id"),
        ({"colour": "blue"}, "colour"),
        ({"inputs": []}, "exactly one"),
    ],
)
def test_what_the_contract_forbids_is_a_400_that_says_so(api, dreamer, store, changes, words):
    status, kind, message = error_of(
        api.post("/v1/dreams", wanted(store, talked("One."), **changes))
    )
    assert (status, kind) == (400, "invalid_request_error")
    assert words in message
    assert not Dream.objects.exists()


def test_create_new_may_be_asked_for(api, dreamer, store):
    body = wanted(store, talked("One."), output_behavior={"type": "create_new"})
    assert api.post("/v1/dreams", body).status_code == 200


def test_two_stores_are_refused(api, dreamer, store):
    body = wanted(store, talked("One."))
    body["inputs"].append(body["inputs"][0])
    assert "exactly one" in error_of(api.post("/v1/dreams", body))[2]


def test_a_session_named_twice_is_refused_also_under_its_older_spelling(api, dreamer, store):
    session = talked("One.")
    body = wanted(store, session)
    body["inputs"][1]["session_ids"].append(session.pk.replace("sesn_", "session_"))
    assert "twice" in error_of(api.post("/v1/dreams", body))[2]


def test_an_archived_store_is_refused(api, dreamer, store):
    stores.archive(store)
    assert error_of(api.post("/v1/dreams", wanted(store, talked("One."))))[0] == 400


def test_inputs_of_another_workspace_do_not_exist(api, dreamer, store):
    other = make_workspace()
    foreign = make_session(other)
    assert error_of(api.post("/v1/dreams", wanted(store, foreign)))[0] == 404
    body = wanted(make_store(other), talked("One."))
    assert error_of(api.post("/v1/dreams", body))[:2] == (404, "not_found_error")


def test_a_viewers_key_starts_nothing(dreamer, store):
    answer = make_api(role=Role.VIEWER).post("/v1/dreams", wanted(store, talked("One.")))
    assert error_of(answer)[:2] == (403, "permission_error")


# -- Read ---------------------------------------------------------------------------------


def test_a_finished_dream_names_its_output_and_what_it_used(api, dream):
    found = api.get(f"/v1/dreams/{dream.pk}").json()
    assert found["status"] == "completed"
    assert found["outputs"] == [{"type": "memory_store", "memory_store_id": dream.output_store.pk}]
    assert found["session_id"] == dream.session.pk
    assert found["usage"]["input_tokens"] > 0
    assert found["ended_at"] > found["created_at"]


def test_a_failed_dream_says_why(api, dreamer, store):
    dream = begin(store, [talked("One.")])
    stores.archive(store)
    carry_out(dream)
    error = api.get(f"/v1/dreams/{dream.pk}").json()["error"]
    assert error["type"] == "input_memory_store_unavailable"
    assert error["message"]


def test_a_strangers_dream_does_not_exist(api):
    stranger = make_dream(make_workspace())
    for path in ("", "/review", "/cancel", "/adopt/undo"):
        method = api.get if path in ("", "/review") else api.post
        assert method(f"/v1/dreams/{stranger.pk}{path}").status_code == 404


def test_the_list_is_newest_first_page_by_page(api, workspace):
    made = [make_dream() for _ in range(3)]
    first = api.get("/v1/dreams", {"limit": 2}).json()
    rest = api.get("/v1/dreams", {"limit": 2, "page": first["next_page"]}).json()
    ids = [each["id"] for each in first["data"] + rest["data"]]
    assert ids == [each.pk for each in reversed(made)]
    assert rest["next_page"] is None
    assert "prev_page" not in rest


def test_the_list_filters_by_status_and_time(api, workspace):
    old, new = make_dream(status="failed"), make_dream()
    both = {"statuses[]": ["failed", "canceled"]}
    assert [d["id"] for d in api.get("/v1/dreams", both).json()["data"]] == [old.pk]
    since = {"created_at[gt]": old.created_at.isoformat()}
    assert [d["id"] for d in api.get("/v1/dreams", since).json()["data"]] == [new.pk]
    before = {"created_at[lt]": old.created_at.isoformat()}
    assert api.get("/v1/dreams", before).json()["data"] == []
    assert error_of(api.get("/v1/dreams", {"statuses[]": "napping"}))[0] == 400


def test_archived_dreams_hide_from_the_list(api, dream):
    assert api.post(f"/v1/dreams/{dream.pk}/archive").json()["archived_at"]
    assert api.post(f"/v1/dreams/{dream.pk}/archive").status_code == 200
    assert api.get("/v1/dreams").json()["data"] == []
    assert len(api.get("/v1/dreams", {"include_archived": "true"}).json()["data"]) == 1
    assert api.get(f"/v1/dreams/{dream.pk}").status_code == 200


def test_the_list_asks_the_database_no_more_for_more(api, workspace, django_assert_num_queries):
    for _ in range(3):
        make_dream()
    api.get("/v1/dreams")  # notes the key's use, once a minute
    with django_assert_num_queries(4):
        api.get("/v1/dreams")


def test_cancelling_follows_the_contract(api, dreamer, store):
    dream = begin(store, [talked("One.")])
    for _ in range(2):
        answer = api.post(f"/v1/dreams/{dream.pk}/cancel")
        assert answer.json()["status"] == "canceled"


def test_a_finished_dream_cannot_be_cancelled_nor_a_running_one_archived(api, dream, store):
    assert error_of(api.post(f"/v1/dreams/{dream.pk}/cancel"))[0] == 400
    running = begin(store, [talked("One.")])
    assert error_of(api.post(f"/v1/dreams/{running.pk}/archive"))[0] == 400
    dreams.cancel(running)


# -- Review -------------------------------------------------------------------------------


@pytest.fixture
def at(dream) -> str:
    return f"/v1/dreams/{dream.pk}"


def test_a_review_shows_files_changes_losses_and_sources(api, at, dream):
    found = api.get(f"{at}/review").json()
    assert (found["type"], found["state"]) == ("dream_review", "open")
    assert found["summary"]["text"] == "1 file changed, 2 new, 1 removed · 2 findings, 2 verified"
    assert [file["path"] for file in found["files"]][0] == "/old.md"
    changed = found["files"][1]
    assert (changed["change"], changed["lines_added"], changed["lines_removed"]) == (
        "changed",
        1,
        1,
    )
    (hunk,) = changed["hunks"]
    assert (hunk["before_start"], hunk["before_lines"]) == (3, 1)
    assert found["ledger"][0]["statement"] == "The office has a blue door."
    assert found["ledger"][0]["fate"] == "lost"
    assert {source["statement"] for source in found["sources"]} == {
        "The talk is at two o'clock now.",
        "Bob is the new host.",
    }
    assert found["sources"][0]["event_id"].startswith("sevt_")
    assert found["blockers"] == []


def test_an_unfinished_dream_has_no_review(api, workspace):
    assert error_of(api.get(f"/v1/dreams/{make_dream().pk}/review"))[0] == 400


def test_verdicts_are_kept_and_shown(api, at):
    kept = {"path": "/old.md", "verdict": "reject"}
    mine = {"path": "/talk.md", "verdict": "edit", "content": "At two.\n"}
    api.post(f"{at}/review/decisions", kept)
    answer = api.post(f"{at}/review/decisions", mine).json()
    assert (answer["verdict"], answer["content"]) == ("edit", "At two.\n")
    assert answer["by"]["type"] == "api_actor"
    decisions = api.get(f"{at}/review").json()["decisions"]
    assert [each["path"] for each in decisions] == ["/old.md", "/talk.md"]


def test_one_change_of_a_file_can_be_left_out(api, dreamer, store):
    lines = [f"Line {number} of the rules.\n" for number in range(30)]
    write(store, "/rules.md", "".join(lines))
    changed = [*lines[:3], "A new third.\n", *lines[4:20], "A new twentieth.\n", *lines[21:]]
    dreamer.writes = {"/rules.md": "".join(changed)}
    at = f"/v1/dreams/{carry_out(begin(store, [talked('Tidy up.')])).pk}/review"
    file = next(file for file in api.get(at).json()["files"] if file["path"] == "/rules.md")
    first, second = (hunk["id"] for hunk in file["hunks"])
    body = {"path": "/rules.md", "verdict": "reject", "hunk_id": second}
    answer = api.post(f"{at}/decisions", body).json()
    assert answer["verdict"] == "edit"
    assert "A new third." in answer["content"]
    assert "A new twentieth." not in answer["content"]
    stale = api.post(f"{at}/decisions", {**body, "hunk_id": first})
    assert "changed since" in error_of(stale)[2]


def test_leaving_out_the_only_change_rejects_the_file(api, at):
    file = api.get(f"{at}/review").json()["files"][1]
    body = {"path": "/talk.md", "verdict": "reject", "hunk_id": file["hunks"][0]["id"]}
    assert api.post(f"{at}/review/decisions", body).json()["verdict"] == "reject"


@pytest.mark.parametrize(
    "body",
    [
        {"path": "/none.md", "verdict": "accept"},
        {"path": "/talk.md", "verdict": "maybe"},
        {"path": "/talk.md", "verdict": "edit"},
        {"path": "/talk.md", "verdict": "edit", "content": "x" * 102_401},
        {"path": "/talk.md", "verdict": "accept", "hunk_id": "none-none.1"},
        {"path": "/old.md", "verdict": "reject", "hunk_id": "none-none.1"},
    ],
)
def test_a_verdict_that_makes_no_sense_is_a_400(api, at, body):
    assert error_of(api.post(f"{at}/review/decisions", body))[0] == 400


def test_an_editors_key_may_look_but_not_decide(at):
    editor = make_api(role=Role.EDITOR)
    assert editor.get(f"{at}/review").status_code == 200
    verdict, mode = {"path": "/old.md", "verdict": "reject"}, {"mode": "same_store"}
    assert editor.post(f"{at}/review/decisions", verdict).status_code == 403
    assert editor.post(f"{at}/adopt", mode).status_code == 403
    for path in ("review/approve", "review/reject", "adopt/undo"):
        assert editor.post(f"{at}/{path}").status_code == 403


def test_an_approval_is_bound_to_what_was_seen(api, at):
    digest = api.get(f"{at}/review").json()["digest"]
    api.post(f"{at}/review/decisions", {"path": "/old.md", "verdict": "reject"})
    stale = api.post(f"{at}/review/approve", {"digest": digest})
    assert error_of(stale)[:2] == (409, "conflict_error")
    assert stale.headers["x-should-retry"] == "false"
    assert stale.json()["error"]["blockers"]
    assert api.post(f"{at}/review/approve").json()["state"] == "approved"


def test_approving_names_what_stands_in_the_way(api, dreamer, store):
    dreamer.writes = {"/old.md": None, "/old.md/note.md": "A folder now.\n"}
    at = f"/v1/dreams/{carry_out(begin(store, [talked('Tidy up.')])).pk}/review"
    api.post(f"{at}/decisions", {"path": "/old.md", "verdict": "reject"})
    assert api.get(at).json()["blockers"]
    answer = api.post(f"{at}/approve")
    assert answer.status_code == 409
    assert "file and a folder" in answer.json()["error"]["blockers"][0]["message"]


def test_a_dream_can_be_rejected(api, at):
    assert api.post(f"{at}/review/reject").json()["state"] == "rejected"
    assert error_of(api.post(f"{at}/adopt", {"mode": "same_store"}))[:2] == (409, "conflict_error")


# -- Adoption -----------------------------------------------------------------------------


@pytest.fixture
def approved(at, dream) -> str:
    review.approve(dream, by=TESTER)
    return at


def test_adopting_answers_with_a_receipt(api, approved, store):
    found = api.post(f"{approved}/adopt", {"mode": "same_store"}).json()
    assert (found["type"], found["mode"]) == ("adoption", "same_store")
    assert found["memory_store_id"] == store.pk
    assert found["change_set_id"].startswith("chg_")
    assert found["counts"]["changed"] == 1
    assert found["undone_at"] is None
    assert store.memories.get(path="/talk.md").content == TWO


def test_a_dry_run_writes_nothing(api, approved, store):
    found = api.post(f"{approved}/adopt", {"mode": "same_store", "dry_run": True}).json()
    assert found["counts"] == {"take": 4, "merge": 0, "keep": 0, "conflict": 0}
    assert store.memories.get(path="/talk.md").content == BEFORE["/talk.md"]


def test_an_overlap_is_a_409_with_both_texts(api, approved, store):
    theirs = BEFORE["/talk.md"].replace("noon", "three")
    write(store, "/talk.md", theirs)
    answer = api.post(f"{approved}/adopt", {"mode": "same_store"})
    assert error_of(answer)[:2] == (409, "conflict_error")
    (conflict,) = answer.json()["error"]["conflicts"]
    assert (conflict["path"], conflict["ours"], conflict["theirs"]) == ("/talk.md", theirs, TWO)
    assert conflict["overlaps"]
    for choice in ("theirs", {"content": "At half past two.\n"}):
        body = {"mode": "same_store", "resolutions": {"/talk.md": choice}}
        assert api.post(f"{approved}/adopt", {**body, "dry_run": True}).json()["conflicts"] == []
    assert api.post(f"{approved}/adopt", body).status_code == 200
    assert store.memories.get(path="/talk.md").content == "At half past two.\n"


def test_a_new_store_can_take_the_old_ones_place(api, approved, dream, store):
    body = {"mode": "new_store", "archive_old": True}
    found = api.post(f"{approved}/adopt", body).json()
    assert found["memory_store_id"] == dream.output_store.pk
    assert found["archived_old"]
    store.refresh_from_db()
    assert store.is_archived


def test_adopting_twice_and_undoing_twice_are_409s(api, approved, store):
    body = {"mode": "same_store"}
    assert api.post(f"{approved}/adopt", body).status_code == 200
    assert error_of(api.post(f"{approved}/adopt", body))[0] == 409
    undone = api.post(f"{approved}/adopt/undo").json()
    assert undone["undone_at"]
    assert undone["undo_change_set_id"].startswith("chg_")
    assert store.memories.get(path="/talk.md").content == BEFORE["/talk.md"]
    assert error_of(api.post(f"{approved}/adopt/undo"))[0] == 409


def test_undoing_asks_where_later_writes_touch_the_same_lines(api, approved, store):
    api.post(f"{approved}/adopt", {"mode": "same_store"})
    write(store, "/talk.md", TWO.replace("two o'clock now", "half past two"))
    answer = api.post(f"{approved}/adopt/undo")
    assert answer.status_code == 409
    assert answer.json()["error"]["conflicts"][0]["path"] == "/talk.md"
    body = {"resolutions": {"/talk.md": "theirs"}}
    assert api.post(f"{approved}/adopt/undo", body).status_code == 200
    assert store.memories.get(path="/talk.md").content == BEFORE["/talk.md"]
