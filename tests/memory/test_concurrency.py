"""Many writers at once: every accepted write counts, and every loser is told (invariant 4)."""

import os
import random
import subprocess
import sys
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from urllib.parse import urlsplit

import pytest
from django.db import connection, transaction

from console.actors import Actor
from memory import change_sets, redaction, stores
from memory.models import Blob, Memory
from memory.stores import ABSENT, Act, Conflict, Occupied
from sessions.tools import Toolbox
from sessions.tools.files import file_tools
from sessions.tools.mounts import Mounts
from tests.factories import TESTER, make_api, make_memory, make_session, make_store
from tests.memory import invariants
from tests.memory.writer import (
    FIRST,
    add_line_by_api,
    add_line_by_edit,
    add_line_by_write,
    add_lines,
)

pytestmark = pytest.mark.django_db(transaction=True)
ACT = Act(TESTER)


def together(work, number):
    """Run `work(0)`, `work(1)`, … in threads; returns what they returned."""

    def alone(index):
        try:
            return work(index)
        finally:
            connection.close()

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(alone, range(number)))


def told(error, work):
    """Tell whether the verb refused."""
    try:
        work()
    except error:
        return True
    return False


@pytest.fixture
def diary():
    return make_memory(path="/diary.md", content="")


def check_lines(diary, writers, number):
    """Everybody's lines are there, each once and in its order, and each made one version."""
    diary = Memory.objects.with_text().get(pk=diary.pk)
    lines = diary.content.splitlines()
    assert len(lines) == writers * number
    for writer in range(writers):
        own = [line for line in lines if line.startswith(f"{writer} ")]
        assert own == [f"{writer} {line}" for line in range(number)]
    assert diary.store.versions.count() == writers * number + 1
    assert diary.store.size == diary.blob.size


def test_no_update_is_lost_between_threads(diary):
    together(lambda index: add_lines(diary.pk, str(index), 20), 4)
    check_lines(diary, 4, 20)


def test_no_update_is_lost_between_processes(diary):
    command = [sys.executable, "-m", "tests.memory.writer", diary.pk]
    environment = os.environ | {"DATABASE_URL": database_url()}
    running = [subprocess.Popen([*command, str(n), "20"], env=environment) for n in range(3)]
    assert [process.wait(120) for process in running] == [0, 0, 0]
    check_lines(diary, 3, 20)


def program(diary):
    """How a program adds a line; each call of this is another one, as below."""
    api = make_api()
    api.client.raise_request_exception = False
    return partial(add_line_by_api, api, diary.store_id, diary.pk)


def agent(diary, add):
    """How an agent adds a line. As in a turn, each call of a tool is one transaction."""
    session = make_session(stores=[diary.store])
    mounts = Mounts(session, Actor(session.pk, "Agent"))
    box = Toolbox(file_tools(mounts), mounts)

    def use(name, **given):
        with transaction.atomic():
            return box.run(name, given)

    return partial(add, use, f"/mnt/memory/notes{diary.path}")


def test_sixteen_programs_and_agents_lose_no_update():
    diary = make_memory(path="/diary.md", content=FIRST)
    writers = [program(diary) for _ in range(8)]
    writers += [agent(diary, add_line_by_write) for _ in range(4)]
    writers += [agent(diary, add_line_by_edit) for _ in range(4)]
    lines = [f"{number}\n" for number in range(200)]
    waiting = deque(lines)

    def work(index):
        accepted = 0
        with suppress(IndexError):
            while line := waiting.popleft():
                tries = 1
                while not writers[index](line):
                    time.sleep(random.random() * 0.05 * tries)  # as whoever was refused should
                    tries += 1
                accepted += 1
        return accepted

    accepted = sum(together(work, len(writers)))
    text = Memory.objects.with_text().get(pk=diary.pk).content
    assert sorted(text.splitlines(keepends=True)) == sorted([FIRST, *lines])
    assert accepted == len(lines) and diary.store.versions.count() == accepted + 1
    invariants.check()


def database_url():
    name = connection.settings_dict["NAME"]
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    return urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()


def test_of_many_who_make_the_same_file_one_succeeds():
    store = make_store()

    def make(index):
        return told(
            Conflict, lambda: stores.write(store, "/a", str(index), act=ACT, expected=ABSENT)
        )

    assert sorted(together(make, 6)) == [False] + [True] * 5
    assert store.versions.count() == 1


