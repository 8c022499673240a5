"""The pages of sessions: who sees them, what they show, what one can do there."""

import pytest

from memory import change_sets
from memory.models import ChangeSet, StoreState
from sessions import conversation, events, page
from sessions.events import Entry
from sessions.models import Session, Status, Thread
from tests.factories import (
    TESTER,
    attach,
    make_agent,
    make_dream,
    make_environment,
    make_session,
    make_store,
)
from tests.sessions.pages import HTMX, append, at, shown, text

pytestmark = pytest.mark.django_db


@pytest.fixture
def store(workspace):
    return make_store(name="Notes", files={"/talk.md": "The talk is at noon.\n"})


@pytest.fixture
def session(store):
    return make_session(title="Talks", stores=[store])


def said(session, words, type="agent.message"):
    return append(session, type, text(words))


def used(session, name, given, answer, *, error=False, **facts):
    call = append(session, "agent.tool_use", {"name": name, "input": given})
    payload = {"tool_use_id": call.pk, **text(answer), "is_error": error}
    append(session, "agent.tool_result", payload, private={"ms": 2, **facts})
    return call


# -- The list -----------------------------------------------------------------------------------


def test_an_empty_list_says_what_to_do(as_alice, as_vera):
    assert at("session_new") in shown(as_alice.get(at("sessions")))
    assert "an editor can start one" in shown(as_vera.get(at("sessions")))


def test_the_list_shows_title_stores_and_status(as_vera, session):
    html = shown(as_vera.get(at("sessions")))
    assert all(word in html for word in ("Talks", "Notes", "Idle", session.get_absolute_url()))


def test_a_session_without_a_title_is_listed_by_its_first_words(as_alice, workspace):
    said(make_session(), "When is\nthe talk?", "user.message")
    assert "When is the talk?" in shown(as_alice.get(at("sessions")))
    assert "When is the talk?" in shown(as_alice.get(f"{at('sessions')}?q=THE TALK"))
    assert "When is the talk?" not in shown(as_alice.get(f"{at('sessions')}?q=heron"))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {"Talks", "Dinner"}),
        ("q=TALK", {"Talks"}),
        ("status=running", {"Dinner"}),
        ("status=archived", {"Old"}),
        ("dreams=on", {"Talks", "Dinner", "Dreamt"}),
        ("agent=nonsense&store=nonsense&status=nonsense", {"Talks", "Dinner"}),
    ],
)
def test_the_list_can_be_filtered(as_alice, session, query, expected):
    make_session(title="Dinner", status=Status.RUNNING)
    make_session(title="Dreamt", is_dream=True)
    conversation.archive(make_session(title="Old"))
    html = shown(as_alice.get(f"{at('sessions')}?{query}", headers=HTMX))
    assert {
        title for title in ("Talks", "Dinner", "Dreamt", "Old") if f">{title}<" in html
    } == expected


def test_the_list_filters_by_agent_and_store(as_alice, session, store):
    other = make_session(title="Dinner")
    by_store = shown(as_alice.get(f"{at('sessions')}?store={store.pk}", headers=HTMX))
    assert "Talks" in by_store and "Dinner" not in by_store
    by_agent = shown(as_alice.get(f"{at('sessions')}?agent={other.agent_id}", headers=HTMX))
    assert "Dinner" in by_agent and "Talks" not in by_agent


def test_a_long_list_asks_no_more_questions_than_a_short_one(
    as_alice, store, django_assert_max_num_queries
):
    for _ in range(25):
        make_session(stores=[store])
    with django_assert_max_num_queries(15):
        as_alice.get(at("sessions"))


def test_the_home_page_gets_the_recent_ones(as_vera, session):
    assert "Talks" in shown(as_vera.get(at("recent")))


# -- A new one -------------------------------------------------------------------------------------


def form(agent, store=None, **changes):
    given = {"agent": agent.pk, "environment": agent.workspace.environments.get().pk}
    if store:
        given |= {f"{store.pk}-attach": "on", f"{store.pk}-access": "read_only"}
    return {**given, **changes}


@pytest.fixture
def agent(workspace):
    make_environment()
    return make_agent(name="Helper")


def test_starting_attaches_the_chosen_stores_and_sends_the_first_message(as_bob, agent, store):
    instructions = {f"{store.pk}-instructions": "Be tidy."}
    answer = as_bob.post(at("session_new"), form(agent, store, message="Hello", **instructions))
    session = Session.objects.get()
    assert answer.url == session.get_absolute_url()
    mount = session.attachments.get()
    assert (mount.store, mount.access, mount.instructions) == (store, "read_only", "Be tidy.")
    assert session.events.get(type="user.message").payload == text("Hello")
    assert session.title == "Hello"


