"""A full disk and a database that is away: told in plain words, without a trace or a path."""

import errno
import sqlite3

import psycopg
import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.urls import path

from console import trouble, urls
from memory.models import Store
from tests.factories import make_api, make_store

SECRET = "/srv/reverie/reverie.sqlite3"


def no_room(request):
    raise OSError(errno.ENOSPC, SECRET)


def away(request):
    raise OperationalError(SECRET) from psycopg.OperationalError(SECRET)


urlpatterns = [*urls.urlpatterns, path("no-room", no_room), path("away", away)]
handler500 = urls.handler500


@pytest.fixture
def visitor() -> Client:
    return Client(raise_request_exception=False)


@pytest.mark.once
@pytest.mark.urls(__name__)
@pytest.mark.parametrize(
    ("where", "status", "words"),
    [("/no-room", 507, "disk is full"), ("/away", 503, "database is busy")],
)
def test_a_person_reads_what_is_wrong_and_no_more(visitor, where, status, words):
    answer = visitor.get(where)
    text = answer.content.decode()
    assert answer.status_code == status
    assert words in text and "nothing was saved" in text
    assert SECRET not in text and "Traceback" not in text
    assert int(answer["retry-after"]) > 0


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("code", "expected"),
    [("53100", trouble.FULL), ("53300", trouble.BUSY), ("40P01", trouble.BUSY), ("23505", None)],
)
def test_what_postgresql_says_is_understood(code, expected):
    if connection.vendor != "postgresql":
        pytest.skip("about PostgreSQL")
    with pytest.raises(Exception, match="staged") as raised, connection.cursor() as cursor:
        cursor.execute(f"DO $$ BEGIN RAISE EXCEPTION 'staged' USING ERRCODE = '{code}'; END $$")
    assert trouble.of(raised.value) is expected


@pytest.fixture
def full_disk(db):
    """SQLite may not grow any more, as on a disk that is full."""
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL's disk cannot be filled here")
    store = make_store()
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA max_page_count")
        (most,) = cursor.fetchone()
        cursor.execute("PRAGMA max_page_count = 1")  # that is: what it has now
        yield store
        cursor.execute(f"PRAGMA max_page_count = {most}")


BIG = "words " * 15_000


def test_a_program_is_told_that_the_disk_is_full(full_disk, workspace):
    api = make_api(workspace)
    store = full_disk.pk
    answer = api.post(f"/v1/memory_stores/{store}/memories", {"path": "/a", "content": BIG})
    assert answer.status_code == 507
    assert answer.json()["error"]["type"] == "api_error"
    assert "disk is full" in answer.json()["error"]["message"]
    assert answer.json()["request_id"] == answer["request-id"]
    assert api.get(f"/v1/memory_stores/{store}/memories").json()["data"] == []


def test_a_person_is_told_that_the_disk_is_full_and_can_go_on_reading(full_disk, as_alice):
    as_alice.raise_request_exception = False
    address = full_disk.get_absolute_url()
    answer = as_alice.post(f"{address}files/new", {"path": "/a", "content": BIG})
    assert answer.status_code == 507
    assert "disk is full" in answer.content.decode()
    assert as_alice.get(address).status_code == 200
    assert Store.objects.get().memory_count == 0


def test_a_mistake_of_ours_is_no_trouble():
    assert trouble.of(None) is None
    assert trouble.of(OperationalError("no such table")) is None
    broken = OperationalError("syntax")
    broken.__cause__ = sqlite3.OperationalError("syntax")
    assert trouble.of(broken) is None
