"""Words, sentences, dates, subjects: the parts below the model."""

from datetime import UTC, datetime

import pytest

from sessions.providers.builtin.dates import absolute, clock
from sessions.providers.builtin.intents import parts
from sessions.providers.builtin.kinds import finding_kind, has_secret
from sessions.providers.builtin.language import sentence_spans, words
from sessions.providers.builtin.notes import append_bullets, append_edit, parse
from sessions.providers.builtin.thread import read_stores
from sessions.providers.builtin.utterances import units

pytestmark = pytest.mark.once

FRIDAY = datetime(2026, 11, 20, 12, tzinfo=UTC)


def sentences(text):
    return [text[start:end] for start, end in sentence_spans(text)]


def test_sentences_end_where_people_end_them():
    text = "Dr. Lee saw v1.2 at https://a.example/b.c?d=1. Really!\n- one thing\n2. another\nTODO: call"
    assert sentences(text) == [
        "Dr. Lee saw v1.2 at https://a.example/b.c?d=1.",
        "Really!",
        "one thing",
        "another",
        "TODO: call",
    ]


def test_a_wrapped_line_goes_on():
    text = "This line is long enough to have been wrapped by an editor at column\nseventy-two."
    assert len(sentences(text)) == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("colour", "Colors"),
        ("gave", "given"),
        ("café", "Cafe\u0301"),
        ("Ana's", "Ana"),
        ("two", "2"),
    ],
)
def test_forms_of_one_word_have_one_stem(first, second):
    assert words(first)[0].stem == words(second)[0].stem


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("I saw it yesterday at noon.", "I saw it on 2026-11-19 at 12:00."),
        ("Yesterday we met.", "On 2026-11-19 we met."),
        ("Send it by Friday.", "Send it by 2026-11-27."),
        ("We met on Monday.", "We met on 2026-11-16."),
        ("The review is on Monday at 10:00.", "The review is on 2026-11-23 at 10:00."),
        ("The review moved to Friday.", "The review moved to 2026-11-27."),
        ("We ship next week.", "We ship in the week of 2026-11-23."),
        ("It is due in two weeks.", "It is due around 2026-12-04."),
        ("I moved here three years ago.", "I moved here in 2023."),
        ("Dinner tonight with Sam.", "Dinner on the evening of 2026-11-20 with Sam."),
        ("It is valid until tomorrow.", "It is valid until 2026-11-21."),
        ("The launch is next month.", "The launch is in 2026-12."),
    ],
)
def test_relative_dates_become_absolute(said, meant):
    assert absolute(said, FRIDAY) == meant


@pytest.mark.parametrize(
    "said",
    [
        "Standup is every Friday.",
        "Retro on Fridays.",
        "See you on Friday the 13th.",
        "It moved from Monday to Friday.",
        "Last night's deploy failed.",
        "The server runs on port 5432.",
        "May I go?",
    ],
)
def test_dates_without_one_certain_reading_stay(said):
    assert absolute(said, FRIDAY) == said


def test_a_very_long_passage_has_the_same_sentences():
    text = "The talk is at noon. " * 2_000
    assert {text[start:end] for start, end in sentence_spans(text)} == {"The talk is at noon."}
    assert len(list(sentence_spans(text))) == 2_000
    assert list(sentence_spans("x" * 25_000))[-1] == (20_000, 25_000)


