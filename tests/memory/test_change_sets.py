"""Change sets: written as one, undone as one, and never over somebody else's words."""

import pytest

from memory import change_sets, redaction, stores
from memory.change_sets import NeedsPerson
from memory.models import ChangeSet, Operation, StoreState
from memory.paths import Invalid
from memory.stores import Act, Conflict, Refused
from tests.factories import TESTER, make_store

pytestmark = pytest.mark.django_db
ACT = Act(TESTER)
BEFORE = {"/a.md": "a\n", "/b.md": "b\n", "/c.md": "- one\n- two\n- three\n"}


def texts(store):
    return dict(store.memories.order_by("path").values_list("path", "blob__content"))


def clone(store):
    copy = stores.clone(store, name="Dream", description="", state=StoreState.DRAFT, by=TESTER)
    return copy


def write(store, path, text):
    return stores.write(store, path, text, act=Act(TESTER, into_draft=True))


def remove(store, path):
    return stores.remove(store.memories.get(path=path), act=Act(TESTER, into_draft=True))


def adopt(store, draft, resolutions=None):
    """What adopting a dream comes down to."""
    base, theirs = change_sets.first_versions(draft), change_sets.heads(draft)
    merges = change_sets.merge(store, base, theirs)
    change_set = change_sets.begin(store, "adoption", "Adopted a dream", TESTER)
    change_sets.apply(store, merges, resolutions, change_set=change_set, by=TESTER)
    return change_set


@pytest.fixture
def store(db):
    return make_store(files=BEFORE)


@pytest.fixture
def draft(store):
    """A clone that changed one file, removed one and added one."""
    draft = clone(store)
    write(draft, "/c.md", "- one\n- two\n- THREE\n")
    remove(draft, "/b.md")
    write(draft, "/new/d.md", "d\n")
    return draft


AFTER = {"/a.md": "a\n", "/c.md": "- one\n- two\n- THREE\n", "/new/d.md": "d\n"}


# -- Trees


def test_heads_are_one_query_however_many_there_are(store, django_assert_num_queries):
    with django_assert_num_queries(1):
        heads = change_sets.heads(store)
        assert [blob.size for blob in heads.values()] == [2, 2, 20]


def test_texts_are_fetched_together(store, django_assert_num_queries):
    heads = change_sets.heads(store)
    with django_assert_num_queries(1):
        change_sets.load(heads.values())
        assert {path: blob.content for path, blob in heads.items()} == BEFORE


def test_the_first_versions_of_a_clone_are_what_it_was_made_from(store, draft):
    heads = change_sets.heads(store)
    assert change_sets.first_versions(draft) == heads


def test_a_clone_of_an_empty_store_began_with_nothing():
    draft = clone(make_store())
    write(draft, "/a.md", "a\n")
    assert change_sets.first_versions(draft) == {}


def test_a_digest_tells_any_difference(store):
    digest = change_sets.digest(change_sets.heads(store))
    write(store, "/a.md", "A\n")
    assert change_sets.digest(change_sets.heads(store)) != digest
    write(store, "/a.md", "a\n")
    assert change_sets.digest(change_sets.heads(store)) == digest


# -- Writing


def test_a_merge_is_written_as_one_change_set(store, draft):
    change_set = adopt(store, draft)
    assert texts(store) == AFTER
    operations = change_set.versions.order_by("path").values_list("path", "operation")
    assert list(operations) == [
        ("/b.md", "deleted"),
        ("/c.md", "modified"),
        ("/new/d.md", "created"),
    ]


def test_what_was_written_meanwhile_is_merged(store, draft):
    write(store, "/c.md", "- ONE\n- two\n- three\n")
    write(store, "/e.md", "e\n")
    adopt(store, draft)
    assert texts(store) == AFTER | {"/c.md": "- ONE\n- two\n- THREE\n", "/e.md": "e\n"}


def test_a_conflict_needs_a_person_and_writes_nothing(store, draft):
    write(store, "/b.md", "b is needed\n")
    with pytest.raises(NeedsPerson, match=r"/b\.md") as raised:
        adopt(store, draft)
    assert [merge.path for merge in raised.value.conflicts] == ["/b.md"]
    assert texts(store) == BEFORE | {"/b.md": "b is needed\n"}


