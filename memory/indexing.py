"""The index that tells a search where to look. It may lag or be missing: the results are the same.

Texts never change, so they are indexed once, some time after they were written: many together, as a
segment, which says of every gram which of its texts hold it. What no segment has yet is simply
read. A text that is deleted leaves its segment in the same transaction, and no gram of it stays.

Not the databases' own indexes: FTS5 keeps the terms of deleted rows until it merges (and older
SQLites cannot be told otherwise), pg_trgm needs the right to create extensions, and both would be
filled by the writer, who should not wait for them.
"""

import threading
import time
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import reduce
from operator import and_, or_

from django.db import connection, transaction

from console.rows import BATCH, batches
from memory import literals
from memory.grams import GRAMS, MEMBERS, bits, grams, members, pack, unpack
from memory.literals import Need
from memory.models import Blob, Gram, Segment

FEWEST, LEAST = 256, 1024 * 1024  # texts or bytes that are worth a segment; fewer are soon read
MOST = 4 * 1024 * 1024  # bytes of text in a segment
GRAMS_ASKED = 8  # of a literal: more would hardly tell more

_at_work = threading.Lock()


# -- Filling ------------------------------------------------------------------------------


def catch_up(seconds: float) -> int:
    """Index what waits, for some time at most; returns how many texts were indexed.

    One thread of a process does it at a time. Whoever dies in between leaves whole segments.
    """
    if not _at_work.acquire(blocking=False):
        return 0
    try:
        return _catch_up(time.monotonic() + seconds)
    finally:
        _at_work.release()


def _catch_up(until: float) -> int:
    done = 0
    while time.monotonic() < until and (keys := _waiting()):
        if not (added := _add_segment(keys)):
            break  # somebody else was at the same texts
        done += added
    return done


def is_behind() -> bool:
    """Whether there are enough texts that wait to be indexed."""
    return bool(_waiting())


def _waiting() -> list[int]:
    """The next texts to index together; none while there are too few."""
    rows = list(
        Blob.objects.filter(segment=None).order_by("pk").values_list("pk", "size")[:MEMBERS]
    )
    keys, size = [], 0
    for key, bytes_of_text in rows:
        if keys and size + bytes_of_text > MOST:
            break
        keys.append(key)
        size += bytes_of_text
    return keys if len(keys) >= FEWEST or size >= LEAST else []


def _add_segment(keys: list[int]) -> int:
    holders = _holders(keys)  # the long part, before the transaction
    with transaction.atomic():
        free = Blob.objects.filter(pk__in=keys, segment=None).order_by("pk")
        # Nobody may delete one of them before it is known to be in the segment.
        held = free.select_for_update(no_key=True).values_list("pk", flat=True)
        if list(held) != keys:
            return 0
        segment = Segment.objects.create(members=array("q", keys).tobytes())
        _insert(segment.pk, holders)
        free.update(segment=segment.pk)
    return len(keys)


def _holders(keys: list[int]) -> Mapping[int, list[int]]:
    """For every gram, the places in `keys` of the texts that hold it."""
    holders = defaultdict(list)
    texts = Blob.objects.filter(pk__in=keys).values_list("pk", "content")
    places = {key: place for place, key in enumerate(keys)}
    for key, text in texts.iterator(chunk_size=64):
        for gram in grams(text):
            holders[gram].append(places[key])
    return holders


def _insert(segment: int, holders: Mapping[int, list[int]]) -> None:
    rows = [(_key(segment, gram), pack(places)) for gram, places in sorted(holders.items())]
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO memory_gram (id, members) VALUES (%s, %s)", rows)


def _key(segment: int, gram: int) -> int:
    return segment * GRAMS + gram


# -- Forgetting ---------------------------------------------------------------------------


