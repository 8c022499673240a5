"""The turn loop against a model endpoint that speaks the real protocol."""

import threading
import time
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from console import rows
from console.actors import Actor
from memory import stores
from memory.stores import Act
from sessions import conversation, events, leases, loop, opening, tasks, transcript
from sessions.events import Entry
from sessions.models import Access, Event, Session, Status, Thread
from sessions.tools import files
from tests.factories import make_agent, make_api, make_session, make_store
from tests.sessions.fake_models import Call, FakeModels, Raw, Turn

pytestmark = pytest.mark.django_db(transaction=True)
OVERLOADED = Raw(529, {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}})


@pytest.fixture
def fake(settings):
    with FakeModels() as fake:
        settings.OPENAI_BASE_URL = fake.openai_url
        settings.OPENAI_MODELS = ["fake-model"]
        yield fake


@pytest.fixture
def session(workspace, fake):
    model = {"id": "fake-model", "effort": None, "speed": "standard", "inference_geo": None}
    store = make_store(name="Notes", files={"/talk.md": "The talk is at noon.\n"})
    session = make_session(agent=make_agent(model=model), stores=[store])
    yield session
    # Whatever a test brought into the log, the API's document knows it.
    make_api(workspace).get(f"/v1/sessions/{session.pk}/events")


def work(session: Session) -> Session:
    loop.run(session.primary.pk, tasks.CHAT)
    session.refresh_from_db()
    return session


def types(session: Session) -> list[str]:
    return [event.type for event in events.in_order(session.events.all())]


def last(session: Session, type: str) -> Event:
    return session.events.filter(type=type).last()


def error_of(session: Session) -> dict:
    return last(session, "session.error").payload["error"]


def test_a_turn_runs_in_the_order_the_contract_gives(fake, session):
    fake.script(
        Turn("Let me look.", Call("read", {"file_path": "/mnt/memory/notes/talk.md"})),
        Turn("At noon."),
    )
    conversation.say(session, "When is the talk?")
    work(session)
    assert types(session) == [
        "session.status_running",
        "session.thread_status_running",
        "user.message",
        "span.model_request_start",
        "agent.message",
        "span.model_request_end",
        "agent.tool_use",
        "agent.tool_result",
        "span.model_request_start",
        "agent.message",
        "span.model_request_end",
        "session.thread_status_idle",
        "session.usage",
        "session.status_idle",
    ]
    assert session.status == Status.IDLE
    assert "noon" in transcript.text_of(last(session, "agent.tool_result"))


def test_the_model_is_shown_the_tool_result_it_asked_for(fake, session):
    fake.script(
        Turn(Call("read", {"file_path": "/mnt/memory/notes/talk.md"})),
        Turn("At noon."),
    )
    conversation.say(session, "When is the talk?")
    work(session)
    assert "The talk is at noon." in str(fake.requests[1].json["messages"])


def test_the_log_is_append_only_and_gap_free(fake, session):
    fake.script(Turn("Hello."))
    conversation.say(session, "Hello")
    work(session)
    places = [seq for pair in session.events.values_list("seq", "processed_seq") for seq in pair]
    assert sorted(place for place in places if place) == list(range(1, session.last_seq + 1))
    with pytest.raises(TypeError):
        session.events.update(type="x")
    with pytest.raises(TypeError):
        session.events.first().save()


def test_a_tool_runs_once_however_often_the_turn_is_resumed(fake, session):
    call = Call("write", {"file_path": "/mnt/memory/notes/new.md", "content": "New.\n"})
    fake.script(Turn(call), Turn("Saved."))
    conversation.say(session, "Note this")
    turn = loop.Turn(_claim(session), tasks.CHAT)
    while last(session, "agent.tool_use") is None:
        turn.step()
    _expire(session)
    work(session)
    store = session.attachments.get().store
    assert store.versions.filter(path="/new.md").count() == 1
    assert types(session).count("agent.tool_result") == 1


LOOKS = [Call("read", {"file_path": "/mnt/memory/notes/talk.md"}), Call("glob", {"pattern": "**"})]


