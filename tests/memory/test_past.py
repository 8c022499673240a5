"""A store as it was: whatever happened, every state it ever had can be read and restored."""

from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from memory import change_sets, past, redaction, stores
from memory.change_sets import NeedsPerson
from memory.models import ChangeSet, Memory, Version
from memory.stores import Act, Occupied, Refused
from tests.factories import TESTER, make_memory, make_store
from tests.memory.test_history_pages import pane
from tests.memory.test_store_pages import queries, url

pytestmark = pytest.mark.django_db
ACT = Act(TESTER)


def tree(store):
    return {m.path: m.content for m in store.memories.with_text()}


def then(store, moment):
    return {v.path: v.content for v in past.standing(store, moment).with_text()}


def newest(store):
    return store.versions.first()


def write(store, path, text):
    return stores.write(store, path, text, act=ACT)


# -- Any history ----------------------------------------------------------------------------

PATHS = st.sampled_from(["/a", "/b", "/c/d", "/c/e"])
DEEDS = st.one_of(
    st.tuples(st.just("write"), PATHS, st.sampled_from(["x\n", "y\n", "x\ny\n", ""])),
    st.tuples(st.just("move"), PATHS, PATHS),
    st.tuples(st.just("remove"), PATHS, st.none()),
    st.tuples(st.just("restore"), st.integers(0, 9), st.none()),
)


def do(store, deed, first, second):
    if deed == "write":
        return write(store, first, second)
    if deed == "restore":
        versions = list(store.versions.exclude(blob=None))
        return versions and stores.restore(versions[first % len(versions)], act=ACT)
    memory = store.memories.filter(path=first).first()
    if memory and deed == "move":
        return stores.move(memory, second, act=ACT)
    return memory and stores.remove(memory, act=ACT)


def recorded(deeds):
    """A store after these deeds, and what stood in it after each of its versions."""
    store, states = make_store(), {}
    for deed in deeds:
        try:
            do(store, *deed)
        except Occupied:
            continue
        if version := newest(store):
            states[version.pk] = tree(store)
    return store, states


def test_every_moment_of_any_history_is_found_again():
    @settings(max_examples=25, deadline=None)
    @given(st.lists(DEEDS, max_size=14))
    def check(deeds):
        store, states = recorded(deeds)
        for version in store.versions.all():
            assert then(store, version) == states[version.pk]

    check()


def test_a_store_goes_back_to_any_moment_and_forward_again():
    @settings(max_examples=25, deadline=None)
    @given(st.lists(DEEDS, min_size=2, max_size=12), st.data())
    def check(deeds, data):
        store, states = recorded(deeds)
        if len(states) < 2:
            return
        last = newest(store)
        there = data.draw(st.sampled_from(sorted(states, key=list(states).index)))
        moment = Version.objects.get(pk=there)
        if states[there] == tree(store):
            with pytest.raises(Refused, match="nothing to restore"):
                past.roll_back(store, moment, seen=last, by=TESTER)
            return
        done = past.roll_back(store, moment, seen=last, by=TESTER)
        assert tree(store) == states[there]
        change_sets.undo(done.change_set, by=TESTER)
        assert tree(store) == states[last.pk]

    check()


# -- Going back -----------------------------------------------------------------------------


@pytest.fixture
def store(workspace):
    return make_store(files={"/a.md": "one\ntwo\nthree\n", "/b.md": "b\n"})


def test_what_was_written_after_the_plan_is_merged_and_not_lost(store):
    moment = newest(store)
    write(store, "/a.md", "one\ntwo\nTHREE\n")
    seen = newest(store)
    write(store, "/a.md", "ONE\ntwo\nTHREE\n")
    write(store, "/new.md", "new\n")
    past.roll_back(store, moment, seen=seen, by=TESTER)
    assert tree(store) == {"/a.md": "ONE\ntwo\nthree\n", "/b.md": "b\n", "/new.md": "new\n"}


