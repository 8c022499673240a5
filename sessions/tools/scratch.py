"""The files in a session's /workspace: text for the file tools, and bytes that only bash reads."""

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from django.db import connection
from django.db.models import Count, Sum
from django.utils import timezone

from console import rows
from console.sandbox.trees import Leaf
from memory import paths
from memory.paths import Invalid
from sessions import shells
from sessions.models import ScratchFile, Session

MOST = 2_000  # files
FIELDS = ("content", "data", "sha256", "size", "executable", "updated_at")


class Full(Exception):
    """/workspace would hold more than it may; the message says how much that would be."""


@dataclass(frozen=True)
class Draft:
    """A file about to be kept."""

    path: str
    content: bytes
    executable: bool = False


def sha256_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def leaves(session: Session) -> dict[str, Leaf]:
    """What lies in /workspace, by path. In plain SQL: every command asks for it."""
    with connection.cursor() as cursor:
        cursor.execute(LEAVES, [rows.key(session)])
        found = cursor.fetchall()
    return {path: Leaf(digest, bool(executable)) for path, digest, executable in found}


LEAVES = (
    f"SELECT path, sha256, executable FROM {ScratchFile._meta.db_table}"  # noqa: S608 - of constants
    " WHERE session_id = %s"
)


def keep(session: Session, drafts: Iterable[Draft]) -> None:
    """Write files, new or not. Raises `Invalid` for a path that cannot be one."""
    files = {draft.path: _row(session, draft) for draft in drafts}  # the last one of a path counts
    ScratchFile.objects.bulk_create(
        files.values(),
        batch_size=rows.BATCH,
        update_conflicts=True,
        unique_fields=("session", "path"),
        update_fields=FIELDS,
    )


def _row(session: Session, draft: Draft) -> ScratchFile:
    text = as_text(draft.content)
    return ScratchFile(
        session=session,
        path=paths.check_path(draft.path),
        content=text or "",
        data=draft.content if text is None else None,
        sha256=sha256_of(draft.content),
        size=len(draft.content),
        executable=draft.executable,
        updated_at=timezone.now(),
    )


def as_text(content: bytes) -> str | None:
    """The text that these bytes are, if the file tools can work with it."""
    try:
        text = content.decode()
        paths.check_content(text)
    except (UnicodeDecodeError, Invalid):
        return None
    return text


def texts(session: Session) -> Iterable[tuple[str, str]]:
    """Path and content of each file that the file tools can read."""
    mine = f"FROM {ScratchFile._meta.db_table} WHERE session_id = %s AND data IS NULL"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT path, content {mine}", [rows.key(session)])
        return cursor.fetchall()


def drop(session: Session, gone: Collection[str]) -> None:
    for batch in rows.batches(gone):
        session.scratch.filter(path__in=batch).delete()


def check_room(session: Session, *, times: int = 1) -> None:
    """Raise `Full` when the files are more, or `times` larger, than the environment lets it keep."""
    files, size = left(session, times=times)
    if files < 0:
        raise Full(f"it would hold {MOST - files:,} files; at most {MOST:,} are kept")
    if size < 0:
        most = _room(session) * times
        raise Full(f"it would hold {(most - size) >> 20} MB; at most {most >> 20} are kept")


def left(session: Session, *, times: int = 1) -> tuple[int, int]:
    """How many files, and how many bytes, /workspace still takes; negative when it holds too much."""
    held = session.scratch.aggregate(files=Count("pk"), size=Sum("size"))
    return MOST - held["files"], _room(session) * times - (held["size"] or 0)


def _room(session: Session) -> int:
    return shells.of(session.environment.config)["disk_mb"] << 20


def contents(session: Session, hashes: Collection[str]) -> dict[str, bytes]:
    """The bytes of those files that have these hashes."""
    found: dict[str, bytes] = {}
    for batch in rows.batches(hashes):
        files = session.scratch.filter(sha256__in=batch)
        for digest, text, data in files.values_list("sha256", "content", "data"):
            found[digest] = text.encode() if data is None else bytes(data)
    return found
