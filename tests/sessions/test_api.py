"""Agents, environments, sessions and events over raw HTTP: exact shapes, which an SDK would hide."""

import pytest

from memory import stores
from sessions import conversation, loop, tasks
from tests import factories
from tests.factories import make_agent, make_session, make_store

pytestmark = pytest.mark.django_db


def error(response, status=400, type="invalid_request_error"):
    body = response.json()
    assert (response.status_code, body["type"], body["error"]["type"]) == (status, "error", type)
    assert body["request_id"] == response["request-id"]
    return body["error"]["message"]


# -- Models -------------------------------------------------------------------------------


def test_the_built_in_model_is_listed_and_named_honestly(api):
    page = api.get("/v1/models").json()
    assert set(page) == {"data", "has_more", "first_id", "last_id"}
    assert "builtin" in [model["id"] for model in page["data"]]
    model = api.get("/v1/models/builtin").json()
    assert model["display_name"] == "Built-in (extractive, no language model)"


def test_models_are_listed_by_lifecycle(api):
    assert api.get("/v1/models?lifecycle[]=active&lifecycle[]=retired").json()["data"]
    assert api.get("/v1/models?lifecycle%5B%5D=retired").json()["data"] == []


def test_models_are_walked_in_both_directions(api, settings):
    settings.OPENAI_BASE_URL = "http://localhost:11434/v1"
    settings.OPENAI_MODELS = ["a", "b", "c"]
    listed = [model["id"] for model in api.get("/v1/models").json()["data"]]
    for towards, end in (("after_id", "last_id"), ("before_id", "first_id")):
        start = listed[0] if towards == "after_id" else listed[-1]
        walked, page = [], {"has_more": True, end: start}
        while page["has_more"]:
            page = api.get("/v1/models", {towards: page[end], "limit": 1}).json()
            walked += [model["id"] for model in page["data"]]
        assert walked == (listed[1:] if towards == "after_id" else listed[-2::-1])


@pytest.mark.parametrize("place", ["after_id", "before_id"])
def test_a_model_that_is_gone_begins_no_list_anew(api, place):
    assert place in error(api.get("/v1/models", {place: "nonsense"}))


def test_an_unknown_model_is_not_found(api):
    error(api.get("/v1/models/nonsense"), 404, "not_found_error")


# -- Agents -------------------------------------------------------------------------------

TOOLSET = {"type": "agent_toolset_20260401"}


def test_each_version_of_an_agent_has_the_metadata_it_had(api):
    agent = create_agent(api, metadata={"stage": "draft"})
    url = f"/v1/agents/{agent['id']}"
    api.post(url, {"metadata": {"stage": "live"}, "system": "Be brief."})
    api.post(url, {"metadata": {"stage": None}})
    versions = api.get(f"{url}/versions").json()["data"]
    assert [each["metadata"] for each in versions] == [{}, {"stage": "live"}, {"stage": "draft"}]
    assert api.get(url, {"version": 1}).json() == agent
    assert agent["created_at"] == agent["updated_at"]


def create_agent(api, **changes):
    return api.post("/v1/agents", {"name": "Ada", "model": "builtin", **changes}).json()


def test_an_agent_comes_back_with_every_documented_field(api):
    agent = create_agent(api, tools=[TOOLSET], metadata={"team": "a"})
    assert set(agent) == {
        *("type", "id", "version", "name", "description", "model", "system", "tools", "skills"),
        *("mcp_servers", "multiagent", "metadata", "execution_identity"),
        *("created_at", "updated_at", "archived_at"),
    }
    assert agent["version"] == 1 and agent["id"].startswith("agent_01")
    assert agent["model"]["id"] == "builtin" and agent["model"]["speed"] == "standard"
    assert agent["tools"] == [
        {
            "type": "agent_toolset_20260401",
            "default_config": {"enabled": True, "permission_policy": {"type": "always_allow"}},
            "configs": [],
        }
    ]


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"name": "read", "permision_policy": {"type": "always_ask"}}, "permision_policy"),
        ({"name": "read", "allowed_domains": ["a.example"]}, "allowed_domains"),
        ({"name": "read", "type": "write"}, "type"),
    ],
)
def test_a_setting_that_a_tool_does_not_have_is_not_passed_over(api, config, named):
    body = {"name": "Ada", "model": "builtin", "tools": [TOOLSET | {"configs": [config]}]}
    assert named in error(api.post("/v1/agents", body))


def test_a_tool_that_is_not_offered_never_seems_to_be_on(api):
    config = {"name": "web_search", "type": "web_search", "allowed_domains": ["a.example"]}
    (echo,) = create_agent(api, tools=[TOOLSET | {"configs": [config]}])["tools"][0]["configs"]
    assert echo["enabled"] is False


