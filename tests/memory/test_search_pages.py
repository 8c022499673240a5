"""Searching in a store and across a workspace, as a browser asks for it."""

import re
from html import unescape
from urllib.parse import urlencode

import pytest
from django.urls import reverse

from memory import reading, results, search, stores
from memory.models import Store, StoreState
from tests.factories import make_memory, make_store

pytestmark = pytest.mark.django_db
FILES = {
    "/notes/talk.md": "# Talk\n\nThe talk is at noon.\nBring slides.\n",
    "/notes/team.md": "Ada talks to Ben.\n",
    "/plan.md": "nothing\nof that\n",
}


@pytest.fixture
def store(workspace):
    return make_store(files=FILES)


def ask(client, where=None, **query):
    parts = ["lab", where.pk] if where else ["lab"]
    name = "memory:store_search" if where else "memory:search"
    return client.get(f"{reverse(name, args=parts)}?{urlencode(query)}")


def page(answer):
    assert answer.status_code == 200
    return unescape(answer.content.decode())


def link(store, path):
    memory = store.memories.get(path=path)
    return reverse("memory:memory", args=["lab", store.pk, memory.pk])


@pytest.mark.parametrize("everywhere", [False, True])
def test_a_search_leads_to_the_lines(as_alice, store, everywhere):
    shown = page(ask(as_alice, None if everywhere else store, q="AT NOON"))
    assert f"{link(store, '/notes/talk.md')}?view=source&q=AT%20NOON#L3" in shown
    assert "The talk is <mark>at noon</mark>." in shown


def test_the_line_beside_is_shown_too_and_blank_ones_are_not(as_alice, store):
    shown = page(ask(as_alice, q="noon"))
    assert "Bring slides." in shown
    assert "#L4" in shown
    assert "#L2" not in shown


@pytest.mark.parametrize(("mode", "query"), [("regex", "at n.{2}n"), ("words", "slide noon")])
def test_a_search_takes_patterns_and_words(as_alice, store, mode, query):
    shown = page(ask(as_alice, store, q=query, mode=mode))
    assert "1 in 1 file" in shown
    assert "noon</mark>" in shown


def test_the_case_counts_when_one_says_so(as_alice, store):
    assert "Nothing found" in page(ask(as_alice, q="AT NOON", case="on"))
    assert "<mark>at noon</mark>" in page(ask(as_alice, q="at noon", case="on"))
    assert "<mark>at noon</mark>" in page(ask(as_alice, q="AT N..N", mode="regex"))
    assert "Nothing found" in page(ask(as_alice, q="AT N..N", mode="regex", case="on"))


def test_a_search_keeps_to_its_folder_and_its_store(as_alice, store):
    other = make_store(name="Other", files={"/notes/x.md": "noon\n", "/y.md": "noon\n"})
    assert "3 in 3 files" in page(ask(as_alice, q="noon"))
    assert "2 in 2 files" in page(ask(as_alice, q="noon", prefix="notes/"))
    assert "2 in 2 files" in page(ask(as_alice, q="noon", store=other.pk))
    assert ask(as_alice, q="noon", store="memstore_wrong").status_code == 404


def test_drafts_and_archived_stores_are_left_out_unless_asked_for(as_alice, store):
    for state in (StoreState.DRAFT, StoreState.ARCHIVED):
        stores.set_state(make_store(name=f"The {state}", files={"/a": "noon\n"}), state)
    assert "1 in 1 file" in page(ask(as_alice, q="noon"))
    assert "3 in 3 files" in page(ask(as_alice, q="noon", everywhere="on"))


def test_files_are_found_by_their_path(as_alice, store):
    shown = page(ask(as_alice, q="plan.md"))
    assert "By path" in shown
    assert link(store, "/plan.md") in shown


def test_all_files_found_by_their_path_can_be_seen(as_alice, store):
    for number in range(20):
        make_memory(store, f"/crane-{number}.md", "x")
    shown = page(ask(as_alice, store, q="crane-"))
    assert "14 more" in shown and all(f"/crane-{number}.md" in shown for number in range(20))


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ({"q": "(", "mode": "regex"}, "is not closed"),
        ({"q": "ab[c", "mode": "regex"}, "at [c"),
        ({"q": "(abc", "mode": "regex"}, "(at (abc)"),
        ({"q": "(?=x)", "mode": "regex"}, "look-ahead"),
        ({"q": "x" * 1001}, "at most 1000 characters"),
        ({"q": "x", "mode": "magic"}, "magic"),
    ],
)
def test_a_search_that_cannot_be_is_explained(as_alice, store, query, reason):
    for answer in (ask(as_alice, **query), ask(as_alice, store, **query)):
        assert answer.status_code == 422
        assert reason in unescape(answer.content.decode())


