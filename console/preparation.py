"""What must be true before the processes start; each step is quick when there is nothing to do."""

import hashlib
import stat
from collections.abc import Iterator
from contextlib import suppress

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.utils.module_loading import import_string

from console import accounts
from console.models import Workspace


def shut_out_others() -> None:
    """Let no other user of this machine read what lies here: who made it may have been less careful.

    The folder itself stays as it is; it may be one that somebody shares for a reason.
    """
    for path in [*settings.HOME.glob("reverie.sqlite3*"), settings.HOME / "secret_key"]:
        with suppress(FileNotFoundError):
            mode = path.stat().st_mode
            if mode & 0o007:
                path.chmod(stat.S_IMODE(mode) & ~0o007)


def put_away() -> None:
    """After all processes: let SQLite move its log into the database, so that one file is all there is.

    Processes that end leave the log lying, with what was written last.
    """
    if not settings.SQLITE:
        return
    with suppress(DatabaseError):  # the next start reads the log just as well
        connection.ensure_connection()
        connection.introspection.table_names()
        connection.close()


def migrate() -> None:
    """Bring the tables up to date."""
    if migrations_to_run():
        call_command("migrate", interactive=False, verbosity=0)


def migrations_to_run() -> int:
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def collect_static() -> None:
    """Gather, hash and compress the static files, if one has changed since the last time."""
    stamp = settings.HOME / "static.stamp"
    now = hashlib.sha256("\n".join(_static_sources()).encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == now and settings.STATIC_ROOT.exists():
        return
    call_command("collectstatic", interactive=False, verbosity=0)
    stamp.write_text(now)


def _static_sources() -> Iterator[str]:
    yield repr(settings.STORAGES["staticfiles"])
    for finder in get_finders():
        for name, storage in finder.list([]):
            found = storage.path(name)
            size, changed = storage.size(name), storage.get_modified_time(name)
            yield f"{found} {size} {changed.timestamp()}"


def seed(sample: bool) -> accounts.FirstSignIn | None:
    """Make the first account and what belongs to a new house; None when somebody lives here."""
    with transaction.atomic():
        first = accounts.first_start()
        if first:
            furnish(first.workspace)
            if sample:
                import_string(settings.SAMPLE)(first.workspace, first.owner)
    return first


def furnish(workspace: Workspace) -> None:
    """Lay out what a new workspace begins with."""
    for name in settings.FIRST_START:
        import_string(name)(workspace)
