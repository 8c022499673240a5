"""What is to be laid out for a command: which files with which texts, remembered while it is so."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from console.rows import batches
from console.sandbox import trees
from console.sandbox.trees import LONGEST_NAME, Files, Leaf
from memory.models import Blob, Memory, Store

REMEMBERED = 16  # stores


@dataclass(frozen=True)
class Plan:
    """The files of one folder and the name of their tree.

    `hashes` is by path (a program's ends in .x); `unnamed` are files that Linux cannot name.
    """

    files: Files
    name: str
    hashes: Mapping[str, str]
    unnamed: tuple[str, ...] = ()


def plan(leaves: Mapping[str, Leaf]) -> Plan:
    """`leaves` is by path in the folder, as in `/a/b.md`."""
    named = {path: leaf for path, leaf in leaves.items() if _has_name(path)}
    files = {path[1:]: leaf for path, leaf in named.items()}
    hashes = {path: leaf.blob for path, leaf in named.items()}
    unnamed = tuple(path for path in leaves if path not in named)
    return Plan(files, trees.name_of(files), hashes, unnamed)


def _has_name(path: str) -> bool:
    if len(path) <= LONGEST_NAME // 4:
        return True
    return all(len(part.encode()) <= LONGEST_NAME for part in path.split("/"))


def plan_of(store: Store) -> Plan:
    """What stands in the store now. Every change makes a version, so the newest one names it."""
    # With its time: a database that was put back to an earlier state gives keys away again.
    newest = store.versions.order_by("-pk").values_list("pk", "created_at").first()
    return _planned(store.pk, store.created_at, newest)


@lru_cache(maxsize=REMEMBERED)
def _planned(store: str, made: datetime, newest: tuple[str, datetime] | None) -> Plan:
    rows = Memory.objects.filter(store=store).order_by()
    return plan({path: Leaf(digest) for path, digest in rows.values_list("path", "blob__sha256")})


def texts(hashes: Collection[str]) -> dict[str, bytes]:
    """The texts that have these hashes, as far as they are still there."""
    found = {}
    for batch in batches(hashes):
        known = Blob.objects.filter(sha256__in=batch).values_list("sha256", "content")
        found |= {digest: text.encode() for digest, text in known}
    return found
