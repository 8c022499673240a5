"""`manage.py import_store SOURCE`: bring a zip, a folder or a file into a store, plan first.

Exit codes: 0 all of it stands in the store, 1 nothing was imported, 3 some files were refused.
"""

import tempfile
from pathlib import Path
from typing import IO

from django.core.management.base import BaseCommand, CommandError, CommandParser

from console.actors import Actor
from console.management.workspaces import find_workspace
from console.models import Workspace
from console.templatetags.ui import visible
from memory import layouts, packing, paths, transfer
from memory.archives import Archive, Reading
from memory.management.stores import find_store
from memory.paths import Invalid
from memory.stores import Refused
from memory.transfer import Options, Outcome, Plan
from memory.zips import Unreadable

OPERATOR = Actor("operator", "manage.py")
MARKS = {"new": "+", "changed": "~", "unchanged": "=", "kept": "=", "refused": "!"}
MOST = paths.MAX_MEMORIES * paths.MAX_CONTENT_BYTES  # a full store
SOME_REFUSED = 3


class Command(BaseCommand):
    help = "Bring a zip, a folder or a single file into a store, as one change that can be undone."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("source", type=Path, help="a zip, a folder or a file")
        target = parser.add_mutually_exclusive_group(required=True)
        target.add_argument("--store", help="its id, or its name if no other has it")
        target.add_argument("--new", metavar="NAME", help="make a new store of it")
        parser.add_argument("--folder", default="/", help="where to put the files in the store")
        parser.add_argument("--kind", choices=layouts.KINDS, default="", help="guessed if left out")
        parser.add_argument(
            "--keep-top", action="store_true", help="keep the folder around everything"
        )
        parser.add_argument("--keep-existing", action="store_true", help="replace no file")
        parser.add_argument("--dry-run", action="store_true", help="print the plan, write nothing")
        parser.add_argument("--workspace", metavar="SLUG", help="needed when there are several")

    def handle(self, *, source: Path, workspace: str | None, **options) -> None:
        place = find_workspace(workspace)
        try:
            with tempfile.TemporaryFile() as file:
                archive = Archive(_opened(source, file), most=MOST)
                outcome = self._import(place, archive, source, options)
        except (Invalid, Refused, Unreadable) as error:
            raise CommandError(str(error)) from None
        except OSError as error:
            raise CommandError(f"{source} cannot be read: {error.strerror}.") from None
        if refused := outcome.plan.counts["refused"]:
            raise CommandError(f"{refused:,} files were refused.", returncode=SOME_REFUSED)

    def _import(self, place: Workspace, archive: Archive, source: Path, options: dict) -> Outcome:
        reading = archive.read()
        how = Options(
            options["kind"],
            f"/{options['folder'].strip('/')}/".replace("//", "/"),
            not options["keep_top"],
            not options["keep_existing"],
        )
        store = find_store(place, options["store"]) if options["store"] else None
        if options["dry_run"]:
            planned = transfer.plan(store, reading, how)
            self._tell(planned, "Would import")
            return Outcome(planned)
        given = {"by": OPERATOR, "source": source.name}
        if store:
            outcome = transfer.bring_in(store, archive, reading, how, **given)
        else:
            store, outcome = transfer.bring_new(
                place,
                archive,
                reading,
                how,
                name=options["new"],
                description=_description(reading),
                **given,
            )
        self._tell(outcome.plan, f"Into {store.pk}:")
        return outcome

    def _tell(self, planned: Plan, what: str) -> None:
        self.stdout.write(f"It is: {layouts.KINDS[planned.options.kind]}.")
        for item in planned.items:
            said = ": ".join(filter(None, (visible(item.path), item.reason or item.note)))
            self.stdout.write(f"{MARKS[item.status]} {said}")
        for reason, count in planned.skipped.items():
            self.stdout.write(f"- skipped {count:,}: {reason}")
        told = ", ".join(f"{count:,} {status}" for status, count in planned.counts.items() if count)
        self.stdout.write(f"{what} {told or 'nothing'}.")


def _opened(source: Path, into: IO[bytes]) -> IO[bytes]:
    if source.is_dir():
        packing.pack_folder(source.resolve(), into)
        return into
    with source.open("rb") as file:
        if source.suffix.lower() == ".zip":
            while piece := file.read(1024**2):
                into.write(piece)
        else:
            packing.pack([(source.name, file)], into)
    return into


def _description(reading: Reading) -> str:
    return reading.manifest.description if reading.manifest else ""
