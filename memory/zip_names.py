"""Zips whose names are not the UTF-8 that they claim to be: Python's `zipfile` reads nothing of them."""

import io
import struct
from bisect import bisect_left
from typing import IO

END = b"PK\x05\x06"
ENTRY = b"PK\x01\x02"
CLAIM = 0x0800  # the flag of a name in UTF-8
LONGEST_END = 22 + 65_535  # bytes: the record at a zip's end, and its comment
TOO_LARGE = 0xFFFFFFFF  # the directory's size then stands elsewhere, as in a zip of four gigabytes


class Unclaimed(io.RawIOBase):
    """A zip, read as if wrong claims had not been made; nothing is written, nothing copied.

    Names stay as they are, in an encoding that nobody knows.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._mended = _wrong_claims(file)
        self._places = [at for at, _ in self._mended]

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def read(self, size: int = -1) -> bytes:
        begin = self._file.tell()
        data = self._file.read(size)
        first = bisect_left(self._places, begin)
        last = bisect_left(self._places, begin + len(data))
        if first == last:
            return data
        changed = bytearray(data)
        for at, byte in self._mended[first:last]:
            changed[at - begin] = byte
        return bytes(changed)


def _wrong_claims(file: IO[bytes]) -> list[tuple[int, int]]:
    """Where bytes with a wrong claim stand in the zip's directory, and what they are without it."""
    length = file.seek(0, io.SEEK_END)
    tail_at = file.seek(max(0, length - LONGEST_END))
    tail = file.read()
    end = tail.rfind(END)
    if end < 0 or len(tail) < end + 22:
        return []
    (size,) = struct.unpack_from("<L", tail, end + 12)
    if size == TOO_LARGE or size > tail_at + end:
        return []
    begin = file.seek(tail_at + end - size)
    directory = file.read(size)
    found, at = [], 0
    while directory[at : at + 4] == ENTRY and at + 46 <= size:
        (flags,) = struct.unpack_from("<H", directory, at + 8)
        name, extra, comment = struct.unpack_from("<3H", directory, at + 28)
        if flags & CLAIM and not _is_utf8(directory[at + 46 : at + 46 + name]):
            found.append((begin + at + 9, (flags & ~CLAIM) >> 8))
        at += 46 + name + extra + comment
    return found


def _is_utf8(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True
