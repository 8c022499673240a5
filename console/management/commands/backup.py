"""`manage.py backup FILE`: a copy of the SQLite database that is whole, taken while everything runs."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection


class Command(BaseCommand):
    help = "Copy the SQLite database into FILE, whole, while Reverie runs. PostgreSQL has pg_dump."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="where the copy goes; it must not exist yet")

    def handle(self, *, file: Path, **options) -> None:
        if not settings.SQLITE:
            raise CommandError("The database is PostgreSQL: `pg_dump` makes a whole copy of it.")
        if file.exists():
            raise CommandError(f"{file} exists already; name another file.")
        draft = file.with_name(f"{file.name}.{os.getpid()}.part")
        try:
            draft.touch(mode=0o600)
            _copy(draft)
            draft.rename(file)
        except (OSError, sqlite3.Error) as error:
            raise CommandError(f"{file} could not be written: {error}.") from None
        finally:
            draft.unlink(missing_ok=True)
        key = settings.HOME / "secret_key"
        self.stdout.write(f"{file} holds the database. Keep {key} too, in another place.")


def _copy(draft: Path) -> None:
    """In one step: what is written meanwhile waits in the log, and is not in the copy."""
    source = connection.settings_dict["NAME"]
    with (
        closing(sqlite3.connect(source, timeout=20)) as live,
        closing(sqlite3.connect(draft)) as copy,
    ):
        live.backup(copy)
        # One file, without a log beside it that could be forgotten.
        copy.execute("PRAGMA journal_mode=DELETE")
        (verdict,) = copy.execute("PRAGMA quick_check").fetchone()
    if verdict != "ok":
        raise sqlite3.DatabaseError(f"the copy is damaged ({verdict})")
