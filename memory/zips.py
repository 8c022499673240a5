"""Zips that anybody may have made, opened without trust.

Nothing is ever unpacked to a disk. What an archive says about itself (sizes, counts) is not
believed: the bytes that really come out are counted.
"""

import re
import stat
import struct
import zipfile
import zlib
from collections import Counter
from typing import IO

from memory.paths import Invalid
from memory.zip_names import Unclaimed

MAX_ENTRIES = 50_000
MAX_UNPACKED = 256 * 1024**2
MAX_RATIO = 100  # unpacked over packed, for the whole archive; text seldom reaches 10
SMALL = 16 * 1024**2  # what any archive may unpack to, however well it is packed

ENTRY = b"PK\x01\x02"  # each entry of a zip's directory begins so
DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, struct.error),
    *(EOFError, OSError, NotImplementedError, RuntimeError, ValueError, OverflowError),
)
JUNK = {
    "version control": {".git", ".hg", ".svn", ".jj"},
    "packages and caches": {"node_modules", "__pycache__", ".venv", "venv", ".tox", ".cache"},
    "left by an operating system": {"__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini"},
}
TWICE = "The archive holds several files of this name; leave only one of them."


class Unreadable(ValueError):
    """The whole archive cannot be used; the message says why and what to do."""


class Zip:
    """The files of a zip by name. Raises `Unreadable` when nothing of it can be used.

    `most` is how many bytes may come out in all; `command` of `manage.py` takes what is too large.
    """

    def __init__(self, file: IO[bytes], *, most: int, command: str) -> None:
        size = _measure(file)
        self._zip = _open(file)
        self.left = min(most, max(SMALL, size * MAX_RATIO))
        self._command = command
        members = [(_name(info), info) for info in self._zip.infolist() if not _is_folder(info)]
        counts = Counter(name for name, _ in members)
        self._members = dict(members)
        self._twice = {name for name, count in counts.items() if count > 1}
        self.names = self._members.keys()

    def unpack(self, name: str, most: int) -> bytes:
        """A file's bytes, at most one more than `most`, so that the caller sees that there are more.

        Raises `Invalid` when the file cannot be had, `Unreadable` for a bomb.
        """
        if name in self._twice:
            raise Invalid(TWICE)
        info = self._members[name]
        _check_member(info)
        try:
            with self._zip.open(info) as file:
                data = file.read(most + 1)
        except DAMAGED:
            raise Invalid("It is damaged: it cannot be unpacked. Make the archive anew.") from None
        self.left -= len(data)
        if self.left < 0:
            raise Unreadable(
                "The archive unpacks to far more than its size suggests, or than can be taken in at"
                f" once. Import it in parts, or with `manage.py {self._command}`."
            )
        return data


# -- The archive as a whole ---------------------------------------------------------------


def is_zip(start: bytes) -> bool:
    """Whether a file that begins so means to be a zip, be it an empty one."""
    return start[:4] in (b"PK\x03\x04", b"PK\x05\x06")


def _measure(file: IO[bytes]) -> int:
    """The file's size. Counts the entries before anything makes an object of each."""
    file.seek(0)
    size = entries = 0
    tail = b""
    while piece := file.read(1024**2):
        size += len(piece)
        # A signature that two pieces share stands in the last three bytes of the first.
        entries += (tail + piece).count(ENTRY)
        tail = piece[-3:]
    if entries > MAX_ENTRIES:
        raise Unreadable(
            f"The archive holds more than {MAX_ENTRIES:,} files. Leave out what is no text, such as"
            " packages and version control, or import it in parts."
        )
    return size


def _open(file: IO[bytes]) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except UnicodeDecodeError:
        return _open_unclaimed(file)
    except DAMAGED:
        raise Unreadable(
            "This is not a zip, or it is damaged or cut short. Make it anew and try again."
        ) from None


def _open_unclaimed(file: IO[bytes]) -> zipfile.ZipFile:
    """Those of its names that are not the UTF-8 they claim to be are refused later, one by one."""
    try:
        return zipfile.ZipFile(Unclaimed(file))
    except DAMAGED:
        raise Unreadable(
            "A file name in the archive is not the UTF-8 that it claims to be. Make it anew with"
            " another program."
        ) from None


def _is_folder(info: zipfile.ZipInfo) -> bool:
    return info.orig_filename.endswith("/")


def _name(info: zipfile.ZipInfo) -> str:
    """The member's name. Some programs write UTF-8 and do not say so."""
    name = info.orig_filename
    if not info.flag_bits & 0x800 and not name.isascii():
        try:
            name = name.encode("cp437").decode()
        except UnicodeError:
            return name + "\0"  # refused below: nobody knows what it is called
    return name.removeprefix("./")


# -- One file -----------------------------------------------------------------------------


def unsafe(name: str) -> str:
    """Why a name cannot lead anywhere, if so."""
    if "\0" in name:
        return "Its name holds a NUL, or letters in an unknown encoding; rename it in UTF-8."
    if "\\" in name:
        return "Its name holds a backslash; make the archive anew, with / between folders."
    if name.startswith("/") or re.match(r"[A-Za-z]:", name):
        return "Its name is an absolute path; an archive may only hold relative ones."
    if ".." in name.split("/"):
        return "Its name leads out of the archive (..)."
    return ""


def shown(name: str) -> str:
    """The name in letters that any database can keep."""
    return name.replace("\0", "\ufffd")


def is_junk(name: str) -> str:
    """Why a file of this name is skipped unseen, or nothing."""
    parts = set(name.split("/"))
    for reason, names in JUNK.items():
        if parts & names:
            return reason
    if name.rpartition("/")[2].startswith("._"):
        return "left by an operating system"
    return ""


def _check_member(info: zipfile.ZipInfo) -> None:
    mode = info.external_attr >> 16
    if stat.S_ISLNK(mode):
        raise Invalid("It is a symbolic link; put the file itself into the archive.")
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        raise Invalid("It is no ordinary file (a device, a pipe or a socket).")
    if info.flag_bits & 0x1:
        raise Invalid("It is encrypted; make the archive anew without a password.")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Invalid("It is packed in an unusual way; make the archive anew as a plain zip.")
