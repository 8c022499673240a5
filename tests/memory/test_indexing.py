"""The search's index: whether it is complete, behind or missing, the results are the same."""

import os
import signal
import subprocess
import sys
import threading
from array import array

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console.actors import Actor
from memory import grams, indexing, reading, redaction, search, stores, tasks
from memory.literals import literal
from memory.models import Blob, Gram, Segment
from memory.patterns import Pattern
from tests.factories import TESTER, make_memory, make_store

pytestmark = pytest.mark.django_db
ACT = stores.Act(TESTER)
TEXTS = [
    "heron in the reeds\n",
    "The HERON stands.\nA stork.\n",
    "Straße, KELVIN\n",
    "",
    "äöü 会議\n",
]


@pytest.fixture(autouse=True)
def eager(monkeypatch):
    """The index is worth its while for a single text."""
    monkeypatch.setattr(indexing, "FEWEST", 1)
    monkeypatch.setattr(reading, "FEW", 1)


def catch_up() -> int:
    return indexing.catch_up(60)


def found(store, pattern, **options):
    hits = search.grep(store, Pattern(pattern, **options)).hits
    return [(hit.path, hit.line_number, hit.line) for hit in hits]


def naively(store, pattern, **options):
    files = store.memories.values_list("path", "blob__content")
    batch = [reading.File(None, path, text.encode()) for path, text in sorted(files)]
    lines = Pattern(pattern, **options).lines([batch])
    return [(line.file.path, line.number, line.text) for line in lines]


WRITES = st.lists(
    st.tuples(st.sampled_from(["/a", "/b", "/c/d", "/c/e", "/f"]), st.sampled_from([*TEXTS, None])),
    max_size=12,
)
PATTERNS = [
    "heron",
    "(?i)heron",
    "stork|kelvin",
    "(?i)strasse|STRASSE",
    "会議",
    "reeds$",
    ".",
    "zzz",
]


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(WRITES, st.sets(st.integers(0, 12)), st.booleans())
def test_the_index_changes_no_result(db, writes, rests, redacts):
    """After any writes and removals, with the index filled at any moments of them."""
    with transaction.atomic():
        store, other = make_store(), make_store(name="Other", files={"/a": TEXTS[0]})
        for step, (path, text) in enumerate(writes):
            change(store, path, text, redacts)
            if step in rests:
                catch_up()
            for each in (store, other):
                each.refresh_from_db()
        for pattern in PATTERNS:
            for each in (store, other):
                assert found(each, pattern) == naively(each, pattern)
                loosely = {"ignore_case": True}
                assert found(each, pattern, **loosely) == naively(each, pattern, **loosely)
        transaction.set_rollback(True)


def change(store, path, text, redacts):
    memory = store.memories.filter(path=path).first()
    if text is not None:
        stores.write(store, path, text, act=ACT)
    elif memory:
        stores.remove(memory, act=ACT)
        if redacts:
            for version in store.versions.filter(path=path):
                redaction.redact(version, by=TESTER)


def test_an_index_is_asked_where_it_can_tell(django_assert_num_queries):
    store = make_store(files={f"/{n}": f"text {n}\n" for n in range(8)} | {"/z": TEXTS[0]})
    assert catch_up() == 9
    blob = Blob.objects.get(content=TEXTS[0])
    assert indexing.candidates(literal("HERON"), 100) == {blob.pk}
    assert indexing.candidates(literal("text"), 3) is None
    assert indexing.candidates(Pattern(".*").need, 100) is None
    Blob.objects.filter(pk=blob.pk).update(content="somewhere else")
    assert found(store, "somewhere") == []  # so the text was not even read


def test_what_is_not_indexed_yet_is_found():
    store = make_store(files={"/a": "heron one\n", "/b": "x\n"})
    catch_up()
    make_memory(store, "/c", "heron two\n")
    assert [path for path, *_ in found(store, "heron")] == ["/a", "/c"]


def test_few_new_texts_wait_for_others(monkeypatch):
    monkeypatch.setattr(indexing, "FEWEST", 3)
    store = make_store(files={"/a": "1\n", "/b": "2\n"})
    assert catch_up() == 0
    make_memory(store, "/c", "3\n")
    assert catch_up() == 3
    assert catch_up() == 0


def test_many_texts_become_several_segments(monkeypatch):
    monkeypatch.setattr(indexing, "MOST", 25)
    store = make_store(files={f"/{n}": f"heron {n:03}\n" for n in range(8)})
    assert catch_up() == 8
    assert Segment.objects.count() == 4
    assert len(found(store, "heron")) == 8


def test_the_sweep_fills_the_index():
    make_store(files={"/a": "heron\n"})
    tasks.sweep()
    assert not Blob.objects.filter(segment=None).exists()


# -- Forgetting


