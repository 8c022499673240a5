"""Two texts side by side."""

import re
import time
from html import unescape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory import alignment, diffs

pytestmark = pytest.mark.once


def rows(before, after, **options):
    return diffs.side_by_side(before, after, **options).rows


def kinds(before, after):
    return [row.kind for row in rows(before, after)]


def lines(*texts):
    return "".join(f"{text}\n" for text in texts)


def test_equal_texts_have_no_hunk():
    diff = diffs.side_by_side("a\nb\n", "a\nb\n")
    assert diff.is_empty
    assert [block.kind for block in diff.blocks] == ["same"]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, "a\nb\n", ["added", "added"]),
        ("a\nb\n", None, ["removed", "removed"]),
        (None, None, []),
        ("", "", []),
        ("a\nb\nc\n", "a\nc\n", ["same", "removed", "same"]),
        ("a\nc\n", "a\nb\nc\n", ["same", "added", "same"]),
        ("the talk is at noon\n", "the talk is at two\n", ["changed"]),
    ],
)
def test_each_line_has_its_kind(before, after, expected):
    assert kinds(before, after) == expected


def test_lines_carry_both_numbers():
    found = rows(lines("a", "b", "c"), lines("a", "x is new", "y is new", "c"))
    assert [(row.old, row.new) for row in found] == [
        (1, 1),
        (2, None),
        (None, 2),
        (None, 3),
        (3, 4),
    ]


def test_words_that_changed_are_marked():
    row = rows("The talk is at noon in room 4.\n", "The talk is at 2 pm in room 4.\n")[0]
    assert row.before == "The talk is at <del>noon</del> in room 4."
    assert row.after == "The talk is at <ins>2 pm</ins> in room 4."


def test_marked_texts_are_escaped():
    row = rows("<b>one</b> & the same\n", "<b>two</b> & the same\n")[0]
    assert row.before == "&lt;b&gt;<del>one</del>&lt;/b&gt; &amp; the same"
    assert hasattr(row.before, "__html__")


def test_texts_without_marks_leave_the_escaping_to_the_template():
    row = rows(None, "<script>\n")[0]
    assert row.after == "<script>"
    assert not hasattr(row.after, "__html__")


def test_a_line_that_became_another_is_not_sprinkled_with_marks():
    row = rows("Bring the laptop.\n", "Nobody answered when we asked on Monday.\n")[0]
    assert "<ins>" not in row.after


def test_changed_lines_find_the_line_they_came_from():
    before = lines("Alice leads the project.", "Bob writes the docs.")
    after = lines("A line that is quite new.", "Bob writes all the docs.")
    found = [(row.kind, row.old, row.new) for row in rows(before, after)]
    assert ("changed", 2, 2) in found


def test_an_inserted_section_begins_with_its_heading():
    before = lines("## A", "", "text", "", "## C", "", "text")
    after = lines("## A", "", "text", "", "## B", "", "text", "", "## C", "", "text")
    added = [row.after for row in rows(before, after) if row.kind == "added"]
    assert added == ["## B", "", "text", ""]


def test_a_line_that_went_elsewhere_is_a_move():
    moved = "Bob writes the docs in Lisbon."
    found = rows(lines(moved, "a", "b", "c"), lines("a", "b", "c", moved))
    ends = [(row.kind, row.peer) for row in found if row.kind.startswith("moved")]
    assert ends == [("moved-from", 4), ("moved-to", 1)]


def test_a_line_that_stands_twice_is_no_move():
    twice = "This line stands in several places."
    found = rows(lines(twice, "a", twice, "b"), lines("a", "b", twice, "c", twice, twice))
    assert not [row for row in found if row.kind.startswith("moved")]


def test_unchanged_lines_are_folded_around_a_hunk():
    before = [f"line {number}" for number in range(40)]
    after = [*before[:20], "new", *before[20:]]
    blocks = diffs.side_by_side(lines(*before), lines(*after)).blocks
    assert [block.kind for block in blocks] == ["fold", "same", "hunk", "same", "fold"]
    assert [len(block.rows) for block in blocks] == [17, 3, 1, 3, 17]


def test_context_can_be_everything():
    before = [f"line {number}" for number in range(40)]
    blocks = diffs.side_by_side(lines(*before), lines(*before, "new"), context=100).blocks
    assert [block.kind for block in blocks] == ["same", "hunk"]


def test_hunks_are_counted():
    before = [f"line {number}" for number in range(60)]
    after = ["first", *before[:30], "second", *before[30:]]
    blocks = diffs.side_by_side(lines(*before), lines(*after)).blocks
    assert [block.number for block in blocks if block.kind == "hunk"] == [1, 2]


def test_a_missing_line_break_at_the_end_is_told():
    assert diffs.side_by_side("a\n", "a").note == "The new text does not end with a line break."


def test_letters_that_hide_are_shown():
    assert rows(None, "a\u202eb\u200bc\td\n")[0].after == "a⟨U+202E⟩b⟨U+200B⟩c\td"


def test_other_line_separators_do_not_split_lines():
    assert len(rows(None, "a\u2028b\x0cc\x85d\n")) == 1


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, "a\nb\n", (2, 0)),
        ("a\nb\n", None, (0, 2)),
        ("a\nb\nc\n", "a\nx\nc\nd\n", (2, 1)),
        ("a\n", "a\n", (0, 0)),
    ],
)
def test_the_count_agrees_with_the_table(before, after, expected):
    diff = diffs.side_by_side(before, after)
    assert diffs.stat(before, after) == expected == (diff.added, diff.removed)


def plain(shown):
    return unescape(re.sub(r"</?(ins|del)>", "", shown)) if hasattr(shown, "__html__") else shown


PROSE = st.lists(
    st.sampled_from(
        ["", "a", "b", "## H", "The talk is at noon.", "The talk is at two.", "<b> & c"]
    ),
    max_size=14,
)


@settings(deadline=None, max_examples=300)
@given(PROSE, PROSE)
def test_both_texts_can_be_read_off_the_table(before, after):
    diff = diffs.side_by_side(lines(*before), lines(*after), context=100)
    old = [(row.old, plain(row.before)) for row in diff.rows if row.old]
    new = [(row.new, plain(row.after)) for row in diff.rows if row.new]
    assert old == list(enumerate(before, 1))
    assert new == list(enumerate(after, 1))
    assert diffs.stat(lines(*before), lines(*after)) == (diff.added, diff.removed)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a\n" * 50_000, "b\n" * 50_000),
        ("ab\n" * 25_000, "ba\nab\n" * 12_000),
        ("word " * 20_000, "word other " * 10_000),
        ("." * 100_000, ",." * 50_000),
        ("a\n" * 50_000, "a\n" * 49_000 + "b\n"),
        (
            "".join(f"{n} some words\n" for n in range(6000)),
            "".join(f"{n} others\n" for n in range(6000)),
        ),
    ],
    ids=["all lines", "alike lines", "one line", "punctuation", "long tail", "many pairs"],
)
def test_no_text_takes_long_or_fills_the_page(before, after):
    began = time.thread_time()
    diff = diffs.side_by_side(before, after)
    assert time.thread_time() - began < 2
    assert len(diff.rows) <= diffs.MAX_ROWS + diffs.MAX_FOLDED


def test_what_is_left_out_is_told():
    diff = diffs.side_by_side(None, "a\n" * 9_000)
    assert diff.note == "5,000 more lines are not shown here."


def test_beyond_the_limit_only_both_ends_are_compared():
    assert alignment.matches("xaby", "xbay", limit=1) == [(0, 0, 1), (3, 3, 1)]
