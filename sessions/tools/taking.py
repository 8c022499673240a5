"""Takes back what a command changed: versions in stores, files in /workspace, all or none.

Each change expects the text that the command had found. Where somebody else was faster, their text
stays, and the agent's is kept under /workspace/conflicts, where it can be read. What cannot be a
memory stays behind. Everything of that is said; nothing is dropped in silence.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils import timezone

from console.sandbox.runner import Change
from console.sandbox.trees import Leaf
from memory import change_sets, paths, stores
from memory.models import ChangeSet, Store
from memory.paths import Invalid
from memory.stores import ABSENT, Act
from sessions.models import Attachment, Glimpse
from sessions.tools import scratch
from sessions.tools.aftermath import Aftermath, aftermath
from sessions.tools.mounts import Mounts
from sessions.tools.plans import Plan
from sessions.tools.scratch import Draft, sha256_of

MOST = 1_000  # memories that one command may change
NAMED = 20  # files named in a note; the rest is counted
KEPT = 200  # files remembered for the page
ASIDE = "/conflicts"
HIDDEN = {"/.shell"}


@dataclass(frozen=True)
class Found:
    """What a command found in one folder; `mount` is None for the workspace."""

    at: str
    mount: Attachment | None
    plan: Plan
    fetch: Callable[[Collection[str]], Mapping[str, bytes]]
    is_writable: bool = True

    @property
    def hashes(self) -> Mapping[str, str]:
        return self.plan.hashes


@dataclass(frozen=True)
class Taken:
    """A change that was made; `version` is the one it made, "" in the workspace."""

    path: str
    deed: str  # created, changed, moved, removed
    version: str = ""
    before: str = ""  # the path it had


@dataclass(frozen=True)
class Left:
    """A change that was not made, why, and where the agent's text lies now, if anywhere."""

    path: str
    why: str
    kept_at: str = ""
    is_conflict: bool = False


@dataclass
class Account:
    """All that became of a command's changes."""

    taken: list[Taken] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    change_sets: list[dict[str, str]] = field(default_factory=list)

    def notes(self) -> list[str]:
        """For the agent: what was changed in memory, and what was not."""
        changed = [change for change in self.taken if change.version]
        lines = [f"[{change.deed} {_named(change)}]" for change in changed[:NAMED]]
        if len(changed) > NAMED:
            lines.append(f"[and {len(changed) - NAMED} more memories changed]")
        lines += [_told(each) for each in self.left[:NAMED]]
        if len(self.left) > NAMED:
            lines.append(f"[and {len(self.left) - NAMED} more files not taken back]")
        return lines

    def facts(self) -> dict[str, Any]:
        """For the page."""
        shown = {
            "changed": [vars(change) for change in self.taken[:KEPT]],
            "left": [vars(each) for each in self.left[:KEPT]],
            "change_sets": self.change_sets,
        }
        counts = {"changes": len(self.taken), "leavings": len(self.left)}
        return {name: value for name, value in {**shown, **counts}.items() if value}


def _named(change: Taken) -> str:
    return f"{change.before} to {change.path}" if change.before else change.path


def _told(each: Left) -> str:
    word = "CONFLICT" if each.is_conflict else "not taken back"
    kept = f" Yours is kept at {each.kept_at}." if each.kept_at else ""
    more = " Read it again, then decide." if each.is_conflict else ""
    return f"[{word}: {each.path}: {each.why}.{kept}{more}]"


def take(
    mounts: Mounts, found: Sequence[Found], changes: Iterable[Change], *, command: str
) -> Account:
    """Make the changes that can be made; the caller's transaction holds them together.

    Those of one store are one change set, named after the command.
    """
    by_folder: dict[int, list[Change]] = {}
    for change in changes:
        by_folder.setdefault(change.mount, []).append(change)
    taker = Taker(mounts, command)
    for number, each in enumerate(found):
        if each.mount and each.is_writable:
            taker.take_store(each, aftermath(each.hashes, by_folder.get(number, [])))
    own = aftermath(found[0].hashes, by_folder.get(0, []), named=_program)
    taker.take_workspace(own, found[0].hashes)
    return taker.account


def _program(file: Change) -> str:
    return Leaf(sha256_of(file.content), file.executable).blob


