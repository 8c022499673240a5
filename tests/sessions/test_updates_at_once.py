"""Several programs change one agent or environment at once: what each leaves open stays as another sets it."""

from functools import partial

import pytest

from tests import factories
from tests.together import together

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(api, url, bodies):
    """Send all of them at the same moment."""
    answers = together(*(partial(api.post, url, body) for body in bodies))
    assert {answer.status_code for answer in answers} == {200}
    return api.get(url).json()


def test_package_lists_that_are_set_at_once_are_all_kept(workspace):
    api = factories.make_api()
    lists = ("apt", "cargo", "gem", "go", "npm", "pip")
    url = f"/v1/environments/{factories.make_environment().pk}"
    bodies = [{"config": {"type": "cloud", "packages": {name: [name]}}} for name in lists]
    packages = at_once(api, url, bodies)["config"]["packages"]
    assert [packages[name] for name in lists] == [[name] for name in lists]


def test_an_effort_survives_whoever_leaves_it_open(workspace):
    api = factories.make_api()
    url = f"/v1/agents/{factories.make_agent().pk}"
    effort, speed = {"id": "builtin", "effort": "high"}, {"id": "builtin", "speed": "fast"}
    agent = at_once(api, url, [{"model": effort}, *({"model": speed} for _ in range(5))])
    assert agent["model"]["effort"] == {"type": "high"}


def test_an_update_that_changes_nothing_leaves_an_environment_as_old_as_it_is(workspace):
    api = factories.make_api()
    made = api.post("/v1/environments", {"name": "Lab"}).json()
    url = f"/v1/environments/{made['id']}"
    for body in ({}, {"name": "Lab"}, {"config": {"type": "cloud"}}, {"metadata": {"x": None}}):
        assert api.post(url, body).json() == made
