"""A refused request is told one mistake, in the place where it stands in what was sent."""

import pytest

from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.once]
TOOLSET = {"type": "agent_toolset_20260401"}
TEXT = {"type": "text", "text": "Hello"}


def said(answer):
    assert answer.status_code == 400
    return answer.json()["error"]["message"]


@pytest.fixture
def api():
    return factories.make_api()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"model": "m"}, "name: Field required"),
        ({"name": "n", "model": 5}, "model: Input should be a valid string"),
        ({"name": "n", "model": {}}, "model.id: Field required"),
        ({"name": "n", "model": {"id": "m", "x": 1}}, "model.x: Extra inputs are not permitted"),
        (
            {"name": "n", "model": {"id": "m", "effort": "some"}},
            "model.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'",
        ),
        (
            {"name": "n", "model": "m", "tools": [{"type": "custom", "name": "a", "x": 1}]},
            "tools.0.description: Field required",
        ),
        (
            {"name": "n", "model": "m", "tools": [{"type": "mcp_toolset"}]},
            "tools.0.type: Input should be one of 'agent_toolset_20260401', 'custom'",
        ),
        ({"name": "n", "model": "m", "tools": [{}]}, "tools.0.type: Field required"),
        (
            {"name": "n", "model": "m", "tools": [TOOLSET | {"configs": [{"name": "fly"}]}]},
            "tools.0.configs.0.name: Input should be one of 'bash', 'edit', 'read', 'write',"
            " 'glob', 'grep', 'web_fetch', 'web_search'",
        ),
        ({"name": "n", "model": "m", "metadata": []}, "metadata: Input should be a JSON object"),
        ([], "Input should be a JSON object"),
    ],
)
def test_a_mistake_is_named_where_it_stands(api, body, message):
    assert said(api.post("/v1/agents", body)) == message


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"type": "text"}, "text: Field required"),
        ({"type": "text", "text": 5}, "text: Input should be a valid string"),
        (TEXT | {"x": 1}, "x: Extra inputs are not permitted"),
    ],
)
def test_a_field_named_like_its_kind_is_told_from_it(api, block, message):
    session = factories.make_session(factories.the_workspace())
    events = {"events": [{"type": "user.message", "content": [TEXT, block]}]}
    answer = api.post(f"/v1/sessions/{session.pk}/events", events)
    assert said(answer) == f"events.0.content.1.{message}"


def test_what_is_missing_of_one_of_several_things_is_named(api):
    body = {"agent": {"type": "agent"}, "environment_id": "env_x"}
    assert said(api.post("/v1/sessions", body)) == "agent.id: Field required"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"name": "a",\n "b"}', "is no JSON: Expecting ':' delimiter (line 2, column 5)"),
        (b'{"name": "\xff"}', "is no JSON in UTF-8"),
        (rb'{"name": "\ud800"}', "holds half of a surrogate pair"),
        (b'{"name": NaN}', "is NaN"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_a_body_that_cannot_be_read_is_told_why(api, body, message):
    answer = api.client.post(
        "/v1/agents", body, content_type="application/json", headers={"x-api-key": api.secret}
    )
    assert message in said(answer)
