"""Three-way merges: what both sides did stays, and what does not fit is never decided silently."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory import merge
from memory.merge import Overlap, apply_choices, merge_texts, merge_trees
from memory.paths import MAX_CONTENT_BYTES, Invalid
from memory.stores import sha256

pytestmark = pytest.mark.once

LIST = "# Team\n- Ada\n- Ben\n"


@dataclass
class Text:
    content: str

    @property
    def sha256(self) -> str:
        return sha256(self.content)


@dataclass
class Unread:
    """A side whose text must not be needed."""

    sha256: str

    @property
    def content(self) -> str:
        raise AssertionError("The text was read.")


def tree(**files: str) -> dict[str, Text]:
    return {f"/{name.replace('__', '/')}": Text(text) for name, text in files.items()}


# -- One text


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "merged"),
    [
        ("a\nb\nc\n", "A\nb\nc\n", "a\nb\nC\n", "A\nb\nC\n"),
        ("a\nb\n", "a\nb\n", "a\n", "a\n"),
        ("a\nb\n", "a\nb\nc\n", "a\nb\n", "a\nb\nc\n"),
        ("a\n", "b\n", "b\n", "b\n"),
        ("a\n", "a\n", None, None),
        ("a\n", None, "a\n", None),
        (None, None, "new\n", "new\n"),
        (None, "same\n", "same\n", "same\n"),
        ("a\r\nb\r\nc\r\n", "A\r\nb\r\nc\r\n", "a\r\nb\r\nC\r\n", "A\r\nb\r\nC\r\n"),
        (
            "one\u2028line\nb\nc",
            "one\u2028line\nb\nC",
            "One\u2028line\nb\nc",
            "One\u2028line\nb\nC",
        ),
    ],
)
def test_what_one_side_changed_is_taken_from_it(base, ours, theirs, merged):
    result = merge_texts(base, ours, theirs)
    assert result.is_clean
    assert result.text == merged


def test_bullets_appended_by_both_stay_both_with_ours_first():
    merged = merge_texts(LIST, LIST + "- Cleo\n", LIST + "- Dan\n")
    assert merged.text == LIST + "- Cleo\n- Dan\n"
    assert merged.is_clean


def test_appending_needs_no_line_break_at_the_end():
    assert merge_texts("a\nb", "a\nb\nc\n", "a\nb\nd").text == "a\nb\nc\nd\n"
    assert merge_texts("a\nb", "a\nb\nc", "a\nb\nd\n").text == "a\nb\nc\nd\n"


def test_a_heading_that_both_inserted_stands_once():
    merged = merge_texts(LIST, LIST + "## New\n- Cleo\n", LIST + "## New\n- Dan\n")
    assert merged.text == LIST + "## New\n- Cleo\n- Dan\n"


@pytest.mark.parametrize(
    ("ours", "theirs", "merged"),
    [
        ("- a!\n- b\n", "- a\n- b!\n", "- a!\n- b!\n"),
        ("- a\n- b\n- c\n", "- a\n- b!\n", "- a\n- b!\n- c\n"),
        ("- a\n- new\n- b\n", "- a\n- b!\n", "- a\n- new\n- b!\n"),
    ],
)
def test_bullets_side_by_side_do_not_overlap(ours, theirs, merged):
    assert merge_texts("- a\n- b\n", ours, theirs) == merge.Merge(merged)
    assert merge_texts("- a\n- b\n", theirs, ours) == merge.Merge(merged)


def test_lines_of_one_paragraph_overlap_when_they_touch():
    merged = merge_texts(
        "The talk\nis at noon.\n", "Her talk\nis at noon.\n", "The talk\nis off.\n"
    )
    assert not merged.is_clean


def test_a_detail_added_to_a_bullet_that_ours_deleted_overlaps():
    assert not merge_texts("- a\n- b\n", "- b\n", "- a\n  - detail\n- b\n").is_clean


def test_a_line_changed_in_two_ways_overlaps():
    merged = merge_texts("x\nnoon\ny\n", "x\n1 pm\ny\n", "x\n2 pm\ny\n")
    assert merged.overlaps == (Overlap("noon", "1 pm", "2 pm"),)
    assert merged.text == "x\n1 pm\ny\n"


def test_a_deletion_beside_a_change_overlaps():
    merged = merge_texts("x\nnoon\ny\n", "x\ny\n", "x\n2 pm\ny\n")
    assert merged.overlaps == (Overlap("noon", "", "2 pm"),)


@pytest.mark.parametrize(
    ("base", "ours", "theirs"), [("a", None, "b"), ("a", "b", None), (None, "a", "b")]
)
def test_whole_files_that_do_not_fit_overlap(base, ours, theirs):
    assert merge_texts(base, ours, theirs) == merge.Merge(ours, (Overlap(base, ours, theirs),))


def test_two_texts_that_are_too_big_together_need_a_person():
    half = "x" * (MAX_CONTENT_BYTES // 2)
    assert not merge_texts("a\n", f"a\n{half}1", f"{half}2\na\n").is_clean


def test_twenty_thousand_lines_alike_merge_at_once():
    base = [f"- item {number % 7}" for number in range(20_000)]
    ours = [*base[:50], "- ours", *base[50:]]
    theirs = [*base[:15_000], "- theirs", *base[15_000:]]
    merged = merge._merge_lines(base, ours, theirs)
    assert merged.is_clean
    assert {"- ours", "- theirs"} <= set(merged.text.split("\n"))


def test_more_lines_than_can_be_compared_become_one_change():
    base = [str(number) for number in range(25_000)]
    ours = ["first", *base[1:-1], "last"]
    theirs = [*base[:9000], "middle", *base[9001:]]
    assert not merge._merge_lines(base, ours, theirs).is_clean


lines = st.lists(st.sampled_from(["", "a", "b", "c", "- d"]), max_size=12)
texts = lines.map("\n".join)


@given(texts, texts)
def test_an_unchanged_side_never_matters(base, changed):
    assert merge_texts(base, changed, base).text == changed
    assert merge_texts(base, base, changed).text == changed


@given(texts, texts, texts)
def test_no_line_that_one_side_added_is_lost_in_a_clean_merge(base, ours, theirs):
    merged = merge_texts(base, ours, theirs)
    added = {line for side in (ours, theirs) for line in side.split("\n")} - set(base.split("\n"))
    if merged.is_clean:
        assert added <= set(merged.text.split("\n"))


@given(texts, texts, texts)
def test_the_sides_overlap_alike_whichever_is_ours(base, ours, theirs):
    one, other = merge_texts(base, ours, theirs), merge_texts(base, theirs, ours)
    assert one.is_clean == other.is_clean


# -- A whole store


def test_only_what_theirs_changed_is_merged():
    base = tree(a="1", b="1", c="1")
    merges = merge_trees(base, tree(a="1", b="2", c="1"), tree(a="1", b="1", c="3", d="4"))
    assert [(m.path, m.change, m.after) for m in merges] == [
        ("/c", "take", "3"),
        ("/d", "take", "4"),
    ]


def test_paths_that_are_equal_everywhere_are_not_read():
    same = Unread(sha256("same"))
    assert merge_trees({"/a": same}, {"/a": same}, {"/a": same}) == []


def test_a_change_that_ours_has_too_is_kept():
    merges = merge_trees(tree(a="1"), tree(a="2"), tree(a="2"))
    assert [(m.change, m.before, m.after) for m in merges] == [("keep", "2", "2")]


def test_changes_on_both_sides_merge():
    (merged,) = merge_trees(tree(a="x\ny\nz"), tree(a="X\ny\nz"), tree(a="x\ny\nZ"))
    assert (merged.change, merged.before, merged.after) == ("merge", "X\ny\nz", "X\ny\nZ")


def test_a_file_deleted_here_and_changed_there_conflicts():
    (merged,) = merge_trees(tree(a="1"), {}, tree(a="2"))
    assert merged.is_conflict
    assert merged.overlaps == (Overlap("1", None, "2"),)


def test_a_file_where_ours_made_a_folder_conflicts():
    (merged,) = merge_trees({}, tree(notes__a="1"), tree(notes="2"))
    assert merged.is_conflict
    assert merged.in_the_way == ("/notes/a",)


def test_a_file_below_one_of_ours_conflicts():
    (merged,) = merge_trees({}, tree(notes="1"), tree(notes__a__b="2"))
    assert merged.is_conflict
    assert merged.in_the_way == ("/notes",)


def test_a_file_that_becomes_a_folder_makes_room_itself():
    merges = merge_trees(tree(notes="1"), tree(notes="1"), tree(notes__a="1"))
    assert [(m.path, m.change) for m in merges] == [("/notes", "take"), ("/notes/a", "take")]


def test_a_file_that_becomes_a_folder_waits_for_the_decision_about_the_file():
    merges = merge_trees(tree(notes="1"), tree(notes="changed"), tree(notes__a="1"))
    assert [m.is_conflict for m in merges] == [True, True]
    given_way = apply_choices(merges, {"/notes": "theirs"})
    assert [(m.change, m.after) for m in given_way] == [("take", None), ("take", "1")]
    stayed = apply_choices(merges, {"/notes": "ours"})
    assert [m.is_conflict for m in stayed] == [False, True]


# -- Decisions


@pytest.mark.parametrize(
    ("resolution", "after"),
    [("ours", "2"), ("theirs", "3"), ({"content": "4"}, "4"), ({"content": None}, None)],
)
def test_a_person_settles_a_conflict(resolution, after):
    merges = merge_trees(tree(a="1"), tree(a="2"), tree(a="3"))
    (settled,) = apply_choices(merges, {"/a": resolution})
    assert not settled.is_conflict
    assert settled.after == after


def test_what_nobody_decided_stays_a_conflict():
    merges = merge_trees(tree(a="1", b="1"), tree(a="2", b="2"), tree(a="3", b="3"))
    assert [m.is_conflict for m in apply_choices(merges, {"/a": "ours"})] == [False, True]


@pytest.mark.parametrize("resolution", ["mine", {}, {"content": 5}, None])
def test_a_decision_that_says_nothing_is_refused(resolution):
    merges = merge_trees(tree(a="1"), tree(a="2"), tree(a="3"))
    with pytest.raises(Invalid, match="choose"):
        apply_choices(merges, {"/a": resolution})


def test_a_decision_about_another_path_is_refused():
    with pytest.raises(Invalid, match="/b is not among"):
        apply_choices([], {"/b": "ours"})