def test_a_decision_settles_the_conflict(store, draft):
    write(store, "/b.md", "b is needed\n")
    adopt(store, draft, {"/b.md": "ours"})
    assert texts(store) == AFTER | {"/b.md": "b is needed\n"}


def test_a_write_between_merge_and_apply_rolls_everything_back(store, draft):
    base, theirs = change_sets.first_versions(draft), change_sets.heads(draft)
    merges = change_sets.merge(store, base, theirs)
    write(store, "/c.md", "somebody was faster\n")
    change_set = change_sets.begin(store, "adoption", "Adopted a dream", TESTER)
    with pytest.raises(Conflict):
        change_sets.apply(store, merges, change_set=change_set, by=TESTER)
    assert texts(store) == BEFORE | {"/c.md": "somebody was faster\n"}
    assert not change_set.versions.exists()


def test_a_file_made_meanwhile_is_never_overwritten(store, draft):
    merges = change_sets.merge(store, change_sets.heads(store), change_sets.heads(draft))
    write(store, "/new/d.md", "not yours\n")
    change_set = change_sets.begin(store, "adoption", "Adopted a dream", TESTER)
    with pytest.raises(Conflict):
        change_sets.apply(store, merges, change_set=change_set, by=TESTER)


def test_a_renamed_file_keeps_its_id(store):
    draft, key = clone(store), store.memories.get(path="/a.md").pk
    stores.move(draft.memories.get(path="/a.md"), "/z.md", act=Act(TESTER, into_draft=True))
    change_set = adopt(store, draft)
    assert store.memories.get(path="/z.md").pk == key
    assert change_set.versions.get().operation == Operation.MODIFIED


def test_a_file_can_give_way_to_a_folder_of_its_name(store):
    draft = clone(store)
    remove(draft, "/a.md")
    write(draft, "/a.md/part.md", "a, in part\n")
    adopt(store, draft)
    assert "/a.md/part.md" in texts(store)


def test_a_draft_takes_a_change_set_only_from_a_dream(store):
    draft = clone(store)
    merges = change_sets.merge(draft, change_sets.heads(draft), {})
    change_set = change_sets.begin(draft, "review", "Cleared", TESTER)
    with pytest.raises(Refused):
        change_sets.apply(draft, merges, change_set=change_set, by=TESTER)
    change_sets.apply(draft, merges, change_set=change_set, by=TESTER, into_draft=True)
    assert texts(draft) == {}


def test_a_text_beyond_the_limit_is_refused(store):
    merges = change_sets.merge(store, change_sets.heads(store), {})
    change_set = change_sets.begin(store, "adoption", "Too big", TESTER)
    with pytest.raises(Invalid):
        change_sets.apply(
            store,
            merges,
            {"/a.md": {"content": "x" * 200_000}},
            change_set=change_set,
            by=TESTER,
        )


# -- Before and after


def test_before_and_after_tell_what_a_change_set_did(store, draft):
    change_set = adopt(store, draft)
    write(store, "/c.md", "later\n")
    pairs = change_sets.before_after(change_set)
    told = {path: tuple(b and b.content for b in pair) for path, pair in pairs.items()}
    assert told == {
        "/b.md": ("b\n", None),
        "/c.md": ("- one\n- two\n- three\n", "- one\n- two\n- THREE\n"),
        "/new/d.md": (None, "d\n"),
    }


def test_before_and_after_follow_a_rename(store):
    change_set = change_sets.begin(store, "review", "Renamed", TESTER)
    act = Act(TESTER, change_set)
    memory = stores.move(store.memories.get(path="/a.md"), "/m.md", act=act)
    stores.update(memory, content="A\n", path="/z.md", act=act)
    pairs = change_sets.before_after(change_set)
    assert {path: tuple(b and b.content for b in pair) for path, pair in pairs.items()} == {
        "/a.md": ("a\n", None),
        "/z.md": (None, "A\n"),
    }


def test_what_came_and_went_again_leaves_no_trace(store):
    change_set = change_sets.begin(store, "review", "Tried", TESTER)
    act = Act(TESTER, change_set)
    stores.remove(stores.write(store, "/try.md", "x", act=act), act=act)
    assert change_sets.before_after(change_set) == {}