def forget(keys: Iterable[int]) -> None:
    """Take texts that are about to be deleted out of the index, in the caller's transaction.

    The caller holds their rows, so that nobody indexes them meanwhile.
    """
    gone = defaultdict(set)
    indexed = Blob.objects.filter(pk__in=list(keys)).exclude(segment=None)
    for key, segment in indexed.values_list("pk", "segment"):
        gone[segment].add(key)
    held = Segment.objects.filter(pk__in=gone).select_for_update(no_key=True).order_by("pk")
    for segment in held:
        _shrink(segment, gone[segment.pk])


def _shrink(segment: Segment, gone: set[int]) -> None:
    known = array("q", bytes(segment.members))
    kept = [0 if key in gone else key for key in known]
    rows = Gram.objects.filter(pk__gte=_key(segment.pk, 0), pk__lt=_key(segment.pk + 1, 0))
    if not any(kept):
        rows.delete()
        segment.delete()
        return
    segment.members = array("q", kept).tobytes()
    segment.save(update_fields=["members"])
    _clear(rows, bits(place for place, key in enumerate(known) if key in gone))


def _clear(rows, gone: int) -> None:
    empty, changed = [], []
    for row in rows:
        before = unpack(row.members)
        after = before & ~gone
        if not after:
            empty.append(row.pk)
        elif after != before:
            row.members = pack(members(after))
            changed.append(row)
    for batch in batches(empty):
        Gram.objects.filter(pk__in=batch).delete()
    with connection.cursor() as cursor:
        values = [(row.members, row.pk) for row in changed]
        cursor.executemany("UPDATE memory_gram SET members = %s WHERE id = %s", values)


# -- Asking -------------------------------------------------------------------------------


def candidates(need: Need, most: int) -> set[int] | None:
    """The keys of all texts, whoever's, that may hold what is needed.

    None when the index cannot tell, or when they are more than `most`: reading is then as fast.
    """
    grams_of = {text: _telling(text) for text in literals.named(need)}
    if not grams_of:
        return None
    # First what waits: a text that is indexed meanwhile is then found twice, not never.
    waiting = Blob.objects.filter(segment=None).order_by("pk").values_list("pk", flat=True)
    found = set(waiting[: most + 1])
    holding = {}
    for segment, holders in _read(set().union(*grams_of.values())):
        masks = {text: _all(holders, asked) for text, asked in grams_of.items()}
        if mask := _holding(need, masks):
            holding[segment] = mask
    if len(found) + sum(mask.bit_count() for mask in holding.values()) > most:
        return None
    for segment, known in Segment.objects.filter(pk__in=holding).values_list("pk", "members"):
        keys = array("q", bytes(known))
        found.update(keys[place] for place in members(holding[segment]))
    return found


def _telling(text: str) -> list[int]:
    """Some grams of a literal, from all over it."""
    found = sorted(grams(text))
    return found[:: -(-len(found) // GRAMS_ASKED)]


def _read(asked: set[int]) -> Iterator[tuple[int, dict[int, int]]]:
    """Every segment with the members that hold the grams asked for."""
    segments = list(Segment.objects.order_by("pk").values_list("pk", flat=True))
    for some in batches(segments, max(1, BATCH // len(asked))):
        keys = [_key(segment, gram) for segment in some for gram in asked]
        holders = {segment: {} for segment in some}
        for key, packed in Gram.objects.filter(pk__in=keys).values_list("pk", "members"):
            segment, gram = divmod(key, GRAMS)
            holders[segment][gram] = unpack(packed)
        yield from holders.items()


def _all(holders: Mapping[int, int], asked: list[int]) -> int:
    mask = holders.get(asked[0], 0)
    for gram in asked[1:]:
        mask &= holders.get(gram, 0)
    return mask


def _holding(need: Need, masks: Mapping[str, int]) -> int:
    """The members that hold what is needed, as bits."""
    if isinstance(need, str):
        return masks[need]
    parts = [_holding(part, masks) for part in need.needs]
    return reduce(or_ if isinstance(need, literals.Any) else and_, parts)