def results(session: Session) -> list[Event]:
    return list(session.events.filter(type="agent.tool_result").order_by("seq"))


def test_quick_tools_of_a_reply_are_one_transaction_with_the_next_request(fake, session):
    fake.script(Turn(*LOOKS), Turn("At noon."))
    conversation.say(session, "When?")
    work(session)
    first, second = results(session)
    assert first.created_at == second.created_at
    begins = session.events.filter(type="span.model_request_start", seq=second.seq + 1)
    assert begins.exists()


@pytest.mark.parametrize("status", Status.values)
@pytest.mark.parametrize("minutes", [None, -1, 1])
@pytest.mark.parametrize("stop", [False, True])
def test_who_sweeps_and_who_claims_agree_on_what_is_due(session, status, minutes, stop):
    now = timezone.now()
    retry_at = None if minutes is None else now + timedelta(minutes=minutes)
    Thread.objects.update(status=status, retry_at=retry_at, stop_requested=stop)
    is_due = Thread.objects.filter(loop.due()).exists()
    lease = leases.claim(Thread, session.primary.pk, loop.DUE, rows.moment(timezone.now()))
    assert (lease is not None) == is_due
    if lease:
        lease.release()


@pytest.mark.parametrize(("quick", "within"), [(0, False), (1000, True)])
def test_much_text_is_searched_while_others_may_write(fake, session, monkeypatch, quick, within):
    monkeypatch.setattr(files, "QUICK", quick)
    fake.script(Turn(Call("grep", {"pattern": "noon"})), Turn("At noon."))
    conversation.say(session, "When?")
    seen = []

    def watch(execute, query, *rest):
        if "memory_blob" in query:
            seen.append(connection.in_atomic_block)
        return execute(query, *rest)

    with connection.execute_wrapper(watch):
        work(session)
    assert seen and set(seen) == {within}
    assert "talk.md:1:The talk is at noon." in transcript.text_of(*results(session))


def test_a_transaction_changes_one_store_at_most(fake, session):
    notes = [{"file_path": f"/mnt/memory/notes/{name}.md", "content": "x"} for name in "ab"]
    fake.script(Turn(*(Call("write", note) for note in notes)), Turn("Noted."))
    conversation.say(session, "Note this")
    work(session)
    first, second = results(session)
    assert first.created_at < second.created_at and not second.payload["is_error"]


def test_tools_that_took_long_enough_let_others_write_before_the_next(fake, session, monkeypatch):
    monkeypatch.setattr(loop, "HOLD_SECONDS", 0)
    fake.script(Turn(*LOOKS), Turn("At noon."))
    conversation.say(session, "When?")
    work(session)
    first, second = results(session)
    assert first.created_at < second.created_at


def test_a_worker_that_lost_its_lease_writes_nothing_more(fake, session):
    fake.script(Turn("Never stored."), Turn("Stored."))
    conversation.say(session, "Hello")
    turn = loop.Turn(_claim(session), tasks.CHAT)
    turn.step()
    _expire(session)
    work(session)
    with pytest.raises(leases.LeaseLost):
        turn.step()
    assert types(session).count("agent.message") == 1


def test_a_request_cut_off_by_a_crash_is_closed_and_asked_again(fake, session):
    fake.script(Turn("Here."))
    conversation.say(session, "Hello")
    turn = loop.Turn(_claim(session), tasks.CHAT)
    turn.step()
    events.append(session.primary, Entry("span.model_request_start"))
    _expire(session)
    work(session)
    ends = session.events.filter(type="span.model_request_end").order_by("seq")
    assert [end.payload["is_error"] for end in ends] == [True, False]


def test_a_passing_error_is_put_off_and_tried_again(fake, session, settings):
    fake.script(OVERLOADED, Turn("Here."))
    conversation.say(session, "Hello")
    assert work(session).status == Status.RESCHEDULING
    assert error_of(session)["retry_status"] == {"type": "retrying"}
    Thread.objects.update(retry_at=timezone.now())
    assert work(session).status == Status.IDLE
    assert types(session).count("agent.message") == 1


