"""The pages of stores and their files, as a browser asks for them."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from console.actors import Actor
from dreaming.models import Review
from memory import change_sets, page, stores
from memory.models import ChangeSet, Store
from memory.stores import Act, sha256
from tests import factories
from tests.factories import make_dream, make_memory, make_session, make_store

pytestmark = pytest.mark.django_db
AGENT = Actor("sesn_011111111115z", "Research assistant", event="sevt_011111111115z")


def url(name, *parts, **query):
    where = reverse(f"memory:{name}", args=["lab", *[getattr(part, "pk", part) for part in parts]])
    return where + (
        "?" + "&".join(f"{key}={value}" for key, value in query.items()) if query else ""
    )


def text(answer):
    return unescape(answer.content.decode())


def typed(answer, name="content"):
    """What a form on the page would send for a field, as the browser reads it."""
    if name == "content":
        return unescape(
            re.search(
                r'<textarea name="content"[^>]*>\n(.*?)</textarea>', answer.content.decode(), re.S
            )[1]
        )
    values = re.findall(rf'name="{name}"[^>]*value="([^"]*)"', answer.content.decode())
    return unescape(values[-1])


@pytest.fixture
def store(workspace):
    return make_store(
        files={"/notes/talk.md": "# Talk\n\nThe talk is at noon.\n", "/index.md": "# Index\n"}
    )


@pytest.fixture
def talk(store):
    return store.memories.get(path="/notes/talk.md")


# -- The list -----------------------------------------------------------------------------


def test_the_list_tells_what_a_store_holds_and_who_changed_it(as_alice, store):
    make_session(stores=[store])
    stores.write(store, "/new.md", "x", act=Act(AGENT))
    page = text(as_alice.get(url("stores")))
    assert all(words in page for words in ("Notes", "Research assistant", AGENT.event))


def queries(client, where) -> int:
    with CaptureQueriesContext(connection) as asked:
        client.get(where)
    return len(asked)


def test_the_list_asks_the_database_no_more_for_more_stores(as_alice, store):
    few = queries(as_alice, url("stores"))
    for number in range(12):
        make_store(name=f"Store {number}", files={"/a.md": "x"})
    assert queries(as_alice, url("stores")) <= few


@pytest.mark.parametrize(
    ("state", "shown"), [("active", "Alpha"), ("archived", "Beta"), ("draft", "Gamma")]
)
def test_each_state_has_its_list(as_alice, state, shown):
    for name, each in (("Alpha", "active"), ("Beta", "archived"), ("Gamma", "draft")):
        make_store(name=name, state=each)
    page = text(as_alice.get(url("stores", state=state)))
    assert [name for name in ("Alpha", "Beta", "Gamma") if name in page] == [shown]


def test_stores_are_found_by_name_or_description(as_alice):
    make_store(name="Travel")
    make_store(name="Other", description="all about travel")
    make_store(name="Third")
    page = text(as_alice.get(url("stores", q="TRAVEL")))
    assert "Third" not in page
    assert page.count("all about travel") == page.count(">Travel<") == 1


def test_the_list_is_sorted_by_what_one_clicks(as_alice):
    for name, files in (("beta", ["/a", "/b"]), ("Alpha", ["/a"]), ("gamma", [])):
        make_store(name=name, files=dict.fromkeys(files, "x"))
    for sort, expected in (
        ("name", ["Alpha", "beta", "gamma"]),
        ("-name", ["gamma", "beta", "Alpha"]),
        ("-files", ["beta", "Alpha", "gamma"]),
        ("-changed", ["Alpha", "beta", "gamma"]),
        ("nonsense", ["Alpha", "beta", "gamma"]),
    ):
        page = text(as_alice.get(url("stores", sort=sort)))
        assert sorted(expected, key=lambda name: page.index(f">{name}<")) == expected, sort


def test_an_empty_workspace_says_what_to_do_next(as_alice):
    assert "Make the first store" in text(as_alice.get(url("stores")))


def test_a_finished_dream_waits_in_the_list(as_alice, store):
    dream = make_dream(store=store)
    dream.output_store = stores.clone(store, name="Draft", description="", state="draft", by=AGENT)
    Review.objects.create(dream=factories.finish(dream))
    assert "Review waiting" in text(as_alice.get(url("stores", state="draft")))


# -- Stores -------------------------------------------------------------------------------


def test_a_new_store_opens_at_once(as_bob):
    answer = as_bob.post(
        url("store_new"), {"name": "Travel", "description": "Where we go."}, follow=True
    )
    assert Store.objects.get().description == "Where we go."
    assert "No files yet" in text(answer)


def test_a_form_that_is_refused_keeps_what_was_typed(as_bob):
    answer = as_bob.post(url("store_new"), {"name": " ", "description": "Where we go."})
    assert answer.status_code == 422
    assert "Where we go." in text(answer)


def test_a_store_is_renamed(as_bob, store):
    as_bob.post(url("store_edit", store), {"name": "Plans", "description": ""})
    assert Store.objects.get().name == "Plans"


def test_an_archived_store_can_only_be_read(as_bob, store, talk):
    as_bob.post(url("store_archive", store))
    page = text(as_bob.get(url("memory", store, talk)))
    assert "Archived" in page
    assert url("memory_edit", store, talk) not in page
    answer = as_bob.post(url("memory_edit", store, talk), {"content": "x"}, follow=True)
    assert "archived" in text(answer)
    assert store.versions.count() == 2


def test_deleting_a_store_wants_its_name(as_alice, store):
    assert as_alice.post(url("store_delete", store), {"name": "Wrong"}).status_code == 422
    as_alice.post(url("store_delete", store), {"name": "Notes"})
    assert not Store.objects.exists()


def test_what_one_does_to_a_store_that_somebody_has_just_deleted_is_no_failure(
    as_alice, workspace, monkeypatch
):
    store = make_store(name="Notes")
    stores.delete_store(store)
    monkeypatch.setattr(page, "find_store", lambda *_: store)
    for deed in ("store_delete", "store_archive", "store_edit"):
        assert as_alice.post(url(deed, store), {"name": "Notes"}).status_code == 302


def test_only_an_owner_deletes_a_store(as_bob, store):
    assert as_bob.post(url("store_delete", store), {"name": "Notes"}).status_code == 403


def test_a_viewer_finds_nothing_to_press(as_vera, store, talk):
    page = text(as_vera.get(url("memory", store, talk)))
    assert "The talk is at noon." in page
    assert not re.search(r'memory_new|/edit"|/move"|/files/new', page)
    assert as_vera.post(url("memory_edit", store, talk), {"content": "x"}).status_code == 403


def test_the_overview_begins_with_the_index(as_alice, store):
    page = text(as_alice.get(url("store", store)))
    assert '<h1 id="s-index">Index</h1>' in page
    assert "Recent changes" in page


def test_a_draft_leads_to_its_review(as_alice, store):
    dream = make_dream(store=store)
    draft = stores.clone(store, name="Draft", description="", state="draft", by=AGENT)
    dream.output_store = draft
    Review.objects.create(dream=factories.finish(dream))
    page = text(as_alice.get(url("store", draft)))
    assert "What a dream proposes" in page
    assert reverse("dreaming:review", args=["lab", dream.pk]) in page
    assert url("memory_new", draft) not in page


# -- The tree -----------------------------------------------------------------------------


def test_htmx_gets_the_pane_without_its_frame(as_alice, store, talk):
    page = text(as_alice.get(url("memory", store, talk), headers={"HX-Request": "true"}))
    assert page.lstrip().startswith('<section id="pane"')
    assert "<html" not in page


def test_the_tree_shows_where_one_is(as_alice, store, talk):
    page = text(as_alice.get(url("memory", store, talk)))
    assert re.search(rf'files/{talk.pk}"[^>]* aria-current="page"', page)


def test_a_folder_lists_what_is_in_it(as_alice, store):
    make_memory(store, "/notes/old/a.md", "x")
    page = text(as_alice.get(url("store", store, folder="/notes/"), headers={"HX-Request": "true"}))
    assert "talk.md" in page
    assert "old" in page
    assert as_alice.get(url("store", store, folder="/nothing/")).status_code == 404


def test_a_large_tree_is_sent_by_branches(as_alice):
    store = make_store()
    for number in range(320):
        make_memory(store, f"/f{number % 20}/file {number}.md", "x")
    assert "file 21.md" not in text(as_alice.get(url("store", store)))
    assert text(as_alice.get(url("tree", store, folder="/f1/"))).count("<li>") == 16


def test_the_tree_is_filtered_by_path(as_alice, store):
    page = text(as_alice.get(url("tree", store, q="TAL")))
    assert "talk.md" in page
    assert "index.md" not in page


def test_the_tree_marks_what_changed_of_late(as_alice, store, talk):
    store.versions.exclude(memory_id=talk.pk).update(created_at=talk.created_at - timedelta(days=2))
    page = text(as_alice.get(url("tree", store)))
    # The file, and the folder it is in.
    assert page.count('title="changed just now by Tester"') == 2


def test_what_a_clone_began_with_is_not_marked(as_alice, store):
    store.versions.update(created_at=store.created_at)
    assert "changed just now" not in text(as_alice.get(url("tree", store)))


def test_the_page_of_a_store_asks_the_same_whether_it_has_few_files_or_many(as_alice, store):
    def asked():
        with CaptureQueriesContext(connection) as queries:
            as_alice.get(url("store", store))
        return len(queries)

    for number in range(10):
        make_memory(store, f"/few/{number}.md", "x")
    asked()  # The first page of all looks up what the next ones remember.
    few = asked()
    for number in range(200):
        make_memory(store, f"/f{number % 7}/{number}.md", "x")
    assert asked() == few


def test_an_index_that_could_do_better_says_how(as_alice, store):
    index = store.memories.get(path="/index.md")
    for where in (url("store", store), url("memory", store, index.pk)):
        assert "1 file is not mentioned: /notes/talk.md." in text(as_alice.get(where))


# -- Reading ------------------------------------------------------------------------------


def test_a_file_is_shown_rendered(as_alice, store, talk):
    page = text(as_alice.get(url("memory", store, talk)))
    assert '<h1 id="s-talk">Talk</h1>' in page
    assert "Tester" in page


def test_the_source_numbers_its_lines(as_alice, store, talk):
    page = text(as_alice.get(url("memory", store, talk, view="source")))
    assert re.search(r'<li id="L3">.*The talk is at noon\.</li>', page)


def test_a_file_that_is_no_markdown_shows_its_source_first(as_alice, store):
    data = make_memory(store, "/rooms.json", '{"a": "*b*"}')
    assert '{"a": "*b*"}' in text(as_alice.get(url("memory", store, data)))


def test_links_between_files_lead_to_their_pages(as_alice, store):
    memory = make_memory(
        store, "/people/a.md", "[one](../notes/talk.md) [two](/mnt/memory/notes/x.md)"
    )
    page = text(as_alice.get(url("memory", store, memory)))
    assert f"{url('at', store)}?path=/notes/talk.md" in page
    assert f"{url('mounted')}?path=/mnt/memory/notes/x.md" in page


def test_links_to_nothing_are_marked_and_names_are_found(as_alice, store):
    text_ = "[a](../notes/talk.md) [b](none.md) [c](/notes) [[talk]] [[Talk.md|d]] [[nobody]]"
    memory = make_memory(store, "/people/a.md", text_)
    page = as_alice.get(url("memory", store, memory)).content.decode()
    assert len(re.findall(r'path=/notes/talk\.md"(?! class)', page)) == 3
    assert re.findall(r'path=([^"]*)" class="missing"', page) == ["/people/none.md", "/nobody.md"]
    assert re.search(r'path=/notes"(?! class)', page)


def test_a_long_text_has_a_table_of_contents(as_alice, store):
    memory = make_memory(store, "/long.md", "".join(f"## Part {n}\n\nText.\n\n" for n in range(5)))
    page = text(as_alice.get(url("memory", store, memory)))
    assert '<a href="#s-part-4">Part 4</a>' in page


def test_a_path_leads_to_its_file_or_folder(as_alice, store, talk):
    assert as_alice.get(url("at", store, path="/notes/talk.md"))["Location"] == url(
        "memory", store, talk
    )
    assert as_alice.get(url("at", store, path="/notes"))["Location"] == url(
        "store", store, folder="/notes/"
    )
    found = as_alice.get(url("mounted", path="/mnt/memory/notes/notes/talk.md"), follow=True)
    assert "The talk is at noon." in text(found)


def test_a_path_where_nothing_stands_can_be_written(as_alice, store):
    answer = as_alice.get(url("at", store, path="/none.md"))
    assert answer.status_code == 404
    assert f"{url('memory_new', store)}?path=/none.md" in text(answer)


def test_a_download_is_never_a_page(as_alice, store):
    memory = make_memory(store, "/page.html", "<script>alert(1)</script>")
    answer = as_alice.get(url("memory_download", store, memory))
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer["Content-Disposition"] == 'attachment; filename="page.html"'
    assert answer.content == b"<script>alert(1)</script>"


def test_a_file_is_not_found_through_another_store(as_alice, talk):
    assert as_alice.get(url("memory", make_store(name="Other"), talk)).status_code == 404


def test_hostile_names_and_texts_are_harmless(as_alice):
    store = make_store(name="\u202e<b>evil</b>", description="<script>alert(1)</script>")
    memory = make_memory(store, "/<img src=x onerror=alert(1)>.md", "<script>alert(2)</script>")
    for where in (url("stores"), url("store", store), url("memory", store, memory), url("recent")):
        page = as_alice.get(where).content.decode()
        assert not re.search(r"<script>alert|<img src=x|<b>evil|\u202e", page)


# -- Writing ------------------------------------------------------------------------------


def test_saving_makes_a_version(as_bob, bob, store, talk):
    form = as_bob.get(url("memory_edit", store, talk))
    answer = as_bob.post(
        url("memory_edit", store, talk),
        {"content": "New.\r\n", "base": typed(form, "base"), "expected": typed(form, "expected")},
    )
    assert answer["Location"] == url("memory", store, talk)
    talk.refresh_from_db()
    assert (talk.content, talk.head.actor) == ("New.\n", bob.pk)


@pytest.mark.parametrize(
    "content", ["\nfirst line empty\n", "no line break at the end", "a\r\nb\r\n", " x \n\n", ""]
)
def test_opening_and_saving_changes_nothing(as_bob, content):
    store = make_store(files={"/a.md": content})
    memory = store.memories.get()
    sent = (
        typed(as_bob.get(url("memory_edit", store, memory)))
        .replace("\r\n", "\n")
        .replace("\n", "\r\n")
    )
    fields = {"content": sent, "expected": memory.blob.sha256, "base": memory.head_id}
    as_bob.post(url("memory_edit", store, memory), fields)
    assert store.versions.count() == 1


def test_mixed_line_ends_are_told_before_they_are_lost(as_bob, store):
    memory = make_memory(store, "/mixed.md", "a\r\nb\nc\rd")
    assert "mixes several kinds" in text(as_bob.get(url("memory_edit", store, memory)))


def test_a_text_too_large_comes_back_with_the_reason(as_bob, store, talk):
    large = "x" * 102_401
    fields = {"content": large, "expected": talk.blob.sha256}
    answer = as_bob.post(url("memory_edit", store, talk), fields)
    assert answer.status_code == 422
    assert "102,401 bytes" in text(answer)
    assert typed(answer) == large


def conflicting(client, store, talk, mine):
    """Open the file, let an agent change it, then save `mine`."""
    opened = {"base": talk.head_id, "expected": talk.blob.sha256}
    theirs = talk.content.replace("noon", "two")
    stores.update(talk, content=theirs, act=Act(AGENT))
    return client.post(url("memory_edit", store, talk), {"content": mine, **opened})


def test_who_saves_second_loses_nothing(as_bob, store, talk):
    mine = talk.content.replace("noon", "three")
    answer = conflicting(as_bob, store, talk, mine)
    talk.refresh_from_db()
    assert answer.status_code == 409
    assert typed(answer) == mine
    assert typed(answer, "expected") == talk.blob.sha256
    assert "at <ins>two</ins>." in text(answer)
    assert "at <ins>three</ins>." in text(answer)
    assert "two" in talk.content


def test_after_a_conflict_one_may_still_save_the_own_text(as_bob, store, talk):
    mine = talk.content.replace("noon", "three")
    answer = conflicting(as_bob, store, talk, mine)
    fields = {name: typed(answer, name) for name in ("content", "expected", "base")}
    as_bob.post(url("memory_edit", store, talk), fields)
    talk.refresh_from_db()
    assert talk.content == mine
    assert talk.versions.count() == 3


def test_changes_that_fit_together_are_offered_merged(as_bob, store, talk):
    answer = conflicting(as_bob, store, talk, talk.content.replace("# Talk", "# The talk"))
    merged = "# The talk\n\nThe talk is at two.\n"
    assert "Both changes fit together" in text(answer)
    assert typed(answer) == merged
    fields = {name: typed(answer, name) for name in ("content", "expected", "base", "opened")}
    fields |= {"mine": talk.content.replace("# Talk", "# The talk"), "built": merged}
    as_bob.post(url("memory_edit", store, talk), fields)
    talk.refresh_from_db()
    assert talk.content == merged


def test_a_change_that_overlaps_is_not_merged(as_bob, store, talk):
    answer = conflicting(as_bob, store, talk, talk.content.replace("noon", "three"))
    assert "Both changes fit together" not in text(answer)


def test_who_changed_nothing_has_no_conflict(as_bob, store, talk):
    assert conflicting(as_bob, store, talk, talk.content).status_code == 302
    assert talk.versions.count() == 2


def test_a_text_whose_file_was_deleted_can_be_saved_anew(as_bob, store, talk):
    stores.remove(talk, act=Act(AGENT))
    fields = {"content": "Mine.\n", "expected": talk.blob.sha256, "base": talk.head_id}
    answer = as_bob.post(url("memory_edit", store, talk), fields)
    assert answer.status_code == 409
    assert (typed(answer), typed(answer, "path")) == ("Mine.\n", "/notes/talk.md")
    assert f'action="{url("memory_new", store)}"' in text(answer)


def test_a_new_file_makes_its_folders(as_bob, store):
    as_bob.post(url("memory_new", store), {"path": "/a/b/c.md", "content": "x"})
    assert store.memories.filter(path="/a/b/c.md").exists()


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/notes/talk.md", "A file stands here already"),
        ("/notes", "a path holds a file or a folder"),
        ("notes.md", "must start with a slash"),
        ("/a/../b.md", ".. as a part"),
        ("", "required"),
    ],
)
def test_a_path_that_cannot_be_is_explained(as_bob, store, path, reason):
    answer = as_bob.post(url("memory_new", store), {"path": path, "content": "Typed.\n"})
    assert answer.status_code == 422
    assert reason in text(answer)
    assert typed(answer) == "Typed.\n"


def test_a_preview_saves_nothing(as_bob, store):
    answer = as_bob.post(url("memory_preview", store), {"content": "# Big\r\n", "path": "/a.md"})
    assert '<h1 id="s-big">Big</h1>' in text(answer)
    assert store.versions.count() == 2


def test_a_file_is_moved_with_its_history(as_bob, store, talk):
    fields = {"path": "/talks/keynote.md", "expected": talk.blob.sha256}
    as_bob.post(url("memory_move", store, talk), fields)
    page = text(as_bob.get(url("memory_history", store, talk)))
    assert "keynote.md" in page
    assert 'from <span class="name">/notes/talk.md</span>' in page


def test_a_file_does_not_move_onto_another(as_bob, store, talk):
    fields = {"path": "/index.md", "expected": talk.blob.sha256}
    answer = as_bob.post(url("memory_move", store, talk), fields)
    assert answer.status_code == 422
    assert "/index.md is in the way" in text(answer)


def test_a_file_that_changed_is_looked_at_before_it_moves(as_bob, store, talk):
    fields = {"path": "/b.md", "expected": sha256("something else")}
    answer = as_bob.post(url("memory_move", store, talk), fields)
    assert answer.status_code == 409
    assert typed(answer, "expected") == talk.blob.sha256


# -- Going back ---------------------------------------------------------------------------


def test_a_deleted_file_keeps_its_page_and_comes_back(as_bob, store, talk):
    as_bob.post(url("memory_delete", store, talk), {"expected": talk.blob.sha256})
    page = text(as_bob.get(url("memory", store, talk)))
    assert "This file is deleted" in page
    first = store.versions.filter(memory=talk.pk).last()
    as_bob.post(url("version_restore", store, first))
    assert store.memories.get(pk=talk.pk).path == "/notes/talk.md"


def test_a_file_that_changed_is_not_deleted(as_bob, store, talk):
    as_bob.post(url("memory_delete", store, talk), {"expected": sha256("something else")})
    assert store.memories.filter(pk=talk.pk).exists()


def test_a_version_shows_what_it_changed_and_what_changed_since(as_bob, store, talk):
    second = stores.update(talk, content=talk.content.replace("noon", "two"), act=Act(AGENT)).head
    stores.update(talk, content=talk.content.replace("noon", "three"), act=Act(AGENT))
    page = text(as_bob.get(url("version", store, second)))
    assert "<del>noon</del>" in page
    assert "<ins>two</ins>" in page
    since = text(as_bob.get(url("version", store, second, against="now")))
    assert "<del>two</del>" in since
    assert "<ins>three</ins>" in since


def test_restoring_writes_the_old_text_as_a_new_version(as_bob, store, talk):
    old, content = talk.head, talk.content
    changed = stores.update(talk, content="other", act=Act(AGENT))
    as_bob.post(url("version_restore", store, old), {"expected": changed.blob.sha256})
    assert store.memories.with_text().get(pk=talk.pk).content == content
    assert talk.versions.count() == 3


def test_restoring_over_a_text_nobody_saw_is_refused(as_bob, store, talk):
    old, seen = talk.head, talk.blob.sha256
    stores.update(talk, content="other", act=Act(AGENT))
    answer = as_bob.post(url("version_restore", store, old), {"expected": seen}, follow=True)
    assert "Nothing was restored" in text(answer)
    assert talk.versions.count() == 2


def test_only_an_owner_redacts(as_alice, as_bob, store, talk):
    old = talk.head
    stores.update(talk, content="other", act=Act(AGENT))
    assert as_bob.post(url("version_redact", store, old)).status_code == 403
    as_alice.post(url("version_redact", store, old), {"reason": "A slip"})
    page = text(as_alice.get(url("version", store, old)))
    assert "Redacted" in page
    assert "noon" not in page


def test_the_history_shows_a_change_set_as_one(as_alice, alice, store):
    made = change_sets.begin(store, ChangeSet.Kind.ADOPTION, "Adopted a dream", Actor.user(alice))
    for number in range(3):
        stores.write(store, f"/new {number}.md", "x", act=Act(Actor.user(alice), change_set=made))
    page = text(as_alice.get(url("store_history", store)))
    assert "3 files" in page
    assert "/new 1.md" not in page.partition('id="pane"')[2]
    assert "/new 1.md" in text(as_alice.get(url("store_history", store, change=made.pk)))


def test_the_history_is_filtered_by_author_and_deed(as_alice, store, talk):
    stores.update(talk, content="by the agent", act=Act(AGENT))
    pane = text(as_alice.get(url("store_history", store, by="sesn"))).partition('id="pane"')[2]
    assert "/notes/talk.md" in pane
    assert "/index.md" not in pane
    assert "Nothing like that" in text(
        as_alice.get(url("store_history", store, operation="deleted"))
    )


def test_a_page_of_history_asks_no_more_for_more_versions(as_alice, store):
    few = queries(as_alice, url("store_history", store))
    for number in range(40):
        stores.write(store, f"/{number}.md", "x", act=Act(AGENT))
    assert queries(as_alice, url("store_history", store)) <= few


# -- On the home page ---------------------------------------------------------------------


def test_home_shows_the_newest_change_of_each_file(as_alice, store, talk):
    stores.update(talk, content="by the agent", act=Act(AGENT))
    page = text(as_alice.get(url("recent")))
    assert page.count("/notes/talk.md") == 1
    assert page.index("/notes/talk.md") < page.index("/index.md")
