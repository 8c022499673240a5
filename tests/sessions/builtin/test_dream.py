"""A dream's two jobs: reading transcripts, and tidying the store."""

import time

import pytest

from sessions.providers.builtin.consolidate import narrower
from tests.sessions.builtin.world import (
    CHAT_TOOLS,
    MOUNT,
    Conversation,
    Memory,
    consolidate,
    extract,
    lines,
    store,
)

pytestmark = pytest.mark.once

# -- Reading transcripts ------------------------------------------------------------------


def test_only_what_the_person_said_is_recorded():
    recorded, _ = extract(
        lines(
            ("user", "The talk is in Room 4."),
            ("agent", "From cats.md: “The cat is called Tom.”"),
            ("memory", "- The cat is called Tom."),
            ("tool", "The moon is made of cheese."),
            ("user", "Where is the talk?"),
            ("user", "Thanks!"),
        )
    )
    assert [each["statement"] for each in recorded] == ["The talk is in Room 4."]


def test_every_quote_stands_in_its_event():
    said = "Hi! Please remember that Priya owns\nthe pilot. She is in Leeds.\n\n- The hall is  big.\nI'm 41."
    recorded, _ = extract(lines(("user", said)))
    assert len(recorded) >= 3
    assert all(each["quote"] in said and each["event_id"] == "sevt_0" for each in recorded)


def test_relative_dates_count_from_the_day_they_were_said():
    recorded, _ = extract(lines(("user", "I saw Ana yesterday at noon.", "2026-10-05")))
    assert recorded[0]["statement"] == "I saw Ana on 2026-10-04 at 12:00."
    assert recorded[0]["quote"] == "I saw Ana yesterday at noon."


def test_a_short_statement_is_quoted_with_its_message():
    recorded, _ = extract(lines(("user", "Hello! I'm 41.")))
    assert recorded[0]["quote"] == "Hello! I'm 41."


def test_chunks_come_one_after_the_other():
    recorded, said = extract(
        lines(("user", "Rex is a dog.")), lines(("user", "Tom is a cat. Ada is a bird."))
    )
    assert len(recorded) == 3
    assert said == "2 findings recorded."


def test_more_than_a_hundred_statements_are_all_recorded():
    text = " ".join(f"Server{n} listens on port {n}." for n in range(250))
    recorded, said = extract(lines(("user", text)))
    assert len(recorded) == 250
    assert said == "250 findings recorded."


def test_secrets_are_left_out_and_counted():
    recorded, said = extract(lines(("user", "The password is hunter2. Rex is a dog.")))
    assert len(recorded) == 1
    assert "Left out 1" in said
    assert "hunter2" not in said


@pytest.mark.parametrize(
    "chunk",
    [
        "",
        "no transcript",
        "<transcript>\n</transcript>",
        "<transcript>\nnot json\n[1]\n{}\n</transcript>",
    ],
)
def test_a_transcript_without_statements_gives_none(chunk):
    recorded, said = extract(chunk or " ")
    assert recorded == []
    assert said == "0 findings recorded."


def test_what_the_tool_doubts_is_counted():
    conversation = Conversation(
        purpose="extract",
        tools=("record_finding",),
        extra={"record_finding": lambda given: ("Recorded as doubtful: …", True)},
    )
    assert conversation.say(lines(("user", "Rex is a dog."))) == "0 findings recorded. 1 doubtful."


# -- Tidying the store --------------------------------------------------------------------


def test_duplicates_across_files_become_one_in_the_file_named_for_it():
    memory = store(
        notes="# Notes\n\n- Dana Reyes gave the opening keynote about agent memory. (said 2026-11-20)\n- Rain.\n",
        keynote="# Keynote\n\n- The opening keynote was given by Dana Reyes on agent memory. (said 2026-11-21)\n",
    )
    consolidate(memory)
    assert memory.everything.count("Dana Reyes") == 1
    assert "Dana Reyes" in memory.text("keynote.md")
    assert "- Rain." in memory.text("notes.md")


def test_the_wording_that_says_most_is_kept():
    memory = store(
        keynote="# Keynote\n\n- Dana Reyes gave the opening keynote about agent memory.\n"
    )
    consolidate(
        memory,
        ("The opening keynote of the day was given by Dana Reyes on agent memory.", "2026-11-21"),
    )
    assert memory.everything.count("Dana Reyes") == 1
    assert "keynote of the day" in memory.everything


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("My favourite colour is purple.", "My favourite colour is cyan."),
        ("I like mushrooms.", "I don't like mushrooms."),
        ("The staging server runs on port 5432.", "The staging server runs on port 6432."),
        ("Dana reports to Priya.", "Priya reports to Dana."),
        ("Anna is allergic to nuts.", "Anna is allergic to pine nuts."),
    ],
)
def test_what_only_looks_alike_stays_apart(first, second):
    memory = store(things=f"# Things\n\n- {first} (said 2026-10-01)\n")
    consolidate(memory, (second, "2026-11-01"))
    assert first in memory.everything
    assert second in memory.everything


