"""A session's end: what is worth keeping is saved once, with its source, or it is said why not."""

import re
import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from dreaming import extraction, keeping, tasks
from dreaming.models import Extraction
from memory import change_sets, stores
from memory.models import Store
from memory.paths import MAX_CONTENT_BYTES
from sessions import agents, budgets, conversation, events, spending
from sessions import tasks as turns
from sessions.events import Entry
from sessions.models import Access, Agent, Session, Thread
from tests.dreaming.dreamer import MODEL, Dreamer
from tests.factories import TESTER, attach, make_agent, make_session, make_store
from tests.patience import somebody_waits, wait_until
from tests.sessions.fake_models import Call, Turn
from tests.sessions.test_crashes import bury, killed_at
from tests.sessions.test_loop import work

pytestmark = pytest.mark.django_db(transaction=True)
AT = "/w/lab/dreams/saved/"
HTMX = {"HX-Request": "true"}
BUILTIN = {"id": "builtin", "effort": None, "speed": "standard", "inference_geo": None}
FAKE = {**BUILTIN, "id": MODEL}


@pytest.fixture
def agent(workspace) -> Agent:
    """One that saves after half an hour."""
    agent = make_agent()
    agents.set_saving(agent, 30)
    agent.refresh_from_db()
    return agent


@pytest.fixture
def store(workspace) -> Store:
    return make_store(name="Notes", files={"/talk.md": "# Talk\n\n- The CMA talk is at noon.\n"})


@pytest.fixture
def session(agent, store) -> Session:
    return make_session(agent=agent, stores=[store], title="Planning")


def tell(session: Session, *texts: str) -> None:
    """The user says these things, and nobody answers."""
    for text in texts:
        said = {"content": [{"type": "text", "text": text}]}
        events.append(session.primary, Entry("user.message", said))


def carry_out(session: Session) -> Extraction:
    """Do what workers do until the newest pass has come to rest."""
    tasks.sweep_ends()
    for key in extraction.waiting():
        tasks.extract(key)
    return session.extractions.first()


def end(session: Session, *texts: str) -> Extraction:
    tell(session, *texts)
    conversation.archive(session)
    return carry_out(session)


def texts(store: Store) -> dict[str, str]:
    return {m.path: m.content for m in store.memories.with_text()}


def event_of(session: Session, words: str) -> str:
    return session.events.get(payload__content__0__text=words).pk


def test_an_archived_session_saves_what_was_said_as_one_change_of_its_own(session, store):
    said = "My favourite tea is Darjeeling."
    done = end(session, said, "What can you do?", "The CMA talk has sixty seats.")
    assert done.state == "done" and done.change_set.kind == "extraction"
    event = event_of(session, said)
    lines = "".join(texts(store).values())
    assert f"?event={event}#{event}" in lines and "What can you do" not in lines
    assert "sixty seats" in texts(store)["/talk.md"] and "at noon" in texts(store)["/talk.md"]
    versions = list(done.change_set.versions.all())
    assert {version.actor for version in versions} == {session.pk}
    assert event in {version.event for version in versions}
    change_sets.undo(done.change_set, by=TESTER)
    assert texts(store) == {"/talk.md": "# Talk\n\n- The CMA talk is at noon.\n"}


def test_programs_that_list_sessions_do_not_meet_the_passes(session, api):
    end(session, "My favourite tea is Darjeeling.")
    listed = api.get("/v1/sessions", {"include_archived": "true"}).json()["data"]
    assert [each["id"] for each in listed] == [session.pk]


def test_nothing_is_saved_unless_the_agent_was_told_to(store):
    session = make_session(stores=[store])
    assert end(session, "My favourite tea is Darjeeling.") is None


def test_what_the_store_says_already_is_not_saved_again(session, store):
    done = end(session, "The CMA talk is at noon.")
    assert done.state == "done" and done.change_set is None
    assert done.transcript.findings.get().was_known
    assert list(texts(store)) == ["/talk.md"]


def test_an_idle_session_waits_for_its_time_and_only_news_are_read_again(session, store):
    conversation.say(session, "My favourite tea is Darjeeling.")
    work(session)
    session.refresh_from_db()
    assert timedelta(minutes=29) < session.save_at - timezone.now() < timedelta(minutes=31)
    assert carry_out(session) is None
    Session.objects.filter(pk=session.pk).update(save_at=timezone.now())
    first = carry_out(session)
    assert first.state == "done"
    conversation.say(session, "Our office is in Lisbon.")
    work(session)
    conversation.archive(session)
    second = carry_out(session)
    assert second.after == first.upto
    assert [line["text"] for line in second.transcript.lines if line["role"] == "user"] == [
        "Our office is in Lisbon."
    ]
    assert carry_out(session) == second


