"""The pages of environments: who may change them, and what they say of bash."""

import pytest

from console.sandbox import probe
from sessions import agents, shells
from sessions.models import Environment
from sessions.tools import chat_tools
from tests.factories import TESTER, make_environment, make_session
from tests.sessions.pages import at, shown

pytestmark = pytest.mark.django_db
LIMITS = {"timeout_seconds": 60, "memory_mb": 256, "processes": 32, "disk_mb": 16}


def test_the_list_says_whether_there_is_bash_and_within_which_limits(as_vera, workspace):
    make_environment(name="Quiet", config={**agents.CLOUD, "bash": {"enabled": False}})
    make_session(environment=make_environment(name="Busy <b>"))
    html = shown(as_vera.get(at("environments")))
    assert "Busy &lt;b&gt;" in html and "120 s · 512 MB · 64 processes" in html
    assert "off</span>" in html and at("environment_new") not in html


def test_an_empty_list_says_what_to_do(as_alice):
    assert at("environment_new") in shown(as_alice.get(at("environments")))


def test_making_and_changing_an_environment(as_bob, workspace):
    given = {"name": "Lab", "description": "", "enabled": "on", **LIMITS}
    answer = as_bob.post(at("environment_new"), given)
    made = Environment.objects.get()
    assert answer.url == at("environments")
    assert shells.of(made.config) == {"enabled": True, **LIMITS}
    assert made.config["networking"] == {"type": "unrestricted"}
    del given["enabled"]
    as_bob.post(at("environment_edit", made.pk), {**given, "memory_mb": 128})
    made.refresh_from_db()
    assert shells.of(made.config) == {"enabled": False, **LIMITS, "memory_mb": 128}


def test_a_limit_out_of_range_is_refused_and_what_was_typed_stays(as_bob, workspace):
    given = {"name": "Lab", **LIMITS, "memory_mb": 99_999}
    answer = as_bob.post(at("environment_new"), given)
    assert answer.status_code == 422 and "99999" in shown(answer)
    assert not Environment.objects.exists()


def test_the_last_environment_stays_and_others_can_be_archived(as_bob, workspace):
    first, second = make_environment(name="First"), make_environment(name="Second")
    as_bob.post(at("environment_archive", first.pk))
    as_bob.post(at("environment_archive", second.pk))
    first.refresh_from_db()
    second.refresh_from_db()
    assert first.archived_at and not second.archived_at
    assert as_bob.get(at("environment_edit", first.pk)).url == at("environments")


def test_without_bubblewrap_list_and_form_say_so(as_bob, workspace, monkeypatch):
    probe.trouble.cache_clear()
    monkeypatch.setenv("PATH", "/nowhere")
    try:
        environment = make_environment()
        for where in (at("environments"), at("environment_edit", environment.pk)):
            assert "bubblewrap is not installed" in shown(as_bob.get(where))
        tools = chat_tools(make_session(), TESTER).tools
        assert "bash" not in [tool.name for tool in tools]
    finally:
        probe.trouble.cache_clear()


def test_the_api_switches_bash_and_its_limits(api, workspace):
    made = api.post("/v1/environments", {"name": "Lab"}).json()
    assert made["config"]["bash"] == shells.DEFAULT
    where = f"/v1/environments/{made['id']}"
    off = {"config": {"type": "cloud", "bash": {"enabled": False, "disk_mb": 32}}}
    changed = api.post(where, off).json()
    assert changed["config"]["bash"] == {**shells.DEFAULT, "enabled": False, "disk_mb": 32}
    wrong = api.post(where, {"config": {"bash": {"processes": 1}}})
    assert wrong.status_code == 400 and "8 to 512" in wrong.json()["error"]["message"]
