"""The manifest of an export: which text stands at which path, by its hash.

An export is a zip with `reverie-store.json` beside a folder `memories/`, so that no memory can ever
be taken for the manifest. The manifest is a JSON object:

    format    "reverie-store"
    version   1
    exported_at
    store     {id, name, description, metadata}
    partial   whether only some of the store's files were exported
    files     [{path, entry, sha256, size}], `entry` being the name in the zip

An entry is called as the memory's path, with letters that some file system does not allow in names
(and the per cent sign itself) written as %5C, %3A and so on.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from memory import paths
from memory.paths import Invalid

NAME = "reverie-store.json"
FORMAT, VERSION = "reverie-store", 1
FOLDER = "memories"
FORBIDDEN = {ord(letter): f"%{ord(letter):02X}" for letter in '%\\:*?"<>|'}


@dataclass(frozen=True)
class Manifest:
    """What an export says about itself. `files` are (path, entry, sha256); `base` leads to it."""

    name: str
    description: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    partial: bool = False
    files: list[tuple[str, str, str]] = field(default_factory=list)
    base: str = ""


def entry(path: str) -> str:
    """The name of a memory's file in an export; no two paths have the same."""
    return FOLDER + path.translate(FORBIDDEN)


def build(store: Mapping[str, Any], files: Iterable[tuple[str, str, int]], **facts: Any) -> bytes:
    """Write a manifest; `files` are (path, sha256, size in bytes)."""
    listed = [
        {"path": path, "entry": entry(path), "sha256": sha256, "size": size}
        for path, sha256, size in files
    ]
    told = {"format": FORMAT, "version": VERSION, **facts, "store": store, "files": listed}
    return json.dumps(told, ensure_ascii=False, indent=1).encode()


def find(names: Collection[str]) -> str | None:
    """The manifest among the names: on top, or in the one folder that holds everything."""
    if NAME in names:
        return NAME
    tops = {name.partition("/")[0] for name in names}
    inside = f"{next(iter(tops))}/{NAME}" if len(tops) == 1 else ""
    return inside if inside in names else None


def parse(data: bytes, *, base: str = "") -> Manifest:
    """Read a manifest. Raises `Invalid`, in words that end a sentence."""
    told = _object(data)
    if told.get("format") != FORMAT:
        raise Invalid("it is not the manifest of an export.")
    if told.get("version") != VERSION:
        raise Invalid("it comes from another version of Reverie.")
    try:
        store = told["store"]
        files = [_file(each) for each in told["files"]]
        name, about = paths.check_name(store["name"]), paths.check_description(store["description"])
        metadata = paths.check_metadata(dict(store["metadata"]))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        said = str(error) if isinstance(error, Invalid) else "it is incomplete."
        raise Invalid(said) from None
    return Manifest(name, about, metadata, bool(told.get("partial")), files, base)


def _file(told: Mapping[str, Any]) -> tuple[str, str, str]:
    path, name, sha256 = (str(told[key]) for key in ("path", "entry", "sha256"))
    if "\0" in path + name + sha256:
        raise Invalid("it holds a NUL character.")
    return path, name, sha256


def _object(data: bytes) -> dict[str, Any]:
    try:
        told = json.loads(data)
        json.dumps(told, ensure_ascii=False).encode()  # half a pair of letters fits into JSON only
    except (ValueError, RecursionError):
        raise Invalid("it is not JSON.") from None
    if not isinstance(told, dict):
        raise Invalid("it is not a JSON object.")
    return told