def test_an_agents_default_stores_are_ticked(as_bob, agent, store):
    agent.default_stores.create(store=store, access="read_only", instructions="Only talks.")
    html = shown(as_bob.get(f"{at('session_new')}?agent={agent.pk}"))
    assert f'name="{store.pk}-attach" id="id_{store.pk}-attach" checked' in html
    assert "Only talks." in html
    fragment = as_bob.get(f"{at('session_new')}?agent={agent.pk}", headers=HTMX)
    assert shown(fragment).strip().startswith("<fieldset")


def test_a_store_can_be_chosen_by_the_link_that_leads_here(as_bob, agent, store):
    html = shown(as_bob.get(f"{at('session_new')}?store={store.pk}"))
    assert f'id="id_{store.pk}-attach" checked' in html


def test_a_long_list_of_stores_can_be_looked_through(as_bob, agent):
    for number in range(12):
        make_store(name=f"Store {number}")
    assert "data-narrows" not in as_bob.get(at("session_new")).content.decode()
    make_store(name="One more")
    assert "Find among 13 stores" in as_bob.get(at("session_new")).content.decode()


def test_a_new_session_can_be_like_an_old_one(as_bob, session, store):
    html = shown(as_bob.get(f"{at('session_new')}?like={session.pk}"))
    assert f'id="id_{store.pk}-attach" checked' in html


@pytest.mark.parametrize("state", [StoreState.DRAFT, StoreState.ARCHIVED])
def test_drafts_and_archived_stores_are_not_offered(as_bob, agent, state):
    store = make_store(name="Not this", state=state)
    assert "Not this" not in shown(as_bob.get(at("session_new")))
    assert as_bob.post(at("session_new"), form(agent, store)).status_code == 302
    assert not Session.objects.get().attachments.exists()


def test_what_was_typed_survives_a_refusal(as_bob, agent, store):
    long = {f"{store.pk}-instructions": "x" * 4097, "message": "Keep me", "title": "And me"}
    answer = as_bob.post(at("session_new"), form(agent, store, **long))
    assert answer.status_code == 422
    assert all(word in shown(answer) for word in ("Keep me", "And me", "x" * 4097, "4096"))
    assert not Session.objects.exists()


def test_nine_stores_are_refused_in_words(as_bob, agent):
    nine = [make_store(name=f"Store {number}") for number in range(9)]
    given = {f"{store.pk}-attach": "on" for store in nine}
    answer = as_bob.post(at("session_new"), form(agent, **given))
    assert answer.status_code == 422
    assert "at most 8 stores" in shown(answer)


def test_viewers_start_nothing(as_vera, agent):
    assert as_vera.get(at("session_new")).status_code == 403
    assert as_vera.post(at("session_new"), form(agent)).status_code == 403


# -- The transcript ------------------------------------------------------------------------------------


def test_the_transcript_shows_what_was_said_and_done(as_vera, session):
    said(session, "When is **it**?", "user.message")
    used(session, "grep", {"pattern": "talk"}, "no matches", hits=0)
    said(session, "At **noon**.")
    html = shown(as_vera.get(session.get_absolute_url()))
    assert "When is **it**?" in html
    assert "Searched" in html and "nothing" in html
    assert "<strong>noon</strong>" in html


def test_nothing_in_a_transcript_can_run(as_alice, store):
    evil = '<img src=x onerror=alert(1)>"><script>alert(2)</script>'
    session = make_session(title=evil, stores=[store])
    session.attachments.update(instructions=evil, name=evil)
    said(session, evil, "user.message")
    said(session, evil)
    used(session, evil, {"file_path": evil}, evil, error=True)
    append(session, "session.updated", {"title": evil})
    assert evil[:20] not in shown(as_alice.get(session.get_absolute_url()))


def test_the_page_follows_the_log_from_where_it_ends(as_alice, session):
    said(session, "Hello")
    html = shown(as_alice.get(session.get_absolute_url()))
    assert f"live?session={session.pk}&thread={session.primary.pk}&after=1" in html


def test_a_waiting_message_stands_below_and_not_in_the_log(as_alice, session):
    conversation.say(session, "Later, please")
    html = shown(as_alice.get(session.get_absolute_url()))
    assert html.count("Later, please") == 1
    assert 'id="waiting-sevt_' in html


def test_memory_that_was_used_stands_beside(as_alice, session):
    used(session, "read", {"file_path": "/mnt/memory/notes/talk.md"}, "noon", lines=1)
    used(session, "write", {"file_path": "/mnt/memory/notes/new.md"}, "Created", created=True)
    used(session, "read", {"file_path": "/mnt/memory/notes/gone.md"}, "No file", error=True)
    html = shown(as_alice.get(session.get_absolute_url()))
    panel = html.partition('id="memory-panel"')[2].partition("</section>")[0]
    assert "/talk.md" in panel and "/new.md" in panel and "change-letter A" in panel
    assert "/gone.md" not in panel