def test_after_the_last_retry_the_turn_ends_and_says_why(fake, session, settings):
    settings.MODEL_MAX_RETRIES = 0
    fake.script(OVERLOADED)
    conversation.say(session, "Hello")
    work(session)
    assert error_of(session)["type"] == "model_overloaded_error"
    assert last(session, "session.status_idle").payload["stop_reason"] == {
        "type": "retries_exhausted"
    }


def test_a_wrong_key_is_not_retried_and_names_what_to_configure(fake, session):
    fake.script(Raw(401, {"error": {"message": "no such key"}}))
    conversation.say(session, "Hello")
    work(session)
    assert "OPENAI_API_KEY" in error_of(session)["message"]
    assert error_of(session)["retry_status"] == {"type": "exhausted"}


def test_a_reply_of_nothing_is_an_error_not_an_answer(fake, session, settings):
    settings.MODEL_MAX_RETRIES = 0
    fake.script(Turn(""))
    conversation.say(session, "Hello")
    work(session)
    assert "nothing" in error_of(session)["message"]


def test_a_message_sent_meanwhile_is_answered_next(fake, session):
    fake.script(Turn("One."), Turn("Two."))
    conversation.say(session, "First")
    conversation.say(session, "Second")
    work(session)
    assert types(session).count("agent.message") == 2
    assert types(session).count("session.status_idle") == 1


def test_stop_ends_the_turn_and_answers_open_calls(fake, session):
    fake.script(Turn(Call("glob", {"pattern": "**"})))
    conversation.say(session, "Look")
    turn = loop.Turn(_claim(session), tasks.CHAT)
    while last(session, "agent.tool_use") is None:
        turn.step()
    conversation.stop(session)
    while turn.step():
        pass
    session.refresh_from_db()
    assert session.status == Status.IDLE
    assert last(session, "agent.tool_result").payload["is_error"]
    assert last(session, "session.status_idle").payload["stop_reason"] == {"type": "end_turn"}


def test_stop_does_not_wait_for_a_silent_model(fake, session):
    fake.respond = lambda request: _stop_while_thinking(session)
    conversation.say(session, "Think hard")
    work(session)
    assert session.status == Status.IDLE
    assert "agent.message" not in types(session)


def _stop_while_thinking(session: Session) -> Turn:
    conversation.stop(session)
    connection.close()
    return Turn("Too late.", delay=3)


def test_a_custom_tool_waits_for_its_result(fake, session):
    tool = {
        "type": "custom",
        "name": "weather",
        "description": "",
        "input_schema": {"type": "object"},
    }
    Session.objects.update(agent_config={**session.agent_config, "tools": [tool]})
    fake.script(Turn(Call("weather", {"city": "Bern"})), Turn("Sunny."))
    conversation.say(session, "Weather?")
    work(session)
    call = last(session, "agent.custom_tool_use")
    stop = last(session, "session.status_idle").payload["stop_reason"]
    assert stop == {"type": "requires_action", "event_ids": [call.pk]}
    result = {"custom_tool_use_id": call.pk, "content": [{"type": "text", "text": "sun"}]}
    conversation.send(session, [Entry("user.custom_tool_result", result)])
    work(session)
    assert transcript.text_of(last(session, "agent.message")) == "Sunny."


def test_a_read_only_store_refuses_writes_and_says_why(fake, session):
    session.attachments.update(access=Access.READ_ONLY)
    call = Call("write", {"file_path": "/mnt/memory/notes/new.md", "content": "x"})
    fake.script(Turn(call), Turn("I may not."))
    conversation.say(session, "Note this")
    work(session)
    result = last(session, "agent.tool_result")
    assert result.payload["is_error"] and "read-only" in transcript.text_of(result)
    assert session.attachments.get().store.versions.count() == 1


def test_an_agent_cannot_overwrite_what_it_has_not_seen(fake, session):
    call = Call("write", {"file_path": "/mnt/memory/notes/talk.md", "content": "Mine."})
    fake.script(Turn(call), Turn("Oh."))
    conversation.say(session, "Overwrite it")
    work(session)
    assert "Read it first" in transcript.text_of(last(session, "agent.tool_result"))


