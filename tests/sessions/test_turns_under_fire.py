"""Turns that are stopped, spoken to and answered at the worst moment, and many threads at once."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from kombu.exceptions import OperationalError as BrokerIsDown

from console.actors import Actor
from sessions import asking, conversation, events, leases, loop, memo, tasks, transcript, updates
from sessions.events import Entry
from sessions.models import Event, Session, Status, Thread
from sessions.providers.catalogue import Choice
from tests.factories import make_agent, make_session, make_store
from tests.sessions.fake_models import KEY, Call, FakeModels, Raw, Turn

pytestmark = pytest.mark.django_db(transaction=True)
ALICE = Actor("user_01", "Alice")
WEATHER = {
    "type": "custom",
    "name": "weather",
    "description": "",
    "input_schema": {"type": "object"},
}
FILES = {
    "type": "agent_toolset_20260401",
    "default_config": {"enabled": True, "permission_policy": {"type": "always_allow"}},
    "configs": [],
}
ASK_WEATHER = Call("weather", {"city": "Bern"})
LOOK = Call("glob", {"pattern": "**"})


@pytest.fixture
def fake(settings):
    with FakeModels() as fake:
        settings.ANTHROPIC_BASE_URL, settings.ANTHROPIC_API_KEY = fake.url, KEY
        settings.MODEL_MAX_RETRIES = 2
        yield fake


@pytest.fixture
def session(workspace, fake):
    model = {"id": "claude-fake", "effort": None, "speed": "standard", "inference_geo": None}
    agent = make_agent(model=model, tools=[FILES, WEATHER])
    return make_session(agent=agent, stores=[make_store(files={"/talk.md": "At noon.\n"})])


def work(session: Session) -> Session:
    loop.run(session.primary.pk, tasks.CHAT)
    session.refresh_from_db()
    return session


def until(session: Session, type: str) -> "loop.Turn":
    """A turn taken just so far that the log holds such an event; its worker is then at rest."""
    turn = loop.Turn(leases.claim(Thread, session.primary.pk), tasks.CHAT)
    while last(session, type) is None:
        turn.step()
    return turn


def finish(turn: "loop.Turn") -> None:
    while turn.step():
        pass
    turn.held.lease.release()


def types(session: Session) -> list[str]:
    return [event.type for event in events.in_order(session.events.all())]


def last(session: Session, type: str) -> Event | None:
    return session.events.filter(type=type).last()


def stop_reason(session: Session) -> dict:
    return last(session, "session.status_idle").payload["stop_reason"]


def answer(session: Session, *calls: Event) -> None:
    content = [{"type": "text", "text": "Sunny."}]
    results = [{"custom_tool_use_id": call.pk, "content": content} for call in calls]
    conversation.send(session, [Entry("user.custom_tool_result", result) for result in results])


def custom_calls(session: Session) -> list[Event]:
    return list(session.events.filter(type="agent.custom_tool_use").order_by("seq"))


# -- Custom tools -------------------------------------------------------------------------


def test_an_answer_that_comes_while_other_tools_run_is_not_waited_for_again(fake, session):
    fake.script(Turn(ASK_WEATHER, LOOK), Turn("It is sunny."))
    conversation.say(session, "Weather?")
    turn = until(session, "agent.custom_tool_use")
    answer(session, *custom_calls(session))
    finish(turn)
    assert stop_reason(session) == {"type": "end_turn"}
    assert types(session).count("session.status_idle") == 1


def test_an_answer_to_one_of_two_calls_waits_for_the_other(fake, session):
    fake.script(Turn(ASK_WEATHER, ASK_WEATHER), Turn("Both are sunny."))
    conversation.say(session, "Weather?")
    work(session)
    first, second = custom_calls(session)
    answer(session, first)
    work(session)
    assert stop_reason(session) == {"type": "requires_action", "event_ids": [second.pk]}
    answer(session, second)
    assert stop_reason(work(session)) == {"type": "end_turn"}
    assert len(fake.requests) == 2


def test_a_call_takes_one_answer(fake, session):
    fake.script(Turn(ASK_WEATHER))
    conversation.say(session, "Weather?")
    work(session)
    (call,) = custom_calls(session)
    with pytest.raises(conversation.Invalid, match="no open custom tool call"):
        answer(session, call, call)
    answer(session, call)
    with pytest.raises(conversation.Invalid, match="no open custom tool call"):
        answer(session, call)


@pytest.mark.parametrize("name", ["nonsense", "NUL \0", "half a pair \ud800"])
def test_what_answers_no_call_is_refused(session, name):
    with pytest.raises(conversation.Invalid, match="no open custom tool call"):
        conversation.answer(session, name, "Sunny.", is_error=False, by=ALICE)
    with pytest.raises(conversation.Invalid, match="no call .* that waits"):
        conversation.decide(session, name, allow=True, by=ALICE)


def test_a_message_sent_while_a_custom_tool_is_awaited_is_answered_after_it(fake, session):
    fake.script(Turn(ASK_WEATHER), Turn("Sunny."), Turn("Hello."))
    conversation.say(session, "Weather?")
    work(session)
    conversation.say(session, "Are you there?")
    assert work(session).status == Status.IDLE
    assert len(fake.requests) == 1
    answer(session, *custom_calls(session))
    work(session)
    assert len(fake.requests) == 3
    assert not events.queued(session.primary)


def test_stop_gives_up_waiting_for_a_custom_tool(fake, session):
    fake.script(Turn(ASK_WEATHER))
    conversation.say(session, "Weather?")
    work(session)
    conversation.stop(session)
    work(session)
    assert stop_reason(session) == {"type": "end_turn"}
    assert last(session, "user.custom_tool_result").payload["is_error"]


# -- Stopping -----------------------------------------------------------------------------


def test_stop_before_the_turn_began_keeps_it_from_beginning(fake, session):
    conversation.say(session, "Delete everything!")
    conversation.stop(session)
    assert work(session).status == Status.IDLE
    assert not fake.requests
    assert not events.queued(session.primary)


def test_stop_does_not_wait_for_the_next_try(fake, session):
    """The endpoint fails just after Stop was pressed: there is no next try to wait for."""

    def respond(request):
        conversation.stop(session)
        connection.close()
        return Raw(529, {"error": {"type": "overloaded_error", "message": "busy"}})

    fake.respond = respond
    conversation.say(session, "Hello")
    assert work(session).status == Status.IDLE
    assert stop_reason(session) == {"type": "end_turn"}


def test_a_stop_that_was_overtaken_by_the_end_stops_nothing_later(fake, session):
    def respond(request):
        conversation.stop(session)
        connection.close()
        return Raw(400, {"error": {"type": "invalid_request_error", "message": "no"}})

    fake.respond = respond
    conversation.say(session, "Hello")
    work(session)
    assert not session.primary.stop_requested
    fake.script(Turn("Hello."))
    conversation.say(session, "Hello again")
    work(session)
    assert types(session).count("session.status_idle") == 2


def test_a_stop_that_comes_with_a_refusal_stops_only_what_was_refused(fake, session):
    def respond(request):
        if "Hello" in str(request["messages"]):
            return Turn("Hello.")
        conversation.say(session, "Hello")
        conversation.stop(session)
        connection.close()
        return Turn("No.", stop_reason="refusal")

    fake.respond = respond
    conversation.say(session, "Something bad")
    work(session)
    assert "Hello." in str(last(session, "agent.message").payload)
    assert not session.primary.stop_requested and not events.queued(session.primary)


# -- Endings ------------------------------------------------------------------------------


def test_a_refusal_without_a_word_is_a_refusal(fake, session):
    fake.script(Turn(stop_reason="refusal", explanation="Not this."))
    conversation.say(session, "Hello")
    assert work(session).status == Status.IDLE
    assert stop_reason(session) == {"type": "refusal"}
    assert "session.error" not in types(session)


def test_what_was_sent_before_a_refusal_is_answered_after_it(fake, session):
    fake.script(Turn("No.", stop_reason="refusal"), Turn("Hello."))
    conversation.say(session, "Something bad")
    turn = until(session, "user.message")
    conversation.say(session, "Hello")
    finish(turn)
    assert len(fake.requests) == 2
    assert not events.queued(session.primary)


def test_a_refusal_leaves_no_call_without_an_answer(fake, session):
    fake.script(Turn("No.", LOOK, stop_reason="refusal"), Turn("Hello."))
    conversation.say(session, "Something bad")
    work(session)
    conversation.say(session, "Hello")
    assert stop_reason(work(session)) == {"type": "end_turn"}


def test_the_limit_of_requests_counts_from_message_to_message(fake, session, monkeypatch):
    monkeypatch.setattr(loop, "MAX_REQUESTS", 2)
    fake.respond = lambda request: Turn("Yes.")
    for number in range(5):
        conversation.say(session, f"Question {number}")
    assert stop_reason(work(session)) == {"type": "end_turn"}
    assert types(session).count("agent.message") == 5


def test_time_before_a_retry_counts_as_active_too(fake, session):
    fake.script(Raw(529, {"error": {"message": "busy"}}), Turn("Here.", delay=0.01))
    conversation.say(session, "Hello")
    assert work(session).status == Status.RESCHEDULING
    before = session.active_seconds
    assert before > 0
    Thread.objects.update(retry_at=timezone.now())
    assert work(session).active_seconds > before


def test_waiting_for_a_retry_is_no_activity(fake, session):
    fake.script(Raw(529, {"error": {"message": "busy"}}))
    conversation.say(session, "Hello")
    before = work(session).active_seconds
    time.sleep(0.4)
    conversation.stop(session)
    assert work(session).status == Status.IDLE
    assert session.active_seconds < before + 0.3


# -- Things that go away ------------------------------------------------------------------


def test_whoever_comes_to_a_deleted_session_is_told_so(session):
    conversation.delete(session.workspace.sessions.get(pk=session.pk))
    for late in (conversation.archive, updates.update, conversation.delete):
        with pytest.raises(conversation.Refused, match="deleted"):
            late(session)
    with pytest.raises(conversation.Refused, match="deleted"):
        conversation.say(session, "Hello")


def test_a_broker_that_is_down_does_not_make_a_sent_message_look_lost(session, monkeypatch):
    def unreachable(*args):
        raise BrokerIsDown("connection refused")

    monkeypatch.setattr(tasks.run_turn, "delay", unreachable)
    conversation.say(session, "Hello")
    assert Thread.objects.filter(loop.due()).get() == session.primary


def test_a_model_that_fails_before_its_first_word_ends_the_turn(session, monkeypatch):
    class Broken:
        def stream(self, request):
            raise RuntimeError("boom")

    monkeypatch.setattr(asking.catalogue, "choose", lambda *_: Choice(None, Broken))
    conversation.say(session, "Hello")
    assert work(session).status == Status.IDLE
    assert last(session, "session.error").payload["error"]["type"] == "unknown_error"
    assert not memo.take(session.primary.pk).events  # what was rolled back may be among them


def test_thoughts_a_database_cannot_hold_do_not_end_the_turn(session):
    blocks = [{"type": "thinking", "thinking": "NUL \0, half a pair \ud83d"}]
    events.append(session.primary, Entry("agent.thinking", private={"blocks": blocks}))
    kept = last(session, "agent.thinking").private["blocks"][0]["thinking"]
    assert kept == "NUL \ufffd, half a pair \ufffd"


# -- Many threads at once -----------------------------------------------------------------

SECONDS = 6


def improvise(request: dict) -> Turn | Raw:
    """Text, file calls and custom calls, a failure now and then; never the same."""
    dice = random.random()
    if dice < 0.1:
        return Raw(529, {"error": {"type": "overloaded_error", "message": "busy"}})
    write = {"file_path": f"/workspace/{random.randrange(5)}.md", "content": f"{dice}\n"}
    calls = [LOOK, Call("write", write), ASK_WEATHER][: random.randrange(4)]
    return Turn("Well.", *calls, delay=random.choice([0, 0, 0.02]))


class Storm:
    """Threads that do their worst to one session until time is up."""

    def __init__(self, session: Session) -> None:
        self.session, self.over, self.failures = session, threading.Event(), []

    def blow(self, *deeds: Callable[[], None]) -> None:
        crowd = [threading.Thread(target=self._repeat, args=[deed]) for deed in deeds]
        for each in crowd:
            each.start()
        self.over.wait(SECONDS)
        self.over.set()
        for each in crowd:
            each.join(30)
        assert not any(each.is_alive() for each in crowd)
        assert not self.failures

    def _repeat(self, deed: Callable[[], None]) -> None:
        try:
            while not self.over.wait(random.random() / 20):
                deed()
        except Exception as error:  # noqa: BLE001 - the test fails with it
            self.failures.append(error)
            self.over.set()
        finally:
            connection.close()

    def say(self) -> None:
        conversation.say(self.session, "And now?")

    def stop(self) -> None:
        self.over.wait(random.random() / 2)
        conversation.stop(self.session)

    def answer(self) -> None:
        for call in custom_calls(self.session):
            with suppress(conversation.Invalid):  # answered already
                answer(self.session, call)

    def rename(self) -> None:
        self.over.wait(random.random() / 5)
        updates.update(self.session, title=f"Talk {random.random()}")

    def run(self) -> None:
        Thread.objects.filter(status=Status.RESCHEDULING).update(retry_at=timezone.now())
        loop.run(self.session.primary.pk, tasks.CHAT)

    def steal(self) -> None:
        """As if the worker had been gone for too long, wherever it is in its turn."""
        self.over.wait(random.random())
        gone = timezone.now() - timedelta(seconds=1)
        Thread.objects.exclude(lease_until=None).update(lease_until=gone)


def settle(session: Session) -> None:
    """What the sweep and the outside world would do once it is quiet."""
    storm = Storm(session)
    for _ in range(20):
        Thread.objects.update(lease_owner="", lease_until=None)
        storm.answer()
        storm.run()


def test_a_log_survives_many_threads_that_say_stop_answer_and_run_at_once(fake, session):
    fake.respond = improvise
    storm = Storm(session)
    deeds = [storm.say, storm.stop, storm.answer, storm.rename, storm.steal]
    storm.blow(*deeds, *[storm.run] * 3)
    fake.respond = lambda request: Turn("That is all.")
    settle(session)
    check_invariants(session)


def check_invariants(session: Session) -> None:
    session.refresh_from_db()
    thread = session.primary
    log = list(events.in_order(session.events.all()))
    check_gaps(session)
    check_answers(log)
    check_spans(log)
    statuses = [e.type for e in log if e.type.startswith("session.status_")]
    assert statuses[-1] == "session.status_idle"
    assert session.status == thread.status == Status.IDLE
    assert not thread.stop_requested and not thread.lease_owner
    assert not events.queued(thread)
    # Neither idles twice nor runs twice in a row: every reader can pair them.
    begins = [kind for kind in statuses if kind != "session.status_rescheduled"]
    assert all(one != other for one, other in zip(begins, begins[1:], strict=False) if one != RUN)


RUN = "session.status_running"


def check_gaps(session: Session) -> None:
    pairs = session.events.values_list("seq", "processed_seq")
    places = sorted(place for pair in pairs for place in pair if place)
    assert places == list(range(1, session.last_seq + 1))


def check_answers(log: list[Event]) -> None:
    calls = [event.pk for event in log if event.type in transcript.CALLS]
    answers = Counter(
        event.payload[transcript.ANSWERS[event.type]]
        for event in log
        if event.type in transcript.ANSWERS
    )
    assert calls and answers == Counter(calls)


def check_spans(log: list[Event]) -> None:
    begun = [event.pk for event in log if event.type == "span.model_request_start"]
    ended = [
        event.payload["model_request_start_id"]
        for event in log
        if event.type == "span.model_request_end"
    ]
    assert sorted(begun) == sorted(ended)
