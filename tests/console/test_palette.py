"""The palette: one list of what a workspace has, for a few letters, and of nobody else's."""

import re
from html import unescape

import pytest
from django.urls import reverse

from console import palette
from memory import stores
from sessions import events
from tests.factories import make_agent, make_dream, make_memory, make_session, make_store

pytestmark = pytest.mark.django_db


def ask(client, typed="", slug="lab"):
    answer = client.get(reverse("palette", args=[slug]), {"q": typed})
    assert answer.status_code == 200
    return unescape(answer.content.decode())


def entries(client, typed="", slug="lab"):
    """Kind, title and address of each entry."""
    shown = ask(client, typed, slug)
    pattern = r'role="option" id="palette-\d+" href="([^"]+)".*?<span class="name truncate">(.*?)</span>.*?class="palette-kind">(.*?)<'
    return [(kind, title, url) for url, title, kind in re.findall(pattern, shown, re.S)]


@pytest.fixture
def house(workspace):
    store = make_store(name="Heron notes", files={"/birds/heron.md": "x\n", "/plan.md": "y\n"})
    agent = make_agent(name="Heron watcher")
    session = make_session(agent=agent, stores=[store], title="Counting herons")
    return store, agent, session, make_dream(store=store, sessions=[session])


def test_it_finds_every_kind_of_thing(as_alice, house):
    store, agent, session, dream = house
    found = {(kind, title): url for kind, title, url in entries(as_alice, "heron")}
    memory = store.memories.get(path="/birds/heron.md")
    assert found == {
        ("Store", "Heron notes"): store.get_absolute_url(),
        ("File", "/birds/heron.md"): reverse("memory:memory", args=["lab", store.pk, memory.pk]),
        ("Session", "Counting herons"): reverse("sessions:session", args=["lab", session.pk]),
        ("Agent", "Heron watcher"): reverse("sessions:agent", args=["lab", agent.pk]),
        ("Dream", "Dream over Heron notes"): reverse("dreaming:dream", args=["lab", dream.pk]),
    }


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("plan", ("File", "/plan.md")),
        ("PLAN.md", ("File", "/plan.md")),
        ("birds her", ("File", "/birds/heron.md")),
        ("heorn.md", ("File", "/birds/heron.md")),
        ("new sess", ("Action", "New session")),
        ("keys", ("Action", "Settings: API keys")),
        ("agents", ("Page", "Agents")),
    ],
)
def test_what_answers_best_comes_first(as_alice, house, typed, first):
    assert entries(as_alice, typed)[0][:2] == first


def test_nothing_typed_shows_what_is_new_and_what_one_can_do(as_alice, house):
    found = entries(as_alice)
    kinds = [kind for kind, *_ in found]
    assert set(kinds[:5]) <= {"Store", "File", "Session", "Agent", "Dream"}
    assert ("Action", "New session") in [entry[:2] for entry in found]
    assert 'id="palette-search"' not in ask(as_alice)


def test_the_last_entry_searches_inside_the_files(as_alice, house):
    shown = ask(as_alice, "nowhere & <b>")
    assert entries(as_alice, "nowhere & <b>") == []
    assert f"{reverse('memory:search', args=['lab'])}?q=nowhere%20%26%20%3Cb%3E" in shown
    assert "<b>" not in as_alice.get("/w/lab/palette", {"q": "<b>"}).content.decode()


def test_the_last_entry_says_how_many_more_there_are(as_alice, house):
    make_store(name="Birds", files={f"/crane-{number}.md": "x" for number in range(20)})
    assert len(entries(as_alice, "crane-")) == 12
    assert "8 more" in ask(as_alice, "crane-")
    assert " more</span>" not in ask(as_alice, "crane-17")


def test_a_session_without_a_title_is_found_by_its_first_words(as_alice, house):
    session = make_session(title="")
    said = {"content": [{"type": "text", "text": "Where do the cranes sleep?"}]}
    events.append(session.primary, events.Entry("user.message", said))
    assert entries(as_alice, "cranes")[0][:2] == ("Session", "Where do the cranes sleep?")


def test_it_offers_only_what_one_may_do(as_vera, as_alice, house):
    assert ("Action", "New store") in [entry[:2] for entry in entries(as_alice, "new store")]
    assert "New store" not in [title for _, title, _ in entries(as_vera, "new store")]
    assert "Settings: API keys" not in [title for _, title, _ in entries(as_vera, "keys")]


def test_a_stranger_finds_nothing_of_ours(as_eve, eve, house):
    slug = eve.workspaces.get().slug
    make_store(eve.workspaces.get(), name="Her herons", files={"/heron.md": "x\n"})
    for typed in ("heron", "heorn", "plan", "Counting", ""):
        found = entries(as_eve, typed, slug)
        assert all(url.startswith(f"/w/{slug}/") for *_, url in found)
        shown = ask(as_eve, typed, slug)
        assert not [each.pk for each in house if each.pk in shown]
    assert as_eve.get(reverse("palette", args=["lab"])).status_code == 404


def test_archived_things_and_drafts_files_are_left_out(as_alice, house):
    store, agent, session, dream = house
    draft = make_store(name="Draft", state="draft", files={"/heron-draft.md": "x\n"})
    stores.archive(store)
    session.archived_at = agent.archived_at = dream.archived_at = store.created_at
    for each in (session, agent, dream):
        each.save(update_fields=["archived_at"])
    assert entries(as_alice, "heron") == []
    assert [title for _, title, _ in entries(as_alice, "draft")] == [draft.name]


def test_names_that_disguise_themselves_are_shown_harmlessly(as_alice):
    make_store(name="in\u202evoice <script>")
    shown = as_alice.get("/w/lab/palette", {"q": "voice"}).content.decode()
    assert "in⟨U+202E⟩voice &lt;script&gt;" in shown


@pytest.mark.parametrize("typed", ["\0", "%", "_", "\\", "'", "x" * 5000, "😀", "a b c " * 30])
def test_nothing_one_can_type_breaks_it(as_alice, house, typed):
    ask(as_alice, typed)


def test_many_files_cost_no_more_queries(as_alice, house, queries_of):
    where = reverse("palette", args=["lab"]) + "?q=file"
    few = queries_of(as_alice, where)
    for number in range(30):
        make_memory(house[0], f"/file-{number}.md", "x\n")
    assert queries_of(as_alice, where) <= few
    assert len(entries(as_alice, "file")) == palette.MOST


@pytest.mark.parametrize(
    ("words", "better", "worse"),
    [
        ("talk", "talk.md", "my-talk.md"),
        ("talk", "my talk", "smalltalk"),
        ("talk", "smalltalk", "tall oak"),
        ("talk", "talk", "talk about everything"),
    ],
)
def test_how_well_a_text_answers(words, better, worse):
    assert palette.fit(words, better) > palette.fit(words, worse)


def test_every_word_has_to_be_answered():
    assert palette.fit("talk noon", "talk at noon")
    assert not palette.fit("talk zebra", "talk at noon")


def test_a_viewer_sees_the_button_on_every_page(as_vera, workspace):
    page = as_vera.get("/w/lab/").content.decode()
    assert 'role="combobox"' in page
    assert page.count("data-palette") == 3
