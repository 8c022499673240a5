"""Calls that wait for a person: asked about, allowed, denied, overtaken; on the wire and on the page."""

import pytest

from sessions import conversation, events, loop, permissions, tasks, transcript
from sessions.models import Session
from tests.factories import make_agent, make_session, make_store
from tests.sessions.fake_models import Call, FakeModels, Turn
from tests.sessions.test_api import error
from tests.sessions.test_loop import last, types, work

pytestmark = pytest.mark.django_db(transaction=True)
FILE = "/mnt/memory/notes/new.md"
WRITE = Call("write", {"file_path": FILE, "content": "New.\n"})
READ = Call("read", {"file_path": "/mnt/memory/notes/talk.md"})
WEATHER = {
    "type": "custom",
    "name": "get_weather",
    "description": "The weather of a place.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}


@pytest.fixture
def fake(settings):
    with FakeModels() as fake:
        settings.OPENAI_BASE_URL = fake.openai_url
        settings.OPENAI_MODELS = ["fake-model"]
        yield fake


def toolset(policy: str, **own: str) -> dict:
    return {
        "type": "agent_toolset_20260401",
        "default_config": {"enabled": True, "permission_policy": {"type": policy}},
        "configs": [
            {"type": name, "name": name, "enabled": True, "permission_policy": {"type": each}}
            for name, each in own.items()
        ],
    }


def session_with(*tools: dict) -> Session:
    model = {"id": "fake-model", "effort": None, "speed": "standard", "inference_geo": None}
    store = make_store(name="Notes", files={"/talk.md": "The talk is at noon.\n"})
    return make_session(agent=make_agent(model=model, tools=list(tools)), stores=[store])


def asked(fake, *calls: Call, tools: tuple = (toolset("always_allow", write="always_ask"),)):
    """A session whose agent made these calls and now waits."""
    session = session_with(*tools)
    fake.script(Turn(*calls), Turn("Done."))
    conversation.say(session, "Please")
    return work(session)


def pending(session: Session) -> list[str]:
    return last(session, "session.status_idle").payload["stop_reason"].get("event_ids", [])


def confirm(api, session: Session, call: str, result: str = "allow", **changes):
    event = {"type": "user.tool_confirmation", "tool_use_id": call, "result": result, **changes}
    return api.post(f"/v1/sessions/{session.pk}/events", {"events": [event]})


def written(session: Session) -> int:
    return session.attachments.get().store.versions.filter(path="/new.md").count()


@pytest.mark.parametrize(("verdict", "wrote"), [("allow", 1), ("deny", 0)])
def test_several_calls_are_decided_at_once(fake, as_bob, as_vera, verdict, wrote):
    session = asked(fake, WRITE, READ, tools=(toolset("always_ask"),))
    page = session.get_absolute_url()
    assert "2 calls wait for you" in as_bob.get(page).content.decode()
    assert "wait for you" not in as_vera.get(page).content.decode()
    calls = {"verdict": verdict, "call": pending(session)}
    assert as_bob.post(f"{page}decide", calls, headers={"HX-Request": "true"}).status_code == 204
    work(session)
    assert written(session) == wrote and types(session).count("agent.tool_result") == 2
    again = as_bob.post(f"{page}decide", calls, headers={"HX-Request": "true"})
    assert "There is no call" in again.headers["HX-Trigger"]


def test_one_call_alone_is_decided_in_its_place(fake, as_bob):
    session = asked(fake, WRITE)
    html = as_bob.get(session.get_absolute_url()).content.decode()
    assert "Allow" in html and "wait for you" not in html


def test_a_session_that_asks_is_found_at_home_in_the_list_and_counted_in_the_frame(fake, as_vera):
    session = asked(fake, WRITE)
    Session.objects.filter(pk=session.pk).update(title="Asks")
    make_session(agent=session.agent, title="Rests")
    listed = "/w/lab/sessions/?status=requires_action"
    home, found = (
        as_vera.get(where).content.decode() for where in ("/w/lab/dreams/attention", listed)
    )
    assert "Asks" in home and "Needs an answer" in home and "Rests" not in home
    assert "Asks" in found and "Rests" not in found
    assert 'title="1 waiting for an answer"' in found
    assert "Needs an answer" in as_vera.get("/w/lab/sessions/recent").content.decode()
    conversation.stop(session)
    work(session)
    assert "Asks" not in as_vera.get("/w/lab/dreams/attention").content.decode()
    assert "waiting for an answer" not in as_vera.get("/w/lab/sessions/").content.decode()


def test_a_call_that_asks_waits_until_the_others_of_its_step_ran(fake):
    session = asked(fake, WRITE, READ)
    use = last(session, "agent.tool_use")
    assert use.payload["name"] == "read" and use.payload["evaluation"] == {"type": "always_allow"}
    (held,) = session.events.filter(payload__evaluated_permission="ask")
    assert held.payload["evaluation"] == {"type": "always_ask"}
    assert pending(session) == [held.pk] and session.status == "idle" and written(session) == 0
    assert types(session)[-4:] == [
        "agent.tool_result",
        "session.thread_status_idle",
        "session.usage",
        "session.status_idle",
    ]


def test_an_allowed_call_runs_once_and_the_turn_goes_on(fake, api):
    session = asked(fake, WRITE)
    (call,) = pending(session)
    (echo,) = confirm(api, session, call).json()["data"]
    assert echo["processed_at"] is None and echo["tool_use_id"] == call
    work(session)
    assert written(session) == 1 and last(session, "agent.message").payload["content"]
    assert last(session, "user.tool_confirmation").processed_at
    error(confirm(api, session, call))


def test_a_denied_call_does_not_run_and_the_model_is_told_why(fake, api):
    session = asked(fake, WRITE)
    confirm(api, session, *pending(session), "deny", deny_message="Not on Fridays")
    work(session)
    result = last(session, "agent.tool_result").payload
    assert result["is_error"] and "Not on Fridays" in result["content"][0]["text"]
    assert written(session) == 0 and "Not on Fridays" in str(fake.requests[-1].json["messages"])


def test_deciding_about_some_leaves_the_rest_waiting(fake, api):
    session = asked(fake, WRITE, Call("get_weather", {"city": "Paris"}), tools=(
        toolset("always_ask"), WEATHER,
    ))  # fmt: skip
    first, second = pending(session)
    confirm(api, session, first)
    work(session)
    assert pending(session) == [second] and written(session) == 1
    result = {"type": "user.custom_tool_result", "custom_tool_use_id": second}
    api.post(f"/v1/sessions/{session.pk}/events", {"events": [result]})
    assert pending(work(session)) == [] and len(fake.requests) == 2


def test_an_interrupt_closes_what_waits_and_overtakes_a_decision(fake, api):
    session = asked(fake, WRITE)
    (call,) = pending(session)
    conversation.stop(session)
    confirm(api, session, call)
    work(session)
    assert last(session, "session.status_idle").payload["stop_reason"] == {"type": "end_turn"}
    assert last(session, "agent.tool_result").payload["is_error"] and written(session) == 0
    assert not events.queued(session.primary)


@pytest.mark.parametrize(
    "changes",
    [
        {"tool_use_id": "sevt_01nonsense"},
        {"result": "perhaps"},
        {"deny_message": "But why?"},
        {"colour": "red"},
    ],
)
def test_a_confirmation_that_fits_nothing_is_refused(fake, api, changes):
    session = asked(fake, WRITE)
    event = {
        "type": "user.tool_confirmation",
        "result": "allow",
        "tool_use_id": pending(session)[0],
    }
    error(api.post(f"/v1/sessions/{session.pk}/events", {"events": [{**event, **changes}]}))


def test_one_bad_confirmation_refuses_them_all(fake, api):
    session = asked(fake, WRITE)
    good = {"type": "user.tool_confirmation", "result": "allow", "tool_use_id": pending(session)[0]}
    error(api.post(f"/v1/sessions/{session.pk}/events", {"events": [good, good]}))
    assert not session.events.filter(type="user.tool_confirmation").exists()


def test_a_call_of_a_tool_that_is_off_is_denied_and_says_so(fake):
    off = toolset("always_ask", read="always_allow")
    off["configs"].append({**off["configs"][0], "name": "write", "type": "write", "enabled": False})
    session = asked(fake, WRITE, tools=(off,))
    offered = {tool["function"]["name"] for tool in fake.requests[0].json["tools"]}
    use = last(session, "agent.tool_use").payload
    assert "write" not in offered and use["evaluated_permission"] == "deny"
    assert "evaluation" not in use and last(session, "agent.tool_result").payload["is_error"]


@pytest.mark.parametrize(
    ("name", "path", "verdict"),
    [
        ("read", "/mnt/memory/notes/a.md", "allow"),
        ("write", "/workspace/a.md", "allow"),
        ("write", "a.md", "allow"),
        ("edit", "/workspace/../mnt/memory/notes/a.md", "ask"),
        ("write", "/mnt/memory/notes/a.md", "ask"),
        ("write", "/workspaces/a.md", "ask"),
        ("bash", "", "ask"),
    ],
)
def test_auto_asks_before_what_could_change_a_store(name, path, verdict):
    call = {"name": name, "input": {"file_path": path}}
    judged = permissions.judge([toolset("auto")], {name}, call)
    assert judged["evaluated_permission"] == verdict
    assert judged["evaluation"]["evaluated_permission"]["type"] == verdict


def test_a_tools_own_policy_or_its_toolsets_is_echoed(api):
    config = {"name": "write", "permission_policy": {"type": "auto"}}
    asking = {"permission_policy": {"type": "always_ask"}}
    tools = [{"type": "agent_toolset_20260401", "default_config": asking, "configs": [
        config, {"name": "edit"},
    ]}]  # fmt: skip
    (echo,) = api.post("/v1/agents", {"name": "A", "model": "builtin", "tools": tools}).json()[
        "tools"
    ]
    policies = [each["permission_policy"]["type"] for each in echo["configs"]]
    assert policies == ["auto", "always_ask"]
    assert echo["default_config"]["permission_policy"] == {"type": "always_ask"}


def test_a_decision_survives_the_worker_that_heard_it(fake, api):
    session = asked(fake, WRITE)
    confirm(api, session, *pending(session))
    thread = session.primary
    turn = loop.Turn(loop.leases.claim(loop.Thread, thread.pk), tasks.CHAT)
    with turn.held.transaction():
        turn._hear_decisions(turn.held.turn())
    turn.held.lease.release()
    work(session)
    assert written(session) == 1 and types(session).count("agent.tool_result") == 1


# -- On the page --------------------------------------------------------------------------


def act(client, session: Session, call: str, verb: str, **given):
    return client.post(f"{session.get_absolute_url()}events/{call}/{verb}", given)


def test_a_person_allows_in_place_and_the_page_says_who(fake, as_bob, bob):
    session = asked(fake, WRITE)
    (call,) = pending(session)
    page = as_bob.get(session.get_absolute_url()).content.decode()
    assert f"events/{call}/decide" in page and "Allow" in page
    assert "New." in as_bob.get(f"{session.get_absolute_url()}events/{call}").content.decode()
    act(as_bob, session, call, "decide", verdict="allow")
    work(session)
    page = as_bob.get(session.get_absolute_url()).content.decode()
    assert f"allowed by {bob.name}" in page and "/decide" not in page and written(session) == 1


def test_a_person_denies_with_words_for_the_agent(fake, as_bob, bob):
    session = asked(fake, WRITE)
    act(as_bob, session, *pending(session), "decide", verdict="deny", message="Use talk.md")
    work(session)
    assert "Use talk.md" in transcript.text_of(last(session, "agent.tool_result"))
    page = as_bob.get(session.get_absolute_url()).content.decode()
    assert f"denied by {bob.name}" in page and "Denied: write" in page


def test_a_person_stands_in_for_a_program(fake, as_bob, bob):
    session = asked(fake, Call("get_weather", {"city": "Paris"}), tools=(WEATHER,))
    (call,) = pending(session)
    page = as_bob.get(session.get_absolute_url()).content.decode()
    assert f"events/{call}/answer" in page
    assert "Paris" in as_bob.get(f"{session.get_absolute_url()}events/{call}").content.decode()
    act(as_bob, session, call, "answer", text="Rain", is_error="on")
    work(session)
    assert "Rain" in str(fake.requests[-1].json["messages"])
    result = last(session, "user.custom_tool_result")
    assert result.payload["is_error"] is True
    assert f"answered by {bob.name}" in as_bob.get(session.get_absolute_url()).content.decode()


def test_who_only_reads_is_not_asked(fake, as_vera):
    session = asked(fake, WRITE)
    (call,) = pending(session)
    assert "/decide" not in as_vera.get(session.get_absolute_url()).content.decode()
    assert act(as_vera, session, call, "decide", verdict="allow").status_code == 403
    assert act(as_vera, session, call, "answer", text="x").status_code == 403


def test_deciding_twice_says_that_it_is_too_late(fake, as_bob):
    session = asked(fake, WRITE)
    (call,) = pending(session)
    act(as_bob, session, call, "decide", verdict="allow")
    again = as_bob.post(
        f"{session.get_absolute_url()}events/{call}/decide",
        {"verdict": "deny"},
        headers={"HX-Request": "true"},
    )
    assert again.status_code == 204 and "no call" in again["HX-Trigger"]


def test_an_agents_form_sets_the_policy_and_keeps_the_rest(as_bob):
    agent = make_agent(tools=[toolset("always_allow"), WEATHER])
    form = {"name": "A", "model": "builtin", "tools": ["read", "write"], "version": 1}
    form |= {"permission": "auto"}
    as_bob.post(f"{agent.get_absolute_url()}edit", form)
    agent.refresh_from_db()
    after, custom = agent.latest.config["tools"]
    assert after["default_config"]["permission_policy"] == {"type": "auto"} and custom == WEATHER
    assert permissions.policy_of([after], "write") == "auto"
