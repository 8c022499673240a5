"""Outputs too long for a model: all of it goes to files in /workspace, the model sees both ends."""

from collections.abc import Iterator

from sessions.context import WORKSPACE
from sessions.models import Session
from sessions.tools import scratch
from sessions.tools.base import OUTPUT_LIMIT
from sessions.tools.mounts import Mounts

HEAD, TAIL = 8_000, 4_000  # letters that are shown
MOST = 60  # files of one output


def fitted(mounts: Mounts, tool: str, text: str) -> str:
    """The text, or what a model is shown of it when it is too long (wire contract §15).

    The files hold whole lines where they can, each small enough for `read` and `grep`.
    """
    if len(text) <= OUTPUT_LIMIT:
        return text
    folder = f"/outputs/{tool}-{mounts.by.event[-6:] or 'call'}"
    parts = list(_parts(text))
    kept = dict(zip(_names(folder), _fitting(parts, mounts.session), strict=False))
    scratch.keep(mounts.session, [scratch.Draft(path, part) for path, part in kept.items()])
    hidden = f"{len(text) - HEAD - TAIL:,} of {len(text):,} characters are left out here"
    return f"{text[:HEAD]}\n… {hidden}; {_where(list(kept), len(parts))} …\n{text[-TAIL:]}"


def _names(folder: str) -> Iterator[str]:
    return (f"{folder}/{number:02}.txt" for number in range(1, MOST + 1))


def _fitting(parts: list[bytes], session: Session) -> Iterator[bytes]:
    """The first parts, as many as /workspace still takes."""
    files, room = scratch.left(session)
    for part in parts[: max(0, files)]:
        room -= len(part)
        if room < 0:
            return
        yield part


def _where(kept: list[str], parts: int) -> str:
    if not kept:
        return "they are not kept, as /workspace is full: remove files, or ask for less."
    last = kept[-1].rpartition("/")[2]
    where = f"{WORKSPACE}{kept[0]}" + (f" to {last}" if len(kept) > 1 else "")
    rest = "" if len(kept) == parts else " The rest was too long to be kept."
    return f"they stand in {where}.{rest}"


def _parts(text: str) -> Iterator[bytes]:
    part = bytearray()
    for line in text.splitlines(keepends=True):
        data = line.encode(errors="replace")
        if part and len(part) + len(data) > OUTPUT_LIMIT:
            yield bytes(part)
            part.clear()
        while len(data) > OUTPUT_LIMIT:
            # A letter stands whole in one file.
            piece = data[:OUTPUT_LIMIT].decode(errors="ignore").encode()
            yield piece
            data = data[len(piece) :]
        part += data
    if part:
        yield bytes(part)
