"""The pages beside a transcript: changes with a way back, requests, raw events, find, export."""

import json

import pytest
from django.urls import reverse

from console.actors import Actor
from memory import stores
from memory.stores import Act
from sessions.models import Session
from tests.factories import make_session, make_store
from tests.sessions.pages import HTMX, append, at, text

pytestmark = pytest.mark.django_db
HOSTILE = "<script>alert('x')</script>"


@pytest.fixture
def store(workspace):
    return make_store(name="Notes", files={"/talk.md": "The talk is at noon.\n"})


@pytest.fixture
def session(store):
    return make_session(title="Talks", stores=[store])


def wrote(session, store, path, content):
    """As the agent's tool leaves it: the version in the store, the call and its result in the log."""
    given = {"file_path": f"/mnt/memory/notes{path}", "content": content}
    call = append(session, "agent.tool_use", {"name": "write", "input": given})
    act = Act(Actor(session.pk, "Agent", event=call.pk))
    version = stores.write(store, path, content, act=act).head_id
    answered = {"tool_use_id": call.pk, **text("Written."), "is_error": False}
    append(session, "agent.tool_result", answered, private={"version": version})
    return version


def undo(client, session, store, version, **options):
    where = reverse("memory:version_undo", args=["lab", store.pk, version])
    return client.post(where, {"next": at("changes", session.pk)}, **options)


def texts(store):
    return {memory.path: memory.content for memory in store.memories.with_text()}


# -- Changes --------------------------------------------------------------------------------------


def test_each_write_is_shown_with_its_diff_newest_first(as_vera, session, store):
    wrote(session, store, "/talk.md", "The talk is at two.\n")
    wrote(session, store, "/alice.md", f"{HOSTILE}\n")
    page = as_vera.get(at("changes", session.pk)).content.decode()
    assert page.index("/alice.md") < page.index("/talk.md")
    assert "noon" in page and "two" in page
    assert HOSTILE not in page


def test_a_write_is_taken_back_and_the_page_says_so(as_bob, session, store):
    changed = wrote(session, store, "/talk.md", "The talk is at two.\n")
    made = wrote(session, store, "/alice.md", "Alice speaks.\n")
    answer = undo(as_bob, session, store, changed, follow=True)
    assert "/talk.md is as it was before" in answer.content.decode()
    assert answer.redirect_chain[-1][0] == at("changes", session.pk)
    undo(as_bob, session, store, made)
    assert texts(store) == {"/talk.md": "The talk is at noon.\n"}


def test_what_was_changed_since_is_not_taken_back(as_bob, session, store):
    version = wrote(session, store, "/talk.md", "The talk is at two.\n")
    wrote(session, store, "/talk.md", "The talk is at three.\n")
    assert "Changed since" in as_bob.get(at("changes", session.pk)).content.decode()
    answer = undo(as_bob, session, store, version, follow=True)
    assert "was changed again since" in answer.content.decode()
    assert texts(store) == {"/talk.md": "The talk is at three.\n"}


def test_a_file_that_came_back_goes_again(session, store):
    [memory] = store.memories.all()
    act = Act(Actor(session.pk, "Agent"))
    gone = stores.remove(memory, act=act)
    back = stores.take_back(gone, act=act)
    assert texts(store) == {"/talk.md": "The talk is at noon.\n"}
    stores.take_back(back.head, act=act)
    assert texts(store) == {}


def test_who_may_only_look_takes_nothing_back(as_vera, session, store):
    version = wrote(session, store, "/talk.md", "The talk is at two.\n")
    assert "Undo" not in as_vera.get(at("changes", session.pk)).content.decode()
    assert undo(as_vera, session, store, version).status_code == 403
    assert texts(store) == {"/talk.md": "The talk is at two.\n"}


def test_undo_leads_to_no_other_host(as_bob, session, store):
    version = wrote(session, store, "/talk.md", "The talk is at two.\n")
    where = reverse("memory:version_undo", args=["lab", store.pk, version])
    answer = as_bob.post(where, {"next": "https://elsewhere.example/"})
    assert answer["Location"].startswith("/w/lab/stores/")


def test_many_changes_cost_as_many_queries_as_few(as_vera, session, store, queries_of):
    for number in range(3):
        wrote(session, store, f"/{number}.md", "Text.\n")
    few = queries_of(as_vera, at("changes", session.pk))
    for number in range(3, 12):
        wrote(session, store, f"/{number}.md", "Text.\n")
    assert queries_of(as_vera, at("changes", session.pk)) == few


# -- Requests, events ---------------------------------------------------------------------------------


def test_each_request_shows_its_tokens_and_whether_it_failed(as_vera, session):
    usage = {"input_tokens": 1234, "output_tokens": 56}
    usage |= {"cache_read_input_tokens": 7, "cache_creation_input_tokens": 8}
    for is_error in (False, True):
        start = append(session, "span.model_request_start")
        told = {"model_request_start_id": start.pk, "is_error": is_error, "model_usage": usage}
        append(session, "span.model_request_end", told)
    append(session, "span.model_request_start")
    page = as_vera.get(at("requests", session.pk)).content.decode()
    assert "1.2k" in page and "failed" in page and "under way" in page


def test_what_nobody_knows_the_price_of_does_not_seem_to_be_free(as_vera, session):
    page = as_vera.get(at("session", session.pk)).content.decode()
    assert "$0.00" in page and "no price" not in page  # the built-in model is free
    model = {**session.agent_config["model"], "id": "of-nobody-knows-where"}
    Session.objects.update(agent_config={**session.agent_config, "model": model})
    page = as_vera.get(at("session", session.pk)).content.decode()
    assert "no price known" in page and "$0.00" not in page


