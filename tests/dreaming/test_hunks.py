"""Changes taken back one by one: each on its own, all of them together the old text again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dreaming.hunks import hunks, without
from memory.diffs import side_by_side
from memory.paths import Invalid

pytestmark = pytest.mark.once
BEFORE = "one\ntwo\nthree\nfour\nfive\n"
AFTER = "ONE\ntwo\nthree\nfour\nfive\nsix\n"
TEXTS = st.lists(st.sampled_from(["a", "b", "c", "", "# d"]), max_size=12).map("\n".join)


def test_each_change_can_be_left_out():
    assert without(BEFORE, AFTER, 1) == "one\ntwo\nthree\nfour\nfive\nsix\n"
    assert without(BEFORE, AFTER, 2) == "ONE\ntwo\nthree\nfour\nfive\n"


def test_a_change_can_be_put_differently():
    assert (
        without(BEFORE, AFTER, 2, "seven\neight") == "ONE\ntwo\nthree\nfour\nfive\nseven\neight\n"
    )
    assert without(BEFORE, AFTER, 1, "") == "two\nthree\nfour\nfive\nsix\n"


@pytest.mark.parametrize("number", [0, 3, -1])
def test_a_change_that_is_not_there_is_refused(number):
    with pytest.raises(Invalid):
        without(BEFORE, AFTER, number)


@pytest.mark.parametrize(
    ("before", "after"),
    [("a\nb", "a\nc"), ("a\nb\n", "a\nc"), ("a\nb", "a\nc\n"), ("", "a\n"), ("a\n", "")],
)
def test_line_ends_at_the_end_come_back_too(before, after):
    assert without(before, after, 1) == before


@given(TEXTS, TEXTS)
def test_without_any_change_it_is_the_old_text(before, after):
    text = after
    for _ in hunks(before, after) + hunks(after, before):  # a diff may fall into more parts
        if hunks(before, text):
            text = without(before, text, 1)
    assert text.rstrip("\n") == before.rstrip("\n")


@given(TEXTS, TEXTS)
def test_changes_are_numbered_as_the_page_numbers_them(before, after):
    shown = [block for block in side_by_side(before, after).blocks if block.kind == "hunk"]
    assert len(hunks(before, after)) == len(shown)
    for hunk, block in zip(hunks(before, after), shown, strict=True):
        assert [row.new - 1 for row in block.rows if row.new] == list(
            range(hunk.new.start, hunk.new.stop)
        )