def test_one_line_under_two_trips_is_two_facts():
    memory = store(tokyo="# Tokyo\n\n- Flight at 9:00.\n", oslo="# Oslo\n\n- Flight at 9:00.\n")
    consolidate(memory)
    assert memory.everything.count("Flight at 9:00.") == 2


def test_a_correction_replaces_the_plain_statement_and_marks_the_fuller_one():
    memory = store(
        talk="# CMA talk\n\n- The CMA talk is at noon. (said 2026-11-19)\n"
        "- I attended the CMA talk yesterday at noon. (said 2026-11-20)\n"
    )
    summary = consolidate(memory, ("The CMA talk moved from 12:00 to 14:30.", "2026-11-21"))
    assert memory.text("talk.md") == (
        "# CMA talk\n\n- I attended the CMA talk on 2026-11-19 at 12:00 (corrected to 14:30 on "
        "2026-11-21). (said 2026-11-20)\n- The CMA talk moved from 12:00 to 14:30. (said 2026-11-21)\n"
    )
    assert "Superseded 2 statements" in summary


@pytest.mark.parametrize(
    "said",
    [
        "The launch moved: it is on 4 March.",
        "The launch has moved, it's now on 4 March.",
        "The launch was postponed from 3 March; it will be on 4 March.",
    ],
)
def test_a_change_may_be_told_in_a_second_breath(said):
    memory = store()
    consolidate(memory, ("The launch is on 3 March.", "2026-02-01"), (said, "2026-02-02"))
    assert "on 3 March." not in memory.everything and "4 March" in memory.everything


def test_everything_that_is_no_single_line_item_stays_as_it_is():
    text = (
        "---\nowner: ops\n---\n# Servers\n\nThe staging server runs on port 5432. Be careful.\n\n"
        "| a | b |\n|---|---|\n| 1 | 2 |\n\n```\n- The staging server runs on port 5432.\n```\n\n"
        "- Steps (said 2026-11-01):\n  - The first step.\n  - The first step.\n"
    )
    memory = store(servers=text)
    consolidate(memory, ("The staging server runs on port 5432.", "2026-11-21"))
    assert memory.text("servers.md") == text


def test_new_findings_are_filed_by_subject():
    memory = store(
        people="# People\n\n- My boss is Ana.\n", atlas_project="# Atlas project\n\n- It is big.\n"
    )
    consolidate(
        memory,
        ("My dentist is Dr. Lee.", "2026-11-21"),
        ("Project Atlas ships on 14 March 2027.", "2026-11-21"),
        ("The goulash recipe needs 1 kg of beef.", "2026-11-21"),
    )
    assert "Dr. Lee" in memory.text("people.md")
    assert "14 March" in memory.text("atlas-project.md")
    assert memory.text("goulash-recipe.md").startswith("# Goulash recipe\n\n- The goulash")


def test_two_files_of_one_name_become_one_and_the_other_goes():
    memory = store(cma_talk="# CMA talk\n\n- It was good.\n- It was long.\n")
    memory.files[f"{MOUNT}/cma_talk.md"] = "# CMA Talk\n\n- It was recorded.\n"
    consolidate(memory)
    assert list(memory.files) == [f"{MOUNT}/cma-talk.md"]
    assert "- It was recorded." in memory.text("cma-talk.md")


def test_tick_boxes_stay_as_they_are():
    memory = store(chores="# Chores\n\n- [ ] Water the plants.\n- [x] Water the plants.\n")
    before = dict(memory.files)
    consolidate(memory)
    assert memory.files == before


def test_dated_files_stay_apart():
    memory = store(**{"2026_11_19": "# Day\n\n- Sun.\n", "2026_11_20": "# Day\n\n- Rain.\n"})
    before = dict(memory.files)
    consolidate(memory)
    assert memory.files == before


def test_nothing_is_taken_away_when_a_write_failed():
    memory = store(cma_talk="# CMA talk\n\n- It was good.\n- It was long.\n")
    memory.files[f"{MOUNT}/cma_talk.md"] = "# CMA Talk\n\n- It was recorded.\n"
    before = dict(memory.files)
    memory.denied = "The disk is full."
    summary = consolidate(memory)
    assert memory.files == before
    assert "The disk is full." in summary
    assert "remove" not in [name for name, _ in memory.calls]


