"""The store as a file system is listed: everything below a folder, or just what is in it."""

from dataclasses import dataclass

from memory.models import Memories, Memory, Store


@dataclass(frozen=True)
class Folder:
    """Stands for all memories below it; the path ends with a slash."""

    path: str


def below(store: Store, prefix: str = "/", *, after: str = "", limit: int) -> list[Memory]:
    """The memories in a folder and in its folders, in the byte order of their paths."""
    return list(_past(store.memories.sized().under(prefix), after)[:limit])


def children(
    store: Store, prefix: str = "/", *, after: str = "", limit: int
) -> list[Memory | Folder]:
    """The memories and folders that stand in a folder itself, in the byte order of their paths.

    `after` is the path of the last one already known. However much a folder holds, it is skipped in
    one step: the work depends on the number of entries asked for, not on the store.
    """
    found: list[str] = []
    rows = store.memories.under(prefix)
    while len(found) < limit:
        batch = list(_past(rows, after).values_list("path", flat=True)[:limit])
        for path in batch:
            if after.endswith("/") and path.startswith(after):
                continue  # in the folder just listed
            name, slash, _ = path[len(prefix) :].partition("/")
            after = f"{prefix}{name}{slash}"
            found.append(after)
        if len(batch) < limit:
            break
    return _entries(store, found[:limit])


def _past(memories: Memories, after: str) -> Memories:
    if after.endswith("/"):
        # Everything in the folder sorts before the folder's name followed by a 0.
        return memories.filter(path__gte=f"{after[:-1]}0").order_by("path")
    return memories.filter(path__gt=after).order_by("path")


def _entries(store: Store, found: list[str]) -> list[Memory | Folder]:
    files = [path for path in found if not path.endswith("/")]
    memories = {memory.path: memory for memory in store.memories.sized().filter(path__in=files)}
    entries = [Folder(path) if path.endswith("/") else memories.get(path) for path in found]
    return [entry for entry in entries if entry]
