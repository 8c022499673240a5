"""Waiting for other processes and threads, which report to nobody."""

import time
from collections.abc import Callable

from django.db import connection


def wait_until(fact: Callable, seconds: float) -> bool:
    """Whether the fact came true within the time."""
    end = time.monotonic() + seconds
    while not fact():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def somebody_waits() -> bool:
    """Whether a transaction waits for a row that another one has locked; PostgreSQL's can tell."""
    with connection.cursor() as cursor:
        cursor.execute(WAITING)
        return cursor.fetchone()[0] > 0


# Not pg_stat_activity: within a transaction that stays as it was when first looked at.
WAITING = """
SELECT count(*) FROM pg_locks waiting WHERE NOT granted AND EXISTS (
    SELECT 1 FROM pg_locks mine JOIN pg_database known ON known.oid = mine.database
    WHERE mine.pid = waiting.pid AND known.datname = current_database()
)
"""