def test_a_protected_file_is_left_alone():
    memory = store(trip="# Trip\n\n- We met Ana yesterday. (said 2026-11-20)\n")
    before = dict(memory.files)
    summary = consolidate(memory, instructions="Never touch trip.md.")
    assert memory.files == before
    assert "only which files to leave alone" in summary


def test_line_ends_and_unchanged_files_stay():
    memory = store(
        windows="# W\r\n\r\n- One thing is here. (said 2026-10-01)\r\n- One thing is here. (said 2026-10-02)\r\n- Two\r\n",
        other="# Other\n\n- Some thing.",
    )
    consolidate(memory)
    assert (
        memory.text("windows.md")
        == "# W\r\n\r\n- One thing is here. (said 2026-10-02)\r\n- Two\r\n"
    )
    assert [given["file_path"] for name, given in memory.calls if name == "write"] == [
        f"{MOUNT}/windows.md"
    ]


def test_the_index_is_neither_read_nor_written():
    memory = store(index="# Index\n\n- Rex is a dog.\n", rex="# Rex\n\n- Rex is a dog.\n")
    consolidate(memory, ("Tom is a cat.", "2026-11-21"))
    touched = [given["file_path"] for name, given in memory.calls if name in ("read", "write")]
    assert f"{MOUNT}/index.md" not in touched
    assert memory.text("index.md") == "# Index\n\n- Rex is a dog.\n"


def test_a_long_listing_is_taken_in_parts_until_every_file_is_read():
    memory = store(
        **{f"note_{chr(97 + n % 26)}{n}": f"# N {n}\n\n- Thing {n}.\n" for n in range(450)}
    )
    consolidate(memory)
    reads = {given["file_path"] for name, given in memory.calls if name == "read"}
    assert reads == set(memory.files)


def test_narrower_patterns_cover_every_name():
    assert "**/[aA]*.md" in narrower("**/*.md")
    assert "**/[aA].md" in narrower("**/[aA]*.md")
    assert narrower(f"**/{'[aA]' * 12}*.md") == []


def test_findings_that_cannot_be_read_are_counted():
    conversation = Conversation(Memory(), purpose="consolidate", tools=(*CHAT_TOOLS, "remove"))
    summary = conversation.say('<findings>\nnot json\n{"statement": 1}\n</findings>')
    assert "2 findings could not be read." in summary


def test_a_file_too_long_to_be_read_whole_is_left_alone():
    memory = store(long="# Long\n\n" + "- A line of text that is said twice.\n" * 3000)
    before = dict(memory.files)
    assert "1 file left alone" in consolidate(memory)
    assert memory.files == before


@pytest.mark.parametrize(
    "line",
    [
        "# a" + " " * 80_000 + "x",
        "# a" + "#" * 80_000 + "x",
        "# a\n\n" + ("- a" + " " * 3900 + "x\n") * 20,
        "# a\n\n" + ("| " * 1950 + "x\n") * 20,
        "# a\n\n" + ("- " + "on Monday " * 390 + "(said 2026-11-20)\n") * 20,
    ],
    ids=["blanks in a title", "hashes in a title", "blanks", "cells", "dates"],
)
def test_a_memory_made_to_hold_up_whoever_reads_it_does_not(line):
    started = time.process_time()
    consolidate(store(notes=line))
    Conversation(store(notes=line)).say("What is in the notes?")
    assert time.process_time() - started < 10


def test_two_dreams_over_the_same_store_agree():
    files = {
        f"{MOUNT}/a.md": "# A\n\n- I saw Ana yesterday. (said 2026-11-20)\n- Tea. (said 2026-11-20)\n"
    }
    first, second = Memory(files), Memory(files)
    assert consolidate(first, ("Tom is a cat.", "2026-11-21")) == consolidate(
        second, ("Tom is a cat.", "2026-11-21")
    )
    assert first.files == second.files


def test_the_summary_counts_what_happened_and_nothing_else():
    memory = store(talk="# CMA talk\n\n- The CMA talk is at 12:00. (said 2026-11-21)\n")
    first = consolidate(memory, ("The CMA talk is at 12:00.", "2026-11-21"))
    assert first.startswith("Read 1 file and 1 finding: 0 added, 1 already there. No file changed.")
    second = consolidate(memory, ("Bob is the new host of the reading club.", "2026-11-22"))
    assert second == "Read 1 file and 1 finding: 1 added, 0 already there."
