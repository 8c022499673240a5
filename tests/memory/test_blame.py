"""Every line leads to the version that really brought it in."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory import blame, redaction, stores
from memory.stores import Act
from tests.factories import TESTER, make_memory
from tests.memory.test_history_pages import change, pane
from tests.memory.test_store_pages import AGENT, queries, url

LONG = "a line that is long enough"


def trace(*texts):
    """Trace the last of these texts, numbered from 0; returns the number for each line."""
    keys = {text: key for key, text in enumerate(texts)}
    links = [(number, keys[text]) for number, text in enumerate(texts)][::-1]
    by_key = {key: text for text, key in keys.items()}
    return blame.trace(links, lambda asked: {key: by_key[key] for key in asked})


# -- Pure -----------------------------------------------------------------------------------


@pytest.mark.once
@pytest.mark.parametrize(
    ("texts", "lines"),
    [
        (["a\nb\n"], [0, 0]),
        (["a\n", "a\nb\n", "x\na\nb\n"], [2, 0, 1]),
        (["a\nb\nc\n", "a\nB\nc\n"], [0, 1, 0]),
        (["a\n", "a"], [0]),  # a line break at the end belongs to no line
        (["", "a\n", "", "a\n"], [1]),
        (["a\nb\n", "x\n", "a\nb\n"], [0, 0]),  # restored as it was
        (["a\nb\n", "x\n", "a\nb\n", "a\nb\nc\n"], [0, 0, 3]),
        ([f"{LONG}\nb\nc\n", f"b\nc\n{LONG}\n"], [0, 0, 0]),  # moved
    ],
)
def test_lines_lead_to_where_they_came_from(texts, lines):
    assert trace(*texts).lines == lines


@st.composite
def histories(draw):
    """States of a text, as lists of (the version that wrote the line, the line)."""
    states = []
    for version in range(draw(st.integers(1, 8))):
        if version > 1 and draw(st.integers(0, 4)) == 0:
            states.append(draw(st.sampled_from(states)))  # restored
            continue
        lines = [line for line in (states[-1] if states else []) if draw(st.integers(0, 3))]
        for count in range(draw(st.integers(1, 3))):
            place = draw(st.integers(0, len(lines)))
            lines.insert(place, (version, f"{version} wrote {count}"))
        states.append(lines)
    return states


@pytest.mark.once
@settings(max_examples=150, deadline=None)
@given(histories())
def test_every_line_leads_to_the_version_that_wrote_it(states):
    texts = ["".join(f"{line}\n" for _, line in state) for state in states]
    assert trace(*texts).lines == [version for version, _ in states[-1]]


@pytest.mark.once
@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(st.sampled_from(["a", "b", "", LONG]), max_size=6), min_size=1))
def test_the_version_of_a_line_holds_it_whatever_was_written(versions):
    texts = ["".join(f"{line}\n" for line in lines) for lines in versions]
    found = trace(*texts).lines
    assert len(found) == len(versions[-1])
    for line, number in zip(versions[-1], found, strict=True):
        assert line in versions[number]


@pytest.mark.once
def test_a_very_long_history_is_cut_and_says_so(monkeypatch):
    texts = ["old\n" + "".join(f"{n}\n" for n in range(size)) for size in range(12)]
    monkeypatch.setattr(blame, "MAX_VERSIONS", 5)
    assert trace(*texts).is_cut
    monkeypatch.undo()
    assert not trace(*texts).is_cut
    monkeypatch.setattr(blame, "MAX_LINES", 30)
    cut = trace(*texts)
    assert cut.is_cut
    assert cut.lines[-1] == 11


@pytest.mark.once
def test_stretches_are_lines_in_a_row():
    found = list(blame.stretches("abcd", [1, 1, 2, 1]))
    assert [(each.version, each.first, each.lines) for each in found] == [
        (1, 1, ["a", "b"]),
        (2, 3, ["c"]),
        (1, 4, ["d"]),
    ]


# -- Of a file ------------------------------------------------------------------------------


@pytest.fixture
def talk(workspace):
    return make_memory(content="one\ntwo\nthree\n")


@pytest.mark.django_db
def test_a_files_lines_are_traced_through_renames_deletion_and_restoring(talk):
    first, store = talk.head_id, talk.store
    second = change(talk, "one\nTWO\nthree\n", path="/other.md").pk
    stores.remove(talk, act=Act(TESTER))
    talk = stores.restore(store.versions.get(pk=second), act=Act(TESTER))
    talk = stores.move(talk, "/third.md", act=Act(TESTER))
    assert blame.of(talk).lines == [first, second, first]


@pytest.mark.django_db
def test_what_a_redacted_version_wrote_is_the_next_ones(talk):
    old, second = talk.head, change(talk, "one\ntwo\nthree\nfour\n").pk
    redaction.redact(old, by=TESTER)
    talk.refresh_from_db()
    assert blame.of(talk).lines == [second] * 4


@pytest.mark.django_db
def test_the_page_names_version_author_and_event(as_vera, talk):
    version = change(talk, "one\n<b>TWO</b>\nthree\n")
    page = pane(as_vera.get(url("memory_blame", talk.store, talk)))
    assert url("version", talk.store, version) in page
    assert f"?event={AGENT.event}#{AGENT.event}" in page
    assert 'start="2"' in page
    assert "<b>TWO" not in as_vera.get(url("memory_blame", talk.store, talk)).content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("content", ["", "x" * 100_000, "y\n" * 20_000])
def test_extreme_files_are_shown(as_vera, talk, content):
    stores.update(talk, content=content, act=Act(TESTER))
    assert as_vera.get(url("memory_blame", talk.store, talk)).status_code == 200


@pytest.mark.django_db
def test_a_deleted_files_blame_is_its_history(as_vera, talk):
    stores.remove(talk, act=Act(TESTER))
    assert "This file is deleted" in pane(as_vera.get(url("memory_blame", talk.store, talk)))


@pytest.mark.django_db
def test_the_page_asks_no_more_for_more_versions(as_vera, talk):
    change(talk, "0\n")
    few = queries(as_vera, url("memory_blame", talk.store, talk))
    for number in range(20):
        change(talk, "".join(f"{n}\n" for n in range(number)))
    assert queries(as_vera, url("memory_blame", talk.store, talk)) <= few
