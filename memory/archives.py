"""Reads zips that anybody may have made: what is in them, and why some of it cannot come in.

Nothing is ever unpacked to a disk. What an archive says about itself (sizes, counts) is not
believed: the bytes that really come out are counted.
"""

import hashlib
import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import IO, Any

from memory import manifest, paths
from memory.manifest import Manifest
from memory.paths import Invalid

MAX_ENTRIES = 50_000
MAX_UNPACKED = 256 * 1024**2
MAX_RATIO = 100  # unpacked over packed, for the whole archive; text seldom reaches 10
SMALL = 16 * 1024**2  # what any archive may unpack to, however well it is packed
MAX_MANIFEST = 8 * 1024**2

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
BOM = "\ufeff"
NO_BOM = "The byte order mark at its beginning was left out."
COMPOSED = "Its name was brought into Unicode normal form C."
TWICE = "The archive holds several files of this name; leave only one of them."


class Unreadable(ValueError):
    """The whole archive cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class Found:
    """One file of an archive: its text's hash and size in bytes, or the `reason` it is refused.

    `path` is where a manifest says it stands in the store; `note` what was changed in reading it.
    """

    name: str
    sha256: str = ""
    size: int = 0
    reason: str = ""
    note: str = ""
    path: str = ""


@dataclass(frozen=True)
class Reading:
    """What an archive holds: its files in order, and how many were skipped for which reason."""

    files: list[Found]
    skipped: dict[str, int] = field(default_factory=dict)
    manifest: Manifest | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Reading":
        told = value["manifest"]
        files = [Found(**each) for each in value["files"]]
        return cls(files, value["skipped"], told and Manifest(**told))


class Archive:
    """A zip, opened and not trusted. Raises `Unreadable` when nothing of it can be used."""

    def __init__(self, file: IO[bytes], *, most: int = MAX_UNPACKED) -> None:
        size = _measure(file)
        self._zip = _open(file)
        self._left = min(most, max(SMALL, size * MAX_RATIO))
        members = [(_name(info), info) for info in self._zip.infolist() if not _is_folder(info)]
        counts = Counter(name for name, _ in members)
        self._members = dict(members)
        self._twice = {name for name, count in counts.items() if count > 1}

    def read(self) -> Reading:
        """Look at every file. Raises `Unreadable` for a bomb."""
        found = manifest.find(self._members)
        if found:
            told = self._manifest(found)
            return Reading(list(self._listed(told)), self._others(told), told)
        junk = {name: reason for name in self._members if (reason := is_junk(name))}
        files = [self._look(name) for name in sorted(self._members) if name not in junk]
        return Reading(files, dict(Counter(junk.values())))

    def text(self, found: Found) -> str:
        """The text of a file that `read` found, as it was read then."""
        return self._text(found.name, exact=bool(found.path))[0]

    def _look(self, name: str) -> Found:
        if reason := _unsafe(name):
            return Found(_shown(name), reason=reason)
        try:
            text, note = self._text(name)
        except Invalid as invalid:
            return Found(name, reason=str(invalid))
        data = text.encode()
        return Found(name, hashlib.sha256(data).hexdigest(), len(data), note=note)

    def _text(self, name: str, *, exact: bool = False) -> tuple[str, str]:
        if name in self._twice:
            raise Invalid(TWICE)
        info = self._members[name]
        _check_member(info)
        data = self._unpack(info, paths.MAX_CONTENT_BYTES)
        if len(data) > paths.MAX_CONTENT_BYTES:
            raise Invalid(
                f"It is larger than {paths.MAX_CONTENT_BYTES:,} bytes, the most a memory holds."
                " Split it into several files."
            )
        text = _decoded(data)
        if text.startswith(BOM) and not exact:
            return text[1:], NO_BOM
        return text, ""

    def _unpack(self, info: zipfile.ZipInfo, most: int) -> bytes:
        """At most one byte more than `most`, so that the caller sees that there is more."""
        try:
            with self._zip.open(info) as file:
                data = file.read(most + 1)
        except DAMAGED:
            raise Invalid("It is damaged: it cannot be unpacked. Make the archive anew.") from None
        self._left -= len(data)
        if self._left < 0:
            raise Unreadable(
                "The archive unpacks to far more than its size suggests, or than can be taken in at"
                " once. Import it in parts, or with `manage.py import_store`."
            )
        return data

    # -- An export of ours

    def _manifest(self, name: str) -> Manifest:
        try:
            _check_member(self._members[name])
            data = self._unpack(self._members[name], MAX_MANIFEST)
            if len(data) > MAX_MANIFEST or name in self._twice:
                raise Invalid("it is too large, or there are two of them.")
            return manifest.parse(data, base=name.removesuffix(manifest.NAME))
        except Invalid as invalid:
            raise Unreadable(
                f"The manifest {name} cannot be used: {invalid} Take it out of the archive to import"
                " the files as they are."
            ) from None

    def _listed(self, told: Manifest) -> Iterator[Found]:
        for path, entry, expected in told.files:
            name = told.base + entry
            if name not in self._members:
                yield Found(
                    name, reason="The manifest lists it, but the archive lacks it.", path=path
                )
                continue
            yield self._verified(name, path, expected)
        listed = {told.base + entry for _, entry, _ in told.files}
        for name in sorted(self._members.keys() - listed - {told.base + manifest.NAME}):
            if not is_junk(name):
                yield Found(_shown(name), reason="The manifest does not list it.")

    def _verified(self, name: str, path: str, expected: str) -> Found:
        try:
            text, _ = self._text(name, exact=True)
        except Invalid as invalid:
            return Found(name, reason=str(invalid), path=path)
        data = text.encode()
        digest = hashlib.sha256(data).hexdigest()
        wrong = (
            "Its text is not the one that was exported: the manifest has another hash. To import it"
            f" all the same, take {manifest.NAME} out of the archive."
        )
        return Found(name, digest, len(data), "" if digest == expected else wrong, path=path)

    def _others(self, told: Manifest) -> dict[str, int]:
        listed = {told.base + entry for _, entry, _ in told.files}
        return dict(Counter(filter(None, (is_junk(n) for n in self._members.keys() - listed))))


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
        raise Unreadable(
            "A file name in the archive is not the UTF-8 that it claims to be. Make it anew with"
            " another program."
        ) from None
    except DAMAGED:
        raise Unreadable(
            "This is not a zip, or it is damaged or cut short. Make it anew and try again."
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


def _unsafe(name: str) -> str:
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


def _shown(name: str) -> str:
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


def _decoded(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Invalid("It is UTF-16, not UTF-8; save it as UTF-8 and import it again.")
    if b"\0" in data:
        raise Invalid("It is not text: it holds NUL bytes.")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise Invalid(
            f"It is not UTF-8 text (byte {error.start + 1:,}); save it as UTF-8 and import it again."
        ) from None


def composed(path: str) -> tuple[str, str]:
    """The path in normal form C, and a note if that changed it: macOS takes letters apart."""
    normal = unicodedata.normalize("NFC", path)
    return normal, COMPOSED if normal != path else ""