def test_tool_configs_are_echoed_with_their_type(api):
    toolset = TOOLSET | {"configs": [{"name": "write", "enabled": False}]}
    (config,) = create_agent(api, tools=[toolset])["tools"][0]["configs"]
    assert config["type"] == config["name"] == "write" and config["enabled"] is False


def test_a_change_makes_a_version_and_no_change_makes_none(api):
    agent = create_agent(api)
    path = f"/v1/agents/{agent['id']}"
    assert api.post(path, {"name": "Ada"}).json()["version"] == 1
    assert api.post(path, {"system": "Be brief."}).json()["version"] == 2
    assert api.post(path, {"system": ""}).json()["system"] is None
    versions = api.get(f"{path}/versions").json()["data"]
    assert [version["version"] for version in versions] == [3, 2, 1]


def test_a_stale_version_is_a_conflict_that_is_not_retried(api):
    agent = create_agent(api)
    path = f"/v1/agents/{agent['id']}"
    api.post(path, {"name": "Bea"})
    response = api.post(path, {"name": "Cleo", "version": 1})
    error(response, 409, "conflict_error")
    assert response["x-should-retry"] == "false"


def test_an_old_version_can_be_read(api):
    agent = create_agent(api)
    api.post(f"/v1/agents/{agent['id']}", {"name": "Bea"})
    assert api.get(f"/v1/agents/{agent['id']}", {"version": 1}).json()["name"] == "Ada"
    error(api.get(f"/v1/agents/{agent['id']}", {"version": 9}), 404, "not_found_error")


@pytest.mark.parametrize(
    "body",
    [
        {"name": "", "model": "builtin"},
        {"name": "x", "model": ""},
        {"name": "x"},
        {"name": "x", "model": "builtin", "colour": "red"},
        {"name": "x", "model": "builtin", "metadata": {"k" * 65: "v"}},
        {"name": "x", "model": "builtin", "mcp_servers": [{"type": "url"}]},
        {"name": "x", "model": "builtin", "tools": [{"type": "nonsense"}]},
    ],
)
def test_a_bad_agent_is_refused_in_the_envelope(api, body):
    error(api.post("/v1/agents", body))


def test_an_archived_agent_takes_no_sessions_and_no_changes(api):
    agent = create_agent(api)
    assert api.post(f"/v1/agents/{agent['id']}/archive").json()["archived_at"]
    error(api.post(f"/v1/agents/{agent['id']}", {"name": "Bea"}))
    assert agent["id"] not in [row["id"] for row in api.get("/v1/agents").json()["data"]]


# -- Environments -------------------------------------------------------------------------


def test_an_environment_has_all_six_package_lists(api):
    environment = api.post("/v1/environments", {"name": "Lab"}).json()
    assert set(environment["config"]["packages"]) == {
        *("type", "apt", "cargo", "gem", "go", "npm", "pip"),
    }
    assert environment["config"]["networking"] == {"type": "unrestricted"}


def test_the_kind_of_an_environment_cannot_change(api):
    pk = api.post("/v1/environments", {"name": "Lab"}).json()["id"]
    response = api.post(f"/v1/environments/{pk}", {"config": {"type": "self_hosted"}})
    error(response)
    assert response.json()["error"]["details"]["error_code"] == "invalid_config_type_change"


def test_what_limited_networking_leaves_open_stays(api):
    limited = {"type": "limited", "allowed_hosts": ["a.example"], "allow_mcp_servers": None}
    config = {"type": "cloud", "networking": limited}
    made = api.post("/v1/environments", {"name": "Lab", "config": config}).json()
    closed = {"allow_mcp_servers": False, "allow_package_managers": False}
    assert made["config"]["networking"] == limited | closed
    config["networking"] = {"type": "limited", "allow_package_managers": True}
    changed = api.post(f"/v1/environments/{made['id']}", {"config": config}).json()
    assert changed["config"]["networking"] == limited | closed | config["networking"]
    config["networking"] = {"type": "unrestricted"}
    changed = api.post(f"/v1/environments/{made['id']}", {"config": config}).json()
    assert changed["config"]["networking"] == {"type": "unrestricted"}


def test_an_environment_is_its_whole_workspaces(api):
    body = {"name": "Lab", "scope": "organization"}
    assert api.post("/v1/environments", body).json()["scope"] == "organization"
    for scope in ("account", "galaxy"):
        assert "scope" in error(api.post("/v1/environments", body | {"scope": scope}))


