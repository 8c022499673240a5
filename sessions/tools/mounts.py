"""The file system a session sees: its stores under /mnt/memory and its own /workspace."""

import posixpath
from dataclasses import dataclass
from functools import cached_property

from django.db import connection, transaction
from django.utils import timezone

from console import rows
from console.actors import Actor
from memory import paths, stores, tables, usage
from memory.models import Store, StoreState
from memory.stores import Act, sha256
from sessions.context import MOUNT_ROOT, WORKSPACE
from sessions.models import Attachment, Glimpse, ScratchFile, Session
from sessions.tools import scratch
from sessions.tools.base import ToolError

NOTE = (
    f"INSERT INTO {Glimpse._meta.db_table} (session_id, path, sha256, seen_at)"  # noqa: S608 - of constants
    " VALUES (%s, %s, %s, %s) ON CONFLICT (session_id, path)"
    " DO UPDATE SET sha256 = excluded.sha256, seen_at = excluded.seen_at"
)


def attached(session: Session) -> list[Attachment]:
    """What is mounted into the session, without the stores."""
    return rows.find(Attachment, "session_id = %s ORDER BY id", rows.key(session))


@dataclass(frozen=True)
class Place:
    """Where an absolute path leads: a store's mount, or the workspace when `mount` is None."""

    full: str
    path: str
    mount: Attachment | None

    @property
    def root(self) -> str:
        return self.mount.mount_path if self.mount else WORKSPACE


@dataclass
class Mounts:
    """A session's files. `by` is the agent, acting for one event; drafts only for a dream's own."""

    session: Session
    by: Actor
    into_draft: bool = False

    @cached_property
    def attachments(self) -> list[Attachment]:
        """What is mounted, as it is when somebody first asks."""
        mounted = attached(self.session)
        for attachment in mounted:
            if store := rows.follow(attachment, "store"):
                store.workspace = self.session.workspace
        return mounted

    @property
    def size(self) -> int:
        """Bytes of all memories that are mounted."""
        return sum(mount.store.size for mount in self.attachments if mount.store)

    def place(self, path: str) -> Place:
        """Find where `path` leads. Raises `ToolError` outside the mounts and the workspace."""
        if not path.startswith("/"):
            path = f"{WORKSPACE}/{path}"
        if ".." in path.split("/") or "\0" in path:
            raise ToolError("The path may not contain .. as a part, nor a NUL character.")
        full = posixpath.normpath(path)
        for attachment in self.attachments:
            if full == attachment.mount_path or full.startswith(f"{attachment.mount_path}/"):
                return Place(full, full.removeprefix(attachment.mount_path) or "/", attachment)
        if full == WORKSPACE or full.startswith(f"{WORKSPACE}/"):
            return Place(full, full.removeprefix(WORKSPACE) or "/", None)
        known = ", ".join([*(a.mount_path for a in self.attachments), WORKSPACE])
        raise ToolError(f"{full} is not in a mounted folder. There is: {known}.")

    def store(self, place: Place) -> Store:
        if place.mount.store is None:
            raise ToolError(f"The store {place.mount.name!r} has been deleted.")
        return place.mount.store

    def text(self, place: Place) -> str | None:
        """The file's text, or None when there is no file."""
        if place.mount is None:
            return self._scratch_text(place)
        return tables.text_at(self.store(place), place.path)

    def put(self, place: Place, text: str, *, expected: str | None) -> str:
        """Write the file; returns the id of the version made ("" in the workspace).

        `expected` is the hash the agent last saw (`stores.ABSENT` for none). Raises `ToolError`.
        """
        if place.mount is None:
            return self._scratch(place, text)
        store = self._writable(place)
        try:
            act = Act(self.by, into_draft=self.into_draft)
            memory = stores.write(store, place.path, text, act=act, expected=expected)
        except stores.Conflict as conflict:
            raise ToolError(
                f"{conflict} Nothing was written: read it again, then decide."
            ) from None
        except (stores.Invalid, stores.Refused, stores.Occupied) as error:
            raise ToolError(str(error)) from None
        self.note(place, text)
        return memory.head_id

    def drop(self, place: Place) -> str:
        """Remove a memory; returns the id of the version that says so. Raises `ToolError`."""
        memory = self._writable(place).memories.filter(path=place.path).first()
        if memory is None:
            raise ToolError(f"There is no file {place.full}.")
        act = Act(self.by, into_draft=self.into_draft)
        try:
            return stores.remove(memory, act=act).pk
        except (stores.Conflict, stores.Refused) as error:
            raise ToolError(str(error)) from None

    def note(self, place: Place, text: str) -> None:
        """Remember what the agent now knows to stand there."""
        now = rows.moment(timezone.now())
        with connection.cursor() as cursor:
            cursor.execute(NOTE, [rows.key(self.session), place.full, sha256(text), now])

    def count_read(self, place: Place) -> None:
        """Note that the agent got to see the file's text."""
        if self._counts(place):
            usage.read(place.mount.store, place.path, by=self.by)

    def count_found(self, place: Place, files: list[str]) -> None:
        """Note that a search showed the agent lines of these files of the place's store."""
        if self._counts(place):
            usage.found(place.mount.store, files, by=self.by)

    def _counts(self, place: Place) -> bool:
        # A dream reads everything to tidy it: that says nothing about what is of use.
        return place.mount is not None and not self.session.is_dream

    def last_seen(self, place: Place) -> str:
        """The hash of what the agent last saw there, `stores.ABSENT` when it never looked."""
        here = "session_id = %s AND path = %s"
        glimpses = rows.find(Glimpse, here, rows.key(self.session), place.full)
        return glimpses[0].sha256 if glimpses else stores.ABSENT

    def searched(self, folder: str | None) -> list[tuple[Place, str]]:
        """The places a search in `folder` covers: each with the prefix its hits get."""
        if folder is None or folder.rstrip("/") in {"", "/mnt", MOUNT_ROOT}:
            everywhere = [a.mount_path for a in self.attachments if a.store]
            return [(self.place(path), path) for path in [*everywhere, WORKSPACE]]
        place = self.place(folder)
        return [(place, place.root)]

    def _writable(self, place: Place) -> Store:
        if not place.mount.is_writable:
            raise ToolError(
                f"The store {place.mount.name!r} is attached read-only to this session;"
                " nothing in it can be changed from here."
            )
        store = self.store(place)
        if store.state == StoreState.ARCHIVED:
            raise ToolError(f"The store {place.mount.name!r} is archived; it can only be read.")
        return store

    def _scratch_text(self, place: Place) -> str | None:
        here = "session_id = %s AND path = %s"
        files = rows.find(ScratchFile, here, rows.key(self.session), place.path)
        if files and files[0].data is not None:
            raise ToolError(f"{place.full} is no text that can be read here; only bash can use it.")
        return files[0].content if files else None

    def _scratch(self, place: Place, text: str) -> str:
        try:
            content = paths.check_content(text)
            with transaction.atomic():
                scratch.keep(self.session, [scratch.Draft(place.path, content)])
                scratch.check_room(self.session)
        except paths.Invalid as error:
            raise ToolError(str(error)) from None
        except scratch.Full as full:
            raise ToolError(
                f"Not written, /workspace is full: {full}. Write less, or remove files there with bash."
            ) from None
        return ""
