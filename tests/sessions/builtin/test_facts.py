"""When two statements are one, and when a newer one replaces an older."""

from datetime import UTC, datetime

import pytest

from sessions.providers.builtin.changes import corrected, reach
from sessions.providers.builtin.facts import Fact, holds, same

pytestmark = pytest.mark.once

OLD = datetime(2026, 11, 20, 12, tzinfo=UTC)
NEW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (
            "The opening keynote was given by Dana Reyes on agent memory.",
            "The keynote that opened the day was Dana Reyes talking about agent memory.",
        ),
        ("The staging server runs on port 5432.", "Our staging server runs on port 5432"),
        ("The talk is at noon.", "The talk is at 12:00"),
        ("I met Priya yesterday.", "I met Priya on 2026-11-19."),
        ("My favourite colour is purple.", "My favorite color is purple."),
        ("Priya owns the pilot project with Acme.", "Priya Nair owns the pilot project with Acme."),
    ],
)
def test_one_fact_said_twice(first, second):
    assert same(Fact(first, OLD), Fact(second, OLD))
    assert same(Fact(second, OLD), Fact(first, OLD))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("My favourite colour is purple.", "My favourite colour is cyan."),
        ("I like tea.", "I don't like tea."),
        ("The deploy failed.", "The deploy never failed."),
        ("The staging port is 5432.", "The staging port is 6432."),
        ("Dana reports to Priya.", "Priya reports to Dana."),
        ("Alice manages Bob.", "Bob manages Alice."),
        ("Dogs chase cats.", "Cats chase dogs."),
        ("Red is better than blue.", "Blue is better than red."),
        ("Anna is allergic to nuts.", "Anna is allergic to pine nuts."),
        ("Dana Reyes gave the opening keynote.", "Dana Reyes gave the closing keynote."),
        ("Dana Reyes leads the team.", "Dana Smith leads the team."),
        ("Deploys happen on Friday.", "Deploys happen on Monday."),
        ("All tests must pass before merging code.", "Some tests must pass before merging code."),
        (
            "I met Priya in the old hall in Berlin.",
            "I met Priya and Sam in the old hall in Berlin.",
        ),
        ("Flour 200 g, sugar 100 g.", "Flour 100 g, sugar 200 g."),
        ("I moved to Oslo.", "I moved from Oslo."),
        ("I met Priya yesterday.", "I met Priya today."),
        ("The docs are at https://a.example/x.", "The docs are at https://a.example/y."),
    ],
)
def test_facts_that_only_look_alike(first, second):
    assert not same(Fact(first, OLD), Fact(second, OLD))


def test_what_says_less_is_held_by_what_says_more_and_not_the_other_way():
    more = Fact("The opening keynote of the day was given by Dana Reyes on agent memory.")
    less = Fact("The opening keynote was given by Dana Reyes on agent memory.")
    assert holds(more, less)
    assert not holds(less, more)


@pytest.mark.parametrize(
    ("older", "newer", "how"),
    [
        ("The CMA talk is at noon.", "The CMA talk moved from 12:00 to 14:30.", "whole"),
        ("I attended the CMA talk at noon.", "The CMA talk moved from 12:00 to 14:30.", "part"),
        ("The CMA talk is on memory.", "The CMA talk moved to 14:30.", ""),
        (
            "The CMA talk moved from 12:00 to 14:30.",
            "The CMA talk moved from 14:30 to 16:00.",
            "whole",
        ),
        ("Standup is at 9:30.", "Standup is at 10:00.", "whole"),
        ("Standup is at 9:30 every day.", "Standup moved to 10:00.", "part"),
        ("My favourite colour is purple.", "Actually, my favourite colour is cyan.", "whole"),
        ("My favourite colour is purple.", "My favourite colour is cyan.", ""),
        ("The deploy target is us-east-1.", "The deploy target changed to eu-west-1.", "whole"),
        ("The server is on port 5432.", "The server is on port 6432.", ""),
        ("The server runs on port 5432 at a.example.", "The server now runs on port 5433.", "part"),
        ("The database is Postgres.", "The database is no longer Postgres.", "whole"),
        ("We use Jenkins for builds.", "We no longer use Jenkins.", "part"),
        ("Bob uses Jenkins.", "We no longer use Jenkins.", ""),
        ("The release is on Monday.", "We moved the release from Monday to Tuesday.", "whole"),
        ("Anna's office is in room 12.", "Anna's office is in room 14, not room 12.", "whole"),
        ("Bob's office is in room 12.", "Anna's office is in room 14, not room 12.", ""),
        ("I live in Oslo.", "I moved to Bergen.", "part"),
        ("Anna lives in Oslo.", "I moved to Bergen.", ""),
        ("The cat is black.", "The cat is white.", ""),
    ],
)
def test_a_newer_statement_replaces(older, newer, how):
    assert reach(Fact(newer, NEW), Fact(older, OLD)) == how


def test_an_older_statement_replaces_nothing():
    assert not reach(Fact("The talk moved to 14:30.", OLD), Fact("The talk is at 16:00.", NEW))


def test_a_corrected_statement_keeps_what_else_it_says():
    older = Fact("I attended the CMA talk yesterday at noon.", OLD)
    newer = Fact("The CMA talk moved from 12:00 to 14:30.", NEW)
    expected = "I attended the CMA talk on 2026-11-19 at 12:00 (corrected to 14:30 on 2026-11-22)."
    assert corrected(older, newer) == expected
    assert reach(newer, Fact(expected, OLD)) == ""


def test_a_value_corrected_once_can_be_corrected_again():
    older = Fact("I attended the talk at 12:00 (corrected to 14:30 on 2026-11-21).", OLD)
    newer = Fact("The talk moved from 14:30 to 16:00.", NEW)
    assert reach(newer, older) == "part"
    assert (
        corrected(older, newer)
        == "I attended the talk at 12:00 (corrected to 16:00 on 2026-11-22)."
    )
