"""Finding a dream, and saying what a verb refuses."""

from django.db.models import Prefetch, QuerySet

from console.api import conflict, find, invalid
from dreaming import dreams, review, wire
from dreaming.models import Dream, Transcript
from memory import stores
from memory.change_sets import NeedsPerson
from memory.paths import Invalid

STATES = (review.Refused, stores.Refused, stores.Conflict, stores.Occupied)


def rows_of(request) -> QuerySet[Dream]:
    keys = Transcript.objects.only("dream_id", "session_key")
    rows = request.workspace.dreams.select_related("session", "workspace")
    return rows.prefetch_related(Prefetch("transcripts", keys))


def find_dream(request, dream_id: str) -> Dream:
    return find(rows_of(request), dream_id, "The dream")


class answers:
    """Turn what a verb refuses into an answer: 409 where review or store stand against it."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind, error, trace) -> None:
        if isinstance(error, NeedsPerson):
            conflicts = [wire.conflict(merge) for merge in error.conflicts]
            raise conflict(str(error), conflicts=conflicts) from None
        if isinstance(error, STATES):
            raise conflict(str(error)) from None
        if isinstance(error, (Invalid, dreams.Refused)):
            raise invalid(str(error)) from None
