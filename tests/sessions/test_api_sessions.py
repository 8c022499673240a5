"""Sessions over raw HTTP: what can be changed, how they are found, what they do not offer."""

from datetime import timedelta

import pytest

from sessions import conversation
from sessions.models import Session, Status, Thread
from tests.factories import make_agent, make_dream, make_environment, make_session, make_store
from tests.sessions.test_api import error

pytestmark = pytest.mark.django_db
READS = {
    "type": "agent_toolset_20260401",
    "default_config": {"enabled": False},
    "configs": [{"name": "read", "enabled": True}],
}


def of(session: Session, rest: str = "") -> str:
    return f"/v1/sessions/{session.pk}{rest}"


def test_a_sessions_own_tools_are_replaced_and_told_in_full(api):
    session = make_session()
    changed = api.post(of(session), {"agent": {"tools": [READS]}}).json()
    assert changed["agent"]["tools"][0]["configs"][0]["name"] == "read"
    told = session.events.get(type="session.updated").payload
    assert set(told) == {"agent"} and told["agent"] == changed["agent"]
    assert session.agent.latest.config["tools"] != changed["agent"]["tools"]
    assert api.post(of(session), {"agent": {"tools": None}}).json()["agent"]["tools"] == []


def test_tools_of_a_running_session_stay(api):
    session = make_session()
    conversation.say(session, "Hello")
    assert "idle" in error(api.post(of(session), {"agent": {"tools": []}}))


def test_a_title_that_cannot_be_is_told_why(api):
    session = make_session()
    assert "NUL" in error(api.post(of(session), {"title": "a\0b"}))
    assert "256" in error(api.post(of(session), {"title": "x" * 257}))


def test_an_update_that_changes_nothing_says_nothing(api):
    session = make_session(title="Same")
    api.post(of(session), {"title": "Same", "metadata": {}})
    assert not session.events.exists()


@pytest.mark.parametrize(
    "body",
    [
        {"vault_ids": []},
        {"agent": {"mcp_servers": [{"type": "url", "name": "x", "url": "https://x"}]}},
        {"agent": {"system": "x"}},
        {"metadata": {"k": "v" * 513}},
        {"colour": "red"},
    ],
)
def test_what_cannot_be_changed_is_refused(api, body):
    error(api.post(of(make_session()), body))


@pytest.mark.parametrize(
    "changes",
    [
        {"initial_events": [{"type": "user.interrupt"}]},
        {"initial_events": [{"type": "user.message", "content": []}]},
        {
            "initial_events": [{"type": "user.message", "content": [{"type": "text", "text": "x"}]}]
            * 51
        },
        {"vault_ids": ["vlt_1"]},
        {"resources": [{"type": "file", "file_id": "file_1"}]},
        {"agent": {"type": "agent_with_overrides", "id": "?", "model": None}},
    ],
)
def test_a_bad_session_is_refused_and_leaves_nothing(api, changes):
    agent = make_agent().pk
    if isinstance(changes.get("agent"), dict):
        changes = {"agent": {**changes["agent"], "id": agent}}
    body = {"agent": agent, "environment_id": make_environment().pk, **changes}
    error(api.post("/v1/sessions", body))
    assert not Session.objects.exists()


# -- Lists --------------------------------------------------------------------------------


def ids(api, **query) -> list[str]:
    return [row["id"] for row in api.get("/v1/sessions", query).json()["data"]]


def test_sessions_are_found_by_every_filter(api):
    store = make_store()
    one, two = make_session(stores=[store]), make_session(status=Status.RUNNING)
    assert ids(api, memory_store_id=store.pk) == [one.pk]
    assert ids(api, **{"statuses[]": "running"}) == [two.pk]
    assert ids(api, agent_id=one.agent_id, agent_version=1) == [one.pk]
    assert ids(api, agent_id=one.agent_id, agent_version=7) == []
    assert ids(api, deployment_id="depl_1") == []
    assert ids(api, order="asc") == [one.pk, two.pk]
    assert ids(api, **{"created_at[gt]": one.created_at.isoformat()}) == [two.pk]
    assert ids(api, **{"created_at[lte]": one.created_at.isoformat()}) == [one.pk]


