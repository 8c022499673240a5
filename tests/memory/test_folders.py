"""Folders and several files at once: moved and deleted as one act, and undone as one."""

import pytest
from django.urls import reverse

from memory import change_sets, folders, stores
from memory.models import ChangeSet
from memory.paths import Invalid
from memory.stores import Conflict, Occupied
from tests.factories import TESTER, make_memory, make_store

pytestmark = pytest.mark.django_db
FILES = {
    "/index.md": "# Index\n",
    "/notes/a.md": "a\n",
    "/notes/deep/b.md": "b\n",
    "/notes2/c.md": "c\n",
}


@pytest.fixture
def store(workspace):
    return make_store(files=FILES)


def standing(store):
    return {memory.path: memory.content for memory in store.memories.with_text()}


def seen(store, *names):
    return folders.digest(folders.chosen(store, names))


def move(store, names, to):
    return folders.move(store, names, to, by=TESTER, seen=seen(store, *names))


def rename(store, folder, to):
    return folders.rename(store, folder, to, by=TESTER, seen=seen(store, folder))


def remove(store, *names):
    return folders.remove(store, names, by=TESTER, seen=seen(store, *names))


def test_a_folder_is_renamed_with_all_that_is_in_it(store):
    keys = dict(store.memories.values_list("path", "pk"))
    made = rename(store, "/notes/", "/old/notes/")
    assert set(standing(store)) == {
        "/index.md", "/notes2/c.md", "/old/notes/a.md", "/old/notes/deep/b.md",
    }  # fmt: skip
    assert store.memories.get(path="/old/notes/a.md").pk == keys["/notes/a.md"]
    assert made.versions.count() == 2
    for memory in store.memories.all():
        assert memory.head_id == memory.versions.first().pk


def test_files_and_folders_are_moved_together(store):
    move(store, ["/notes/deep/", "/index.md"], "/notes2/")
    assert set(standing(store)) == {
        "/notes/a.md", "/notes2/c.md", "/notes2/deep/b.md", "/notes2/index.md",
    }  # fmt: skip


@pytest.mark.parametrize("act", [lambda s: rename(s, "/notes/", "/x/"), lambda s: remove(s, "/notes/", "/index.md")])  # fmt: skip
def test_it_is_undone_as_one(store, act):
    change_sets.undo(act(store), by=TESTER)
    assert standing(store) == FILES
    store.refresh_from_db()
    assert (store.memory_count, store.size) == (4, sum(map(len, FILES.values())))


def test_what_is_deleted_goes_whole_and_is_counted(store):
    made = remove(store, "/notes/", "/index.md")
    assert set(standing(store)) == {"/notes2/c.md"}
    store.refresh_from_db()
    assert (store.memory_count, store.size, made.kind) == (1, 2, "deletion")


@pytest.mark.parametrize(
    ("names", "to", "error"),
    [
        (["/notes/"], "/notes/deep/", Invalid),  # into itself
        (["/index.md"], "/", Invalid),  # where it is
        (["/notes/a.md"], "/index.md/", Occupied),  # a file is no folder
        (["/notes/"], "/" + "n/" * 19, Invalid),  # too deep
    ],
)
def test_a_move_that_cannot_be_changes_nothing(store, names, to, error):
    with pytest.raises(error):
        move(store, names, to)
    assert standing(store) == FILES
    assert not store.change_sets.exists()


def test_what_stands_in_the_way_is_named(store):
    make_memory(store, "/notes2/a.md", "another")
    with pytest.raises(Occupied, match="/notes2/a.md is in the way"):
        move(store, ["/notes/a.md"], "/notes2/")


def test_two_of_one_name_do_not_fit_into_one_folder(store):
    make_memory(store, "/notes2/a.md", "another")
    with pytest.raises(Invalid, match="same name"):
        move(store, ["/notes/a.md", "/notes2/a.md"], "/all/")


def test_what_changed_since_it_was_seen_stays(store):
    before = seen(store, "/notes/")
    make_memory(store, "/notes/a.md", "changed meanwhile")
    for act in (
        lambda: folders.remove(store, ["/notes/"], by=TESTER, seen=before),
        lambda: folders.rename(store, "/notes/", "/x/", by=TESTER, seen=before),
    ):
        with pytest.raises(Conflict, match="changed since you looked"):
            act()
    assert len(standing(store)) == 4