def test_an_agent_whose_file_changed_meanwhile_is_told(fake, session):
    path = "/mnt/memory/notes/talk.md"
    store = session.attachments.get().store

    def respond(request):
        results = [m for m in request["messages"] if m["role"] == "tool"]
        if not results:
            return Turn(Call("read", {"file_path": path}))
        if len(results) == 1:
            _write(store, "/talk.md", "Changed by hand.\n")
            return Turn(Call("write", {"file_path": path, "content": "Mine."}))
        return Turn("Oh.")

    fake.respond = respond
    conversation.say(session, "Rewrite it")
    work(session)
    result = last(session, "agent.tool_result")
    assert result.payload["is_error"] and "meanwhile" in transcript.text_of(result)
    assert store.memories.get(path="/talk.md").content == "Changed by hand.\n"


def test_paths_outside_the_mounts_are_refused(fake, session):
    calls = [Call("read", {"file_path": path}) for path in ("/etc/passwd", "/mnt/memory/x/../../a")]
    fake.script(Turn(*calls), Turn("No."))
    conversation.say(session, "Look around")
    work(session)
    results = session.events.filter(type="agent.tool_result")
    assert [result.payload["is_error"] for result in results] == [True, True]


def test_the_broker_is_only_a_doorbell(fake, session, settings):
    """Losing the message loses no work: the sweep finds the turn. Ringing twice runs it once."""
    fake.script(Turn("Here."))
    conversation.say(session, "Hello")
    now = timezone.now()
    waiting = Thread.objects.filter(leases.free(now), status=Status.RUNNING, purpose="chat")
    assert waiting.get() == session.primary
    work(session)
    work(session)
    assert types(session).count("agent.message") == 1


def test_an_empty_message_and_a_huge_one_are_refused(session):
    with pytest.raises(conversation.Invalid, match="empty"):
        conversation.say(session, " \n ")
    with pytest.raises(conversation.Invalid, match="too long"):
        conversation.say(session, "x" * 1_000_001)
    assert session.events.count() == 0


def test_an_archived_session_takes_no_message(session):
    conversation.archive(session)
    with pytest.raises(conversation.Refused, match="archived"):
        conversation.say(session, "Hello")


def test_a_draft_cannot_be_attached(workspace):
    store = make_store(state="draft")
    session = make_session()
    with pytest.raises(conversation.Refused, match="draft"):
        opening.attach(session, [opening.Mount(store)])


CLAIMED: list[leases.Lease] = []


@pytest.fixture(autouse=True)
def nothing_stays_claimed():
    yield
    while CLAIMED:
        CLAIMED.pop().release()


def _claim(session: Session) -> leases.Lease:
    CLAIMED.append(leases.claim(Thread, session.primary.pk))
    return CLAIMED[-1]


def _expire(session: Session) -> None:
    """As if the worker had been killed some time ago."""
    long_ago = timezone.now() - timedelta(minutes=1)
    Thread.objects.filter(session=session).update(lease_owner="dead", lease_until=long_ago)


def _write(store, path: str, content: str) -> None:
    stores.write(store, path, content, act=Act(Actor("user_x", "Someone")))
    connection.close()


def test_a_model_that_is_silent_when_stopped_keeps_nobody_from_the_next(fake, session):
    leave = threading.Event()

    def respond(request: dict) -> Turn:
        if len(fake.requests) > 1:
            return Turn("Here.")
        conversation.stop(session)
        leave.wait(20)
        return Turn("Too late.")

    fake.respond = respond
    conversation.say(session, "Think hard")
    work(session)
    conversation.say(session, "And now?")
    started = time.monotonic()
    work(session)
    assert time.monotonic() - started < 10  # and not as long as the first one is silent
    leave.set()
    assert [said["text"] for said in last(session, "agent.message").payload["content"]] == ["Here."]
    assert types(session).count("agent.message") == 1