@pytest.mark.parametrize("name", ["changes", "requests", "events", "find"])
def test_a_session_without_anything_has_no_empty_page(as_vera, session, name):
    answer = as_vera.get(at(name, session.pk))
    assert answer.status_code == 200
    assert 'class="empty' in answer.content.decode()


def test_events_are_shown_raw_and_chosen_by_type(as_vera, session):
    append(session, "user.message", text(HOSTILE))
    append(session, "agent.message", text("Hello."))
    page = as_vera.get(at("events", session.pk)).content.decode()
    assert "user.message" in page and "agent.message" in page and HOSTILE not in page
    chosen = as_vera.get(at("events", session.pk), {"type": "agent.message"}, headers=HTMX)
    assert "Hello." in chosen.content.decode() and "alert(" not in chosen.content.decode()


# -- Find -----------------------------------------------------------------------------------------------


def find(client, session, words):
    return client.get(at("find", session.pk), {"q": words}, headers=HTMX).content.decode()


def test_events_of_one_type_are_told_apart_before_they_are_opened(as_vera, session, store):
    wrote(session, store, "/talk.md", HOSTILE)
    append(session, "session.thread_status_idle", {"stop_reason": {"type": "end_turn"}})
    page = as_vera.get(at("events", session.pk)).content.decode()
    assert 'dir="auto">write /mnt/memory/notes/talk.md &lt;script' in page
    assert 'dir="auto">end_turn<' in page
    assert page.count('data-time="instant"') == 3  # in the reader's time zone


def test_a_huge_event_does_not_make_a_huge_page(as_vera, session):
    append(session, "user.message", text("x" * 300_000))
    answer = as_vera.get(at("events", session.pk))
    assert len(answer.content) < 100_000
    assert "Only its beginning is shown" in answer.content.decode()


def test_words_are_found_in_what_was_said_called_and_answered(as_vera, session):
    said = append(session, "user.message", text("The  heron\nis back."))
    given = {"pattern": "HERON"}
    call = append(session, "agent.tool_use", {"name": "grep", "input": given})
    answered = {"tool_use_id": call.pk, **text("a.md: Heron"), "is_error": False}
    result = append(session, "agent.tool_result", answered)
    page = find(as_vera, session, "heron")
    assert all(f"?event={event.pk}" in page for event in (said, call, result))
    assert "<mark>HERON</mark>" in page and "3 places" in page
    assert f"?event={said.pk}" in find(as_vera, session, "the heron is")


@pytest.mark.parametrize("words", ["(", "\\", "[a-", "%", HOSTILE])
def test_words_are_no_pattern(as_vera, session, words):
    append(session, "user.message", text(f"Look: {words} there"))
    page = find(as_vera, session, words)
    assert "1 place" in page and HOSTILE not in page


# -- Export ------------------------------------------------------------------------------------------------


def exported(client, session, format):
    answer = client.get(at("export", session.pk), {"format": format})
    assert answer["Content-Disposition"] == f'attachment; filename="talks.{format}"'
    return b"".join(answer.streaming_content).decode()


def test_the_log_is_exported_as_the_api_lists_it(as_vera, api, session):
    append(session, "user.message", text("Héllo."))
    append(session, "agent.message", text("Hello."))
    listed = api.get(f"/v1/sessions/{session.pk}/events").json()["data"]
    assert json.loads(exported(as_vera, session, "json")) == listed


def test_the_conversation_is_exported_as_markdown(as_vera, session, store):
    append(session, "user.message", text("Note the talk."))
    wrote(session, store, "/talk.md", "```\ncode\n```\n")
    append(session, "agent.message", text("Noted."))
    written = exported(as_vera, session, "md")
    assert written.startswith("# Talks\n")
    assert "## You\n\nNote the talk." in written and "### write" in written
    assert "````" in written  # a fence longer than the one within


@pytest.mark.parametrize("name", ["session", "changes", "requests", "events", "find"])
def test_a_session_without_a_title_is_headed_by_what_was_said_first(as_vera, workspace, name):
    session = make_session()
    assert "<title>" in (page := as_vera.get(at(name, session.pk)).content.decode())
    assert "Untitled session" in page
    append(session, "user.message", text(f"{HOSTILE}\nWhen is  the talk?"))
    append(session, "user.message", text("And where?"))
    heading = as_vera.get(at(name, session.pk)).content.decode().split("<h1>")[1].split("</h1>")[0]
    assert "&lt;/script&gt; When is the talk?" in heading and "where" not in heading


def test_there_is_no_other_format(as_vera, session):
    assert as_vera.get(at("export", session.pk), {"format": "exe"}).status_code == 404


def test_the_page_offers_what_goes_on_from_a_session(as_bob, session, store):
    page = as_bob.get(at("session", session.pk)).content.decode()
    assert f"/dreams/new?session={session.pk}&amp;store={store.pk}" in page
    assert f"{at('session_new')}?like={session.pk}" in page


def test_who_may_only_look_may_take_a_copy_along_and_no_more(as_vera, session):
    page = as_vera.get(at("session", session.pk)).content.decode()
    assert f"{at('export', session.pk)}?format=md" in page
    assert at("rename", session.pk) not in page and at("delete", session.pk) not in page
    assert "/dreams/new" not in page