def test_an_archived_session_is_listed_when_asked_for_and_is_terminated(api):
    session = make_session()
    assert api.post(of(session, "/archive")).json()["status"] == "terminated"
    assert ids(api) == [] and ids(api, include_archived="true") == [session.pk]
    assert session.events.last().type == "session.status_terminated"
    [thread] = api.get(of(session, "/threads")).json()["data"]
    assert thread["updated_at"] == thread["archived_at"] > thread["created_at"]


@pytest.mark.parametrize(
    "query", [{"statuses[]": "asleep"}, {"agent_version": 1}, {"order": "up"}, {"limit": 101}]
)
def test_a_filter_that_makes_no_sense_is_refused(api, query):
    error(api.get("/v1/sessions", query))


def test_a_cursor_is_bound_to_its_order_and_to_the_time_it_stands_at(api):
    first, second, _ = [make_session() for _ in range(3)]
    query = {"limit": 1, "order": "asc"}
    page = api.get("/v1/sessions", query).json()["next_page"]
    error(api.get("/v1/sessions", {"limit": 1, "page": page}))
    later = (first.created_at + timedelta(microseconds=1)).isoformat()
    error(api.get("/v1/sessions", {**query, "page": page, "created_at[gte]": later}))
    found = api.get("/v1/sessions", {"order": "asc", "page": page, "statuses[]": "idle"}).json()
    assert found["data"][0]["id"] == second.pk


def test_sessions_are_listed_by_the_time_they_were_made_even_those_that_came_in_later(api):
    made = [make_session() for _ in range(5)]
    now = made[0].created_at
    # The third is an import of long ago, and two are equally old.
    hours = [3, 2, 9, 1, 1]
    for session, ago in zip(made, hours, strict=True):
        Session.objects.filter(pk=session.pk).update(created_at=now - timedelta(hours=ago))
    oldest_first = [made[each].pk for each in (2, 0, 1, 3, 4)]
    for order, expected in (("asc", oldest_first), ("desc", oldest_first[::-1])):
        there, page = [], {}
        while page is not None:
            found = api.get("/v1/sessions", {"order": order, "limit": 2, **page}).json()
            there += [session["id"] for session in found["data"]]
            page = {"page": found["next_page"]} if found["next_page"] else None
        assert there == expected
        back, page = [], {"page": found["prev_page"]}
        while page is not None:
            found = api.get("/v1/sessions", {"order": order, "limit": 2, **page}).json()
            back = [session["id"] for session in found["data"]] + back
            page = {"page": found["prev_page"]} if found["prev_page"] else None
        assert back == expected[:4]


# -- Resources and threads ----------------------------------------------------------------


def test_stores_are_listed_as_resources_and_have_no_id(api):
    session = make_session(stores=[make_store(name="A"), make_store(name="B")])
    first = api.get(of(session, "/resources"), {"limit": 1}).json()
    assert "id" not in first["data"][0] and first["data"][0]["mount_path"] == "/mnt/memory/a"
    rest = api.get(of(session, "/resources"), {"page": first["next_page"]}).json()
    assert [each["name"] for each in rest["data"]] == ["B"] and rest["next_page"] is None


def test_files_are_not_offered_and_say_so(api):
    session = make_session()
    assert "Files" in error(api.post(of(session, "/resources"), {"type": "file", "file_id": "x"}))
    for method in (api.get, api.post, api.delete):
        error(method(of(session, "/resources/sesrsc_1")), 404, "not_found_error")


def test_the_primary_thread_ends_with_its_session_only(api):
    session = make_session()
    error(api.post(of(session, f"/threads/{session.primary.pk}/archive")))
    api.post(of(session, "/archive"))
    (thread,) = api.get(of(session, "/threads"), {"statuses[]": "terminated"}).json()["data"]
    assert thread["archived_at"] and thread["stats"] and thread["usage"]["input_tokens"] == 0