def test_a_session_that_goes_on_is_left_alone(session):
    tell(session, "My favourite tea is Darjeeling.")
    Session.objects.filter(pk=session.pk).update(save_at=timezone.now())
    conversation.say(session, "One more thing.")
    assert carry_out(session) is None


def test_two_rings_save_once(session, store):
    tell(session, "My favourite tea is Darjeeling.")
    conversation.archive(session)
    tasks.sweep_ends()
    (key,) = extraction.waiting()
    tasks.extract(key)
    before = store.versions.count()
    tasks.extract(key)
    tasks.sweep_ends()
    assert store.versions.count() == before and session.extractions.count() == 1


def test_without_a_store_to_write_to_it_says_so_and_asks_no_model(agent, store):
    session = make_session(agent=agent, stores=[store], access=Access.READ_ONLY)
    done = end(session, "My favourite tea is Darjeeling.")
    assert (done.state, done.note) == ("skipped", extraction.NO_STORE)
    assert not session.passes.exists()


def test_read_only_and_archived_stores_are_passed_over(agent, store):
    other, old = make_store(name="Own"), make_store(name="Old")
    session = make_session(agent=agent, stores=[store], access=Access.READ_ONLY)
    for each in (old, other):
        attach(session, each)
    stores.archive(old)
    assert end(session, "My favourite tea is Darjeeling.").store == other
    assert texts(other) and list(texts(store)) == ["/talk.md"]


def test_a_file_without_room_is_left_and_another_one_made(session, store):
    full = "# Talk\n\n" + "- The CMA talk is at noon.\n" * 3700
    stores.write(store, "/talk.md", full, act=stores.Act(TESTER))
    end(session, "The CMA talk has sixty seats.")
    found = texts(store)
    assert found["/talk.md"] == full and "sixty seats" in found["/cma-talk.md"]
    assert all(len(text.encode()) <= MAX_CONTENT_BYTES for text in found.values())


class Liar(Dreamer):
    """Records what nobody said, with the id of an event that is there."""

    def dream_on(self, request) -> Turn:
        if request["messages"][-1]["role"] == "tool":
            return Turn("This part is read.")
        event = re.search(r"sevt_\w+", request["messages"][-1]["content"])[0]
        lie = {"statement": "Anna runs the lab in Lisbon.", "quote": "the lab in Lisbon"}
        return Turn(Call("record_finding", {**lie, "kind": "fact", "event_id": event}))


def test_what_nobody_said_is_not_saved_and_the_page_says_why(store, settings, as_vera):
    agent = make_agent(model=FAKE)
    agents.set_saving(agent, 30)
    session = make_session(agent=agent, stores=[store])
    with Liar() as model:
        model.settle_in(settings)
        done = end(session, "Anna runs the lab in Porto.")
    assert (done.state, done.note) == ("done", extraction.NOTHING_FOUND)
    assert list(texts(store)) == ["/talk.md"]
    shown = as_vera.get(f"{AT}{session.pk}/", headers=HTMX).content.decode()
    assert "does not stand in that event" in shown


def test_what_somebody_writes_meanwhile_stays(session, store, monkeypatch):
    plan, others = keeping.plan, ["- The CMA talk has a live stream.\n"]

    def overtaken(*given):
        planned = plan(*given)
        if others:
            new = texts(store)["/talk.md"] + others.pop()
            stores.write(store, "/talk.md", new, act=stores.Act(TESTER))
        return planned

    monkeypatch.setattr(keeping, "plan", overtaken)
    assert end(session, "The CMA talk has sixty seats.").state == "done"
    text = texts(store)["/talk.md"]
    assert all(words in text for words in ("at noon", "live stream", "sixty seats"))


def test_a_pass_waits_for_the_months_budget(session, store, workspace):
    spending.set_limit(workspace, tokens=1, cents=None)
    spending.add(workspace.pk, 1, 0)
    assert end(session, "My favourite tea is Darjeeling.").is_running
    assert carry_out(session).is_running
    spending.set_limit(workspace, tokens=None, cents=None)
    turns.sweep()
    assert carry_out(session).state == "done" and "Darjeeling" in "".join(texts(store).values())


def test_a_password_is_not_saved_whatever_the_model_says(workspace, store, settings):
    agent = make_agent(model=FAKE)
    agents.set_saving(agent, 30)
    session = make_session(agent=agent, stores=[store])

    with Dreamer() as model:
        model.settle_in(settings)
        done = end(session, "The password is hunter2x9.", "Anna runs the lab in Porto.")
    lines = "".join(texts(store).values())
    assert done.state == "done" and "Porto" in lines and "hunter2x9" not in lines