@pytest.fixture
def long(session):
    for number in range(page.TAIL + 50):
        said(session, f"Number {number}.")
    return session


def test_a_long_transcript_shows_its_end_and_loads_the_rest(as_alice, long):
    html = shown(as_alice.get(long.get_absolute_url()))
    assert "Number 49." not in html and "Number 50." in html and "Load earlier" in html
    earlier = shown(as_alice.get(f"{at('log', long.pk)}?before=51"))
    assert "Number 0." in earlier and "Number 49." in earlier
    assert "Number 50." not in earlier and "Load earlier" not in earlier


def test_a_link_to_an_event_shows_it_wherever_it_is(as_alice, long):
    events = list(long.events.all())
    html = shown(as_alice.get(f"{long.get_absolute_url()}?event={events[3].pk}"))
    assert f'is-target" id="{events[3].pk}"' in html
    assert "sse-connect" not in html and "Go to the latest" in html
    recent = shown(as_alice.get(f"{long.get_absolute_url()}?event={events[-3].pk}"))
    assert "sse-connect" in recent and "is-target" in recent


def test_a_link_to_an_event_that_shows_nothing_leads_to_what_stood_before_it(as_alice, session):
    heard = said(session, "Hello.")
    span = append(session, "span.model_request_start")
    said(session, "And more.")
    html = shown(as_alice.get(f"{session.get_absolute_url()}?event={span.pk}"))
    assert f'is-target" id="{heard.pk}"' in html and html.count("is-target") == 1


def test_a_link_to_a_result_leads_to_its_call(as_alice, session):
    call = used(session, "grep", {"pattern": "talk"}, "no matches", hits=0)
    result = session.events.get(type="agent.tool_result")
    html = shown(as_alice.get(f"{session.get_absolute_url()}?event={result.pk}"))
    assert f'is-target" id="{call.pk}"' in html


def test_a_call_cut_off_by_the_stretch_still_has_its_result(as_alice, session, monkeypatch):
    monkeypatch.setattr(page, "TAIL", 3)
    said(session, "One.")
    used(session, "grep", {"pattern": "talk"}, "no matches", hits=0)
    said(session, "Two.")
    earlier = shown(as_alice.get(f"{at('log', session.pk)}?before=3"))
    assert "tool is-done" in earlier


def test_a_dreams_session_leads_to_its_dream_and_takes_no_messages(as_alice, session):
    dream = make_dream(session=session)
    child = Thread.objects.create(session=session, parent=session.primary, name="Reader of talks")
    Session.objects.filter(pk=session.pk).update(is_dream=True)
    html = shown(as_alice.get(session.get_absolute_url()))
    assert dream.get_absolute_url() in html and f"?thread={child.pk}" in html
    assert 'name="text"' not in html


# -- What a call got -----------------------------------------------------------------------------------


def test_a_call_opens_to_its_hits_and_to_the_raw_events(as_vera, session):
    hit = "/mnt/memory/notes/talk.md:1:The talk is at noon."
    call = used(session, "grep", {"pattern": "talk"}, hit, hits=1)
    html = shown(as_vera.get(at("event", session.pk, call.pk), headers=HTMX))
    assert "<mark>talk</mark>" in html and "path=/talk.md" in html
    assert "&quot;pattern&quot;: &quot;talk&quot;" in html


def test_a_write_opens_to_a_diff_of_its_version(as_vera, session, store):
    from_noon = store.memories.get()
    version = from_noon.head
    call = used(
        session, "write", {"file_path": "/mnt/memory/notes/talk.md"}, "Wrote", version=version.pk
    )
    html = shown(as_vera.get(at("event", session.pk, call.pk)))
    assert "The talk is at noon." in html and 'class="diff-table' in html
    assert version.pk in html


def test_a_long_result_comes_in_part(as_vera, session):
    call = used(session, "read", {"file_path": "x"}, "line\n" * 900)
    where = at("event", session.pk, call.pk)
    assert shown(as_vera.get(where)).count("<li>line") == 400
    assert shown(as_vera.get(f"{where}?all")).count("<li>line") == 900


def test_a_long_message_is_shown_in_full_when_asked(as_vera, session):
    event = said(session, "word " * 5000, "user.message")
    html = shown(as_vera.get(session.get_absolute_url()))
    assert html.count("word ") < 1000 and at("event", session.pk, event.pk) in html
    assert shown(as_vera.get(at("event", session.pk, event.pk))).count("word ") == 5000


