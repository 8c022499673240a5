"""What may be wrong with disk and database through no mistake of ours, and what to tell people.

Every verb is one transaction: when it fails for one of these reasons, nothing of it was saved.
"""

import errno
import sqlite3
from dataclasses import dataclass

import psycopg


@dataclass(frozen=True)
class Trouble:
    """`status` and `type` are for the answer, `retry_after` is in seconds."""

    status: int
    type: str
    title: str
    message: str
    retry_after: int


FULL = Trouble(
    507,
    "api_error",
    "The disk is full",
    "The server's disk is full or broken, so nothing was saved. Make room on it, then try again.",
    60,
)
BUSY = Trouble(
    503,
    "overloaded_error",
    "The database is busy",
    "The database is busy or cannot be reached, so nothing was saved. Try again in a moment.",
    1,
)

# The low byte of SQLite's result code names its kind.
SQLITE = {
    sqlite3.SQLITE_FULL: FULL,
    sqlite3.SQLITE_IOERR: FULL,
    sqlite3.SQLITE_BUSY: BUSY,
    sqlite3.SQLITE_LOCKED: BUSY,
    sqlite3.SQLITE_CANTOPEN: BUSY,
}
# PostgreSQL's: one code, or the class that its first two letters name.
POSTGRES = {"53100": FULL, "53": BUSY, "57": BUSY, "08": BUSY, "40": BUSY, "55": BUSY}


def of(error: BaseException | None) -> Trouble | None:
    """Tell what kind of trouble an error stands for; None for a mistake."""
    if isinstance(error, OSError):
        return FULL if error.errno in {errno.ENOSPC, errno.EDQUOT} else None
    cause = error.__cause__ if error else None
    if isinstance(cause, sqlite3.Error):
        return SQLITE.get(getattr(cause, "sqlite_errorcode", 0) & 0xFF)
    if isinstance(cause, psycopg.Error):
        return _of_postgres(cause)
    return None


def _of_postgres(cause: psycopg.Error) -> Trouble | None:
    if cause.sqlstate is None:  # it said nothing any more: the connection is gone
        return BUSY if isinstance(cause, psycopg.OperationalError) else None
    return POSTGRES.get(cause.sqlstate) or POSTGRES.get(cause.sqlstate[:2])
