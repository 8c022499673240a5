"""The index: one line per file, whatever the files hold, and never too large to be a memory."""

import time

import pytest

from dreaming.indexing import index_of, title_and_gist
from memory.paths import MAX_CONTENT_BYTES

pytestmark = pytest.mark.once


def test_a_line_says_title_path_and_first_sentence():
    index = index_of({"/talk.md": "# The talk\n\nIt is at noon.\nMore.\n", "/index.md": "old"})
    assert index == (
        "# Index\n\nWhat is kept here, one line per file.\n\n- [The talk](talk.md): It is at noon.\n"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ("my notes", "")),
        ("Just this.\n", ("my notes", "Just this.")),
        ("---\ntitle: x\n---\n# Real\n- A point (said 2026-01-01)\n", ("Real", "A point")),
        ("# [link](x)\n1. First\n", ("link", "First")),
        # A link from another folder would lead elsewhere here, or nowhere.
        (
            "See [[Note 1]], [[code|the code]], [other](../b.md).",
            ("my notes", "See Note 1, the code, other."),
        ),
        ("```python\nprint(1)\n```\n", ("my notes", "print(1)")),
        ("## One ##\n# Two\n", ("One", "")),
    ],
)
def test_title_and_gist(text, expected):
    assert title_and_gist("/a/my-notes.md", text) == expected


@pytest.mark.parametrize(
    "line",
    ["# a" + " " * 90_000 + "x", "[[" + "a" * 90_000, "(said " * 15_000, "a" + " " * 90_000 + "x"],
    ids=["title", "link", "said", "blanks"],
)
def test_a_line_made_to_hold_up_the_index_does_not(line):
    started = time.process_time()
    assert title_and_gist("/a.md", line)
    assert time.process_time() - started < 1


def test_a_long_gist_is_cut_between_words():
    gist = title_and_gist("/a.md", "word " * 60)[1]
    assert len(gist) <= 142
    assert gist.endswith("word …")


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/a b.md", "a%20b.md"),
        ("/a(1).md", "a%281%29.md"),
        ("/50%.md", "50%25.md"),
        ("/a#b?.md", "a%23b%3F.md"),
        ("/a\u00a0b.md", "a%C2%A0b.md"),
        ("/größe.md", "größe.md"),
    ],
)
def test_links_lead_to_the_file_whatever_its_name(path, target):
    assert f"]({target})" in index_of({path: "Text.\n"})


def test_a_large_store_gets_an_index_without_first_sentences():
    files = {
        f"/notes/{number:04}.md": f"# Note {number}\n{'word ' * 40}\n" for number in range(900)
    }
    index = index_of(files)
    assert len(index.encode()) <= MAX_CONTENT_BYTES
    assert index.count("\n- [Note") == 900
    assert "word" not in index


def test_a_very_large_store_gets_one_line_per_folder():
    files = {f"/{number % 7}/{number:05}-{'x' * 60}.md": "Text.\n" for number in range(9000)}
    index = index_of({**files, "/readme.md": "Text.\n"})
    assert len(index.encode()) <= MAX_CONTENT_BYTES
    assert "- 0/: 1,286 files\n" in index
    assert "- here: 1 file\n" in index