def test_the_sdks_know_these_errors_by_their_code(api):
    def code(answer):
        return answer.json()["error"]["details"]["error_code"]

    url = f"/v1/environments/{api.post('/v1/environments', {'name': 'Lab'}).json()['id']}"
    session = {"agent": make_agent().pk, "environment_id": "env_x"}
    assert code(api.get("/v1/environments/env_x")) == "environment_not_found"
    assert code(api.post("/v1/sessions", session)) == "environment_not_found"
    assert code(api.post(url, {"metadata": {"k": "v" * 513}})) == "invalid_metadata"
    api.post(f"{url}/archive")
    assert code(api.post(url, {"name": "x"})) == "environment_archived"
    hosted = {"name": "Lab", "config": {"type": "self_hosted"}}
    assert "details" not in api.post("/v1/environments", hosted).json()["error"]


def test_an_environment_in_use_is_not_deleted(api):
    environment = make_session().environment
    error(api.delete(f"/v1/environments/{environment.pk}"))
    free = api.post("/v1/environments", {"name": "Free"}).json()["id"]
    assert api.delete(f"/v1/environments/{free}").json() == {
        "id": free,
        "type": "environment_deleted",
    }


# -- Sessions -----------------------------------------------------------------------------


def new_session(api, **changes):
    agent, environment = make_agent(), factories.make_environment()
    return api.post(
        "/v1/sessions", {"agent": agent.pk, "environment_id": environment.pk, **changes}
    )


def test_a_session_comes_back_with_every_documented_field(api):
    session = new_session(api, title="Talk").json()
    assert set(session) == {
        *("type", "id", "status", "title", "agent", "environment_id", "resources", "vault_ids"),
        *("metadata", "outcome_evaluations", "stats", "usage", "budget", "deployment_id"),
        *("created_at", "updated_at", "archived_at"),
    }
    assert session["status"] == "idle" and session["agent"]["type"] == "agent"
    assert "metadata" not in session["agent"]


def test_a_mounted_store_is_a_resource_without_an_id(api):
    store = make_store(name="CWC memory!", description="Notes")
    resource = {"type": "memory_store", "memory_store_id": store.pk, "instructions": "Track links"}
    (mounted,) = new_session(api, resources=[resource]).json()["resources"]
    assert mounted == {
        "type": "memory_store",
        "memory_store_id": store.pk,
        "access": "read_write",
        "instructions": "Track links",
        "name": "CWC memory!",
        "description": "Notes",
        "mount_path": "/mnt/memory/cwc-memory",
    }


def test_two_stores_of_one_name_get_two_mounts(api):
    resources = [
        {"type": "memory_store", "memory_store_id": make_store(name="Notes").pk} for _ in range(2)
    ]
    mounted = new_session(api, resources=resources).json()["resources"]
    assert [row["mount_path"] for row in mounted] == ["/mnt/memory/notes", "/mnt/memory/notes-2"]


def test_drafts_and_archived_stores_are_not_attached(api):
    draft, archived = make_store(state="draft"), stores.archive(make_store())
    for store in (draft, archived):
        resource = {"type": "memory_store", "memory_store_id": store.pk}
        assert store.name in error(new_session(api, resources=[resource]))


def test_unknown_parts_of_a_session_are_not_found(api):
    error(new_session(api, agent="agent_01nonsense"), 404, "not_found_error")
    error(new_session(api, environment_id="env_x"), 404, "not_found_error")
    resource = {"type": "memory_store", "memory_store_id": "memstore_x"}
    error(new_session(api, resources=[resource]), 404, "not_found_error")


def test_another_workspaces_store_answers_as_one_that_does_not_exist(api):
    foreign = make_store(factories.make_workspace())
    resource = {"type": "memory_store", "memory_store_id": foreign.pk}
    error(new_session(api, resources=[resource]), 404, "not_found_error")


def test_overrides_replace_a_field_for_one_session(api):
    agent = make_agent(system="Long.")
    override = {"type": "agent_with_overrides", "id": agent.pk, "system": None, "model": "other"}
    snapshot = new_session(api, agent=override).json()["agent"]
    assert snapshot["system"] is None and snapshot["model"]["id"] == "other"
    assert agent.latest.config["system"] == "Long."


def test_initial_events_start_the_session(api, django_capture_on_commit_callbacks):
    message = {"type": "user.message", "content": [{"type": "text", "text": "Hello"}]}
    session = new_session(api, initial_events=[message]).json()
    assert session["status"] == "running"
    listed = api.get(f"/v1/sessions/{session['id']}/events").json()["data"]
    assert "user.message" in [event["type"] for event in listed]


def test_sessions_page_forth_and_back(api):
    made = [make_session().pk for _ in range(5)][::-1]
    first = api.get("/v1/sessions", {"limit": 2}).json()
    assert first["prev_page"] is None
    second = api.get("/v1/sessions", {"limit": 2, "page": first["next_page"]}).json()
    back = api.get("/v1/sessions", {"limit": 2, "page": second["prev_page"]}).json()
    assert [row["id"] for row in first["data"] + second["data"]] == made[:4]
    assert [row["id"] for row in back["data"]] == made[:2] and back["prev_page"] is None


