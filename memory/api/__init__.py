"""The API of the memory app: stores, memories, versions, change sets (wire contract §5–§7, §20)."""

from django.http import HttpRequest, HttpResponse
from ninja import Router

from console.api import ApiError, api, code, conflict, envelope, invalid, memory_auth
from memory import wire
from memory.api import change_sets, memories, search, stores, transfer, versions
from memory.change_sets import NeedsPerson
from memory.paths import Invalid, InvalidMetadata
from memory.stores import Conflict, Occupied, Refused, Vanished

router = Router(auth=memory_auth)
for _part in (stores, memories, versions, change_sets, search, transfer):
    router.add_router("memory_stores", _part.router)


# What the verbs raise, said in the words of the wire, whoever called the verb.


@api.exception_handler(Invalid)
@api.exception_handler(Refused)
def _invalid(request: HttpRequest, error: Exception) -> HttpResponse:
    return envelope(request, invalid(str(error)))


@api.exception_handler(InvalidMetadata)
def _invalid_metadata(request: HttpRequest, error: InvalidMetadata) -> HttpResponse:
    return envelope(request, invalid(str(error), **code("invalid_metadata")))


@api.exception_handler(Conflict)
def _conflict(request: HttpRequest, error: Conflict) -> HttpResponse:
    return envelope(request, conflict(str(error), "memory_precondition_failed_error"))


@api.exception_handler(Vanished)
def _vanished(request: HttpRequest, error: Vanished) -> HttpResponse:
    """Whoever comes too late finds what the next request would: nothing."""
    return envelope(request, ApiError(404, "not_found_error", str(error)))


@api.exception_handler(Occupied)
def _occupied(request: HttpRequest, error: Occupied) -> HttpResponse:
    place = {"conflicting_memory_id": error.memory.pk, "conflicting_path": error.memory.path}
    return envelope(request, conflict(str(error), "memory_path_conflict_error", **place))


@api.exception_handler(NeedsPerson)
def _needs_person(request: HttpRequest, error: NeedsPerson) -> HttpResponse:
    conflicts = [wire.file_merge(merge) for merge in error.conflicts]
    return envelope(request, conflict(str(error), conflicts=conflicts))