def test_what_is_found_is_shown_as_text(as_alice, store):
    make_memory(store, "/x.md", "<b>needle</b> \u202e")
    shown = ask(as_alice, store, q="<b>").content.decode()
    assert "<mark>&lt;b&gt;</mark>needle&lt;/b&gt; ⟨U+202E⟩" in shown
    assert "\u202e" not in shown


@pytest.mark.parametrize("mode", ["text", "words", "regex"])
@pytest.mark.parametrize("query", ["\0", "\u202e", " ", ".*" * 500, "%%%", "😀"])
def test_no_query_breaks_the_page(as_alice, store, query, mode):
    assert ask(as_alice, q=query, mode=mode).status_code in (200, 422)


NEXT = re.compile(r'<a [^>]*rel="next" href="([^"]*)"')


@pytest.mark.parametrize("everywhere", [True, False])
def test_what_does_not_fit_comes_on_further_pages_each_line_once(as_alice, store, everywhere):
    make_memory(store, "/many & more.md", "crane\n" * 300)
    make_memory(store, "/some.md", "crane\n" * 50)
    if everywhere:
        make_memory(make_store(name="Other"), "/other.md", "crane\n" * 150)
    answer, seen = ask(as_alice, None if everywhere else store, q="crane"), []
    assert "the first 200 in" in page(answer)
    url = answer.wsgi_request.path
    while True:
        html = answer.content.decode()
        seen += re.findall(r'<a href="([^"?]*)\?[^"]*#L(\d+)"', html)
        if not (found := NEXT.search(html)):
            break
        answer = as_alice.get(url + unescape(found[1]))
        assert "further" in page(answer)
    assert len(seen) == len(set(seen)) == (500 if everywhere else 350)


def test_further_best_files_come_on_further_pages(as_alice):
    make_store(name="Many", files={f"/{n}": f"crane {n}\n" for n in range(120)})
    answer, seen = ask(as_alice, q="crane", mode="words"), []
    for _ in range(3):
        html = answer.content.decode()
        seen += re.findall(r'class="name quiet" href="([^"]*)"', html)
        if found := NEXT.search(html):
            answer = as_alice.get(answer.wsgi_request.path + unescape(found[1]))
    assert len(seen) == len(set(seen)) == 120


@pytest.mark.parametrize(
    "after", ["x", "\0", "9" * 50, "memstore_01 1", "memstore_01 ² /a", "🦢 7 /"]
)
def test_a_place_that_makes_no_sense_is_the_beginning(as_alice, store, after):
    make_memory(store, "/x.md", "crane\n")
    assert "/x.md" in page(ask(as_alice, q="crane", after=after))


def test_a_search_that_takes_too_long_stops_and_says_which_stores_are_unread(monkeypatch, store):
    make_store(name="Other", files=FILES)
    monkeypatch.setattr(reading, "FIRST_BATCH", 1)
    found = results.look(Store.objects.order_by("pk"), results.Query("noon"), seconds=1e-9)
    assert found.count == 1
    assert [each.name for each in found.unread] == ["Notes", "Other"]


def test_a_page_says_that_it_stopped(as_alice, store, monkeypatch):
    monkeypatch.setattr(reading, "FIRST_BATCH", 1)
    monkeypatch.setattr(results, "SECONDS", 1e-9)
    assert "Stopped after" in page(ask(as_alice, q="nowhere"))


def test_the_best_file_comes_first_whichever_store_it_is_in(as_alice, store):
    make_store(name="Other", files={f"/{n}": f"heron {n}\n" for n in range(60)})
    make_store(name="Best", files={"/best": "heron lake\n"})
    found = results.look(
        Store.objects.order_by("pk"), results.Query("heron lake", "words"), seconds=9
    )
    assert found.files[0].path == "/best"
    assert found.more
    assert found.count == results.BEST


def test_a_stranger_finds_nothing_of_ours(as_eve, store, eve):
    slug = eve.workspaces.get().slug
    make_store(eve.workspaces.get(), name="Hers", files={"/a": "noon, she says\n"})
    where = reverse("memory:search", args=[slug])
    for mode in ("text", "words", "regex"):
        shown = page(as_eve.get(f"{where}?q=noon&mode={mode}&everywhere=on"))
        assert "1 in 1 file" in shown
        assert "she says" in shown
        assert store.pk not in shown
    assert as_eve.get(f"{where}?q=noon&store={store.pk}").status_code == 404


def test_an_empty_search_explains_itself(as_alice, workspace):
    shown = page(ask(as_alice))
    assert "Nothing to search yet" in shown
    assert 'button primary" href' not in shown
    make_store()
    assert "in every active store" in page(ask(as_alice))
    assert len(search.ranked(make_store(files=FILES), "talk").hits) == 2
