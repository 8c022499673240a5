"""`manage.py export_store STORE`: write a store into a zip, with a manifest of hashes."""

import sys
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError, CommandParser

from console.management.workspaces import find_workspace
from memory import transfer
from memory.management.stores import find_store
from memory.paths import Invalid


class Command(BaseCommand):
    help = "Write a store into a zip that import_store reads back, byte for byte."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("store", help="its id, or its name if no other has it")
        parser.add_argument("--output", metavar="FILE", help="- for standard output")
        parser.add_argument(
            "--path", action="append", default=[], help="a file, or a folder/; may be repeated"
        )
        parser.add_argument("--workspace", metavar="SLUG", help="needed when there are several")

    def handle(self, *, store: str, output: str | None, workspace: str | None, **options) -> None:
        found = find_store(find_workspace(workspace), store)
        try:
            pieces = transfer.export(found, options["path"])
        except Invalid as invalid:
            raise CommandError(str(invalid)) from None
        if output == "-":
            sys.stdout.buffer.writelines(pieces)
            return
        target = Path(output or transfer.file_name(found))
        try:
            with target.open("xb") as file:
                file.writelines(pieces)
        except FileExistsError:
            raise CommandError(f"{target} exists already; name another file.") from None
        except OSError as error:
            raise CommandError(f"{target} cannot be written: {error.strerror}.") from None
        self.stdout.write(f"{target}: {found.memory_count:,} files in the store “{found}”.")