def test_of_many_who_delete_the_same_file_one_succeeds_and_the_others_find_nothing():
    store, api = make_store(), make_api()
    memories = [make_memory(store, f"/{number}.md") for number in range(2)]

    def delete(number):
        memory = memories[number % 2]
        return api.delete(f"/v1/memory_stores/{store.pk}/memories/{memory.pk}").status_code

    assert sorted(together(delete, 8)) == [200] * 2 + [404] * 6


def test_a_path_never_becomes_file_and_folder_at_once():
    store = make_store()
    paths = ["/a", "/a/b", "/a/b/c"] * 2
    together(lambda i: told((Occupied, Conflict), lambda: add(store, paths[i])), 6)
    (path,) = store.memories.values_list("path", flat=True)
    assert path in paths


def add(store, path):
    return stores.add(store, path, path, act=ACT)


def test_counts_stay_true_when_many_write_their_own_files():
    store = make_store()

    def work(index):
        for number in range(10):
            memory = add(store, f"/{index}/{number}")
            if number % 2:
                stores.remove(memory, act=ACT)

    together(work, 4)
    store.refresh_from_db()
    assert store.memory_count == store.memories.count() == 20
    assert store.size == sum(store.memories.values_list("blob__size", flat=True))


def test_writing_the_same_text_at_once_stores_it_once():
    many = [make_store(name=str(number)) for number in range(4)]
    together(lambda index: stores.write(many[index], "/a", "same", act=ACT), 4)
    assert {Memory.objects.get(store=store).content for store in many} == {"same"}


def test_of_two_who_undo_one_succeeds():
    store = make_store(files={"/a": "1"})
    change_set = change_sets.begin(store, "review", "Changed", TESTER)
    stores.write(store, "/a", "2", act=Act(TESTER, change_set))

    def undo(_):
        return told(stores.Refused, lambda: change_sets.undo(change_set, by=TESTER))

    assert sorted(together(undo, 3)) == [False, True, True]
    assert store.versions.count() == 3


def test_a_clone_is_one_moment_of_a_store_that_is_written_to():
    store = make_store(files={f"/{number}": "0" for number in range(30)})

    def work(index):
        if index:
            for number in range(30):
                stores.write(store, f"/{number}", "1", act=ACT)
            return None
        return stores.clone(store, name="Copy", description="", state="draft", by=TESTER)

    copy = together(work, 2)[0]
    texts = dict(copy.memories.values_list("path", "blob__content"))
    in_order = "".join(texts[f"/{number}"] for number in range(30))
    assert in_order == in_order.replace("0", "").ljust(30, "0")
    assert all(memory.head.memory_id == memory.pk for memory in copy.memories.all())


def overlapping(first, second):
    """Do `first` in a transaction that is still open when `second` begins."""
    begun = threading.Event()

    def work(index):
        if index:
            assert begun.wait(10)
            return second()
        with transaction.atomic():
            first()
            begun.set()
            time.sleep(0.3)
        return None

    together(work, 2)


def forgotten(text):
    """A version that nothing but its redaction keeps from being swept, and another store."""
    memory = make_memory(path="/a", content=text)
    stores.remove(memory, act=ACT)
    return memory.head, make_store(name="Elsewhere")


@pytest.mark.parametrize("writer_is_first", [True, False])
def test_a_text_is_not_swept_from_under_a_writer_in_another_store(writer_is_first):
    version, elsewhere = forgotten("Shared words.")
    deeds = [
        lambda: stores.write(elsewhere, "/b", "Shared words.", act=ACT),
        lambda: redaction.redact(version, by=TESTER),
    ]
    overlapping(*(deeds if writer_is_first else deeds[::-1]))
    assert Memory.objects.with_text().get(store=elsewhere).content == "Shared words."
    version.refresh_from_db()
    assert version.blob is None
    assert Blob.objects.count() == 1


def test_writers_of_the_same_text_do_not_wait_for_each_other():
    one, two = make_store(name="One"), make_store(name="Two", files={"/a": "same"})

    def meanwhile():
        began = time.monotonic()
        stores.write(two, "/b", "same", act=ACT)
        assert connection.vendor == "sqlite" or time.monotonic() - began < 0.25

    overlapping(lambda: stores.write(one, "/a", "same", act=ACT), meanwhile)
    assert Blob.objects.count() == 1
