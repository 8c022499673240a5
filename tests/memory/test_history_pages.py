"""Histories as a browser asks for them: filtered, compared, taken out for good."""

from datetime import timedelta

import pytest
from django.utils import timezone

from memory import redaction, stores
from memory.models import Version
from memory.stores import Act
from tests.factories import TESTER, make_memory, make_store
from tests.memory.test_store_pages import AGENT, queries, text, url

pytestmark = pytest.mark.django_db
PROGRAM = stores.Actor("apikey_011111111115z", "Importer")


@pytest.fixture
def store(workspace):
    return make_store(files={"/notes/talk.md": "# Talk\n\nThe talk is at noon.\n", "/b.md": "b\n"})


@pytest.fixture
def talk(store):
    return store.memories.with_text().get(path="/notes/talk.md")


def change(memory, content, by=AGENT, **changes):
    return stores.update(memory, content=content, act=Act(by), **changes).head


def pane(answer):
    return text(answer).partition('id="pane"')[2]


def listed(answer):
    """The ids of the versions in the list, in order."""
    return [entry.version.pk for entry in answer.context["entries"]]


# -- Finding one's way ----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["store_history", "memory_history"])
def test_a_history_is_filtered_by_one_author_a_kind_a_deed_and_days(as_alice, store, talk, name):
    agents, programs = change(talk, "by an agent"), change(talk, "by a program", PROGRAM)
    where = [store] if name == "store_history" else [store, talk]

    def found(**filters):
        return listed(as_alice.get(url(name, *where, **filters)))

    assert found(by="apikey") == found(by=PROGRAM.id) == [programs.pk]
    assert found(by=AGENT.id, operation="modified") == [agents.pk]
    assert found(operation="deleted") == found(by="user_011111111115z") == []
    Version.objects.filter(pk=agents.pk).update(created_at=timezone.now() - timedelta(days=40))
    ago = f"{timezone.localtime() - timedelta(days=40):%Y-%m-%d}"
    assert found(since=ago, until=ago) == [agents.pk]
    assert agents.pk not in found(since=f"{timezone.localtime():%Y-%m-%d}")


def test_days_that_are_none_filter_nothing_and_say_so(as_alice, store):
    for wrong in ({"since": "yesterday"}, {"since": "2026-02-02", "until": "2026-01-01"}):
        answer = as_alice.get(url("store_history", store, **wrong))
        assert 'class="error"' in pane(answer)
    assert as_alice.get(url("store_history", store, until="9999-12-31")).status_code == 200


def test_a_change_leads_to_the_event_that_asked_for_it(as_alice, store, talk):
    change(talk, "new")
    page = pane(as_alice.get(url("memory_history", store, talk)))
    assert f'/sessions/{AGENT.id}/?event={AGENT.event}#{AGENT.event}"' in page


def test_a_person_leads_to_what_else_they_did_here(as_alice, alice, store, talk):
    change(talk, "new", stores.Actor.user(alice))
    page = pane(as_alice.get(url("memory_history", store, talk)))
    assert url("store_history", store, by=alice.pk) in page


def test_a_long_history_of_a_file_costs_no_more_queries(as_alice, store, talk):
    change(talk, "one")
    few = queries(as_alice, url("memory_history", store, talk))
    for number in range(30):
        change(talk, f"{number}")
    assert queries(as_alice, url("memory_history", store, talk)) <= few


# -- Two versions ---------------------------------------------------------------------------


def test_any_two_versions_are_compared_also_across_a_rename(as_bob, store, talk):
    first = talk.head_id
    change(talk, "# Talk\n\nThe talk is at two.\n")
    last = change(talk, "# Talk\n\nThe talk is at three.\n", path="/talks/mine.md")
    where = url("memory_compare", store, talk)
    page = pane(as_bob.get(where, {"from": first, "to": last.pk}))
    assert "<del>noon</del>" in page
    assert "<ins>three</ins>" in page
    assert "/notes/talk.md" in page
    assert "is at two" not in page
    assert f"from={last.pk}&to={first}" in page  # swapped
    swapped = pane(as_bob.get(where, {"from": last.pk, "to": first}))
    assert "<ins>noon</ins>" in swapped


