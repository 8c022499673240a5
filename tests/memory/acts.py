"""A store with a past, and each verb of the memory layer as something that can be done to it."""

import io
import zipfile
from collections.abc import Callable

from memory import change_sets, folders, past, redaction, stores, transfer
from memory.archives import Archive
from memory.models import Blob, ChangeSet, Memory, Store, Version
from memory.stores import Act
from tests.factories import TESTER, make_store

ACT = Act(TESTER)
FILES = {"/a": "one", "/f/b": "two", "/f/deep/c": "three\n", "/gone": "four"}


def make_past() -> Store:
    """A store in which a file was changed, one deleted and a folder renamed; the last can be undone."""
    store = make_store(files=FILES)
    stores.write(store, "/a", "one more", act=ACT)
    stores.remove(_memory(store, "/gone"), act=ACT)
    folders.rename(store, "/f/", "/g/", by=TESTER, seen=_seen(store, "/f/"))
    store.refresh_from_db()
    return store


def _memory(store: Store, path: str) -> Memory:
    return store.memories.get(path=path)


def _version(store: Store, path: str) -> Version:
    return store.versions.filter(path=path).earliest("pk")


def _seen(store: Store, *names: str) -> str:
    return folders.digest(folders.chosen(store, names))


def _rename(store: Store) -> ChangeSet:
    return folders.rename(store, "/g/", "/h/i/", by=TESTER, seen=_seen(store, "/g/"))


def _remove(store: Store) -> ChangeSet:
    return folders.remove(store, ["/g/"], by=TESTER, seen=_seen(store, "/g/"))


def bring_in(store: Store, files: dict[str, str]) -> transfer.Outcome:
    """Import a zip of these files."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        for path, text in files.items():
            file.writestr(path[1:], text)
    archive, options = Archive(packed), transfer.Options("files", strip=False)
    return transfer.bring_in(store, archive, archive.read(), options, by=TESTER, source="a zip")


def clone(store: Store) -> Store:
    return stores.clone(store, name="Copy", description="", state="active", by=TESTER)


def _undo(store: Store) -> change_sets.Undo:
    return change_sets.undo(store.change_sets.first(), by=TESTER)


def _roll_back(store: Store) -> past.RollBack:
    """Back to when all the files had just been made."""
    seen = store.versions.latest("pk")
    return past.roll_back(store, _version(store, "/gone"), seen=seen, by=TESTER)


SINGLE: dict[str, Callable] = {
    "add": lambda store: stores.add(store, "/new", "new", act=ACT),
    "write": lambda store: stores.write(store, "/a", "changed", act=ACT),
    "update": lambda store: stores.update(_memory(store, "/a"), path="/z", content="z", act=ACT),
    "remove": lambda store: stores.remove(_memory(store, "/a"), act=ACT),
    "restore": lambda store: stores.restore(_version(store, "/gone"), act=ACT),
    "redact": lambda store: redaction.redact(_version(store, "/a"), by=TESTER),
    "redact everywhere": lambda store: redaction.redact_everywhere(
        _version(store, "/gone"), by=TESTER
    ),
}
WHOLE: dict[str, Callable] = {
    "describe": lambda store: stores.describe(store, name="Renamed", metadata={"a": "b"}),
    "archive": stores.archive,
    "clone": clone,
    "delete store": stores.delete_store,
}
MANY: dict[str, Callable] = {
    "rename folder": _rename,
    "remove folder": _remove,
    "import": lambda store: bring_in(store, {"/a": "changed", "/new": "new", "/g/b": "two"}),
    "undo": _undo,
    "roll back": _roll_back,
}


def rows() -> list[list[tuple]]:
    """Everything the memory layer keeps, to the last byte."""
    models = (Store, Memory, Version, ChangeSet, Blob)
    return [list(model.objects.order_by("pk").values_list()) for model in models]


def picture() -> list:
    """What stands in the stores and how it came about, without what no two runs have alike: keys, times."""
    found = []
    for store in Store.objects.order_by("pk"):
        told = ("operation", "path", "blob__content", "redacted_by", "change_set__kind")
        found.append(
            (
                (store.name, store.metadata, store.state, store.memory_count, store.size),
                list(store.memories.values_list("path", "blob__content", "head__operation")),
                list(store.versions.order_by("pk").values_list(*told)),
                list(store.change_sets.order_by("pk").values_list("kind", "undoes__kind")),
            )
        )
    return found
