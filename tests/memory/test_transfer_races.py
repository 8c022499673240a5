"""Imports at once, imports beside other writers, and imports that die."""

import io
import os
import signal
import subprocess
import sys
import zipfile

import pytest
from django.db import connection

from memory import change_sets, stores, transfer
from memory.archives import Archive
from memory.models import Blob, ChangeSet, Store
from memory.stores import Act
from memory.transfer import Options
from tests.factories import TESTER, make_store
from tests.memory.test_concurrency import database_url, together

pytestmark = pytest.mark.django_db(transaction=True)
FILES = 60


def zip_of(order) -> io.BytesIO:
    """The same texts under names that sort as `order` has them."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for place, number in enumerate(order):
            archive.writestr(f"{place:03}.md", f"The text number {number}.\n" * 9)
    return file


def bring(store: Store, file: io.BytesIO) -> transfer.Outcome:
    archive = Archive(file)
    return transfer.bring_in(
        store, archive, archive.read(), Options(), by=TESTER, source="notes.zip"
    )


def test_imports_of_the_same_texts_wait_for_each_other_and_never_in_a_circle():
    targets = [make_store() for _ in range(4)]
    orders = [range(FILES), range(FILES - 1, -1, -1)] * 2
    together(lambda index: bring(targets[index], zip_of(orders[index])), 4)
    assert Blob.objects.count() == FILES
    for store in targets:
        store.refresh_from_db()
        assert store.memory_count == store.memories.count() == FILES


def test_imports_into_one_store_and_its_other_writers_lose_nothing():
    store = make_store()
    act = Act(TESTER)

    def work(index):
        if index % 2:
            bring(store, zip_of(range(index * FILES, (index + 1) * FILES)))
        for number in range(0 if index % 2 else 20):
            stores.write(store, f"/mine/{index}-{number}.md", "mine", act=act)

    together(work, 4)
    store.refresh_from_db()
    assert store.memory_count == store.memories.count() == FILES + 40
    outcomes = list(store.change_sets.order_by("pk"))
    assert [change_set.versions.count() for change_set in outcomes] == [FILES, FILES]
    change_sets.undo(outcomes[1], by=TESTER)
    change_sets.undo(outcomes[0], by=TESTER)
    assert not store.memories.under("/").exclude(path__startswith="/mine/").exists()


DIE = """
import os, signal, sys
import django
django.setup()
from django.core.management import call_command
from memory import stores
stores.count = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)
call_command("import_store", sys.argv[1], store=sys.argv[2], workspace="lab")
"""


def test_an_import_that_is_killed_before_its_end_leaves_the_store_as_it_was(tmp_path):
    store = make_store(files={"/000.md": "as it was\n"})
    (tmp_path / "x.zip").write_bytes(zip_of(range(FILES)).getvalue())
    environment = os.environ | {
        "DATABASE_URL": database_url(),
        "DJANGO_SETTINGS_MODULE": "console.settings",
        "REVERIE_HOME": str(tmp_path),
    }
    command = [sys.executable, "-c", DIE, str(tmp_path / "x.zip"), store.pk]
    died = subprocess.run(command, env=environment, capture_output=True, timeout=120)
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    store.refresh_from_db()
    assert (store.memory_count, store.memories.get().content) == (1, "as it was\n")
    assert Blob.objects.count() == 1
    assert not ChangeSet.objects.exists()
    bring(store, zip_of(range(FILES)))
    assert connection.is_usable()
    store.refresh_from_db()
    assert store.memory_count == FILES
