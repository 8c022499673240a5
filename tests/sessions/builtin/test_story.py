"""The story of the first release, told to the built-in model step by step."""

import pytest

from tests.sessions.builtin.world import (
    DAY,
    MOUNT,
    Conversation,
    Memory,
    ask,
    consolidate,
    extract,
    lines,
    tell,
)

pytestmark = pytest.mark.once

NEXT_DAY = DAY.replace(day=21)
NEWS = (
    "I attended the CMA talk yesterday at noon. Multi-agent orchestration, outcomes and memory are "
    "launching, and dreaming is launching to research preview. My notes are at "
    "https://example.com/notes/cma."
)
QUESTION = "What was announced at the CMA talk, and where are my notes?"
MOVED = "The CMA talk moved from 12:00 to 14:30."
KEYNOTE = (
    "The opening keynote was given by Dana Reyes on agent memory.",
    "Dana Reyes gave the opening keynote about agent memory.",
    "The keynote that opened the day was Dana Reyes talking about agent memory.",
)
FOLLOW_UP = "Follow up with Priya about the pilot by Friday."


def test_without_a_store_the_next_session_knows_nothing():
    told = Conversation()
    assert "No memory is attached" in told.say(NEWS)
    answer = Conversation().say(QUESTION)
    assert "know nothing" in answer
    assert "launching" not in answer
    assert "example.com" not in answer


def test_with_a_store_it_looks_finds_nothing_and_writes_a_file():
    memory = Memory()
    session = Conversation(memory)
    answer = session.say(NEWS)
    assert session.steps == [["glob", "grep"], ["write"]]
    assert session.replies[0].text == "Looking in memory."
    assert list(memory.files) == [f"{MOUNT}/cma-talk.md"]
    assert memory.text("cma-talk.md").startswith("# CMA talk\n\n- I attended the CMA talk")
    assert f"[cma-talk.md]({MOUNT}/cma-talk.md)" in answer


def test_the_next_session_finds_the_announcements_the_link_and_the_file():
    memory = Memory()
    tell(memory, NEWS)
    session = Conversation(memory)
    answer = session.say(QUESTION)
    assert session.steps == [["glob", "grep"], ["read"]]
    assert "outcomes and memory are launching" in answer
    assert "https://example.com/notes/cma" in answer
    assert f"({MOUNT}/cma-talk.md)" in answer
    assert "said 2026-11-20" in answer
    assert "attended" not in answer


def test_a_correction_in_chat_is_saved_beside_the_old_statement_and_wins():
    memory = Memory()
    tell(memory, NEWS)
    tell(memory, MOVED, at=NEXT_DAY)
    assert "at noon" in memory.text("cma-talk.md")
    answer = ask(memory, "When is the CMA talk?")
    assert answer.index("14:30") < answer.index("noon")
    assert "corrected since" in answer


@pytest.fixture
def dreamt():
    """The store after four sessions on it and a dream over their transcripts."""
    memory = Memory()
    told = [(NEWS, DAY), *((text, NEXT_DAY) for text in (MOVED, *KEYNOTE, FOLLOW_UP))]
    findings = []
    for text, at in told:
        tell(memory, text, at=at)
        recorded, _ = extract(lines(("user", text, at.date().isoformat())))
        findings += [(each["statement"], at.date().isoformat()) for each in recorded]
    consolidate(memory, *findings)
    links = "\n".join(f"- [{p.rsplit('/')[-1]}]({p.rsplit('/')[-1]})" for p in memory.files)
    memory.files[f"{MOUNT}/index.md"] = f"# Index\n\n{links}\n"
    return memory


def test_after_the_dream_the_keynote_stands_once(dreamt):
    assert dreamt.everything.count("Dana Reyes") == 1


def test_after_the_dream_the_talk_is_at_half_past_two_and_the_index_is_read_first(dreamt):
    session = Conversation(dreamt)
    answer = session.say("When is the CMA talk?")
    assert answer.index("14:30") < answer.index("12:00 (corrected to 14:30 on 2026-11-21)")
    assert session.steps[1] == ["read"]
    assert ("read", {"file_path": f"{MOUNT}/index.md"}) in dreamt.calls


def test_after_the_dream_the_follow_up_has_its_date(dreamt):
    assert "Follow up with Priya about the pilot by 2026-11-27." in dreamt.text("follow-ups.md")


def test_after_the_dream_nothing_else_is_lost(dreamt):
    assert "on 2026-11-19" in dreamt.text("cma-talk.md")
    assert "outcomes and memory are launching" in dreamt.text("cma-talk.md")
    assert "https://example.com/notes/cma" in dreamt.text("cma-talk.md")


def test_a_second_dream_changes_nothing(dreamt):
    before = dict(dreamt.files)
    summary = consolidate(dreamt, (KEYNOTE[1], "2026-11-21"), (MOVED, "2026-11-21"))
    assert dreamt.files == before
    assert "No file changed." in summary
