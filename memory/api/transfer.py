"""In and out: a store as a zip, a zip into a store (wire contract §20)."""

from io import BytesIO
from typing import Annotated, Literal

from django.http import StreamingHttpResponse
from django.http.multipartparser import MultiPartParserError
from django.utils.http import content_disposition_header
from ninja import Query, Router

from console.api import conflict, invalid, needs
from console.queries import Says
from memory import layouts, transfer, uploads, wire
from memory.api.bodies import FOLDER
from memory.api.stores import find_store
from memory.archives import Archive
from memory.shapes import ImportPlan
from memory.transfer import Moved, Options
from memory.zips import Unreadable

ZIP = {"schema": {"type": "string", "format": "binary"}}
FORM = {
    "schema": {
        "type": "object",
        "properties": {"files": {"type": "array", "items": ZIP["schema"]}},
        "required": ["files"],
    }
}
Paths = list[Annotated[str, Says("Only these files, and folders that end in /.")]]
Into = Annotated[str, Says("The folder to import into; starts and ends in /.", pattern=FOLDER)]

Kind = Annotated[
    Literal[("", *layouts.KINDS)],
    Says("; ".join(f"`{kind}`: {text}" for kind, text in layouts.KINDS.items())),
]

router = Router(tags=["Import and export"])


@router.get(
    "/{store_id}/export",
    openapi_extra={"responses": {200: {"description": "OK", "content": {"application/zip": ZIP}}}},
)
def export_store(request, store_id: str, path: Query[Paths] = []):  # noqa: B006 - pydantic copies it
    """Export a memory store

    A zip of its files, with a manifest of their hashes.
    """
    store = find_store(request, store_id)
    pieces = transfer.export(store, path)
    response = StreamingHttpResponse(pieces, content_type="application/zip")
    response["Content-Disposition"] = content_disposition_header(True, transfer.file_name(store))
    response["request-id"] = request.id
    return response


@router.post(
    "/{store_id}/import",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/zip": ZIP, "multipart/form-data": FORM},
        }
    },
)
@needs("editor")
def import_store(
    request,
    store_id: str,
    dry_run: bool = False,
    kind: Kind = "",
    path_prefix: Into = "/",
    strip: bool = True,
    overwrite: bool = True,
    plan_sha256: str = "",
) -> ImportPlan:
    """Import into a memory store

    The body is a zip, or a form with `files`; the answer says file by file what was done, or with `dry_run` what
    would be. What is imported is one change set. With `plan_sha256` only that very plan is done: answers 409 with
    the new `plan` when the store changed since.
    """
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
