"""What must hold for any text at all."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sessions.providers.builtin.items import Finding
from sessions.providers.builtin.notes import PROVENANCE, parse
from sessions.providers.builtin.tidying import tidy
from tests.sessions.builtin.world import MOUNT, Conversation, Memory, extract, lines

pytestmark = pytest.mark.once

QUICK = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
PIECES = st.sampled_from(
    [
        "The CMA talk is at noon.", "the CMA talk moved from 12:00 to 14:30", "I like tea.", "Why?",
        "I don't like tea.", "yesterday", "My name is Ana.", "```", "# Title", "- item", "\n", "\n\n",
        "She left.", "Remember that", "12:00", "https://a.example/b", "by Friday", "مرحبا", "今日は。",
        "e\u0301", "\u202e", "\x00", "<b>", "(said 2026-11-20)", "| a | b |", "~~~", "...", "Dana Reyes",
    ]
)  # fmt: skip
MESSAGES = st.lists(PIECES | st.text(max_size=20), max_size=12).map(" ".join)
STATEMENTS = st.sampled_from(
    [
        "The CMA talk is at noon.",
        "I attended the CMA talk yesterday at noon.",
        "The CMA talk moved from 12:00 to 14:30.",
        "The CMA talk moved from 14:30 to 16:00.",
        "The opening keynote was given by Dana Reyes on agent memory.",
        "Dana Reyes gave the opening keynote about agent memory.",
        "My favourite colour is purple.",
        "My favourite colour is cyan.",
        "Actually, my favourite colour is green.",
        "I like tea.",
        "I don't like tea.",
        "I no longer drink tea.",
        "Bring the passport.",
        "Follow up with Priya by Friday.",
        "Dana reports to Priya.",
        "Priya reports to Dana.",
    ]
)
DAYS = st.sampled_from(["2026-11-18", "2026-11-19", "2026-11-20", "2026-11-21"])
NAMES = st.sampled_from(["cma-talk", "cma_talk", "notes", "people", "2026-11-20"])
SAID = st.tuples(STATEMENTS, DAYS)


@QUICK
@given(st.lists(MESSAGES, min_size=1, max_size=3))
def test_any_conversation_is_answered(messages):
    session = Conversation(Memory())
    for message in messages:
        assert session.say(message).strip()
    assert all(len(path) < 120 for path in session.memory.files)


@QUICK
@given(MESSAGES)
def test_every_quote_stands_in_what_was_said(message):
    recorded, _ = extract(lines(("user", message)))
    assert all(each["quote"] in message and each["statement"].strip() for each in recorded)


@QUICK
@given(st.dictionaries(NAMES, st.lists(SAID, min_size=1, max_size=6)), st.lists(SAID, max_size=6))
def test_tidying_loses_no_statement(files, findings):
    texts = tuple(
        (f"{MOUNT}/{name}.md", f"# {name}\n\n" + "".join(f"- {s} (said {d})\n" for s, d in said))
        for name, said in sorted(files.items())
    )
    done = tidy(texts, tuple(Finding(s, d, s + d) for s, d in findings), MOUNT)
    after = {**dict(texts), **done.texts}
    kept = {PROVENANCE.sub("", note.text) for p, t in after.items() if t for note in parse(p, t)}
    accounted = kept.union(
        *({before for before, _ in pairs} for pairs in (done.merged, done.replaced, done.known)),
        *({before for before, _ in pairs} for pairs in (done.corrected, done.dated)),
    )
    told = {s for _, text in texts for s in (n.text for n in parse("", text))}
    assert told <= accounted
    assert all(now in kept or now in accounted for _, now in done.merged + done.replaced)


@QUICK
@given(st.dictionaries(NAMES, st.lists(SAID, min_size=1, max_size=6)), st.lists(SAID, max_size=6))
def test_tidying_twice_changes_nothing_more(files, findings):
    texts = tuple(
        (f"{MOUNT}/{name}.md", f"# {name}\n\n" + "".join(f"- {s} (said {d})\n" for s, d in said))
        for name, said in sorted(files.items())
    )
    once = tidy(texts, tuple(Finding(s, d, s + d) for s, d in findings), MOUNT)
    after = {path: text for path, text in {**dict(texts), **once.texts}.items() if text}
    assert tidy(tuple(sorted(after.items())), (), MOUNT).texts == {}
