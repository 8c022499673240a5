"""What a person gets back from a lived-in memory: the right sentence, or an honest nothing."""

import pytest

from tests.sessions.builtin.world import DAY, MOUNT, Conversation, Memory, ask, store, tell

pytestmark = pytest.mark.once

TOLD = (
    "My name is Ana Lindqvist and I live in Oslo.",
    "I'm allergic to peanuts.",
    "My favourite colour is purple. I prefer tea over coffee.",
    "Project Atlas ships on 14 March 2027. Dana Reyes is the lead. The repo is at "
    "https://git.example.com/atlas. We decided to use Postgres for the Atlas project.",
    "The staging server runs on port 5432 at staging.example.com.",
    "The production database listens on port 6432. Backups run every night at 02:00.",
    "My manager is Priya Nair. She prefers email over Slack.",
    "My dentist is Dr. Lee. My dentist appointment is on Thursday at 15:30.",
    "For pancakes I use 200 g flour, 3 eggs and 300 ml milk. Fry them in butter.",
    "Standup is at 9:30 every day.",
    "Our flight to Lisbon leaves on 3 March at 07:45 from gate B12.",
    "TODO: renew the TLS certificate before 1 December.",
    "I need to call the bank tomorrow.",
    "Deploy with:\n```\nmake deploy ENV=prod\n```",
    "Shopping list:\n- milk\n- 3 eggs\n- butter",
    "I met Sam Okafor from Acme at the Berlin conference. He wants a demo in January.",
    "Acme's contract ends on 31 December 2026. The Acme deal is worth 40,000 euros.",
    "I don't like mushrooms.",
    "My sister Anna lives in Bergen. Her birthday is 4 May.",
    "The quarterly budget is 120,000 euros. Marketing gets half of it.",
    "We chose React because the team already knows it.",
    "The Kubernetes cluster has three nodes. The cluster is in eu-west-1.",
    "My car is a blue Volvo V60, registration EK12345.",
)


@pytest.fixture(scope="module")
def memory():
    memory = Memory()
    tell(memory, *TOLD)
    tell(memory, "Standup moved to 10:00.", at=DAY.replace(day=22))
    tell(memory, "Actually, the staging server now runs on port 5433.", at=DAY.replace(day=22))
    return memory


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("What is my name?", "Ana Lindqvist"),
        ("who am I", "Ana Lindqvist"),
        ("Where do I live?", "Oslo"),
        ("What am I allergic to?", "peanuts"),
        ("What's my favorite color?", "purple"),
        ("Do I like tea or coffee?", "prefer tea over coffee"),
        ("When does Atlas ship?", "14 March 2027"),
        ("Who leads project Atlas?", "Dana Reyes"),
        ("Which database does Atlas use?", "Postgres"),
        ("What port does the staging server use?", "5433"),
        ("Is the staging server on port 5432?", "5433"),
        ("What port is the production database on?", "6432"),
        ("When do backups run?", "02:00"),
        ("Who is my manager?", "Priya Nair"),
        ("How does Priya like to be contacted?", "email over Slack"),
        ("When is my dentist appointment?", "Thursday = 2026-11-26"),
        ("How do I make pancakes?", "Fry them in butter"),
        ("How many eggs do I need for pancakes?", "3 eggs"),
        ("when is standup", "10:00"),
        ("when does my flight leave", "07:45"),
        ("Which gate?", "B12"),
        ("What do I have to do?", "TLS certificate"),
        ("What are my todos?", "call the bank"),
        ("How do I deploy?", "`make deploy ENV=prod`"),
        ("What's on my shopping list?", "milk"),
        ("Who is Sam Okafor?", "from Acme"),
        ("What does Sam want?", "demo in January"),
        ("When does the Acme contract end?", "31 December 2026"),
        ("How much is the Acme deal worth?", "40,000 euros"),
        ("Do I like mushrooms?", "don't like mushrooms"),
        ("Where does my sister live?", "Bergen"),
        ("When is Anna's birthday?", "4 May"),
        ("What's the budget?", "120,000 euros"),
        ("Why did we choose React?", "already knows it"),
        ("How many nodes does the cluster have?", "three nodes"),
        ("What region is the cluster in?", "eu-west-1"),
        ("What car do I drive?", "Volvo V60"),
        ("Tell me about Lisbon.", "3 March"),
        ("I forgot where the Atlas repo is", "https://git.example.com/atlas"),
    ],
)
def test_it_finds(memory, question, said):
    answer = ask(memory, question)
    assert said in answer
    assert MOUNT in answer
    assert "found nothing" not in answer


