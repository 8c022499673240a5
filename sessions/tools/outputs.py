"""Outputs too long for a model: all of it goes to files in /workspace, the model sees both ends."""

from collections.abc import Iterator

from sessions.context import WORKSPACE
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
    kept = {f"{folder}/{number:02}.txt": part for number, part in enumerate(parts[:MOST], 1)}
    scratch.keep(mounts.session, [scratch.Draft(path, part) for path, part in kept.items()])
    first, last = next(iter(kept)), next(reversed(kept))
    where = f"{WORKSPACE}{first}" + (f" to {last.rpartition('/')[2]}" if len(kept) > 1 else "")
    cut = "" if len(parts) <= MOST else " The rest was too long to be kept."
    hidden = len(text) - HEAD - TAIL
    note = (
        f"… {hidden:,} of {len(text):,} characters are left out here; they stand in {where}.{cut} …"
    )
    return f"{text[:HEAD]}\n{note}\n{text[-TAIL:]}"


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
