"""Public ids: a prefix that names the kind and a short opaque tail (`memstore_01…`).

The database keeps plain 64-bit integers, which are small to index and cheap to clone; the rest of
the code, URLs and the API only ever see the string. The tail is a reversible scramble, there to
keep people from counting rows or typing ids by hand. It is no secret: access is checked, always.
"""

import binascii
import itertools
import secrets
import time
from functools import lru_cache

from django.db import models

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
WIDTH = 11  # 58**11 > 2**64
MASK = 2**64 - 1
MULTIPLIER = 0x9E3779B97F4A7C15
INVERSE = pow(MULTIPLIER, -1, 2**64)
NOBODY = -1  # a key that no row has


def _salt(prefix: str) -> int:
    return binascii.crc32(prefix.encode()) * 0x1000193


def _fold(number: int) -> int:
    return number ^ (number >> 32)


@lru_cache(10_000)
def encode(prefix: str, key: int) -> str:
    """Turn the row's integer key into its public id."""
    number = _fold((_fold((key + _salt(prefix)) & MASK) * MULTIPLIER) & MASK)
    digits = ""
    for _ in range(WIDTH):
        number, digit = divmod(number, 58)
        digits = ALPHABET[digit] + digits
    return f"{prefix}_01{digits}"


@lru_cache(10_000)
def decode(prefix: str, public_id: str) -> int:
    """Turn a public id back into the row's key; anything else becomes `NOBODY`.

    An id that is malformed, of another kind or of no row at all must look the same to whoever asks,
    so none of them is an error here: the look-up simply finds nothing.
    """
    head, tail = public_id[: len(prefix) + 3], public_id[len(prefix) + 3 :]
    if head != f"{prefix}_01" or len(tail) != WIDTH or not set(tail) <= set(ALPHABET):
        return NOBODY
    number = 0
    for letter in tail:
        number = number * 58 + ALPHABET.index(letter)
    if number > MASK:
        return NOBODY
    key = (_fold((_fold(number) * INVERSE) & MASK) - _salt(prefix)) & MASK
    return key if key < 2**63 else NOBODY


def spelt_now(session_id: str) -> str:
    """A session's id as it is written now: those of older programs begin with `session_`."""
    head, tail = session_id[:8], session_id[8:]
    return f"sesn_{tail}" if head == "session_" else session_id


_ticks = itertools.count(secrets.randbelow(4096))


def fresh(prefix: str) -> str:
    """Make an id before its row exists: microseconds, so that rows stay near each other, and 12
    bits that keep two processes of the same microsecond apart.
    """
    return encode(prefix, (time.time_ns() // 1000 << 12 | next(_ticks) & 4095) & (2**63 - 1))


class PublicIdField(models.BigAutoField):
    """A primary key that is a BIGINT in the database and a public id in Python."""

    def __init__(self, *, prefix: str, **options) -> None:
        self.prefix = prefix
        super().__init__(**{"primary_key": True, "serialize": False, **options})

    def deconstruct(self):
        name, path, args, options = super().deconstruct()
        return name, path, args, {**options, "prefix": self.prefix}

    def from_db_value(self, value: int | None, expression, connection) -> str | None:
        return None if value is None else encode(self.prefix, value)

    def to_python(self, value):
        return encode(self.prefix, value) if isinstance(value, int) else value

    def get_prep_value(self, value):
        if value is None or isinstance(value, int) or hasattr(value, "resolve_expression"):
            return value
        return decode(self.prefix, str(value))
