"""Which memories sessions read: noted by the tools, shown on the store's page of use."""

import threading

import pytest
from django.db import connection, transaction

from console.actors import Actor
from console.rows import BATCH
from memory import stores, usage
from memory.models import Store, Use
from memory.stores import Act
from sessions.tools import Toolbox
from sessions.tools.files import file_tools
from sessions.tools.mounts import Mounts
from tests.factories import TESTER, attach, make_session, make_store
from tests.memory.test_history_pages import pane
from tests.memory.test_store_pages import queries, url
from tests.patience import somebody_waits, wait_until

pytestmark = pytest.mark.django_db


@pytest.fixture
def store(workspace):
    return make_store(files={"/a.md": "alpha\nalpha\n", "/b.md": "beta\n", "/c.md": "alpha beta\n"})


def tools_of(session, event="sevt_011111111115z"):
    mounts = Mounts(session, Actor(session.pk, "Assistant", event))
    box = Toolbox(file_tools(mounts), mounts)
    return lambda name, **given: box.run(name, given)


def counts(store):
    rows = usage.of_store(store, "path")
    return {row["path"]: (row["reads"], row["finds"], row["sessions"]) for row in rows}


def test_what_tools_return_is_counted_and_what_they_write_is_not(store):
    for times in (1, 2):
        use = tools_of(make_session(stores=[store]))
        for _ in range(times):
            use("read", file_path="/mnt/memory/notes/a.md")
        use("grep", pattern="alpha")
        use("glob", pattern="**/*.md")
        use("edit", file_path="/mnt/memory/notes/b.md", old_string="beta", new_string=f"{times}")
        use("edit", file_path="/mnt/memory/notes/b.md", old_string=f"{times}", new_string="beta")
    assert counts(store) == {"/a.md": (3, 2, 2), "/b.md": (0, 0, 0), "/c.md": (0, 2, 0)}


def test_a_search_through_many_stores_counts_in_each(store):
    other, session = make_store(name="Other", files={"/a.md": "alpha\n"}), make_session()
    attach(session, store)
    attach(session, other)
    tools_of(session)("grep", pattern="^alpha")
    assert (counts(store)["/a.md"], counts(other)["/a.md"]) == ((0, 1, 0), (0, 1, 0))


def test_what_is_not_there_and_what_a_dream_reads_do_not_count(store):
    tools_of(make_session(stores=[store], is_dream=True))(
        "read", file_path="/mnt/memory/notes/a.md"
    )
    usage.read(store, "/nowhere.md", by=TESTER)
    usage.found(store, [], by=TESTER)
    assert not Use.objects.exists()


def test_many_finds_are_noted_in_batches(store):
    usage.found(store, [f"/{n}.md" for n in range(BATCH)] + ["/a.md", "/b.md"], by=TESTER)
    assert [seen[1] for seen in counts(store).values()] == [1, 1, 0]


def test_use_survives_deletion_and_restoring_but_not_the_store(store):
    usage.read(store, "/a.md", by=TESTER)
    memory = store.memories.get(path="/a.md")
    stores.remove(memory, act=Act(TESTER))
    stores.restore(memory.head, act=Act(TESTER))
    assert counts(store)["/a.md"] == (1, 0, 1)
    stores.delete_store(store)
    assert not Use.objects.exists()


def test_a_read_makes_no_version_and_waits_for_no_writer(store):
    before = store.versions.count(), store.changed_at
    usage.read(store, "/a.md", by=TESTER)
    store.refresh_from_db()
    assert (store.versions.count(), store.changed_at) == before


def test_the_page_shows_what_nobody_reads_first(as_vera, store):
    session = make_session(stores=[store])
    use = tools_of(session)
    use("read", file_path="/mnt/memory/notes/b.md")
    use("read", file_path="/mnt/memory/notes/a.md")
    answer = as_vera.get(url("store_use", store))
    assert [row["path"] for row in answer.context["rows"]] == ["/c.md", "/b.md", "/a.md"]
    assert "1 of 3 files was never read" in pane(answer)
    assert f"/sessions/{session.pk}/?event=" in pane(answer)
    most = as_vera.get(url("store_use", store, sort="recent")).context["rows"]
    assert [row["path"] for row in most] == ["/a.md", "/b.md", "/c.md"]
    assert as_vera.get(url("store_use", store, sort="nonsense")).context["sort"] == "stale"


def test_the_page_of_an_empty_store_says_what_it_is_for(as_vera, workspace):
    assert "No files" in pane(as_vera.get(url("store_use", make_store())))


def test_a_file_says_how_often_it_was_read(as_vera, store):
    memory = store.memories.get(path="/a.md")
    assert "never read by a session" in pane(as_vera.get(url("memory", store, memory)))
    use = tools_of(make_session(stores=[store]))
    use("read", file_path="/mnt/memory/notes/a.md")
    use("read", file_path="/mnt/memory/notes/a.md", view_range=[1, 1])
    assert "read 2 times" in pane(as_vera.get(url("memory", store, memory)))


def test_a_page_of_use_asks_no_more_for_more_files(as_vera, store):
    few = queries(as_vera, url("store_use", store))
    for number in range(30):
        stores.write(store, f"/{number}.md", "x", act=Act(TESTER))
        usage.read(store, f"/{number}.md", by=TESTER)
    assert queries(as_vera, url("store_use", store)) <= few


def test_pages_fetch_one_use_of_a_file_however_many_sessions_read_it(as_vera, store, monkeypatch):
    for number in range(8):
        usage.read(store, "/a.md", by=Actor(f"sesn_{number}", "Assistant", "sevt_1"))
    fetched, from_db = [], Use.from_db
    monkeypatch.setattr(Use, "from_db", lambda *row: fetched.append(row) or from_db(*row))
    memory = store.memories.get(path="/a.md")
    for where in (url("store_use", store), url("memory", store, memory)):
        fetched.clear()
        assert "/sessions/sesn_7/" in pane(as_vera.get(where))
        assert len(fetched) == 1


@pytest.mark.django_db(transaction=True)
def test_a_session_that_reads_and_then_writes_waits_for_nobody_who_deletes_the_store(store):
    use = tools_of(make_session(stores=[store]))
    path = "/mnt/memory/notes/a.md"
    use("read", file_path=path)
    deleting = threading.Thread(target=delete, args=[store])
    with transaction.atomic():
        use("read", file_path=path)
        deleting.start()
        assert connection.vendor == "sqlite" or wait_until(somebody_waits, 20)
        assert not use("write", file_path=path, content="gamma\n").is_error
        assert not use("read", file_path="/mnt/memory/notes/b.md").is_error
    deleting.join()
    assert not Store.objects.exists() and not Use.objects.exists()


def delete(store):
    try:
        stores.delete_store(store)
    finally:
        connection.close()
