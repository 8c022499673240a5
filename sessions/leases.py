"""Leases: one worker works on a row at a time, and a dead worker's row comes free by itself.

The broker may ring twice or lose a ring; who works is decided here, by one conditional UPDATE.
"""

import logging
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import Error, connection, models, transaction
from django.db.models import Q
from django.utils import timezone

from console import rows

logger = logging.getLogger(__name__)


CLAIM = (
    "UPDATE {} SET lease_owner = %s, lease_until = %s"
    " WHERE id = %s AND (lease_until IS NULL OR lease_until < %s)"
)
RELEASE = "UPDATE {} SET lease_owner = '', lease_until = NULL WHERE id = %s AND lease_owner = %s"


class LeaseLost(Exception):
    """Another worker has taken over; whatever this one still meant to write must not be."""


@dataclass(frozen=True)
class Lease:
    """A claim on one row that has the columns `lease_owner` and `lease_until`."""

    model: type[models.Model]
    pk: str
    owner: str

    @contextmanager
    def transaction(self) -> Iterator[models.Model]:
        """A transaction that holds the row and begins only while the lease is ours."""
        with transaction.atomic():
            row = rows.locked(self.model, self.pk)
            if row is None or row.lease_owner != self.owner:
                raise LeaseLost
            yield row

    def release(self) -> None:
        _heart.forget(self)
        key = self.model._meta.pk.get_prep_value(self.pk)
        with connection.cursor() as cursor:
            cursor.execute(RELEASE.format(self.model._meta.db_table), [key, self.owner])


def free(now) -> Q:
    """Rows nobody works on: never claimed, released, or their worker is gone."""
    return Q(lease_until=None) | Q(lease_until__lt=now)


def claim(model: type[models.Model], pk: str, where: str = "TRUE", *values: Any) -> Lease | None:
    """Take the row if it is free and the condition holds; None when it is not, or someone has it."""
    now = timezone.now()
    until = rows.moment(now + timedelta(seconds=settings.LEASE_SECONDS))
    lease = Lease(model, pk, uuid.uuid4().hex)
    key = model._meta.pk.get_prep_value(pk)
    query = f"{CLAIM.format(model._meta.db_table)} AND ({where})"
    with connection.cursor() as cursor:
        cursor.execute(query, [lease.owner, until, key, rows.moment(now), *values])
        is_taken = cursor.rowcount == 1
    if not is_taken:
        return None
    _heart.keep(lease)
    return lease


class _Heart:
    """Renews all leases of this process from one thread, on one database connection."""

    def __init__(self) -> None:
        self._leases: set[Lease] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def keep(self, lease: Lease) -> None:
        with self._lock:
            self._leases.add(lease)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._beat, name="leases", daemon=True)
                self._thread.start()

    def forget(self, lease: Lease) -> None:
        with self._lock:
            self._leases.discard(lease)

    def _beat(self) -> None:
        try:
            while leases := self._after_a_pause():
                self._renew(leases)
        finally:
            connection.close()

    def _after_a_pause(self) -> list[Lease]:
        """What there is to renew; with nothing the thread ends, and an idle worker needs none."""
        time.sleep(settings.LEASE_SECONDS / 4)
        with self._lock:
            if not self._leases:
                # Under the lock: a lease that comes after this must find no thread but start one.
                self._thread = None
            return list(self._leases)

    def _renew(self, leases: list[Lease]) -> None:
        until = timezone.now() + timedelta(seconds=settings.LEASE_SECONDS)
        try:
            for lease in leases:
                mine = lease.model.objects.filter(pk=lease.pk, lease_owner=lease.owner)
                if not mine.update(lease_until=until):
                    self.forget(lease)
        except Error:  # also InterfaceError, which is no DatabaseError
            logger.warning("Leases could not be renewed; trying again.", exc_info=True)
            connection.close()


_heart = _Heart()
