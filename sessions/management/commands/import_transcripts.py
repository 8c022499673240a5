"""`manage.py import_transcripts WORKSPACE FILES…`: bring transcripts in as sessions, plan first.

Exit codes: 0 all of it is there, 1 nothing was imported, 3 some files were refused.
"""

import os
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError, CommandParser

from console.management.workspaces import find_workspace
from console.models import Workspace
from console.templatetags.ui import visible
from sessions import importing
from sessions.foreign.parcels import Sent
from sessions.importing import Item

MOST_UNPACKED = 1024**3
SOME_REFUSED = 3


class Command(BaseCommand):
    help = "Bring transcripts of other programs in as sessions that have ended; prints a plan."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("workspace", help="its slug, as in its address")
        parser.add_argument("files", type=Path, nargs="+", help="transcripts, zips or folders")
        parser.add_argument("--yes", action="store_true", help="import; otherwise only the plan")
        parser.add_argument(
            "--assistant",
            metavar="NAME",
            help="who is no person in plain texts; '' when all are persons",
        )

    def handle(self, *, workspace: str, files: list[Path], yes: bool, **options) -> None:
        place = find_workspace(workspace)
        sent = Sent(MOST_UNPACKED)
        try:
            for file in files:
                _take(file, sent)
        except OSError as error:
            raise CommandError(f"{error.filename} cannot be read: {error.strerror}.") from None
        items = importing.itemised(place, sent.found)
        self._tell(items, sent)
        new = [item for item in items if item.known is None]
        if not sent.found:
            raise CommandError("No transcript was found.")
        if yes:
            self._import(place, new, options["assistant"])
        else:
            told = f"Would import {len(new):,} of {len(items):,}."
            self.stdout.write(f"{told} Say --yes to import." if new else told)
        if sent.refused:
            raise CommandError(
                f"{len(sent.refused):,} files were refused.", returncode=SOME_REFUSED
            )

    def _tell(self, items: list[Item], sent: Sent) -> None:
        for item in items:
            self.stdout.write(_line(item))
            for what, count in item.left_out:
                self.stdout.write(f"    left out {count:,}: {visible(what)}")
        for name, why in sent.refused:
            self.stdout.write(f"! {visible(name)}: {visible(why)}")
        for what, count in sent.skipped.items():
            self.stdout.write(f"- skipped {count:,}: {visible(what)}")

    def _import(self, place: Workspace, new: list[Item], assistant: str | None) -> None:
        wanted = [(item.transcript, assistant) for item in new]
        made = sum(len(importing.bring_in(place, some)) for some in importing.batches(wanted))
        self.stdout.write(f"Imported {made:,} as sessions of {place.slug}.")


def _take(source: Path, sent: Sent) -> None:
    """Read a file or a folder; links inside a folder are not followed."""
    if not source.is_dir():
        sent.take(source.name, source.read_bytes())
        return
    for where, folders, names in os.walk(source.resolve()):
        folders.sort()
        for path in (Path(where, name) for name in sorted(names)):
            shown = path.relative_to(source.resolve().parent).as_posix()
            if path.is_symlink():
                sent.refuse(shown, "It is a symbolic link; name the file itself.")
            elif path.is_file():
                sent.take_among(shown, path.read_bytes)


def _line(item: Item) -> str:
    transcript, counts = item.transcript, item.counts
    told = [transcript.format, f"{item.said:,} messages", f"{counts['call']:,} calls"]
    told.append(" – ".join(f"{at:%Y-%m-%d %H:%M}" for at in item.times))
    if transcript.speakers:
        told.append(f"the assistant is {visible(transcript.assistant) or 'nobody'}")
    if item.known:
        told.append(f"imported already: {item.known.pk}")
    mark = "=" if item.known else "+"
    return f"{mark} {visible(transcript.title[:120])} ({', '.join(filter(None, told))})"
