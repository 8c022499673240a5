"""The pages of agents: list, versions, form, what the model will be told."""

import re

import pytest
from django.urls import reverse

from sessions import agents
from sessions.models import Agent
from sessions.tools import enabled_tools
from tests.factories import TOOLSET, make_agent, make_session, make_store
from tests.sessions.pages import HTMX, at, shown

pytestmark = pytest.mark.django_db


@pytest.fixture
def agent(workspace):
    return make_agent(name="Helper", system="Be brief.")


def form(**changes):
    given = {"name": "Helper", "model": "builtin", "system": "Be brief.", "tools": ["read", "grep"]}
    given["permission"] = "always_allow"
    return {**given, **changes}


def test_the_list_names_model_and_stores(as_vera, agent):
    agent.default_stores.create(store=make_store(name="Notes"))
    html = shown(as_vera.get(at("agents")))
    assert all(word in html for word in ("Helper", "builtin", "Notes"))
    assert at("agent_new") not in html


def test_what_dreams_work_with_is_not_listed(as_alice, workspace):
    dreamer = make_agent(name="Dreamer")
    dreamer.metadata = {"reverie": "dream"}
    dreamer.save()
    assert "Dreamer" not in shown(as_alice.get(at("agents")))


def test_an_empty_list_says_what_to_do(as_alice):
    assert at("agent_new") in shown(as_alice.get(at("agents")))
    assert "Nothing archived" in shown(as_alice.get(f"{at('agents')}?status=archived"))


def test_making_an_agent(as_bob, workspace):
    store = make_store(name="Notes")
    chosen = {f"{store.pk}-attach": "on", f"{store.pk}-access": "read_only"}
    answer = as_bob.post(at("agent_new"), form(**chosen))
    agent = Agent.objects.get()
    assert answer.url == agent.get_absolute_url()
    assert agent.latest.config["system"] == "Be brief."
    assert enabled_tools(agent.latest.config["tools"]) == {"read", "grep"}
    default = agent.default_stores.get()
    assert (default.store, default.access) == (store, "read_only")


def test_all_tools_are_ticked_for_a_new_agent(as_bob, workspace):
    assert shown(as_bob.get(at("agent_new"))).count('name="tools"') == 6
    assert shown(as_bob.get(at("agent_new"))).count("checked") >= 6


def test_another_model_is_named_by_hand(as_bob, workspace):
    answer = as_bob.post(at("agent_new"), form(model="other"))
    assert answer.status_code == 422
    assert "Name the model" in shown(answer) and "Be brief." in shown(answer)
    as_bob.post(at("agent_new"), form(model="other", other_model="llama-9"))
    assert Agent.objects.get().latest.config["model"]["id"] == "llama-9"


def test_a_change_makes_a_version_and_no_change_makes_none(as_bob, agent):
    where = at("agent_edit", agent.pk)
    tools = ["read", "write", "edit", "glob", "grep", "bash"]
    as_bob.post(where, form(version=1, tools=tools))
    agent.refresh_from_db()
    assert agent.version == 1
    as_bob.post(where, form(version=1, tools=tools, system="Be long."))
    agent.refresh_from_db()
    assert (agent.version, agent.latest.config["system"]) == (2, "Be long.")


def test_an_edit_of_an_older_version_is_refused_and_kept(as_bob, agent):
    agents.update(agent, {"system": "Somebody else's."})
    answer = as_bob.post(at("agent_edit", agent.pk), form(version=1, system="Mine."))
    assert answer.status_code == 422
    assert "at version 2" in shown(answer) and "Mine." in shown(answer)


def test_a_version_that_is_no_number_is_as_good_as_none(as_bob, agent):
    as_bob.post(at("agent_edit", agent.pk), form(version="9" * 5_000, system="Mine."))
    agent.refresh_from_db()
    assert agent.latest.config["system"] == "Mine."


def test_what_the_form_does_not_show_stays(as_bob, workspace):
    custom = {"type": "custom", "name": "book", "description": "", "input_schema": {}}
    agent = make_agent(name="Helper", tools=[TOOLSET, custom])
    as_bob.post(at("agent_edit", agent.pk), form(version=1))
    tools = Agent.objects.get().latest.config["tools"]
    assert custom in tools
    assert enabled_tools(tools) == {"read", "grep"}


def test_versions_say_what_changed_and_can_be_looked_at(as_vera, agent):
    agents.update(agent, {"system": "Be long.", "description": "Talks."})
    html = shown(as_vera.get(agent.get_absolute_url()))
    assert "description, system prompt" in html
    old = shown(as_vera.get(f"{agent.get_absolute_url()}?version=1"))
    assert "This is an older version" in old and "Be brief." in old
    new = shown(as_vera.get(f"{agent.get_absolute_url()}?version=2"))
    assert "diff-table" in new
    assert as_vera.get(f"{agent.get_absolute_url()}?version=3").status_code == 404