# -- Undoing


def test_undoing_brings_everything_back(store, draft):
    keys = set(store.memories.values_list("pk", flat=True))
    change_set = adopt(store, draft)
    undone = change_sets.undo(change_set, by=TESTER)
    assert texts(store) == BEFORE
    assert undone.change_set.undoes == change_set
    assert set(store.memories.values_list("pk", flat=True)) == keys


def test_good_writes_since_then_stay(store, draft):
    change_set = adopt(store, draft)
    write(store, "/c.md", "- one\n- two\n- THREE\n- four\n")
    write(store, "/later.md", "later\n")
    change_sets.undo(change_set, by=TESTER)
    since = {"/c.md": "- one\n- two\n- three\n- four\n", "/later.md": "later\n"}
    assert texts(store) == BEFORE | since


def test_undoing_what_was_changed_since_needs_a_person(store, draft):
    change_set = adopt(store, draft)
    write(store, "/new/d.md", "d, and more\n")
    with pytest.raises(NeedsPerson):
        change_sets.undo(change_set, by=TESTER)
    assert not ChangeSet.objects.filter(undoes=change_set).exists()
    change_sets.undo(change_set, by=TESTER, resolutions={"/new/d.md": "ours"})
    assert texts(store) == BEFORE | {"/new/d.md": "d, and more\n"}


def test_a_dry_run_shows_the_conflicts_and_writes_nothing(store, draft):
    change_set = adopt(store, draft)
    write(store, "/new/d.md", "d, and more\n")
    preview = change_sets.undo(change_set, by=TESTER, dry_run=True)
    assert preview.change_set is None
    assert [merge.path for merge in preview.merges if merge.is_conflict] == ["/new/d.md"]
    assert texts(store)["/c.md"] == AFTER["/c.md"]


def test_undoing_twice_is_refused(store, draft):
    change_set = adopt(store, draft)
    change_sets.undo(change_set, by=TESTER)
    with pytest.raises(Refused, match="already"):
        change_sets.undo(change_set, by=TESTER)


def test_an_undo_can_be_undone_and_the_change_undone_anew(store, draft):
    change_set = adopt(store, draft)
    undone = change_sets.undo(change_set, by=TESTER)
    change_sets.undo(undone.change_set, by=TESTER)
    assert texts(store) == AFTER
    change_sets.undo(change_set, by=TESTER)
    assert texts(store) == BEFORE


def test_undoing_a_rename_with_a_change_keeps_the_id(store):
    key = store.memories.get(path="/a.md").pk
    change_set = change_sets.begin(store, "review", "Renamed", TESTER)
    act = Act(TESTER, change_set)
    stores.update(store.memories.get(path="/a.md"), content="A\n", path="/z.md", act=act)
    change_sets.undo(change_set, by=TESTER)
    assert texts(store) == BEFORE
    assert store.memories.get(path="/a.md").pk == key


def test_undoing_never_takes_a_file_that_moved_on_since(store):
    change_set = change_sets.begin(store, "review", "Renamed", TESTER)
    memory = stores.move(store.memories.get(path="/a.md"), "/b2.md", act=Act(TESTER, change_set))
    stores.update(memory, path="/mine.md", content="mine now\n", act=ACT)
    change_sets.undo(change_set, by=TESTER)
    assert texts(store) == BEFORE | {"/mine.md": "mine now\n"}


def test_a_redacted_text_cannot_be_brought_back(store, draft):
    before = store.memories.get(path="/b.md").head
    change_set = adopt(store, draft)
    redaction.redact(before, by=TESTER)
    assert "/b.md" not in change_sets.before_after(change_set)
    with pytest.raises(Refused, match="redacted"):
        change_sets.undo(change_set, by=TESTER)


def test_an_archived_store_is_not_undone(store, draft):
    change_set = adopt(store, draft)
    stores.archive(store)
    with pytest.raises(Refused, match="archived"):
        change_sets.undo(change_set, by=TESTER)


def test_an_empty_change_set_can_be_undone(store):
    change_set = change_sets.begin(store, "review", "Nothing", TESTER)
    assert change_sets.undo(change_set, by=TESTER).merges == []