def test_without_a_choice_the_last_change_is_compared(as_bob, store, talk):
    change(talk, "# Talk\n\nThe talk is at two.\n")
    assert "<ins>two</ins>" in pane(as_bob.get(url("memory_compare", store, talk)))


def test_a_deletion_is_compared_too(as_bob, store, talk):
    stores.remove(talk, act=Act(AGENT))
    diff = as_bob.get(url("memory_compare", store, talk)).context["diff"]
    assert (diff.added, diff.removed) == (0, 3)


def test_versions_of_other_files_cannot_be_compared(as_bob, store, talk):
    other = store.memories.get(path="/b.md").head_id
    answer = as_bob.get(url("memory_compare", store, talk), {"from": other})
    assert answer.status_code == 404


def test_a_redacted_side_is_not_taken_for_an_empty_text(as_bob, store, talk):
    first = talk.head
    change(talk, "new")
    redaction.redact(first, by=TESTER)
    page = pane(as_bob.get(url("memory_compare", store, talk)))
    assert "Nothing to compare" in page
    second = store.versions.filter(memory=talk.pk).first()
    assert "Nothing to compare" in pane(as_bob.get(url("version", store, second)))


# -- Taking out for good --------------------------------------------------------------------


def test_a_redaction_wants_a_reason_and_shows_it(as_alice, alice, store, talk):
    old = talk.head
    change(talk, "new")
    assert as_alice.post(url("version_redact", store, old), {"reason": " "}).status_code == 422
    answer = as_alice.post(
        url("version_redact", store, old), {"reason": "A <password>"}, follow=True
    )
    assert "“A <password>”" in pane(answer)
    assert "A &lt;password&gt;" in answer.content.decode()
    assert "noon" not in text(answer)
    assert "A <password>" in pane(as_alice.get(url("memory_history", store, talk)))


def test_the_text_that_stands_is_refused_with_what_to_do(as_alice, store, talk):
    assert "This is what the file holds now" in text(
        as_alice.get(url("version_redact", store, talk.head_id))
    )
    answer = as_alice.post(url("version_redact", store, talk.head_id), {"reason": "x"})
    assert answer.status_code == 422
    talk.head.refresh_from_db()
    assert talk.head.blob_id


def test_a_text_goes_from_every_version_that_holds_it_in_one_go(as_alice, store, talk):
    twin = make_memory(make_store(name="Twin"), "/copy.md", talk.content)
    old, elsewhere, secret = talk.head, twin.head, talk.content
    change(talk, "new")
    change(talk, secret)
    change(talk, "newest")
    page = text(as_alice.get(url("version_redact", store, old)))
    assert "/copy.md" in page
    assert "Twin" in page
    fields = {"reason": "A password", "scope": "all"}
    refused = as_alice.post(url("version_redact", store, old), fields)
    assert "/copy.md in Twin holds this text now" in text(refused)
    change(twin, "other")
    as_alice.post(url("version_redact", store, old), fields)
    assert not Version.objects.filter(blob__content=secret).exists()
    elsewhere.refresh_from_db()
    assert elsewhere.redacted_reason == "A password"


def test_another_tenants_copy_is_neither_named_nor_touched(as_alice, store, talk, eve):
    theirs = make_memory(make_store(eve.workspaces.get()), "/mine.md", talk.content)
    old = talk.head
    change(talk, "new")
    page = text(as_alice.get(url("version_redact", store, old)))
    assert "/mine.md" not in page
    as_alice.post(url("version_redact", store, old), {"reason": "x", "scope": "all"})
    theirs.head.refresh_from_db()
    assert theirs.head.content == talk.content