@pytest.mark.parametrize(
    "question",
    [
        "What is the capital of France?",
        "What's my brother's name?",
        "Who is Bob?",
        "When is the Tokyo trip?",
        "What is my license plate?",
        "What is the production database password?",
        "What is Priya's email address?",
        "What's the price of the Volvo?",
        "What did Dana say about pricing?",
        "How tall am I?",
    ],
)
def test_it_says_when_it_found_nothing(memory, question):
    assert "I found nothing" in ask(memory, question)


def test_the_nearest_note_is_not_passed_off_as_an_answer(memory):
    answer = ask(memory, "What is the production database password?")
    assert "nothing that says so" in answer
    assert "The closest I have" in answer


def test_each_part_of_a_question_gets_its_own_answer(memory):
    answer = ask(memory, "Who is the lead of Atlas, and when does the Acme contract end?")
    assert "**Who is the lead of Atlas?**" in answer
    assert "**When does the Acme contract end?**" in answer


def test_what_do_you_know_lists_the_files(memory):
    answer = ask(memory, "What do you know about me?")
    assert "[about-me.md]" in answer
    assert "[project-atlas.md]" in answer


def test_an_outdated_value_comes_after_the_one_that_replaced_it(memory):
    answer = ask(memory, "When is standup?")
    assert answer.index("moved to 10:00") < answer.index("9:30")


def test_yesterday_is_explained_by_the_day_it_was_said():
    memory = store(lunch="# Lunch\n\n- I had lunch with Ana yesterday. (said 2026-11-10)\n")
    assert "yesterday = 2026-11-09" in ask(memory, "When did I have lunch with Ana?")


def test_it_reads_tables_front_matter_and_prose():
    memory = store(
        services="---\nowner: ops\n---\n# Services\n\nThe cache is warmed at night. Ask Priya for keys.\n\n"
        "| Service | Port |\n|---|---|\n| redis | 6379 |\n"
    )
    assert "redis · 6379" in ask(memory, "Which port does redis use?")
    assert "Ask Priya" in ask(memory, "Who has the keys?")


def test_a_question_that_points_back_is_understood():
    session = Conversation()
    session.say("My talk is on 3 December at 10:15 in Room 4. It is about caching.")
    assert "10:15" in session.say("When is my talk?")
    assert "Room 4" in session.say("Where is it?")


def test_questions_about_the_conversation_itself():
    session = Conversation()
    session.say("The bike is red.")
    session.say("The car is blue.")
    assert "The car is blue." in session.say("What did I just say?")
    assert "The bike is red." in session.say("What did I say first?")


@pytest.mark.parametrize(
    ("told", "question", "said"),
    [
        ("Ich wohne in Berlin.", "Wo wohne ich?", "Berlin"),
        ("Mon chien s'appelle Rex.", "Comment s'appelle mon chien ?", "Rex"),
        ("Mi hermana vive en Sevilla.", "¿Dónde vive mi hermana?", "Sevilla"),
        ("我住在北京。", "我住在北京吗？", "北京"),
    ],
)
def test_other_languages_are_found_word_by_word(told, question, said):
    memory = Memory()
    tell(memory, told)
    answer = ask(memory, question)
    assert said in answer
    assert "found nothing" not in answer


def test_memory_is_named_before_the_conversation_as_the_source():
    session = Conversation(store(cats="# Cats\n\n- The cat is called Tom.\n"))
    session.say("The cat is called Tom.")
    assert "From [cats.md]" in session.say("What is the cat called?")


def test_the_index_leads_to_a_file_that_the_search_misses():
    memory = store(
        index="# Index\n\n- [Trips](trips/summer.md): the holiday in Portugal\n",
    )
    memory.files[f"{MOUNT}/trips/summer.md"] = "# Summer\n\n- We stay at Casa do Rio.\n"
    session = Conversation(memory)
    session.say("What about the Portugal holiday?")
    assert session.steps[:2] == [["glob", "grep"], ["read"]]
    assert ("read", {"file_path": f"{MOUNT}/trips/summer.md"}) in memory.calls


def test_a_listing_that_was_cut_is_asked_for_the_index():
    memory = store(**{f"a_{n}": f"# Note {n}\n" for n in range(250)}, index="# Index\n")
    session = Conversation(memory)
    session.say("What about the zebra?")
    assert session.steps == [["glob", "grep"], ["glob"], ["read"]]
    assert memory.calls[-1] == ("read", {"file_path": f"{MOUNT}/index.md"})


def test_the_same_request_gives_the_same_reply(memory):
    first, second = Conversation(memory), Conversation(memory)
    assert first.say("Who is Priya?") == second.say("Who is Priya?")
    assert first.replies == second.replies
