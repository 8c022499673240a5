"""What people send to be imported: files, folders and zips of transcripts."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from pathlib import PurePosixPath

from memory import zips
from memory.paths import Invalid
from sessions import foreign
from sessions.foreign.messages import LeftOut, Transcript, Unreadable

COMMAND = "import_transcripts"
ENDING = re.compile(r"\.[a-z0-9]{1,8}")
TWICE = "conversations that were sent twice"


@dataclass
class Sent:
    """What was found: conversations, files that are `refused` (each with why), and how many things
    were `skipped`, by what they are. `most` bytes may come out of each zip."""

    most: int
    found: list[Transcript] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    skipped: LeftOut = field(default_factory=LeftOut)
    _known: set[str] = field(default_factory=set)

    def take(self, name: str, data: bytes) -> None:
        """Read a file or a zip; with a path it came with its folder, among others."""
        try:
            if name.lower().endswith(".zip") or zips.is_zip(data[:4]):
                self._unpack(name, zips.Zip(BytesIO(data), most=self.most, command=COMMAND))
            elif "/" in name:
                self.take_among(name, lambda: data)
            else:
                self._read(name, data)
        except (Unreadable, zips.Unreadable) as why:
            self.refuse(name, str(why))

    def take_among(self, name: str, data: Callable[[], bytes]) -> None:
        """Read a file that came among others, as far as its name says that it may be a transcript."""
        suffix = PurePosixPath(name).suffix.lower()
        if why := zips.is_junk(name):
            self.skipped.note(why)
        elif suffix not in foreign.SUFFIXES:
            shown = suffix if ENDING.fullmatch(suffix) else "without a known ending"
            self.skipped.note(f"files of other kinds ({shown})")
        else:
            try:
                self._read(name, data())
            except (Unreadable, Invalid) as why:
                self.refuse(name, str(why))

    def refuse(self, name: str, why: str) -> None:
        self.refused.append((name[-255:].replace("\0", "\ufffd"), why))

    def _read(self, name: str, data: bytes) -> None:
        for transcript in foreign.read(name, data):
            if (digest := transcript.digest) in self._known:
                self.skipped.note(TWICE)
            else:
                self._known.add(digest)
                self.found.append(transcript)

    def _unpack(self, zip_name: str, packed: zips.Zip) -> None:
        for name in sorted(packed.names):
            if why := zips.unsafe(name):
                self.refuse(f"{zip_name}/{name}", why)
            else:
                # No limit of its own: all of them together may hold what one alone may.
                self.take_among(f"{zip_name}/{name}", partial(packed.unpack, name, packed.left))


def read(files: Iterable[tuple[str, bytes]], *, most: int) -> Sent:
    """Read files, each a name and its bytes."""
    sent = Sent(most)
    for name, data in files:
        sent.take(name, data)
    return sent