def test_a_cursor_is_bound_to_its_order(api):
    for _ in range(3):
        make_session()
    cursor = api.get("/v1/sessions", {"limit": 1}).json()["next_page"]
    error(api.get("/v1/sessions", {"limit": 1, "page": cursor, "order": "asc"}))
    error(api.get("/v1/sessions", {"page": "page_nonsense"}))


def test_sessions_are_filtered_by_store_and_status(api):
    store = make_store()
    session = make_session(stores=[store])
    make_session()
    query = "/v1/sessions?statuses%5B%5D=idle&memory_store_id=" + store.pk
    assert [row["id"] for row in api.get(query).json()["data"]] == [session.pk]
    assert api.get("/v1/sessions?statuses[]=running").json()["data"] == []


def test_title_and_metadata_can_be_changed_and_the_log_says_so(api):
    session = make_session()
    changed = api.post(f"/v1/sessions/{session.pk}", {"title": "New", "metadata": {"a": "b"}})
    assert changed.json()["title"] == "New" and changed.json()["metadata"] == {"a": "b"}
    (event,) = api.get(f"/v1/sessions/{session.pk}/events").json()["data"]
    assert (event["type"], event["title"]) == ("session.updated", "New")


def test_an_archived_session_is_terminated_and_takes_no_events(api):
    session = make_session()
    archived = api.post(f"/v1/sessions/{session.pk}/archive").json()
    assert archived["status"] == "terminated" and archived["archived_at"]
    message = {"type": "user.message", "content": [{"type": "text", "text": "Hello"}]}
    error(api.post(f"/v1/sessions/{session.pk}/events", {"events": [message]}))


def test_a_running_session_is_neither_archived_nor_deleted(api):
    session = make_session()
    conversation.say(session, "Hello")
    assert "Stop it first" in error(api.post(f"/v1/sessions/{session.pk}/archive"))
    error(api.delete(f"/v1/sessions/{session.pk}"))


def test_a_deleted_session_is_gone(api):
    session = make_session()
    assert api.delete(f"/v1/sessions/{session.pk}").json()["type"] == "session_deleted"
    error(api.get(f"/v1/sessions/{session.pk}"), 404, "not_found_error")


# -- Events -------------------------------------------------------------------------------


def send(api, session, *texts):
    events = [
        {"type": "user.message", "content": [{"type": "text", "text": text}]} for text in texts
    ]
    return api.post(f"/v1/sessions/{session.pk}/events", {"events": events})


def test_a_message_is_echoed_with_an_id_and_waits(api):
    (echo,) = send(api, make_session(), "Hello").json()["data"]
    assert echo["id"].startswith("sevt_01") and echo["processed_at"] is None


def test_all_events_of_a_request_are_taken_or_none(api):
    session = make_session()
    error(send(api, session, "Hello", "   "))
    assert session.events.count() == 0


@pytest.mark.parametrize("size", [200_000, 1_000_001])
def test_a_long_message_is_taken_or_refused_in_words(api, size):
    response = send(api, make_session(), "x" * size)
    if size > 1_000_000:
        assert "too long" in error(response)
    else:
        assert response.status_code == 200


def test_events_are_listed_by_type_and_in_pages(api):
    session = make_session()
    send(api, session, "Hello there")
    loop.run(session.primary.pk, tasks.CHAT)
    path = f"/v1/sessions/{session.pk}/events"
    everything = [event["id"] for event in api.get(path).json()["data"]]
    paged, query = [], {"limit": 3}
    while query:
        page = api.get(path, query).json()
        paged += [event["id"] for event in page["data"]]
        query = {"limit": 3, "page": page["next_page"]} if page["next_page"] else None
    assert paged == everything
    messages = api.get(f"{path}?types%5B%5D=user.message").json()["data"]
    assert [event["type"] for event in messages] == ["user.message"]


def test_a_session_has_one_primary_thread(api):
    session = make_session()
    (thread,) = api.get(f"/v1/sessions/{session.pk}/threads").json()["data"]
    assert thread["parent_thread_id"] is None and thread["type"] == "session_thread"
    path = f"/v1/sessions/{session.pk}/threads/{thread['id']}"
    assert api.get(path).json()["id"] == thread["id"]
    assert api.get(f"{path}/events").json() == {"data": [], "next_page": None}


def test_a_viewers_key_reads_and_does_not_write(workspace):
    session = make_session()
    viewer = factories.make_api(role="viewer")
    assert viewer.get(f"/v1/sessions/{session.pk}").status_code == 200
    error(send(viewer, session, "Hello"), 403, "permission_error")


def test_what_is_not_offered_answers_404_in_the_envelope(api):
    for path in ("/v1/vaults", "/v1/files", "/v1/sessions/x/y/z", "/v1/nonsense"):
        error(api.get(path), 404, "not_found_error")
