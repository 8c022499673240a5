"""A disk that fills up under each verb: the verb says so, and nothing of it was saved."""

from collections.abc import Callable, Iterator

import pytest
from django.db import DatabaseError, connection

from console import trouble
from memory import change_sets, folders, redaction, stores
from memory.models import ChangeSet, Store
from tests.factories import TESTER, make_store
from tests.memory import invariants
from tests.memory.acts import ACT, bring_in, clone, rows

pytestmark = pytest.mark.django_db(transaction=True)
DEEP = "/" + "/".join(["long" * 25] * 9)
"""A path of some 900 bytes: even a verb that only tells of a file soon needs room."""


def text(number: int) -> str:
    return f"{number} words\n" * 500


@pytest.fixture
def store(workspace) -> Store:
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL's disk cannot be filled here")
    store = make_store(files={f"{DEEP}/{number}": text(number) for number in range(6)})
    stores.write(store, f"{DEEP}/0", text(7), act=ACT)
    return store


@pytest.fixture
def other(workspace) -> Store:
    return make_store(name="Other")


@pytest.fixture
def full_disk(store, other) -> Iterator[None]:
    """SQLite may not grow any more, as on a disk that is full; it still has room within its pages."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM")  # other tests leave empty pages, which are room as well
        cursor.execute("PRAGMA max_page_count")
        (most,) = cursor.fetchone()
        cursor.execute("PRAGMA max_page_count = 1")  # that is: what it has now
        cursor.fetchone()
        yield
        cursor.execute(f"PRAGMA max_page_count = {most}")


def rename(store: Store, number: int) -> None:
    here, there = f"{DEEP}/", f"{DEEP}!/"
    if number % 2:
        here, there = there, here
    seen = folders.digest(folders.chosen(store, [here]))
    folders.rename(store, here, there, by=TESTER, seen=seen)


def undo(store: Store, number: int) -> None:
    """What was undone last is undone in turn."""
    change_sets.undo(store.change_sets.first() or begun(store), by=TESTER)


def restore(store: Store, number: int) -> None:
    """One of two texts, in turn."""
    if not number:
        stores.write(store, f"{DEEP}/0", text(9), act=ACT)
    past = store.versions.filter(path=f"{DEEP}/0").order_by("pk")
    stores.restore(past[number % 2], act=ACT)


def begun(store: Store) -> ChangeSet:
    rename(store, 0)
    return store.change_sets.first()


VERBS: dict[str, Callable[[Store, int], object]] = {
    "add": lambda store, n: stores.add(store, f"/{n}", text(n), act=ACT),
    "write": lambda store, n: stores.write(store, f"{DEEP}/0", text(n), act=ACT),
    "update": lambda store, n: stores.update(
        store.memories.first(), path=f"{DEEP}/a/{n}", content=text(n), act=ACT
    ),
    "restore": restore,
    "clone": lambda store, n: clone(store),
    "rename folder": rename,
    "import": lambda store, n: bring_in(store, {f"/{n}/a": text(n), f"/{n}/b": text(-n)}),
    "undo": undo,
}


def until_full(verb: Callable[[Store, int], object], store: Store) -> None:
    """Do it again and again; the time that it is told to be impossible leaves no trace."""
    for number in range(300):
        before = rows()
        try:
            verb(store, number)
        except DatabaseError as error:
            assert trouble.of(error) is trouble.FULL
            assert rows() == before
            return
    raise AssertionError("The disk was never full.")


@pytest.mark.once
@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
def test_a_verb_that_meets_a_full_disk_says_so_and_leaves_no_trace(store, full_disk, verb):
    until_full(verb, store)
    invariants.check()


@pytest.mark.once
def test_room_can_be_made_on_a_full_disk(store, other, full_disk):
    until_full(VERBS["add"], store)
    redaction.redact(store.versions.filter(path=f"{DEEP}/0").earliest("pk"), by=TESTER)
    stores.remove(store.memories.first(), act=ACT)
    stores.delete_store(store)
    stores.write(other, "/a", text(1), act=ACT)
    invariants.check()


@pytest.mark.once
def test_a_redaction_that_cannot_empty_the_log_is_not_told_as_failed(store):
    stores.write(store, f"{DEEP}/0", text(9), act=ACT)
    version = store.versions.earliest("pk")
    with connection.cursor() as reading:
        reading.execute("SELECT id FROM memory_version")  # unread rows hold on to the log
        redaction.redact(version, by=TESTER)
    version.refresh_from_db()
    assert version.redacted_at and version.blob is None
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout")
        assert cursor.fetchone() == (20_000,)
