"""Finding a dream, with all that the wire shows of it."""

from django.db.models import Prefetch, QuerySet

from console.api import find
from dreaming.models import Dream, Transcript


def rows_of(request) -> QuerySet[Dream]:
    keys = Transcript.objects.only("dream_id", "session_key")
    rows = request.workspace.dreams.select_related("session", "workspace")
    return rows.prefetch_related(Prefetch("transcripts", keys))


def find_dream(request, dream_id: str) -> Dream:
    return find(rows_of(request), dream_id, "The dream")
