"""Paths as trees."""

import time
from datetime import UTC, datetime

import pytest

from memory import index_check, trees

pytestmark = pytest.mark.once


def build(*paths, size=10):
    return trees.build([(path, size, f"mem_{number}") for number, path in enumerate(paths)])


def names(folder):
    return [each.name for each in [*folder.pinned, *folder.folders, *folder.others]]


def test_folders_stand_before_files_and_numbers_count_as_numbers():
    root = build("/b.md", "/note 10.md", "/note 9.md", "/Alpha.md", "/z/x.md", "/a/x.md")
    assert names(root) == ["a", "z", "Alpha.md", "b.md", "note 9.md", "note 10.md"]


def test_the_index_stands_above_the_folders():
    assert names(build("/a/x.md", "/about.md", "/index.md")) == ["index.md", "a", "about.md"]


def test_a_folder_counts_what_is_below_it():
    root = build("/a/b/x.md", "/a/b/y.md", "/a/z.md", "/q.md")
    assert (root.count, root.size) == (4, 40)
    assert (root.find("/a/").count, root.find("/a/b/").size) == (3, 20)


def test_there_is_no_folder_where_nothing_is():
    assert build("/a/x.md").find("/b/") is None


def test_a_chain_of_folders_is_shown_as_one():
    root = build("/a/b/c/x.md", "/q/x.md", "/q/r/x.md")
    assert [(label, folder.path) for label, folder in root.branches] == [
        ("a/b/c", "/a/b/c/"),
        ("q", "/q/"),
    ]


def test_only_the_way_to_the_open_file_is_unfolded_when_there_is_much():
    many = [f"/b/{number}.md" for number in range(trees.SMALL)]
    root = trees.unfold(build("/a/c/x.md", *many), "/a/c/x.md")
    assert [folder.path for folder in root.walk() if folder.is_open] == ["/", "/a/", "/a/c/"]


def test_a_small_tree_is_unfolded_whole():
    assert all(folder.is_open for folder in trees.unfold(build("/a/x.md", "/b/c/y.md")).walk())


def test_all_folders_are_opened_while_there_is_room():
    root = build("/a/x.md", "/b/x.md", "/b/y.md", "/c/x.md")
    assert trees.unfold_all(root, 7)
    assert not trees.unfold_all(root, 6)
    assert [folder.path for folder in root.walk() if not folder.is_open] == ["/c/"]


def test_rows_that_are_cut_off_still_count():
    root = build("/index.md", "/a/x.md", *[f"/{number}.md" for number in range(trees.LISTED + 5)])
    assert (root.rows, root.shown) == (trees.LISTED + 8, trees.LISTED + 3)


def test_a_filter_wants_every_word_in_any_case():
    rows = [("/Notes/Talk.md", 1, "a"), ("/notes/other.md", 1, "b")]
    assert [row[0] for row in trees.matching(rows, "TALK notes")] == ["/Notes/Talk.md"]


@pytest.mark.parametrize(
    "path", ["/" + "a/" * 19 + "x", "/" + "9" * 900, "/²³/x", "/١٢/x", "/ .md"]
)
def test_strange_paths_find_their_place(path):
    assert build(path).count == 1


def test_a_folder_tells_the_newest_change_below_it():
    old, new = [trees.Change(datetime(2026, 1, day, tzinfo=UTC), "Ada") for day in (1, 2)]
    rows = [("/a/x.md", 1, "x"), ("/a/b/y.md", 1, "y"), ("/c.md", 1, "c")]
    root = trees.build(rows, {"x": old, "y": new})
    assert (root.change, root.find("/a/").change, root.find("/a/b/").change) == (new, new, new)
    assert [file.change for file in root.files] == [None]


# -- The index ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "urls", "paths", "missing", "unmentioned"),
    [
        ("", [], [], (), ()),
        ("", [], ["/a.md"], (), ("/a.md",)),
        ("[a](a.md)", ["a.md"], ["/a.md"], (), ()),
        ("[a](a%20b.md#top)", ["a%20b.md#top"], ["/a b.md"], (), ()),
        ("[b](b.md)", ["b.md"], ["/a.md"], ("/b.md",), ("/a.md",)),
        ("[n](notes/)", ["notes/"], ["/notes/x.md", "/notes/y/z.md"], (), ()),
        ("[top](/)", ["/"], ["/a.md"], (), ("/a.md",)),
        ("see notes/a.md, `b.md`.", [], ["/notes/a.md", "/x/b.md"], (), ()),
        ("banana.md", [], ["/ana.md"], (), ("/ana.md",)),
        ("[[Talk]]", ["?wiki=Talk"], ["/deep/talk.md"], (), ()),
        ("[[Gone]]", ["?wiki=Gone"], [], ("/Gone.md",), ()),
        ("[o](/mnt/memory/o/x.md)", ["/mnt/memory/o/x.md"], [], (), ()),
    ],
)
def test_an_index_is_compared_with_what_is_there(text, urls, paths, missing, unmentioned):
    checked = index_check.check("/index.md", text, urls, ["/index.md", *paths])
    assert (checked.missing, checked.unmentioned) == (missing, unmentioned)


def test_an_endless_row_of_dots_is_looked_at_once():
    began = time.thread_time()
    index_check.check("/index.md", "." * 100_000, [], ["/index.md"])
    assert time.thread_time() - began < 1


def test_a_note_shows_both_ends_of_a_long_name():
    name = f"/{'a' * 200}.md"
    [note] = index_check.check("/index.md", "", [], [name]).notes
    assert note == f"1 file is not mentioned: /{'a' * 39}…{'a' * 37}.md."


def test_notes_name_the_first_few():
    text = "x" * 500 + "\n" + "x" * 501
    paths = ["/index.md", *[f"/{number}.md" for number in range(5)]]
    assert index_check.check("/index.md", text, ["gone.md"], paths).notes == [
        "1 link leads to no file: /gone.md.",
        "5 files are not mentioned: /0.md, /1.md, /2.md and 2 more.",
        "Over 500 letters long: line 2.",
    ]