def test_other_events_have_no_page(as_vera, session):
    event = append(session, "session.usage")
    assert as_vera.get(at("event", session.pk, event.pk)).status_code == 404


# -- What one can do ---------------------------------------------------------------------------------------


def test_a_message_is_sent(as_bob, session):
    answer = as_bob.post(at("say", session.pk), {"text": "Hello"})
    assert answer.url == session.get_absolute_url()
    assert as_bob.post(at("say", session.pk), {"text": "Again"}, headers=HTMX).status_code == 204
    assert session.events.filter(type="user.message").count() == 2


@pytest.mark.parametrize("words", ["   ", "x" * 1_000_001])
def test_a_message_that_cannot_be_sent_is_kept(as_bob, session, words):
    answer = as_bob.post(at("say", session.pk), {"text": words}, headers=HTMX)
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in shown(answer) and words in shown(answer)
    assert as_bob.post(at("say", session.pk), {"text": words}).status_code == 422
    assert not session.events.exists()


def test_an_ended_session_refuses_and_says_why(as_bob, session):
    conversation.archive(session)
    answer = as_bob.post(at("say", session.pk), {"text": "Hello"}, headers=HTMX)
    assert answer.status_code == 409
    assert "This session has ended" in shown(answer)


def test_stop_is_there_only_while_the_agent_works(as_bob, session):
    assert at("stop", session.pk) not in shown(as_bob.get(session.get_absolute_url()))
    conversation.say(session, "Count to a million")
    assert at("stop", session.pk) in shown(as_bob.get(session.get_absolute_url()))
    as_bob.post(at("stop", session.pk))
    assert session.primary.stop_requested


def test_renaming_archiving_and_deleting(as_bob, session):
    as_bob.post(at("rename", session.pk), {"title": " New\nname "})
    session.refresh_from_db()
    assert session.title == "New name"
    as_bob.post(at("archive", session.pk))
    session.refresh_from_db()
    assert session.archived_at
    assert as_bob.post(at("delete", session.pk)).url == at("sessions")
    assert "“New name” was deleted." in shown(as_bob.get(at("sessions")))
    assert not Session.objects.filter(pk=session.pk).exists()


def test_a_running_session_is_not_deleted(as_bob, session):
    conversation.say(session, "Count to a million")
    html = shown(as_bob.post(at("delete", session.pk), follow=True))
    assert "Stop it first" in html


def test_viewers_read_and_change_nothing(as_vera, session):
    html = shown(as_vera.get(session.get_absolute_url()))
    assert "You may read here" in html and 'name="text"' not in html
    for verb in ("say", "stop", "rename", "archive", "delete"):
        assert as_vera.post(at(verb, session.pk), {"text": "Hi"}).status_code == 403


def test_a_store_that_is_gone_leaves_the_transcript_readable(as_alice, session, store):
    used(session, "read", {"file_path": "/mnt/memory/notes/talk.md"}, "noon", lines=1)
    session.attachments.update(store=None)
    html = shown(as_alice.get(session.get_absolute_url()))
    assert "deleted" in html and "/talk.md" in html


def test_two_stores_of_one_name_keep_their_files_apart(as_alice, session, store):
    twin = attach(session, make_store(name="Notes"))
    twin.mount_path = "/mnt/memory/notes-2"
    twin.save()
    used(session, "read", {"file_path": "/mnt/memory/notes-2/twin.md"}, "x", lines=1)
    html = shown(as_alice.get(session.get_absolute_url()))
    panel = html.partition('id="memory-panel"')[2].partition("</section>")[0]
    first, second = panel.split('class="mount"')[1:]
    assert "/twin.md" not in first and "/twin.md" in second


def test_a_session_that_waits_for_a_program_can_be_stopped(as_alice, workspace):
    session = make_session()
    why = {"type": "requires_action", "event_ids": []}
    named = {"session_thread_id": session.primary.pk, "agent_name": "x", "stop_reason": why}
    events.append(session.primary, Entry("session.thread_status_idle", named))
    assert "Stop</button>" in as_alice.get(session.get_absolute_url()).content.decode()


def test_a_store_with_imported_text_is_warned_of_until_the_import_is_undone(as_alice, store):
    make_agent()
    plain = as_alice.get(at("session_new")).content.decode()
    made = change_sets.begin(store, ChangeSet.Kind.IMPORT, "Import of notes.zip", TESTER)
    warned = as_alice.get(at("session_new")).content.decode()
    change_sets.begin(store, ChangeSet.Kind.UNDO, "Undo", TESTER, undoes=made)
    again = as_alice.get(at("session_new")).content.decode()
    shown = ["Files were imported into this store" in page for page in (plain, warned, again)]
    assert shown == [False, True, False]