def test_a_model_that_fails_is_told_and_can_be_tried_again(
    workspace, store, settings, as_bob, monkeypatch
):
    agent = make_agent(model=FAKE)
    agents.set_saving(agent, 30)
    session = make_session(agent=agent, stores=[store])
    settings.OPENAI_BASE_URL, settings.OPENAI_MODELS = "http://127.0.0.1:9/v1", [MODEL]
    settings.MODEL_MAX_RETRIES = 0
    failed = end(session, "Anna runs the lab in Porto.")
    assert failed.state == "failed" and failed.note
    shown = as_bob.get(f"{AT}{session.pk}/", headers=HTMX).content.decode()
    assert "Failed" in shown and "Try again" in shown
    assert "was not saved" in as_bob.get("/w/lab/dreams/attention").content.decode()
    with Dreamer() as model:
        model.settle_in(settings)
        with monkeypatch.context() as patch:
            patch.setattr(tasks.extract, "delay", _no_broker)
            assert as_bob.post(f"{AT}{session.pk}/again", headers=HTMX).status_code == 200
        assert carry_out(session).state == "done"
    assert "was not saved" not in as_bob.get("/w/lab/dreams/attention").content.decode()
    assert "Porto" in "".join(texts(store).values())


def _no_broker(*given):
    raise ConnectionError("Nobody is rung.")


def test_the_session_page_says_what_was_saved_and_where_it_was_said(session, as_vera):
    page = f"/w/lab/sessions/{session.pk}/"
    assert f"{AT}{session.pk}/" in as_vera.get(page).content.decode()
    done = end(session, "My favourite tea is Darjeeling.")
    shown = as_vera.get(f"{AT}{session.pk}/", headers=HTMX).content.decode()
    event = event_of(session, "My favourite tea is Darjeeling.")
    assert "Darjeeling" in shown and f"?event={event}#{event}" in shown
    assert done.transcript.findings.get().path in shown
    assert (
        "pass at a session" in as_vera.get(session.passes.get().get_absolute_url()).content.decode()
    )


def test_a_spent_budget_pays_for_no_pass(agent, store):
    session = make_session(
        agent=agent, stores=[store], budget_cents=1, cost=budgets.CENT, title="Dear"
    )
    done = end(session, "My favourite tea is Darjeeling.")
    assert (done.state, done.note) == ("skipped", extraction.SPENT)


def test_a_pass_that_begins_beside_a_turn_and_the_turn_do_not_wait_for_each_other(session, store):
    tell(session, "The talk is at two o'clock now.")

    def begin():
        try:
            extraction.begin(session)
        finally:
            connection.close()

    beginning = threading.Thread(target=begin)
    with transaction.atomic():
        conversation.held_thread(session)  # as a worker does, whose tool is about to write
        beginning.start()
        assert connection.vendor == "sqlite" or wait_until(somebody_waits, 20)
        stores.write(store, "/new.md", "New.\n", act=stores.Act(TESTER))
    beginning.join()
    assert Extraction.objects.get().store == store


def test_a_session_deleted_meanwhile_takes_its_pass_with_it(session):
    tell(session, "My favourite tea is Darjeeling.")
    conversation.archive(session)
    tasks.sweep_ends()
    conversation.delete(session)
    assert not Extraction.objects.exists() and not Session.objects.exists()
    assert extraction.waiting() == []


def test_the_form_of_an_agent_switches_it_on_and_off(as_bob, agent):
    data = {
        "name": "Assistant",
        "model": "builtin",
        "tools": ["read"],
        "permission": "always_allow",
    }
    for more, expected in (({"saves": "on", "saves_after": "5"}, 5), ({}, None)):
        as_bob.post(f"/w/lab/agents/{agent.pk}/edit", {**data, **more})
        agent.refresh_from_db()
        assert agent.saves_after == expected


def test_a_pass_survives_a_death_before_any_of_its_statements(agent):
    """Every seventh of them: nothing is lost, nothing is there twice."""
    number, is_over = 0, False
    while not is_over:
        own = make_store(name="Own")
        session = make_session(agent=agent, stores=[own])
        tell(session, "My favourite tea is Darjeeling.")
        conversation.archive(session)
        is_over = True
        with killed_at(number):
            is_over = False
            carry_out(session)
            is_over = True
        bury(Extraction.objects.all())
        bury(Thread.objects.all())
        assert carry_out(session).state == "done"
        assert "".join(texts(own).values()).count("Darjeeling") == 1
        assert own.versions.count() == 1 and session.extractions.count() == 1
        number += 7
    assert number > 50
