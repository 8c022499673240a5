"""Reads zips that anybody may have made: what is in them, and why some of it cannot come in."""

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import IO, Any

from memory import manifest, paths
from memory.manifest import Manifest
from memory.paths import Invalid
from memory.zips import MAX_UNPACKED, Unreadable, Zip, is_junk, shown, unsafe

MAX_MANIFEST = 8 * 1024**2

BOM = "\ufeff"
NO_BOM = "The byte order mark at its beginning was left out."
COMPOSED = "Its name was brought into Unicode normal form C."


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
        self._zip = Zip(file, most=most, command="import_store")

    def read(self) -> Reading:
        """Look at every file. Raises `Unreadable` for a bomb."""
        found = manifest.find(self._zip.names)
        if found:
            told = self._manifest(found)
            return Reading(list(self._listed(told)), self._others(told), told)
        junk = {name: reason for name in self._zip.names if (reason := is_junk(name))}
        files = [self._look(name) for name in sorted(self._zip.names) if name not in junk]
        return Reading(files, dict(Counter(junk.values())))

    def text(self, found: Found) -> str:
        """The text of a file that `read` found, as it was read then."""
        return self._text(found.name, exact=bool(found.path))[0]

    def _look(self, name: str) -> Found:
        if reason := unsafe(name):
            return Found(shown(name), reason=reason)
        try:
            text, note = self._text(name)
        except Invalid as invalid:
            return Found(name, reason=str(invalid))
        data = text.encode()
        return Found(name, hashlib.sha256(data).hexdigest(), len(data), note=note)

    def _text(self, name: str, *, exact: bool = False) -> tuple[str, str]:
        data = self._zip.unpack(name, paths.MAX_CONTENT_BYTES)
        if len(data) > paths.MAX_CONTENT_BYTES:
            raise Invalid(
                f"It is larger than {paths.MAX_CONTENT_BYTES:,} bytes, the most a memory holds."
                " Split it into several files."
            )
        text = _decoded(data)
        if text.startswith(BOM) and not exact:
            return text[1:], NO_BOM
        return text, ""

    # -- An export of ours

    def _manifest(self, name: str) -> Manifest:
        try:
            data = self._zip.unpack(name, MAX_MANIFEST)
            if len(data) > MAX_MANIFEST:
                raise Invalid("it is too large.")
            return manifest.parse(data, base=name.removesuffix(manifest.NAME))
        except Invalid as invalid:
            raise Unreadable(
                f"The manifest {name} cannot be used: {invalid} Take it out of the archive to import"
                " the files as they are."
            ) from None

    def _listed(self, told: Manifest) -> Iterator[Found]:
        for path, entry, expected in told.files:
            name = told.base + entry
            if name not in self._zip.names:
                yield Found(
                    name, reason="The manifest lists it, but the archive lacks it.", path=path
                )
                continue
            yield self._verified(name, path, expected)
        listed = {told.base + entry for _, entry, _ in told.files}
        for name in sorted(self._zip.names - listed - {told.base + manifest.NAME}):
            if not is_junk(name):
                yield Found(shown(name), reason="The manifest does not list it.")

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
        return dict(Counter(filter(None, (is_junk(n) for n in self._zip.names - listed))))


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
