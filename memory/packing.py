"""Writes zips: an export piece by piece, and loose files into one archive to be read like any other."""

import io
import os
import stat
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from memory import zips
from memory.paths import MAX_CONTENT_BYTES

WELL_PACKED = 50  # times smaller; what packs better is stored, or it would look like a bomb
PIECE = 256 * 1024


class _Pipe(io.RawIOBase):
    """Takes in what zipfile writes, which cannot seek here, and gives it away."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.waiting = 0

    def writable(self) -> bool:
        return True

    def write(self, data) -> int:
        self._pieces.append(bytes(data))
        self.waiting += len(data)
        return len(data)

    def take(self) -> bytes:
        taken, self._pieces, self.waiting = b"".join(self._pieces), [], 0
        return taken


def stream(files: Iterable[tuple[str, bytes, datetime]]) -> Iterator[bytes]:
    """A zip of (name, content, time of the last change), in pieces of about 256 kB."""
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w") as archive:
        for name, data, when in files:
            info = zipfile.ZipInfo(name, when.astimezone(UTC).timetuple()[:6])
            info.external_attr = (stat.S_IFREG | 0o644) << 16
            archive.writestr(info, data, _method(data))
            if pipe.waiting >= PIECE:
                yield pipe.take()
    yield pipe.take()


def _method(data: bytes) -> int:
    packs_too_well = len(zlib.compress(data, 1)) * WELL_PACKED < len(data)
    return zipfile.ZIP_STORED if packs_too_well else zipfile.ZIP_DEFLATED


def pack(files: Iterable[tuple[str, IO[bytes]]], into: IO[bytes]) -> None:
    """Put loose files into a zip, under the names they came with; of large ones only the beginning."""
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, file in files:
            _add(archive, name, file.read(MAX_CONTENT_BYTES + 1), stat.S_IFREG | 0o644)


def _add(archive: zipfile.ZipFile, name: str, data: bytes, mode: int) -> None:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    archive.writestr(info, data, _method(data))


def pack_folder(folder: Path, into: IO[bytes]) -> None:
    """Put a folder of this machine into a zip. Links are not followed, pipes not opened: only their
    names go in, to be refused by whoever reads it. So it is with what is skipped by its name alone.
    """
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for where, folders, names in os.walk(folder):
            folders.sort()
            links = [name for name in folders if Path(where, name).is_symlink()]
            for name in sorted([*names, *links]):
                _add_path(archive, Path(where, name), folder)


def _add_path(archive: zipfile.ZipFile, path: Path, folder: Path) -> None:
    mode = path.lstat().st_mode
    name = path.relative_to(folder.parent).as_posix()
    name = name.encode(errors="surrogateescape").decode(errors="replace")
    data = b""
    if stat.S_ISREG(mode) and not zips.is_junk(name):
        with path.open("rb") as file:
            data = file.read(MAX_CONTENT_BYTES + 1)
    _add(archive, name, data, mode)
