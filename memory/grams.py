"""Which three bytes stand next to each other in a text, in whatever case. Pure.

A gram is one of 65,536 numbers, so that no text can make an index larger than a bound. Two
triples may share one: an index then names a text too many, never one too few.
"""

import sys
from array import array
from collections.abc import Iterable

GRAMS = 1 << 16
MEMBERS = 512  # texts in a segment of an index, at most
BITMAP = MEMBERS // 8  # bytes
_SKIP = 8 if sys.byteorder == "big" else 0
_SCATTER = 0x9E3779B1  # Knuth's: spreads neighbours far apart


def grams(text: str) -> set[int]:
    """All grams of a text."""
    data = memoryview(text.casefold().encode(errors="replace") + b"\0")
    words = set()
    for start in range(4):
        # Four bytes at a time are read at C speed; the fourth is then cut off.
        words.update(data[start : start + (len(data) - start) // 4 * 4].cast("I"))
    return {((word >> _SKIP & 0xFFFFFF) * _SCATTER & 0xFFFFFFFF) >> 16 for word in words}


def pack(members: Iterable[int]) -> bytes:
    """Write down some of a segment's members: as a list when they are few, else as bits."""
    listed = array("H", members).tobytes()
    return listed if len(listed) < BITMAP else bits(members).to_bytes(BITMAP, "little")


def unpack(packed: bytes) -> int:
    """The same members as bits of a number."""
    packed = bytes(packed)  # PostgreSQL gives a view
    if len(packed) == BITMAP:
        return int.from_bytes(packed, "little")
    return bits(array("H", packed))


def bits(members: Iterable[int]) -> int:
    number = 0
    for member in members:
        number |= 1 << member
    return number


def members(number: int) -> list[int]:
    """The members whose bits are set."""
    return [at for at, bit in enumerate(reversed(f"{number:b}")) if bit == "1"]
