"""The verbs for several files at once: whole folders, and what somebody picked out by hand.

A folder is the files below it and nothing else, so it comes into being with the first and goes with
the last. Each verb is one act: all of it or nothing, one change set, undone as one.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence

from django.db import transaction

from console.actors import Actor
from console.rows import batches
from memory import bulk, change_sets, paths, stores
from memory.bulk import Write
from memory.models import ChangeSet, Memory, Store
from memory.paths import Invalid
from memory.stores import ABSENT, Act, Conflict


def chosen(store: Store, names: Sequence[str]) -> list[Memory]:
    """The memories that are meant, without their texts, in the order of their paths.

    A name is a file's path, or a folder's, which ends with a slash and means all that is below it.
    """
    found = {}
    files = [name for name in names if not name.endswith("/")]
    for batch in batches(files):
        at = store.memories.sized().filter(path__in=batch)
        found.update((memory.path, memory) for memory in at)
    for name in names:
        if name.startswith("/") and name.endswith("/"):
            found.update((memory.path, memory) for memory in store.memories.sized().under(name))
    return [found[path] for path in sorted(found)]


def digest(memories: Iterable[Memory]) -> str:
    """A sha256 over paths and texts, by which a verb knows that they still are what was seen."""
    lines = (f"{memory.blob.sha256}  {memory.path}\n" for memory in memories)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


@transaction.atomic
def move(store: Store, names: Sequence[str], folder: str, *, by: Actor, seen: str) -> ChangeSet:
    """Put files and folders into another folder, under the names they have.

    `seen` is the `digest` of what was on the screen. Raises `Conflict` when that changed meanwhile,
    `Invalid`, `Occupied` (a file is in the way) and `Refused`.
    """
    folder = paths.check_folder(folder)
    goals = [(name, folder + basename(name)) for name in names]
    summary = f"Moved {_called(names, chosen(store, names))} to {folder}"
    return _relocate(store, goals, summary, by, seen)


@transaction.atomic
def rename(store: Store, folder: str, to: str, *, by: Actor, seen: str) -> ChangeSet:
    """Give a folder another path; both end with a slash. Raises as `move` does."""
    goals = [(paths.check_folder(folder), paths.check_folder(to))]
    return _relocate(store, goals, f"Renamed {folder} to {to}", by, seen)


@transaction.atomic
def remove(store: Store, names: Sequence[str], *, by: Actor, seen: str) -> ChangeSet:
    """Take files and folders away; their history stays. Raises `Conflict` and `Refused`."""
    store = stores.writable(store, Act(by))
    memories = _as_seen(store, names, seen)
    summary = f"Deleted {_called(names, memories)}"
    change_set = change_sets.begin(store, ChangeSet.Kind.DELETION, summary, by)
    going = [Write(memory.path, ABSENT, 0, memory.blob.sha256) for memory in memories]
    bulk.write_all(store, going, lambda write: "", act=Act(by, change_set))
    return change_set


def basename(name: str) -> str:
    """The last part of a path; a folder keeps its slash."""
    return name[name.rstrip("/").rfind("/") + 1 :]


def around(store: Store, name: str) -> str:
    """The folder that a file or folder stands in or stood in; where that is empty, one above it."""
    folder = _above(name)
    while folder != "/" and not store.memories.under(folder).exists():
        folder = _above(folder)
    return folder


def _above(name: str) -> str:
    return name[: name.rstrip("/").rfind("/") + 1] or "/"


def _called(names: Sequence[str], memories: Sequence[Memory]) -> str:
    """What was picked, when it is one thing; else how many files that means."""
    if len(names) == 1:
        return names[0]
    return "1 file" if len(memories) == 1 else f"{len(memories):,} files"


def _relocate(
    store: Store, goals: list[tuple[str, str]], summary: str, by: Actor, seen: str
) -> ChangeSet:
    store = stores.writable(store, Act(by))
    memories = _as_seen(store, [name for name, _ in goals], seen)
    moves = [move for move in _moves(memories, sorted(goals)) if move[0].path != move[1]]
    if not moves:
        raise Invalid("They stand there already. Choose another folder.")
    change_set = change_sets.begin(store, ChangeSet.Kind.MOVE, summary, by)
    bulk.move_all(store, moves, act=Act(by, change_set))
    return change_set


def _moves(
    memories: Sequence[Memory], goals: list[tuple[str, str]]
) -> Iterator[tuple[Memory, str]]:
    for name, goal in goals:
        if name.endswith("/") and goal != name and goal.startswith(name):
            raise Invalid(f"{name} cannot be moved into itself. Choose another folder.")
    for memory in memories:
        yield memory, next(_goals(memory.path, goals))


def _goals(path: str, goals: list[tuple[str, str]]) -> Iterator[str]:
    """Where a path goes, by those names it is meant by; `goals` are sorted, so the outermost folder counts."""
    for name, goal in goals:
        if name == path or (name.endswith("/") and path.startswith(name)):
            yield goal + path[len(name) :]


def _as_seen(store: Store, names: Sequence[str], seen: str) -> list[Memory]:
    memories = chosen(store, names)
    if not memories:
        raise Conflict("None of these files is there any more.")
    if digest(memories) != seen:
        raise Conflict("Something among these files changed since you looked.")
    return memories