def test_where_a_later_write_touches_the_same_lines_nothing_is_written(store):
    moment = newest(store)
    write(store, "/a.md", "one\ntwo\nTHREE\n")
    write(store, "/b.md", "B\n")
    seen = newest(store)
    write(store, "/a.md", "one\ntwo\nthird\n")
    before = store.versions.count()
    with pytest.raises(NeedsPerson):
        past.roll_back(store, moment, seen=seen, by=TESTER)
    assert store.versions.count() == before


def test_files_keep_their_ids_on_the_way_back(store):
    moment, ids = newest(store), dict(store.memories.values_list("path", "pk"))
    stores.move(store.memories.get(path="/a.md"), "/moved.md", act=ACT)
    stores.remove(store.memories.get(path="/b.md"), act=ACT)
    past.roll_back(store, moment, seen=newest(store), by=TESTER)
    assert dict(store.memories.values_list("path", "pk")) == ids


def test_a_file_whose_text_of_then_was_redacted_stays_as_it_is(store):
    moment, old = newest(store), store.memories.get(path="/a.md").head
    write(store, "/a.md", "clean\n")
    write(store, "/b.md", "B\n")
    redaction.redact(old, by=TESTER)
    past.roll_back(store, moment, seen=newest(store), by=TESTER)
    assert tree(store) == {"/a.md": "clean\n", "/b.md": "b\n"}


def test_an_archived_store_stays_as_it_is(store):
    moment = newest(store)
    write(store, "/a.md", "new")
    stores.archive(store)
    with pytest.raises(Refused, match="archived"):
        past.roll_back(store, moment, seen=newest(store), by=TESTER)


# -- The pages ------------------------------------------------------------------------------


def test_the_store_is_shown_as_it_was_at_a_time(as_vera, store):
    a = store.memories.get(path="/a.md")
    hour_ago = timezone.now() - timedelta(hours=1)
    store.versions.update(created_at=hour_ago)
    stores.move(a, "/sub/renamed.md", act=ACT)
    local = f"{timezone.localtime(hour_ago):%Y-%m-%dT%H:%M:%S}"
    page = pane(as_vera.get(url("store_asof", store), {"at": local}))
    assert "a.md" in page
    assert "renamed.md" not in page
    assert "As it was" in page
    now = pane(as_vera.get(url("store_asof", store)))
    assert "As it is now" in now
    assert "path=/sub/" in now


def test_a_file_is_shown_as_it_was_and_can_be_restored(as_bob, store):
    moment = newest(store)
    write(store, "/a.md", "new\n")
    where = url("store_asof", store)
    page = pane(as_bob.get(where, {"version": moment.pk, "path": "/a.md"}))
    assert "three" in page
    assert "new" not in page.partition('class="prose"')[2].partition("</section>")[0]
    assert "Restore this file" in page
    now = store.memories.sized().get(path="/a.md")
    assert f'name="expected" value="{now.blob.sha256}"' in page


def test_links_of_a_text_as_it_was_lead_to_what_stood_there_then(as_vera, store):
    write(store, "/sub/new.md", "x\n")
    write(
        store,
        "/links.md",
        "[b](b.md) [folder](sub/) [none](later.md#top) [[new]] [out](/mnt/memory/x/y.md)\n",
    )
    moment = newest(store)
    stores.move(store.memories.get(path="/b.md"), "/moved.md", act=ACT)
    write(store, "/later.md", "x\n")
    page = pane(as_vera.get(url("store_asof", store), {"version": moment.pk, "path": "/links.md"}))
    text = page.partition('class="prose"')[2].partition("</section>")[0]
    for path in ("/b.md", "/sub", "/sub/new.md"):
        assert f'href="{url("store_asof", store)}?version={moment.pk}&path={path}"' in text
    assert "path=/later.md" in text and text.count('class="missing"') == 1
    assert "/mnt/memory" not in text.replace("(/mnt", "")


@pytest.mark.parametrize("at", ["2001-01-01", "2001-01-01T00:00"])
def test_before_the_first_version_there_was_nothing(as_vera, store, at):
    page = pane(as_vera.get(url("store_asof", store, at=at)))
    assert "Nothing had been written yet" in page


@pytest.mark.parametrize("at", ["soon", "2026-13-01", "9999-12-31", "", "2026-02-02T25:00"])
def test_a_time_that_is_none_shows_the_store_as_it_is(as_vera, store, at):
    assert "As it is now" in pane(as_vera.get(url("store_asof", store, at=at)))