def test_an_archived_store_is_left_alone(store):
    stores.archive(store)
    with pytest.raises(stores.Refused):
        remove(store, "/notes/")


# -- The pages ----------------------------------------------------------------------------


def url(name, store):
    return reverse(f"memory:{name}", args=["lab", store.pk])


def test_a_person_moves_a_folder_and_is_offered_the_way_back(as_bob, store):
    where = url("files_move", store)
    assert "/notes/deep/b.md" in as_bob.get(where, {"path": "/notes/"}).content.decode()
    given = {"path": "/notes/", "to": "/old", "seen": seen(store, "/notes/")}
    page = as_bob.post(where, given, follow=True).content.decode()
    assert "/old/a.md" in standing(store)
    undo = reverse("memory:change_undo", args=["lab", store.pk, ChangeSet.objects.get().pk])
    assert undo in page


@pytest.mark.parametrize(
    ("name", "given", "folder"),
    [
        ("files_move", {"path": "/notes/", "to": "/old"}, "/old/"),
        ("files_remove", {"path": "/notes/deep/"}, "/notes/"),
        ("files_remove", {"path": "/notes2/c.md"}, "/"),
    ],
)
def test_one_stays_near_what_was_moved_or_deleted(as_bob, store, name, given, folder):
    given["seen"] = seen(store, given["path"])
    answer = as_bob.post(url(name, store), given)
    assert answer["Location"].endswith(f"?folder={folder}")


def test_a_person_who_saw_another_text_is_asked_again(as_bob, store):
    given = {"path": ["/notes/", "/index.md"], "seen": seen(store, "/notes/", "/index.md")}
    make_memory(store, "/notes/a.md", "changed meanwhile")
    answer = as_bob.post(url("files_remove", store), given)
    assert answer.status_code == 409
    assert "changed since you looked" in answer.content.decode()
    assert len(standing(store)) == 4
    given["seen"] = seen(store, *given["path"])
    as_bob.post(url("files_remove", store), given)
    assert set(standing(store)) == {"/notes2/c.md"}


@pytest.mark.parametrize(("name", "verb"), [("files_move", "Move"), ("files_remove", "Delete")])
def test_the_heading_counts_the_files_that_are_meant(as_bob, store, name, verb):
    # A folder of two, a file in it that is picked as well, and one that has gone.
    picked = {"path": ["/notes/", "/notes/a.md", "/gone.md"]}
    page = as_bob.get(url(name, store), picked).content.decode()
    assert f"{verb} 2 files" in page


def test_what_was_done_is_told_in_files(store):
    change = remove(store, "/notes/", "/notes/a.md", "/gone.md")
    assert change.summary == "Deleted 2 files"


def test_the_files_of_one_act_stand_by_path_and_who_did_it_stands_once(as_vera, store):
    change = remove(store, "/notes/")
    page = as_vera.get(url("store_history", store), {"change": change.pk}).content.decode()
    pane = page[page.index('id="pane"') :]
    assert pane.index("/notes/a.md") < pane.index("/notes/deep/b.md")
    assert pane.count(TESTER.name) == 1 and "part of" not in pane


@pytest.mark.parametrize("name", ["files_move", "files_remove"])
def test_nothing_chosen_is_said(as_bob, store, name):
    page = as_bob.get(url(name, store), {"path": "/nowhere/"}, follow=True).content.decode()
    assert "No file was chosen" in page


def test_what_is_in_the_way_stands_at_the_field(as_bob, store):
    make_memory(store, "/notes2/a.md", "another")
    given = {"path": "/notes/", "to": "/notes2/", "seen": seen(store, "/notes/")}
    answer = as_bob.post(url("files_move", store), given)
    assert answer.status_code == 422
    assert "/notes2/a.md is in the way" in answer.content.decode()


def test_the_top_of_the_store_is_a_folder_too(as_vera, store):
    page = as_vera.get(url("store", store), {"folder": "/"}).content.decode()
    assert "All files" in page
    assert 'value="/notes/"' in page


@pytest.mark.parametrize(
    ("path", "value"),
    [("/notes/deep/", "/notes2/deep/"), ("/notes/a.md", "/notes2/a.md")],
)
def test_what_was_dragged_onto_a_folder_is_only_asked_about(as_bob, store, path, value):
    given = {"path": path, "to": "/notes2/"}
    page = as_bob.get(url("files_move", store), given, follow=True).content.decode()
    assert f'value="{value}"' in page
    assert set(standing(store)) == set(FILES)