def test_many_versions_are_listed_by_the_page_around_the_one_that_is_shown(as_vera, agent):
    for number in range(2, 36):
        agents.update(agent, {"description": f"Number {number}"})
    first = shown(as_vera.get(agent.get_absolute_url()))
    assert "?version=35" in first and "?version=5" not in first and "1–30 of 35" in first
    last = shown(as_vera.get(f"{agent.get_absolute_url()}?version=3"))
    assert "?version=5" in last and "?version=1" in last and "31–35 of 35" in last
    assert "Number 3" in last and last.count(">made<") == 1


def test_a_version_shows_all_that_it_changed(as_vera, agent):
    custom = {"type": "custom", "name": "ring_bell", "description": "<b>", "input_schema": {}}
    model = {**agent.latest.config["model"], "id": "other-model"}
    agents.update(agent, {"model": model, "tools": [TOOLSET, custom]})
    agents.update(agent, {}, metadata={"team": "reeds"})
    html = shown(as_vera.get(f"{agent.get_absolute_url()}?version=2"))
    assert "Configuration, against version 1" in html and "System prompt, against" not in html
    [table] = re.findall(r"<table class=.diff-table.*?</table>", html, re.DOTALL)
    told = re.sub(r"</?(ins|del|mark)[^>]*>", "", table)
    assert all(word in told for word in ("builtin", "other-model", "ring_bell"))
    assert "<b>" not in told
    assert "model, tools" in html and ">metadata<" in html and ">made<" in html
    last = shown(as_vera.get(f"{agent.get_absolute_url()}?version=3"))
    assert "diff-table" not in last


def test_the_form_shows_what_the_model_will_be_told(as_bob, workspace):
    store = make_store(name="Notes", description="Talks & people")
    given = form(**{f"{store.pk}-attach": "on", f"{store.pk}-instructions": "Be tidy."})
    html = shown(as_bob.post(at("prompt"), given, headers=HTMX))
    assert all(word in html for word in ("Be brief.", "/mnt/memory/notes", "Be tidy."))


def test_archiving_keeps_the_page_and_ends_new_sessions(as_bob, agent):
    as_bob.post(at("agent_archive", agent.pk))
    html = shown(as_bob.get(agent.get_absolute_url()))
    assert "Archived" in html and at("session_new") not in html
    assert as_bob.get(at("agent_edit", agent.pk)).status_code == 302
    assert "Helper" in shown(as_bob.get(f"{at('agents')}?status=archived"))


def test_viewers_look_and_change_nothing(as_vera, agent):
    assert as_vera.get(agent.get_absolute_url()).status_code == 200
    for where in (at("agent_new"), at("agent_edit", agent.pk), at("agent_archive", agent.pk)):
        assert as_vera.post(where, form()).status_code == 403


def test_hostile_names_are_only_text(as_alice, workspace):
    evil = "<script>alert(1)</script>\u202e"
    agent = make_agent(name=evil, description=evil, system=evil)
    make_session(agent=agent, title=evil)
    for where in (at("agents"), agent.get_absolute_url(), at("agent_edit", agent.pk)):
        assert "<script>alert" not in shown(as_alice.get(where))


def test_settings_get_the_models(as_vera, agent):
    html = shown(as_vera.get(at("models")))
    assert "Built-in (extractive, no language model)" in html


def test_many_agents_are_shown_page_by_page(as_vera, workspace):
    for number in range(53):
        make_agent(name=f"Agent {number:02}")
    first = as_vera.get(reverse("sessions:agents", args=["lab"])).content.decode()
    assert "Agent 49" in first and "Agent 50" not in first and "of 53" in first and "Next" in first
    last = as_vera.get(reverse("sessions:agents", args=["lab"]) + "?page=2").content.decode()
    assert "Agent 52" in last and "Agent 49" not in last


def test_one_of_many_agents_is_found_by_its_name(as_vera, workspace):
    where = reverse("sessions:agents", args=["lab"])
    make_agent(name="Only one")
    assert "Find an agent" not in shown(as_vera.get(where))
    for number in range(13):
        make_agent(name=f"Agent {number:02}")
    assert "Find an agent" in shown(as_vera.get(where))
    found = shown(as_vera.get(where, {"q": "ONLY"}, headers={"HX-Request": "true"}))
    assert "Only one" in found and "Agent 01" not in found and "<html" not in found
    assert "No agent of that name" in shown(as_vera.get(where, {"q": "nobody"}))


def test_among_many_models_the_chosen_one_comes_first(as_bob, workspace, settings):
    settings.OPENAI_BASE_URL = "http://127.0.0.1:9/v1"
    settings.OPENAI_MODELS = [f"model-{number:02}" for number in range(20)]
    model = {"id": "model-17", "effort": None, "speed": "standard", "inference_geo": None}
    agent = make_agent(name="Choosy", model=model)
    html = shown(as_bob.get(reverse("sessions:agent_edit", args=["lab", agent.pk])))
    assert "Find among 21 models" in html
    first = html.index('name="model" value="')
    assert html[first:].startswith('name="model" value="model-17" checked')