def test_moments_and_places_that_are_none_are_not_found(as_vera, store):
    other = make_memory(make_store(name="Other")).head_id
    for query in ({"version": other}, {"change": "chg_x"}, {"path": "/no/"}, {"path": "/no"}):
        answer = as_vera.get(url("store_asof", store), query, follow=True)
        assert answer.status_code == 404


def test_the_moment_of_a_change_set_is_when_it_was_done(as_vera, store):
    made = change_sets.begin(store, ChangeSet.Kind.REVIEW, "A few", TESTER)
    for path in ("/c.md", "/d.md"):
        stores.write(store, path, "x", act=Act(TESTER, change_set=made))
    write(store, "/later.md", "x")
    page = pane(as_vera.get(url("store_asof", store, change=made.pk)))
    assert all(name in page for name in ("c.md", "d.md"))
    assert "later.md" not in page


def test_redacted_files_are_counted(as_vera, store):
    moment, old = newest(store), store.memories.get(path="/a.md").head
    write(store, "/a.md", "clean\n")
    redaction.redact(old, by=TESTER)
    page = pane(as_vera.get(url("store_asof", store, version=moment.pk)))
    assert "1 more was redacted since" in page


def test_a_plan_shows_what_happens_and_then_it_does(as_bob, store):
    moment = newest(store)
    write(store, "/a.md", "changed\n")
    write(store, "/new.md", "new\n")
    stores.remove(store.memories.get(path="/b.md"), act=ACT)
    plan = as_bob.get(url("store_rollback", store), {"version": moment.pk})
    letters = {row["path"]: row["letter"] for row in plan.context["rows"]}
    assert letters == {"/a.md": "M", "/b.md": "A", "/new.md": "D"}
    fields = {"version": moment.pk, "seen": plan.context["seen"].pk}
    answer = as_bob.post(url("store_rollback", store), fields, follow=True)
    assert "3 files in one act" in pane(answer)
    assert tree(store) == {"/a.md": "one\ntwo\nthree\n", "/b.md": "b\n"}
    again = as_bob.get(url("store_rollback", store), {"version": moment.pk}, follow=True)
    assert "nothing to restore" in again.content.decode()


def test_a_plan_that_somebody_overtook_is_shown_anew(as_bob, store):
    moment = newest(store)
    write(store, "/b.md", "B\n")
    seen = newest(store)
    write(store, "/b.md", "other\n")
    fields = {"version": moment.pk, "seen": seen.pk}
    answer = as_bob.post(url("store_rollback", store), fields)
    assert answer.status_code == 409
    assert "Nothing was restored" in pane(answer) and "Written meanwhile" in pane(answer)
    assert [entry.version for entry in answer.context["meanwhile"]] == [newest(store)]
    assert answer.context["seen"] == newest(store)
    assert tree(store)["/b.md"] == "other\n"


def test_what_was_written_elsewhere_meanwhile_stays_and_is_told(as_bob, store):
    moment = newest(store)
    write(store, "/b.md", "B\n")
    fields = {"version": moment.pk, "seen": newest(store).pk}
    write(store, "/new.md", "new\n")
    answer = as_bob.post(url("store_rollback", store), fields, follow=True)
    assert "The change made while you looked at the plan stayed." in answer.content.decode()
    assert tree(store)["/b.md"] == "b\n" and "/new.md" in tree(store)


def test_viewers_and_archived_stores_do_not_go_back(as_vera, as_bob, store):
    moment = newest(store)
    write(store, "/b.md", "B\n")
    where = url("store_rollback", store)
    assert as_vera.post(where, {"version": moment.pk}).status_code == 403
    stores.archive(store)
    assert "archived" in as_bob.get(where, {"version": moment.pk}, follow=True).content.decode()


def test_a_moment_costs_no_more_queries_for_more_files(as_vera, store):
    few = queries(as_vera, url("store_asof", store))
    for number in range(30):
        write(store, f"/{number}.md", "x")
    assert queries(as_vera, url("store_asof", store)) <= few
    assert Memory.objects.count() == 32
