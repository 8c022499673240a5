"""What new lines rest on: told by code, from the words alone."""

import pytest

from dreaming import evidence
from dreaming.evidence import Source, new_lines, unsupported
from dreaming.models import Finding

pytestmark = pytest.mark.once


def finding(statement: str, quote: str = "", verified: bool = True) -> Finding:
    return Finding(statement=statement, quote=quote or statement, verified=verified)


def supported(line: str, *found: Finding) -> bool:
    return bool(evidence.sources({1: line}, found))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("- The talk is at two o'clock. (said 2026-03-01)", "The talk is at two o'clock."),
        (
            "She prefers written updates over meetings.",
            "Alice prefers written updates to meetings.",
        ),
        ("Dana Reyes gave the keynote on agent memory.", "The keynote was Dana Reyes on memory."),
        ("Bob moved to Leiden.", "Bob moved to Leiden last week, into a house by the canal."),
    ],
)
def test_a_line_rests_on_what_says_the_same(line, said):
    assert supported(line, finding(said))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("The train leaves at 8:40 from platform 7.", "The talk is at two o'clock."),
        ("Alice likes tea and cake.", "Bob likes tea."),
        ("The office opens at seven.", "The office has a blue door."),
    ],
)
def test_a_line_does_not_rest_on_what_says_something_else(line, said):
    assert not supported(line, finding(said))


def test_the_quote_counts_as_well_as_the_statement():
    said = finding("Meeting time changed.", "the standup moved to half past nine")
    assert supported("The standup moved to half past nine.", said)


def test_a_source_names_its_best_line():
    lines = {4: "Bob is the new host.", 9: "Bob is the new host of the podcast in Leiden."}
    (source,) = evidence.sources(lines, [finding("Bob is the new host of the podcast in Leiden.")])
    assert source.line == 9


def test_nothing_rests_on_nothing():
    assert evidence.sources({}, []) == []
    assert evidence.sources({}, [finding("Bob is here.")]) == []


def test_new_lines_are_statements_that_did_not_stand_there():
    before = "# Talk\n\n- It is at noon.\n"
    after = "# Talk\n\n* It is at  NOON.\n\n## New heading\nWord\n\nIt is on Monday.\n"
    assert new_lines(before, after) == {8: "It is on Monday."}


def test_a_line_without_a_verified_finding_is_unsupported():
    lines = {1: "Bob is the host.", 2: "Lunch is free.", 3: "Tea is at four."}
    sources = [Source(finding("Bob is the host."), 1), Source(finding("Lunch.", verified=False), 2)]
    assert unsupported(lines, sources, stood={"Tea is at four."}) == {2: "Lunch is free."}