def indexed_words():
    """All members of all grams, to be compared with what the texts hold now."""
    holders = {}
    for segment in Segment.objects.all():
        keys = array("q", bytes(segment.members))
        first = segment.pk * grams.GRAMS
        for row in Gram.objects.filter(pk__gte=first, pk__lt=first + grams.GRAMS):
            for place in grams.members(grams.unpack(row.members)):
                holders.setdefault(keys[place], set()).add(row.pk - first)
    return holders


def true_words():
    blobs = Blob.objects.exclude(segment=None).exclude(size__lt=3)
    return {blob.pk: grams.grams(blob.content) for blob in blobs}


def test_a_redaction_leaves_nothing_in_the_index():
    store = make_store(files={f"/{n}": f"heron {n}\n" for n in range(40)})
    secret = make_memory(store, "/secret", "the password is zebra-crossing-7\n")
    catch_up()
    assert indexed_words() == true_words()
    key = secret.blob_id
    stores.remove(secret, act=ACT)
    for version in store.versions.filter(path="/secret"):
        redaction.redact(version, by=TESTER)
    assert not Blob.objects.filter(pk=key).exists()
    assert indexed_words() == true_words()
    assert key not in array("q", bytes(Segment.objects.get().members))
    gone = grams.grams("zebra-crossing-7") - set().union(*true_words().values())
    assert gone
    assert not {pk % grams.GRAMS for pk in Gram.objects.values_list("pk", flat=True)} & gone
    assert len(found(store, "heron")) == 40


def test_a_deleted_store_leaves_nothing_in_the_index():
    store = make_store(files={f"/{n}": f"heron {n}\n" for n in range(5)})
    kept = make_store(name="Kept", files={"/1": "heron 1\n", "/k": "kept\n"})
    catch_up()
    stores.delete_store(store)
    assert indexed_words() == true_words()
    stores.delete_store(kept)
    assert not Gram.objects.exists()
    assert not Segment.objects.exists()


def test_a_text_that_was_redacted_and_written_again_is_found_again():
    store = make_store(files={"/a": "heron\n", "/b": "stork\n"})
    catch_up()
    stores.remove(store.memories.get(path="/a"), act=ACT)
    for version in store.versions.filter(path="/a"):
        redaction.redact(version, by=TESTER)
    assert found(store, "heron") == []
    make_memory(store, "/c", "heron\n")
    assert [path for path, *_ in found(store, "heron")] == ["/c"]
    catch_up()
    assert [path for path, *_ in found(store, "heron")] == ["/c"]


# -- Several at once, and dying


@pytest.mark.django_db(transaction=True)
def test_a_text_deleted_while_it_is_being_indexed_does_not_come_back(monkeypatch):
    store = make_store(files={"/a": "heron\n", "/b": "stork\n"})
    holders_of = indexing._holders

    def slowly(keys):
        holders = holders_of(keys)
        done = threading.Thread(target=redact_elsewhere, args=[store])
        done.start()
        done.join()
        return holders

    monkeypatch.setattr(indexing, "_holders", slowly)
    assert catch_up() == 0
    assert not Gram.objects.exists()
    monkeypatch.setattr(indexing, "_holders", holders_of)
    assert catch_up() == 1
    assert indexed_words() == true_words()


def redact_elsewhere(store):
    try:
        stores.remove(store.memories.get(path="/a"), act=ACT)
        for version in store.versions.filter(path="/a"):
            redaction.redact(version, by=Actor("user_other", "Other"))
    finally:
        connection.close()


DYING = """
import os, signal, django
django.setup()
from memory import indexing
indexing.FEWEST, indexing.MOST = 1, 30
insert, count = indexing._insert, []
def die(segment, holders):
    insert(segment, holders)
    count.append(segment)
    if len(count) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
indexing._insert = die
indexing.catch_up(60)
"""


@pytest.mark.django_db(transaction=True)
def test_an_indexer_killed_in_the_middle_leaves_whole_segments_and_another_goes_on():
    store = make_store(files={f"/{n}": f"heron {n:03}\n" for n in range(9)})
    name = connection.settings_dict["NAME"]
    database = f"sqlite:///{name}"
    if connection.vendor == "postgresql":
        database = os.environ["DATABASE_URL"].rpartition("/")[0] + f"/{name}"
    environment = os.environ | {"DATABASE_URL": database}
    died = subprocess.run([sys.executable, "-c", DYING], env=environment, check=False)
    assert died.returncode == -signal.SIGKILL
    assert Segment.objects.count() == 1
    assert indexed_words() == true_words()
    assert len(found(store, "heron")) == 9
    assert catch_up() == 9 - Segment.objects.order_by("pk").first().members.__len__() // 8
    assert indexed_words() == true_words()
    assert len(found(store, "heron")) == 9