@pytest.mark.parametrize(
    ("said", "day"),
    [
        ("I met Bo last week.", datetime(1, 1, 1, tzinfo=UTC)),
        ("We ship by Friday.", datetime(9999, 12, 31, tzinfo=UTC)),
        ("We ship next Friday.", datetime(9999, 12, 31, tzinfo=UTC)),
    ],
)
def test_a_date_beyond_the_calendar_stays_as_it_was_said(said, day):
    """A memory may claim to have been said on any day."""
    assert absolute(said, day) == said


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("noon", "12:00"),
        ("2.30 pm", "14:30"),
        ("5 p.m.", "17:00"),
        ("12am", "00:00"),
        ("9:05", "09:05"),
    ],
)
def test_times_have_one_spelling(written, read):
    assert clock(written) == read


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("I attended the talk.", "statement"),
        ("When I was in Oslo I met Dana.", "statement"),
        ("What we need is a plan.", "statement"),
        ("Don't deploy on Fridays.", "statement"),
        ("Will Smith called.", "statement"),
        ("Write the report by Friday.", "statement"),
        ("Can you remember that Rex is a dog?", "statement"),
        ("can you remember my name?", "question"),
        ("what time is the talk", "question"),
        ("who gave the keynote", "question"),
        ("I forgot where the repo is", "question"),
        ("tell me about Atlas", "question"),
        ("مرحبا بكم؟", "question"),
        ("What do you remember?", "overview"),
        ("What did I just say?", "recap"),
        ("what can you do", "help"),
        ("please delete the file", "forget"),
        ("Translate this to French", "request"),
        ("Good morning, team!", "greeting"),
        ("Many thanks!", "thanks"),
        ("I see.", "chatter"),
    ],
)
def test_what_a_sentence_is_for(said, kind):
    assert units(said)[0].kind == kind


def test_the_span_of_a_statement_leaves_out_what_introduces_it():
    message = "Hi! Please remember that the port is 5432."
    unit = units(message)[-1]
    assert unit.text == "The port is 5432."
    assert message[unit.start : unit.end] == "the port is 5432."


def test_a_question_is_taken_apart():
    asked = "Where do I live, and who is my manager?"
    assert list(parts(asked)) == ["Where do I live", "who is my manager?"]


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("I prefer tea.", "preference"),
        ("The talk moved to 14:30.", "correction"),
        ("We decided to use Postgres.", "decision"),
        ("Follow up with Priya.", "follow_up"),
        ("My notes are at https://example.com/a.", "resource"),
        ("The talk is at noon.", "fact"),
        ("Return flight is on 5 May.", "fact"),
    ],
)
def test_kinds_of_findings(said, kind):
    assert finding_kind(said) == kind


@pytest.mark.parametrize(
    ("said", "secret"),
    [
        ("The password is hunter2.", True),
        ("api key: abc123def", True),
        ("Use sk-abcdefghijklmnop1234 for it.", True),
        ("The password is in the vault.", False),
        ("I changed my password yesterday.", False),
        ("The keynote was good.", False),
    ],
)
def test_secrets_are_recognised(said, secret):
    assert has_secret(said) is secret


def test_a_file_is_read_with_its_headings_dates_and_code():
    text = "---\na: b\n---\n# T\n\n- one (said 2026-11-20)\n  - two\n\n```\n- code\n```\n| x | y |\n|---|---|\n"
    found = parse("/mnt/memory/m/t.md", text)
    assert [(note.shape, note.text) for note in found] == [
        ("meta", "a: b"),
        ("bullet", "one"),
        ("bullet", "two"),
        ("code", "- code"),
        ("row", "x · y"),
    ]
    assert found[1].is_compound
    assert found[2].said == "2026-11-20"
    assert found[2].context == ("T", "one")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# T\n",
        "- a\n",
        "- a",
        "- a\n  more\n\n## X\n",
        "- a\r\n- b\r\n",
        "# A\n- x\n- y\n\n# B\n- x\n- y\n",
    ],
)
def test_an_appended_bullet_leaves_every_other_line_as_it_was(text):
    after = append_bullets(text, ["- new"])
    assert [line for line in after.split("\n") if line.strip() != "- new" and line.strip()] == [
        line for line in text.split("\n") if line.strip()
    ]
    if edit := append_edit(text, ["- new"]):
        assert text.count(edit[0]) == 1
        assert text.replace(*edit).rstrip("\n") == after.rstrip("\n")


def test_stores_are_read_from_the_system_prompt_whatever_surrounds_them():
    system = (
        '<memory_stores>\n<store name="a &amp; b" mount_path=\'/mnt/memory/a-b\' access="read_only">\n'
        'description: one\ninstructions: two\nlines\n</store>\n<store mount_path="/mnt/memory/c"></store>\n</memory_stores>'
    )
    first, second = read_stores(system)
    assert (first.name, first.mount, first.is_writable) == ("a & b", "/mnt/memory/a-b", False)
    assert "two\nlines" in first.purpose
    assert (second.name, second.is_writable) == ("c", True)
    assert read_stores("nothing here") == []