class Taker:
    """Works through the folders of one command; drafts pile up for one write at the end."""

    def __init__(self, mounts: Mounts, command: str) -> None:
        self.mounts, self.session = mounts, mounts.session
        self.summary = f"$ {' '.join(command.split())}"
        self.act = Act(mounts.by)
        self.account = Account()
        self.aside: list[Draft] = []
        self.seen: dict[str, str] = {}

    # -- Stores -------------------------------------------------------------------------

    def take_store(self, found: Found, after: Aftermath) -> None:
        root = found.at
        self.account.left += [Left(root + path, why) for path, why in after.odd.items()]
        if len(after) > MOST:
            why = f"the command changed {len(after):,} files; at most {MOST:,} at once are taken"
            return self.account.left.append(Left(root, why))
        if len(after) > 1:
            with self._change_set(found):
                self._take_all(found, after)
        else:
            self._take_all(found, after)
        return None

    @contextmanager
    def _change_set(self, found: Found) -> Iterator[None]:
        """Several changes are one act; one that came to nothing is none."""
        by, kind = self.mounts.by, ChangeSet.Kind.COMMAND
        change_set = change_sets.begin(found.mount.store, kind, self.summary, by)
        self.act = Act(by, change_set)
        yield
        self.act = Act(by)
        if change_set.versions.exists():
            self.account.change_sets.append({"at": found.at, "id": change_set.pk})
        else:
            change_set.delete()

    def _take_all(self, found: Found, after: Aftermath) -> None:
        root, store, hashes = found.at, found.mount.store, found.hashes
        for path in after.gone:
            self._remove(store, root, path, hashes[path])
        for old, new in after.moved.items():
            self._move(store, root, old, new, hashes[old])
        for path, change in after.written.items():
            self._write(store, root, path, change.content, hashes.get(path, ABSENT))
        self._note()

    def _remove(self, store: Store, root: str, path: str, expected: str) -> None:
        memory = store.memories.filter(path=path).first()
        if memory is None:
            return  # somebody else removed it, too
        try:
            version = stores.remove(memory, act=self.act, expected=expected)
        except (stores.Conflict, stores.Refused) as error:
            self._leave(root + path, error, None)
        else:
            self.account.taken.append(Taken(root + path, "removed", version.pk))

    def _move(self, store: Store, root: str, old: str, new: str, expected: str) -> None:
        memory = store.memories.with_text().filter(path=old).first()
        if memory is None:
            conflict = stores.Conflict(f"{old} was deleted meanwhile")
            return self._leave(root + old, conflict, None)
        try:
            moved = stores.move(memory, new, act=self.act, expected=expected)
        except REFUSALS as error:
            return self._leave(root + new, error, memory.content.encode())
        self.account.taken.append(Taken(root + new, "moved", moved.head_id, root + old))
        self.seen[root + new] = expected
        return None

    def _write(self, store: Store, root: str, path: str, content: bytes, expected: str) -> None:
        try:
            text = content.decode()
            memory = stores.write(store, path, text, act=self.act, expected=expected)
        except UnicodeDecodeError:
            return self._leave(root + path, NOT_TEXT, content)
        except REFUSALS as error:
            return self._leave(root + path, error, content)
        deed = "changed" if expected else "created"
        self.account.taken.append(Taken(root + path, deed, memory.head_id))
        self.seen[root + path] = sha256_of(content)
        return None

    def _leave(self, path: str, error: Exception, content: bytes | None) -> None:
        kept = self._put_aside(path, content) if content is not None else ""
        why = str(error).rstrip(".")
        self.account.left.append(Left(path, why, kept, isinstance(error, stores.Conflict)))

    def _put_aside(self, path: str, content: bytes) -> str:
        aside = ASIDE + path.removeprefix("/mnt/memory")
        try:
            paths.check_path(aside)
        except Invalid:
            aside = f"{ASIDE}/{sha256_of(content)[:16]}"
        self.aside.append(Draft(aside, content))
        return f"/workspace{aside}"

    def _note(self) -> None:
        """What the agent wrote it has seen: its next `write` there need not read it first."""
        if not self.seen:
            return
        now = timezone.now()
        rows = [
            Glimpse(session=self.session, path=path, sha256=digest, seen_at=now)
            for path, digest in self.seen.items()
        ]
        Glimpse.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=("session", "path"),
            update_fields=("sha256", "seen_at"),
        )
        self.seen.clear()

    # -- The workspace ------------------------------------------------------------------

    def take_workspace(self, after: Aftermath, before: Mapping[str, str]) -> None:
        written = {**after.written, **self._moved_files(after)}
        drafts = list(filter(None, (self._draft(path, file) for path, file in written.items())))
        self.account.left += [Left(f"/workspace{path}", why) for path, why in after.odd.items()]
        try:
            self._keep([*after.gone, *after.moved], [*drafts, *self.aside])
        except scratch.Full as full:
            self.account.left.append(Left("/workspace", str(full)))
            self._keep([], self.aside, times=2)
            return
        origins = {new: f"/workspace{old}" for old, new in after.moved.items()}
        for path in sorted(written.keys() - HIDDEN):
            deed = "moved" if path in origins else "changed" if path in before else "created"
            self._tell(path, deed, origins.get(path, ""))
        for path in after.gone:
            self._tell(path, "removed")

    def _tell(self, path: str, deed: str, origin: str = "") -> None:
        self.account.taken.append(Taken(f"/workspace{path}", deed, before=origin))

    def _moved_files(self, after: Aftermath) -> dict[str, Change]:
        return {path: after.sources[path] for path in after.moved.values()}

    def _draft(self, path: str, file: Change) -> Draft | None:
        try:
            return Draft(paths.check_path(path), file.content, file.executable)
        except Invalid as error:
            self._leave(f"/workspace{path}", error, None)
            return None

    def _keep(self, gone: list[str], drafts: list[Draft], times: int = 1) -> None:
        if not gone and not drafts:
            return
        with transaction.atomic():
            scratch.drop(self.session, gone)
            scratch.keep(self.session, drafts)
            scratch.check_room(self.session, times=times)


NOT_TEXT = Invalid("it is not UTF-8 text")
REFUSALS = (stores.Conflict, stores.Refused, stores.Occupied, Invalid)
