"""In and out: a store as a zip, a zip into a store (wire contract §20)."""

from io import BytesIO

from django.http import StreamingHttpResponse
from django.http.multipartparser import MultiPartParserError
from django.utils.http import content_disposition_header
from ninja import Router

from console.api import conflict, invalid, needs
from memory import transfer, uploads, wire
from memory.api.stores import find_store
from memory.archives import Archive, Unreadable
from memory.transfer import Moved, Options

ZIP = {"schema": {"type": "string", "format": "binary"}}

router = Router()


@router.get(
    "/{store_id}/export",
    openapi_extra={"responses": {200: {"description": "OK", "content": {"application/zip": ZIP}}}},
)
def export_store(request, store_id: str):
    """A zip with a manifest of hashes; `path` (repeated) chooses files, and folders ending in /."""
    store = find_store(request, store_id)
    pieces = transfer.export(store, request.GET.getlist("path"))
    response = StreamingHttpResponse(pieces, content_type="application/zip")
    response["Content-Disposition"] = content_disposition_header(True, transfer.file_name(store))
    response["request-id"] = request.id
    return response


@router.post(
    "/{store_id}/import",
    openapi_extra={"requestBody": {"required": True, "content": {"application/zip": ZIP}}},
)
@needs("editor")
def import_store(
    request,
    store_id: str,
    dry_run: bool = False,
    kind: str = "",
    path_prefix: str = "/",
    strip: bool = True,
    overwrite: bool = True,
    plan_sha256: str = "",
):
    """The body is a zip, or a form with `files`. With `plan_sha256` only that very plan is done."""
    store = find_store(request, store_id)
    file, name = _sent(request)
    options = Options(kind, path_prefix, strip, overwrite)
    try:
        archive = Archive(file)
        reading = archive.read()
        if dry_run:
            return wire.plan(transfer.plan(store, reading, options))
        outcome = transfer.bring_in(
            store,
            archive,
            reading,
            options,
            by=request.actor,
            source=name,
            seen=plan_sha256,
        )
    except Unreadable as unreadable:
        raise invalid(str(unreadable)) from None
    except Moved as moved:
        raise conflict(str(moved), plan=wire.plan(moved.plan)) from None
    made = outcome.change_set
    return wire.plan(outcome.plan) | {"change_set": wire.change_set(made) if made else None}


def _sent(request) -> tuple[BytesIO, str]:
    if not request.content_type.startswith("multipart/"):
        return BytesIO(request.body), "a zip"
    uploads.keep_paths(request)
    try:
        return uploads.as_zip(request.FILES.getlist("files"))
    except (MultiPartParserError, Unreadable) as error:
        raise invalid(str(error)) from None
