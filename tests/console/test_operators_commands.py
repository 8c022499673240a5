"""What an operator does by hand: backups of a database in use, and workspaces."""

import re
import sqlite3
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import Client

from console.models import User, Workspace
from tests.factories import make_store


def said(*arguments: str) -> str:
    output = StringIO()
    call_command(*arguments, stdout=output)
    return output.getvalue()


def count(file, table: str) -> int:
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as copy:
        return copy.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


@pytest.fixture
def on_sqlite(transactional_db):
    if connection.vendor != "sqlite":
        pytest.skip("about SQLite")


def test_a_backup_holds_what_was_committed_and_lets_writers_go_on(on_sqlite, workspace, tmp_path):
    make_store(files={"/a.md": "Kept.\n"})
    with transaction.atomic():
        make_store(name="Under way")  # SQLite's one write lock is taken
        assert "secret_key" in said("backup", str(tmp_path / "copy"))
    assert count(tmp_path / "copy", "memory_store") == 1
    assert count(tmp_path / "copy", "memory_memory") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]
    assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o600


def test_a_backup_overwrites_nothing_and_leaves_nothing_half_done(on_sqlite, tmp_path):
    (tmp_path / "copy").write_text("Yesterday's.")
    for target in ("copy", "nowhere/copy"):
        with pytest.raises(CommandError, match="copy"):
            said("backup", str(tmp_path / target))
    assert [path.read_text() for path in tmp_path.iterdir()] == ["Yesterday's."]


def test_of_postgresql_pg_dump_makes_backups(settings, tmp_path):
    settings.SQLITE = False
    with pytest.raises(CommandError, match="pg_dump"):
        said("backup", str(tmp_path / "copy"))


def test_a_new_workspace_is_furnished_and_its_owner_can_sign_in(db):
    told = said("create_workspace", "Field work", "--owner", "dana")
    password = re.search(r"password of dana is (\S+)\.", told)[1]
    workspace = Workspace.objects.get(slug="field-work")
    assert "/w/field-work/" in told
    assert workspace.agents.count() == workspace.environments.count() == 1
    visitor = Client()
    visitor.post("/sign-in", {"username": "dana", "password": password})
    assert visitor.get(workspace.get_absolute_url()).status_code == 200


def test_whoever_has_an_account_keeps_the_password(alice):
    told = said("create_workspace", "Second", "--owner", "Alice")
    assert "password" not in told
    assert alice.workspaces.count() == 2


@pytest.mark.parametrize("name, owner", [("", "dana"), ("x" * 101, "dana"), ("Ours", "no name!")])
def test_what_makes_no_sense_makes_no_workspace(db, name, owner):
    with pytest.raises(CommandError):
        said("create_workspace", name, "--owner", owner)
    assert not Workspace.objects.exists() and not User.objects.exists()
