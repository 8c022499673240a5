"""A redacted text is gone: not only from the rows, from the very files of the database."""

from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from memory import redaction, stores
from memory.models import Blob
from memory.paths import Invalid
from memory.stores import Act
from tests.factories import TESTER, make_memory, make_store

ACT = Act(TESTER)
SECRET = "correct-horse-battery-staple"


def on_disk(words: str) -> list[str]:
    """The files of the SQLite database that hold these words."""
    database = Path(settings.DATABASES["default"]["NAME"])
    files = database.parent.glob(f"{database.name}*")
    return [file.name for file in files if words.encode() in file.read_bytes()]


@pytest.mark.once
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("size", [1, 300, 3_000])
def test_a_redacted_text_is_in_no_file_of_the_database(size):
    memory = make_memory(make_store(), f"/{SECRET}.md", f"{SECRET}\n" * size)
    old = memory.head
    stores.update(memory, content="harmless", path="/a.md", act=ACT)
    assert on_disk(SECRET)
    redaction.redact(old, by=TESTER, reason="a slip")
    assert on_disk(SECRET) == []


@pytest.mark.once
@pytest.mark.django_db(transaction=True)
def test_a_deleted_store_leaves_no_text_in_the_files():
    store = make_store(files={"/a.md": f"{SECRET}\n" * 500})
    stores.delete_store(store)
    assert on_disk(SECRET) == []


@pytest.mark.once
@pytest.mark.django_db
def test_sqlite_overwrites_what_it_deletes():
    with connection.cursor() as cursor:
        assert cursor.execute("PRAGMA secure_delete").fetchone() == (1,)


@pytest.mark.django_db
def test_a_text_used_elsewhere_stays_there():
    memory = make_memory(make_store(), "/a.md", "shared")
    kept, old = make_memory(make_store(name="Other"), "/b.md", "shared"), memory.head
    stores.update(memory, content="other", act=ACT)
    redaction.redact(old, by=TESTER)
    assert Blob.objects.get(pk=kept.blob_id).content == "shared"


@pytest.mark.django_db
def test_a_reason_is_kept_and_has_its_length():
    memory = make_memory()
    old = memory.head
    stores.update(memory, content="other", act=ACT)
    with pytest.raises(Invalid, match="at most 500"):
        redaction.redact(old, by=TESTER, reason="x" * 501)
    redacted = redaction.redact(old, by=TESTER, reason="a slip")
    assert (redacted.redacted_reason, redacted.redacted_by_name) == ("a slip", TESTER.name)
