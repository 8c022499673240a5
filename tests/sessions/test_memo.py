"""What a worker remembers of a log is what stands in it, and a failed turn leaves nothing behind."""

import pytest
from django.db import transaction

from sessions import conversation, events, loop, memo, tasks
from sessions.events import Entry
from sessions.models import Session, Thread
from tests.factories import make_agent, make_session
from tests.sessions.fake_models import Call, FakeModels, Turn


def work(session: Session, words: str) -> None:
    conversation.say(session, words)
    loop.run(session.primary.pk, tasks.CHAT)


def test_a_turn_leaves_its_log_to_the_next_one(workspace):
    session = make_session()
    work(session, "Good morning.")
    known = memo.take(session.primary.pk)
    stands = session.events.filter(seq__lte=known.length).exclude(processed_at=None)
    assert {event.pk for event in known.events} == set(stands.values_list("pk", flat=True))
    assert known.length > 1 and known.size > 100
    memo.keep(session.primary.pk, known)
    work(session, "And good evening.")
    longer = memo.take(session.primary.pk)
    assert longer is known and longer.length > len(stands)


@pytest.mark.django_db(transaction=True)
def test_what_other_threads_write_in_between_hides_nothing(workspace, settings):
    with FakeModels() as fake:
        settings.OPENAI_BASE_URL, settings.OPENAI_MODELS = fake.openai_url, ["fake-model"]
        model = {"id": "fake-model", "effort": None, "speed": "standard", "inference_geo": None}
        session = make_session(agent=make_agent(model=model))
        other = Thread.objects.create(session=session, parent=session.primary, name="Other")

        def interfere(request: dict) -> Turn:
            events.append(other, Entry("session.thread_status_running"))
            is_done = request["messages"][-1]["role"] == "tool"
            return Turn("Done.") if is_done else Turn("Wait.", Call("glob", {"pattern": "**"}))

        fake.respond = interfere
        work(session, "Look.")
    known = memo.take(session.primary.pk)
    stands = events.in_order(session.events.filter(thread=session.primary))
    assert [event.pk for event in known.events] == [event.pk for event in stands]
    assert other.events.count() == 2


def test_what_was_taken_is_nobody_elses(workspace):
    session = make_session()
    work(session, "Good morning.")
    assert memo.take(session.primary.pk).events
    assert not memo.take(session.primary.pk).events


def test_the_log_that_was_used_least_recently_is_forgotten_first(workspace, monkeypatch):
    old, new = make_session(), make_session()
    for session in (old, new):
        work(session, "Good morning.")
    monkeypatch.setattr(memo, "MOST", memo.take(new.primary.pk).size + 10)
    work(new, "And good evening.")
    assert not memo.take(old.primary.pk).events
    assert not memo.take(new.primary.pk).events  # it has grown over the limit by itself


def test_a_database_that_was_restored_is_read_anew(workspace):
    session = make_session()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        work(session, "Good morning.")
        1 / 0  # noqa: B018
    assert not memo.take(session.primary.pk).events
