"""The write verbs: every change makes a version, and nobody's words are overwritten unseen."""

import pytest

from console.rows import BATCH
from memory import paths, redaction, stores
from memory.models import Blob, Memory, Store, StoreState, Version
from memory.paths import Invalid
from memory.stores import ABSENT, Act, Conflict, Occupied, Refused, sha256
from tests.factories import TESTER, make_memory, make_store

pytestmark = pytest.mark.django_db
ACT = Act(TESTER)


@pytest.fixture
def store(db):
    return make_store()


@pytest.fixture
def talk(store):
    return make_memory(store, "/notes/talk.md", "noon\n")


def write(store, path, content, **options):
    return stores.write(store, path, content, act=ACT, **options)


def history(store):
    versions = store.versions.order_by("pk")
    return [(v.operation, v.path, v.content) for v in versions]


def totals(store):
    store.refresh_from_db()
    return store.memory_count, store.size


# -- Writing


def test_a_write_makes_a_memory_and_its_first_version(store):
    memory = write(store, "/a.md", "ä\n")
    assert memory.content == "ä\n"
    assert memory.head.memory_id == memory.pk
    assert history(store) == [("created", "/a.md", "ä\n")]
    assert totals(store) == (1, 3)


def test_a_second_write_changes_the_memory_and_keeps_the_first(store):
    first, second = write(store, "/a.md", "one"), write(store, "/a.md", "two!")
    assert (second.pk, second.content) == (first.pk, "two!")
    assert history(store) == [("created", "/a.md", "one"), ("modified", "/a.md", "two!")]
    assert totals(store) == (1, 4)


def test_writing_what_stands_there_makes_no_version(store, talk):
    assert write(store, talk.path, "noon\n", expected="0" * 64) == talk
    assert len(history(store)) == 1


def test_a_version_remembers_who_and_why(store, talk):
    assert (talk.head.actor, talk.head.actor_name) == (TESTER.id, TESTER.name)


@pytest.mark.parametrize("expected", ["0" * 64, ABSENT])
def test_a_writer_who_saw_something_else_changes_nothing(store, talk, expected):
    with pytest.raises(Conflict) as raised:
        write(store, talk.path, "1 pm\n", expected=expected)
    assert raised.value.memory == talk
    assert history(store) == [("created", "/notes/talk.md", "noon\n")]


def test_a_writer_who_saw_a_text_that_is_gone_makes_nothing(store):
    with pytest.raises(Conflict, match="deleted"):
        write(store, "/a.md", "new", expected=sha256("old"))
    assert not store.memories.exists()


def test_the_hash_last_seen_lets_the_writer_through(store, talk):
    assert write(store, talk.path, "1 pm\n", expected=sha256("noon\n")).content == "1 pm\n"
    assert write(store, "/new.md", "new", expected=ABSENT).content == "new"


@pytest.mark.parametrize("path", ["/notes", "/notes/talk.md/part.md"])
def test_a_path_is_a_file_or_a_folder_and_not_both(store, talk, path):
    with pytest.raises(Occupied) as raised:
        write(store, path, "x")
    assert raised.value.memory == talk


@pytest.mark.parametrize("path", ["/note", "/notes/talk.m", "/notes/talk.md0", "/notes2/a.md"])
def test_a_path_that_only_looks_alike_is_free(store, talk, path):
    assert write(store, path, "x").path == path


@pytest.mark.parametrize(("path", "content"), [("/a\0", "x"), ("a", "x"), ("/a", "x" * 102_401)])
def test_a_write_that_breaks_a_rule_makes_nothing(store, path, content):
    with pytest.raises(Invalid):
        write(store, path, content)
    with pytest.raises(Invalid):
        stores.add(store, path, content, act=ACT)
    assert totals(store) == (0, 0)


def test_adding_never_takes_over_what_stands_there(store, talk):
    with pytest.raises(Occupied):
        stores.add(store, talk.path, "noon\n", act=ACT)


def test_a_full_store_takes_changes_but_nothing_new(store, talk):
    Store.objects.filter(pk=store.pk).update(memory_count=paths.MAX_MEMORIES)
    with pytest.raises(Invalid, match="full"):
        write(store, "/new.md", "new")
    assert write(store, talk.path, "1 pm\n").content == "1 pm\n"


def test_paths_differ_by_case(store, talk):
    assert write(store, "/Notes/talk.md", "other").pk != talk.pk


