"""What the palette finds in memory: stores by their names, files by their paths."""

from collections.abc import Iterator

from django.db.models import BigIntegerField, QuerySet
from django.db.models.functions import Cast
from django.urls import reverse
from rapidfuzz import fuzz, process

from console.palette import FORGIVING, MOST, Entry, Seeker, fit, having, likely
from memory.models import Memory, Store
from memory.reading import public_id

SPELLED = 200  # files whose path holds the words, the newest
NEARLY = 50_000  # paths that are compared when the words are in few of them
ENOUGH = 5


def stores(seeker: Seeker) -> Iterator[Entry]:
    rows = seeker.workspace.stores.unarchived().order_by("-updated_at")
    for store in likely(rows, "name", seeker.words):
        url = reverse("memory:store", args=[seeker.workspace.slug, store.pk])
        detail = "" if store.state == "active" else store.get_state_display().lower()
        at, score = store.changed_at or store.updated_at, fit(seeker.words, store.name)
        yield Entry("Store", store.name, url, "database", detail, at, score)


def files(seeker: Seeker) -> Iterator[Entry]:
    here = Store.objects.filter(workspace=seeker.workspace).current()
    rows = Memory.objects.filter(store__in=here).select_related("store").order_by("-updated_at")
    if not seeker.words:
        found = list(rows[:MOST])
    else:
        found = list(having(rows, "path", seeker.words)[:SPELLED])
        if len(found) < ENOUGH:
            found += _nearly(rows, seeker.words, {memory.pk for memory in found})
    for memory in found:
        yield _entry(seeker, memory)


def _entry(seeker: Seeker, memory: Memory) -> Entry:
    url = reverse("memory:memory", args=[seeker.workspace.slug, memory.store_id, memory.pk])
    # The name is what one remembers; the folders help.
    score = max(fit(seeker.words, memory.name), fit(seeker.words, memory.path.strip("/")) - 3)
    return Entry("File", memory.path, url, "file-text", memory.store.name, memory.updated_at, score)


def _nearly(rows: QuerySet, words: str, known: set[str]) -> list[Memory]:
    paths = rows.order_by().select_related(None).values_list(Cast("pk", BigIntegerField()), "path")
    paths = dict(paths[:NEARLY])
    best = process.extract(
        words,
        paths,
        scorer=fuzz.partial_ratio,
        processor=str.lower,
        score_cutoff=FORGIVING,
        limit=MOST,
    )
    keys = [public_id(key) for _, _, key in best]
    return [memory for memory in rows.filter(pk__in=keys) if memory.pk not in known]
