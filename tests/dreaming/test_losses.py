"""What a dream would lose: told by code, from the words alone."""

import pytest

from dreaming.losses import gone

pytestmark = pytest.mark.once


def test_what_stands_elsewhere_is_not_gone():
    before = {"/a.md": "The office has a blue door.\n", "/b.md": "Bob lives in Utrecht.\n"}
    after = {"/c.md": "- the office has a **blue** door\n"}
    assert [(each.path, each.line, each.fate) for each in gone(before, after)] == [
        ("/b.md", 1, "lost")
    ]


def test_a_line_put_differently_shows_what_it_became():
    (each,) = gone({"/a.md": "Bob lives in Utrecht.\n"}, {"/a.md": "Bob lives in Leiden now.\n"})
    assert (each.fate, each.now) == ("reworded", "Bob lives in Leiden now.")


def test_another_file_must_say_it_more_alike():
    assert gone({"/a.md": "Bob lives in Utrecht.\n"}, {"/b.md": "Bob likes fish.\n"})[0].now == ""


def fate(text: str, stays: str) -> str:
    """What becomes of a line that goes while another one, which was there before, stays."""
    (each,) = gone({"/a.md": f"{text}\n{stays}\n"}, {"/a.md": f"{stays}\n"})
    return each.fate


def test_what_another_line_says_too_is_merged():
    opening = "The opening keynote was given by Dana Reyes on agent memory."
    assert (
        fate(opening, "The keynote of the opening day: Dana Reyes about agent memory.") == "merged"
    )


@pytest.mark.parametrize(
    ("text", "stays"),
    [
        ("Alice likes tea in the morning.", "Alice does not like tea in the morning."),
        ("The cafe opens at 7:15.", "The cafe opens at 8:00."),
        ("The cafe on Main Street opens at 7.", "The cafe on Main Street opens at 8."),
        ("The favourite colour is purple.", "The favourite colour is cyan."),
        ("Bob likes tea.", "Alice likes tea."),
    ],
)
def test_facts_that_merely_look_alike_are_not_merged(text, stays):
    assert fate(text, stays) == "lost"


def test_losses_come_before_what_is_put_differently():
    before = {"/a.md": "Bob lives in Utrecht.\nThe office has a blue door.\n"}
    after = {"/a.md": "Bob lives in Leiden.\n"}
    assert [each.fate for each in gone(before, after)] == ["lost", "reworded"]


def test_headings_and_single_words_are_no_statements():
    assert gone({"/a.md": "# A heading here\n\n---\nWord\n"}, {}) == []


def test_a_large_store_is_compared_in_bounded_time():
    before = {"/a.md": "".join(f"Old fact {n} about thing {n * 7}.\n" for n in range(4000))}
    after = {"/a.md": "".join(f"Fresh claim {n} on matter {n * 3}.\n" for n in range(4000))}
    assert len(gone(before, after)) == 4000
