"""What careless and hostile programs send: always the envelope, never a 500, never a slow list."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from console.api import cursor_of
from sessions import updates
from sessions.models import Session
from tests.factories import make_agent, make_environment, make_session, make_store
from tests.sessions.test_api import error

pytestmark = pytest.mark.django_db
SCHEMA = '{"name": "x", "model": "builtin", "tools": [{"type": "custom", "name": "t",' + (
    ' "description": "", "input_schema": %s}]}'
)


def post_raw(api, path: str, body: str | bytes):
    headers = {"x-api-key": api.secret}
    return api.client.post(path, data=body, content_type="application/json", headers=headers)


@pytest.mark.parametrize(
    "schema",
    ['{"a": NaN}', '{"a": 1e999}', r'{"a": "\ud800"}', r'{"a": "\u0000"}', '{"a":' * 600 + "1"],
    ids=["NaN", "infinity", "half a pair", "NUL", "depth"],
)
def test_what_no_database_keeps_is_refused(api, schema):
    body = SCHEMA % (schema + "}" * (schema.count("{") - schema.count("}")))
    error(post_raw(api, "/v1/agents", body))


@pytest.mark.parametrize("body", [b"\xff\xfe", b'{"name": "\xed\xa0\x80"}', b"[1]", b"{"])
def test_a_body_that_is_no_json_object_is_refused(api, body):
    error(post_raw(api, "/v1/agents", body))


@pytest.mark.parametrize(
    "changes",
    [
        {"description": "x" * 2049},
        {"description": "\0"},
        {"config": {"networking": "everything"}},
        {"config": {"networking": {"type": "limited", "allowed_hosts": ["\0"]}}},
        {"config": {"packages": {"pip": 5}}},
        {"config": {"packages": {"brew": []}}},
    ],
)
def test_a_bad_environment_is_refused_when_made_and_when_changed(api, changes):
    error(api.post("/v1/environments", {"name": "Lab", **changes}))
    environment = make_environment()
    error(api.post(f"/v1/environments/{environment.pk}", changes))


def test_an_environment_keeps_what_an_update_does_not_name(api):
    packages, config = {"pip": ["httpx"]}, {"networking": {"type": "limited"}}
    made = api.post("/v1/environments", {"name": "Lab", "config": {"packages": packages}}).json()
    changed = api.post(f"/v1/environments/{made['id']}", {"config": config}).json()
    assert changed["name"] == "Lab"
    assert changed["config"]["packages"]["pip"] == ["httpx"]
    assert changed["config"]["networking"] == {
        "type": "limited",
        "allowed_hosts": [],
        "allow_mcp_servers": False,
        "allow_package_managers": False,
    }


@pytest.mark.parametrize("system", ["\0", "x" * 100_001])
def test_overrides_keep_the_limits_of_agents(api, system):
    agent = {"type": "agent_with_overrides", "id": make_agent().pk, "system": system}
    error(api.post("/v1/sessions", {"agent": agent, "environment_id": make_environment().pk}))


def test_instructions_with_a_nul_are_refused(api):
    resource = {"type": "memory_store", "memory_store_id": make_store().pk, "instructions": "\0"}
    body = {"agent": make_agent().pk, "environment_id": make_environment().pk}
    error(api.post("/v1/sessions", {**body, "resources": [resource]}))


def test_an_execution_identity_that_is_not_offered_is_refused(api):
    identity = {"type": "aws_role", "role_arn": "arn:aws:iam::1:role/x"}
    body = {"name": "x", "model": "builtin", "execution_identity": identity}
    assert "service_account" in error(api.post("/v1/agents", body))
    body["execution_identity"] = {}
    assert "execution_identity.type" in error(api.post("/v1/agents", body))


def test_a_method_that_is_not_offered_is_said_in_the_envelope(api):
    assert "try GET" in error(api.post("/v1/models"), 405)


@pytest.mark.parametrize(
    ("path", "cursor"),
    [
        ("/v1/agents/{agent}/versions", {"version": "x"}),
        ("/v1/agents/{agent}/versions", {"k": "agents", "o": "desc", "at": 3}),
        ("/v1/sessions?order=asc", {"k": "sessions", "o": "desc", "at": "sesn_x", "back": 1}),
    ],
)
def test_a_cursor_of_another_list_is_refused(api, path, cursor):
    path = path.format(agent=make_agent().pk)
    error(api.get(f"{path}{'&' if '?' in path else '?'}page={cursor_of(**cursor)}"))


def test_an_interrupt_for_a_thread_that_is_not_there_is_refused(api):
    session = make_session()
    interrupt = {"type": "user.interrupt", "session_thread_id": "sthr_01nonsense"}
    response = api.post(f"/v1/sessions/{session.pk}/events", {"events": [interrupt]})
    error(response, 404, "not_found_error")


def test_what_is_deleted_while_it_is_changed_is_not_found(api, monkeypatch):
    session = make_session()

    def too_late(session, **changes):
        session.delete()
        return Session.objects.get(pk=session.pk)

    monkeypatch.setattr(updates, "update", too_late)
    response = api.post(f"/v1/sessions/{session.pk}", {"title": "New"})
    error(response, 404, "not_found_error")


@pytest.mark.parametrize("path", ["/v1/agents", "/v1/sessions", "/v1/environments"])
def test_a_list_takes_as_many_queries_for_ten_rows_as_for_one(api, path):
    counts = []
    for more in (1, 9):
        for _ in range(more):
            make_session(stores=[make_store()])
            make_environment()
        api.get(path)  # notes that the key is in use
        with CaptureQueriesContext(connection) as queries:
            assert len(api.get(path).json()["data"]) >= more
        counts.append(len(queries))
    assert counts[0] == counts[1]