def test_a_transaction_rings_once_per_store(django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks() as callbacks:
        one, two = (make_store(files={"/a.md": "a", "/b.md": "b"}) for _ in range(2))
    assert [call.args[0] for call in callbacks] == [one.pk, two.pk]


# -- Changing, moving, removing


def test_an_update_can_change_text_and_path_at_once(store, talk):
    memory = stores.update(talk, content="1 pm\n", path="/talk.md", act=ACT)
    assert (memory.pk, memory.path, memory.content) == (talk.pk, "/talk.md", "1 pm\n")
    assert history(store)[1:] == [("modified", "/talk.md", "1 pm\n")]


def test_a_move_keeps_id_and_text(store, talk):
    moved = stores.move(talk, "/b/c.md", act=ACT)
    assert (moved.pk, moved.content) == (talk.pk, "noon\n")
    assert totals(store) == (1, 5)


def test_a_move_below_its_own_path_is_possible(store, talk):
    assert stores.move(talk, "/notes/talk.md/old", act=ACT).path == "/notes/talk.md/old"


def test_a_move_onto_another_is_refused(store, talk):
    other = make_memory(store, "/b.md", "b")
    with pytest.raises(Occupied):
        stores.move(talk, "/b.md", act=ACT)
    assert Memory.objects.get(pk=other.pk).content == "b"


def test_an_update_of_a_memory_that_is_gone_is_a_conflict(talk):
    stores.remove(talk, act=ACT)
    with pytest.raises(Conflict, match="deleted"):
        stores.update(talk, content="1 pm\n", act=ACT)


def test_an_update_looks_at_the_text_that_stands_now(store, talk):
    write(store, talk.path, "1 pm\n")
    with pytest.raises(Conflict):
        stores.update(talk, content="2 pm\n", act=ACT, expected=sha256("noon\n"))


def test_removing_leaves_the_history(store, talk):
    version = stores.remove(talk, act=ACT, expected=sha256("noon\n"))
    assert (version.operation, version.path, version.content) == ("deleted", talk.path, None)
    assert not store.memories.exists()
    assert totals(store) == (0, 0)


def test_removing_what_changed_is_a_conflict(store, talk):
    with pytest.raises(Conflict):
        stores.remove(talk, act=ACT, expected=sha256("other"))
    assert totals(store) == (1, 5)


# -- Restoring and redacting


def test_restoring_brings_text_and_path_back(store, talk):
    stores.update(talk, content="1 pm\n", path="/talk.md", act=ACT)
    memory = stores.restore(talk.head, act=ACT)
    assert (memory.pk, memory.path, memory.content) == (talk.pk, "/notes/talk.md", "noon\n")
    assert len(history(store)) == 3


def test_restoring_a_deleted_memory_brings_its_id_back(store, talk):
    stores.remove(talk, act=ACT)
    memory = stores.restore(talk.head, act=ACT, expected=ABSENT)
    assert (memory.pk, memory.content) == (talk.pk, "noon\n")
    assert [operation for operation, *_ in history(store)] == ["created", "deleted", "created"]
    assert totals(store) == (1, 5)


def test_ids_given_out_after_a_restore_are_new(store, talk):
    stores.remove(talk, act=ACT)
    stores.restore(talk.head, act=ACT)
    assert write(store, "/new.md", "new").pk != talk.pk


def test_restoring_to_a_place_that_is_taken_is_refused(store, talk):
    stores.remove(talk, act=ACT)
    make_memory(store, "/notes", "a file now")
    with pytest.raises(Occupied):
        stores.restore(talk.head, act=ACT)


def test_a_version_without_text_cannot_be_restored(store, talk):
    deleted = stores.remove(talk, act=ACT)
    redacted = redaction.redact(talk.head, by=TESTER)
    for version in (deleted, redacted):
        with pytest.raises(Refused):
            stores.restore(version, act=ACT)


def test_a_version_redacted_meanwhile_cannot_be_restored(store, talk):
    first = Version.objects.select_related("blob").get(pk=talk.head_id)
    write(store, talk.path, "1 pm\n")
    redaction.redact(Version.objects.get(pk=first.pk), by=TESTER)
    with pytest.raises(Refused):
        stores.restore(first, act=ACT)


def test_redacting_takes_the_text_out_of_the_database(store, talk):
    write(store, talk.path, "1 pm\n")
    version = redaction.redact(talk.head, by=TESTER)
    assert (version.path, version.content, version.redacted_by) == (None, None, TESTER.id)
    assert not Blob.objects.filter(sha256=sha256("noon\n")).exists()


def test_a_text_that_something_else_holds_stays(store, talk):
    make_memory(make_store(name="Other"), "/same.md", "noon\n")
    write(store, talk.path, "1 pm\n")
    redaction.redact(talk.head, by=TESTER)
    assert Blob.objects.filter(sha256=sha256("noon\n")).exists()


def test_the_text_that_stands_cannot_be_redacted(talk):
    with pytest.raises(Refused):
        redaction.redact(talk.head, by=TESTER)


def test_redacting_twice_changes_nothing(store, talk):
    write(store, talk.path, "1 pm\n")
    first = redaction.redact(talk.head, by=TESTER)
    again = redaction.redact(talk.head, by=TESTER)
    assert again.redacted_at == first.redacted_at


def test_a_deletion_can_be_redacted_too(store, talk):
    deleted = stores.remove(talk, act=ACT)
    assert redaction.redact(deleted, by=TESTER).path is None


# -- Stores and their states


def test_an_archived_store_can_only_be_read_and_emptied(store, talk):
    stores.archive(store)
    for attempt in (
        lambda: write(store, "/a.md", "a"),
        lambda: stores.update(talk, content="1 pm\n", act=ACT),
        lambda: stores.restore(talk.head, act=ACT),
        lambda: stores.describe(store, name="New"),
    ):
        with pytest.raises(Refused, match="archived"):
            attempt()
    stores.remove(talk, act=ACT)
    assert totals(store) == (0, 0)


def test_a_draft_is_changed_only_by_its_dream():
    draft = make_store(state=StoreState.DRAFT, files={"/a.md": "a"})
    memory = draft.memories.get()
    for attempt in (
        lambda: write(draft, "/a.md", "b"),
        lambda: stores.remove(memory, act=ACT),
        lambda: stores.restore(memory.head, act=ACT),
    ):
        with pytest.raises(Refused, match="draft"):
            attempt()
    assert stores.remove(memory, act=Act(TESTER, into_draft=True)).operation == "deleted"


def test_describing_changes_what_was_given(store):
    stores.describe(store, metadata={"a": "1"})
    described = stores.describe(store, name="New", metadata={"b": "2"})
    assert (described.name, described.description) == ("New", "")
    assert described.metadata == {"a": "1", "b": "2"}


def test_a_deleted_store_takes_its_texts_along_but_not_those_of_others(store, talk):
    other = make_memory(make_store(name="Other"), "/same.md", "noon\n")
    write(store, talk.path, "1 pm\n")
    stores.delete_store(store)
    assert [blob.content for blob in Blob.objects.all()] == ["noon\n"]
    assert list(Memory.objects.all()) == [other]
    assert Version.objects.count() == 1


def test_a_store_of_many_texts_can_be_deleted(store):
    texts = [str(number) for number in range(BATCH + 1)]
    made = [Blob(sha256=sha256(text), content=text, size=len(text)) for text in texts]
    for blob in Blob.objects.bulk_create(made):
        blob.version = Version(store=store, memory_id=0, path="/a", blob=blob)
    Version.objects.bulk_create(blob.version for blob in made)
    stores.delete_store(store)
    assert not Blob.objects.exists()


# -- Cloning


def test_a_clone_has_every_text_and_one_version_of_each(store, talk):
    write(store, talk.path, "1 pm\n")
    write(store, "/a.md", "a")
    copy = clone(store)
    assert [(m.path, m.content) for m in copy.memories.all()] == [
        ("/a.md", "a"),
        ("/notes/talk.md", "1 pm\n"),
    ]
    assert history(copy) == [("created", "/a.md", "a"), ("created", "/notes/talk.md", "1 pm\n")]
    assert totals(copy) == totals(store)


def test_every_memory_of_a_clone_is_paired_with_its_version(store, talk):
    write(store, "/a.md", "a")
    copy = clone(store)
    for memory in copy.memories.all():
        assert memory.head.memory_id == memory.pk
        assert (memory.head.path, memory.head.blob_id) == (memory.path, memory.blob_id)
    assert not set(copy.memories.values_list("pk")) & set(store.memories.values_list("pk"))


def test_cloning_stores_no_text_twice(store, talk):
    clone(store)
    assert Blob.objects.count() == 1


def test_clone_and_source_go_separate_ways(store, talk):
    copy = clone(store)
    stores.write(copy, talk.path, "1 pm\n", act=Act(TESTER, into_draft=True))
    write(store, "/b.md", "b")
    assert Memory.objects.get(pk=talk.pk).content == "noon\n"
    assert not copy.memories.filter(path="/b.md").exists()


def clone(store):
    return stores.clone(store, name="Copy", description="", state=StoreState.DRAFT, by=TESTER)