def test_a_sub_agents_thread_is_archived_once_it_is_quiet(api):
    session = make_session(is_dream=True)
    child = Thread.objects.create(
        session=session, parent=session.primary, name="Reader", status=Status.RUNNING
    )
    where = of(session, f"/threads/{child.pk}/archive")
    error(api.post(where))
    Thread.objects.filter(pk=child.pk).update(status=Status.IDLE)
    once = api.post(where).json()
    assert once["archived_at"] and once["parent_thread_id"] == session.primary.pk
    assert api.post(where).json() == once


@pytest.mark.parametrize(
    "path",
    [
        "vaults",
        "deployments",
        "deployment_runs",
        "files",
        "skills",
        "environments/{env}/{queue}/poll",
    ],
)
def test_what_is_not_offered_is_not_found_in_the_envelope(api, path):
    path = path.format(env=make_environment().pk, queue="work")
    for method in (api.get, api.post):
        error(method(f"/v1/{path}"), 404, "not_found_error")


# -- Agents ---------------------------------------------------------------------------------


def custom(name: str) -> dict:
    schema = {"type": "object", "properties": {}}
    return {"type": "custom", "name": name, "description": "x", "input_schema": schema}


@pytest.mark.parametrize(
    "tools",
    [
        [READS, READS],
        [custom("a"), custom("a")],
        [READS, custom("read")],
        [{**READS, "configs": READS["configs"] * 2}],
        [{**READS, "configs": [{"name": "web_search", "enabled": True}]}],
        [{**custom("a"), "input_schema": {"type": "string"}}],
        [custom("a b")],
        [custom(f"tool{number}") for number in range(257)],
        [{"type": "mcp_toolset", "mcp_server_name": "x"}],
    ],
)
def test_tools_that_could_not_work_are_refused(api, tools):
    error(api.post("/v1/agents", {"name": "A", "model": "builtin", "tools": tools}))


@pytest.mark.parametrize("field", ["skills", "mcp_servers", "multiagent"])
def test_what_agents_here_do_not_have_is_refused_in_clear_words(api, field):
    value = {"type": "coordinator", "agents": ["x"]} if field == "multiagent" else [{"type": "x"}]
    assert field in error(api.post("/v1/agents", {"name": "A", "model": "builtin", field: value}))
    empty = None if field == "multiagent" else []
    made = api.post("/v1/agents", {"name": "A", "model": "builtin", field: empty}).json()
    assert made[field] == empty


def test_effort_speed_and_place_of_a_model_are_echoed(api):
    model = {"id": "builtin", "effort": "high", "speed": "fast", "inference_geo": "eu"}
    agent = api.post("/v1/agents", {"name": "A", "model": model}).json()
    assert agent["model"] == {**model, "effort": {"type": "high"}}
    path = f"/v1/agents/{agent['id']}"
    kept = api.post(path, {"model": {"id": "builtin", "speed": "fast", "inference_geo": "eu"}})
    assert kept.json()["version"] == 1
    assert api.post(path, {"model": "other"}).json()["model"]["effort"] is None


def test_a_stale_version_is_refused_even_when_nothing_would_change(api):
    agent = api.post("/v1/agents", {"name": "A", "model": "builtin"}).json()
    path = f"/v1/agents/{agent['id']}"
    api.post(path, {"metadata": {"a": "1", "b": "2"}})
    error(api.post(path, {"name": "A", "version": 1}), 409, "conflict_error")
    patched = api.post(path, {"metadata": {"a": None}, "version": 2}).json()
    assert patched["metadata"] == {"b": "2"} and patched["version"] == 3


def test_overrides_replace_in_full_and_keep_the_base(api):
    base = make_agent(system="Be brief.", tools=[custom("a")])
    agent = {"type": "agent_with_overrides", "id": base.pk, "tools": None, "model": "other"}
    body = {"agent": agent, "environment_id": make_environment().pk}
    shown = api.post("/v1/sessions", body).json()["agent"]
    assert (shown["id"], shown["version"]) == (base.pk, 1)
    assert (shown["tools"], shown["model"]["id"], shown["system"]) == ([], "other", "Be brief.")


def test_a_dreams_session_takes_no_changes_of_its_tools(api):
    session = make_session(is_dream=True)
    make_dream(sessions=[session])
    error(api.post(of(session), {"agent": {"tools": []}}))
