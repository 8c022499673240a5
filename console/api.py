"""The API's ground: keys, the error envelope, pages of results. Apps add their own routers.

Source of every shape and word: wire contract §1–§3.
"""

import base64
import binascii
import json
import logging
from collections.abc import Callable
from datetime import datetime
from functools import cache, wraps
from typing import Any

from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist, RequestDataTooBig, SuspiciousOperation
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.parser import Parser
from ninja.renderers import JSONRenderer

from console import access, mistakes, queries, trouble
from console.actors import Actor
from console.ids import NOBODY
from console.middleware import WORKSPACE
from console.models import Role

logger = logging.getLogger(__name__)


class ApiError(Exception):
    """An answer in the error envelope. `extra` stands beside type and message in `error`."""

    def __init__(self, status: int, type: str, message: str, **extra: Any) -> None:
        super().__init__(message)
        self.status, self.type, self.message, self.extra = status, type, message, extra


def invalid(message: str, **extra: Any) -> ApiError:
    return ApiError(400, "invalid_request_error", message, **extra)


def not_found(what: str, given: str, **extra: Any) -> ApiError:
    return ApiError(404, "not_found_error", f"{what} {given!r} was not found.", **extra)


def code(name: str) -> dict[str, Any]:
    """What to add to an error that the SDKs know by a code, and raise as a class of its own."""
    return {"details": {"error_code": name}}


def conflict(message: str, type: str = "conflict_error", **extra: Any) -> ApiError:
    return ApiError(409, type, message, **extra)


def envelope(request: HttpRequest, error: ApiError) -> HttpResponse:
    """Wrap an error as the wire contract's §2 has it."""
    request_id = getattr(request, "id", "req_unknown")
    body = {
        "type": "error",
        "error": {"type": error.type, "message": error.message, **error.extra},
        "request_id": request_id,
    }
    response = JsonResponse(body, status=error.status, json_dumps_params={"ensure_ascii": False})
    response["request-id"] = request_id
    if error.status == 409:
        # The SDKs retry a bare 409; ours are verdicts that no retry will change.
        response["x-should-retry"] = "false"
    return response


def envelope_of(request: HttpRequest, problem: trouble.Trouble) -> HttpResponse:
    """Say it in the wire's words, and how long a program should wait before it tries again."""
    status = 529 if problem.type == "overloaded_error" else problem.status
    response = envelope(request, ApiError(status, problem.type, problem.message))
    response["retry-after"] = str(problem.retry_after)
    return response


def key_auth(request: HttpRequest):
    """Let the key in and put its workspace on the request."""
    key = access.key_from(request.headers)
    if key is None:
        raise ApiError(
            401,
            "authentication_error",
            "A valid API key is needed, as `x-api-key` or `Authorization: Bearer`."
            " Make one under Settings, or with `manage.py issue_key`.",
        )
    request.api_key, request.workspace, request.role = key, key.workspace, Role(key.role)
    request.actor = Actor.api_key(key)
    if request.headers.get(WORKSPACE, key.workspace_id) != key.workspace_id:
        raise ApiError(
            403,
            "permission_error",
            f"This key belongs to the workspace {key.workspace_id}, and the header {WORKSPACE}"
            " names another one. Use a key of that workspace, or leave the header out.",
        )
    request.GET = queries.plain(request.GET)
    if any("\0" in value for values in request.GET.lists() for value in values[1]):
        raise invalid("A query parameter holds a NUL character.")
    return key


def memory_auth(request: HttpRequest):
    """The same for memory's routes, whose two beta headers exclude each other (wire contract §1.1)."""
    key = key_auth(request)
    betas = {name.strip() for name in request.headers.get("anthropic-beta", "").split(",")}
    if {"agent-memory-2026-07-22", "managed-agents-2026-04-01"} <= betas:
        raise invalid(
            "The beta headers agent-memory-2026-07-22 and managed-agents-2026-04-01"
            " cannot be sent together."
        )
    return key


def needs(role: str) -> Callable:
    """Refuse keys whose role does not reach; stands below the router's decorator."""

    def door(view: Callable) -> Callable:
        @wraps(view)
        def inside(request: HttpRequest, *args, **kwargs):
            if not request.role.includes(role):
                raise ApiError(
                    403,
                    "permission_error",
                    f"This needs a key with the role {role}; this key's role is {request.role}.",
                )
            return view(request, *args, **kwargs)

        inside.needs = role
        return inside

    return door


def find(rows: models.QuerySet, public_id: str, what: str, **extra: Any):
    """Fetch a row of this workspace; an unknown id and a stranger's answer alike, with `extra`."""
    row = rows.filter(pk=public_id).first()
    if row is None:
        raise not_found(what, public_id, **extra)
    return row


# -- Pages --------------------------------------------------------------------------------


def cursor_of(**position: Any) -> str:
    """Pack a position into an opaque cursor."""
    packed = json.dumps(position, separators=(",", ":")).encode()
    return "page_" + base64.urlsafe_b64encode(packed).decode().rstrip("=")


def position_of(cursor: str | None) -> dict[str, Any]:
    """Unpack a cursor; raises a 400 for anything we did not pack."""
    if not cursor:
        return {}
    head, _, body = cursor.partition("page_")
    try:
        position = _keepable(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        position = None
    if head or not position or not isinstance(position, dict):
        raise invalid("`page` is not a cursor of this list; start again without it.")
    return position


def page(
    rows: models.QuerySet,
    *,
    limit: int,
    cursor: str | None,
    wire: Callable,
    kind: str,
    order: str = "desc",
) -> dict[str, Any]:
    """One page of rows by primary key, newest first unless `order` is `asc`."""
    position = position_of(cursor)
    if position:
        at = str(position.get("at"))
        ours = position.get("k") == kind and position.get("o") == order
        if not ours or rows.model._meta.pk.get_prep_value(at) == NOBODY:
            raise invalid("`page` is not a cursor of this list; start again without it.")
        rows = rows.filter(**{"pk__lt" if order == "desc" else "pk__gt": at})
    found = list(rows.order_by("-pk" if order == "desc" else "pk")[: limit + 1])
    more = len(found) > limit
    found = found[:limit]
    return {
        "data": [wire(row) for row in found],
        "next_page": cursor_of(k=kind, o=order, at=found[-1].pk) if more else None,
    }


def stamp(moment: datetime | None) -> str | None:
    """Write a time as the wire does."""
    return moment.isoformat().replace("+00:00", "Z") if moment else None


# -- Assembly -----------------------------------------------------------------------------


def _keepable(text: bytes) -> Any:
    """Read JSON that any database can keep: real Unicode, and no NaN, which is no JSON."""
    value = json.loads(text.decode())
    json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    return value


class Body(Parser):
    def parse_body(self, request: HttpRequest) -> Any:
        return _keepable(request.body)


class Json(JSONRenderer):
    json_dumps_params = {"ensure_ascii": False, "separators": (",", ":")}


api = NinjaAPI(
    auth=key_auth,
    parser=Body(),
    renderer=Json(),
    docs_url=None,
    openapi_url=None,
)


@cache
def assemble() -> NinjaAPI:
    """Add the apps' routers. Not on import: their modules import this one."""
    api.add_router("", "memory.api.router")
    api.add_router("", "sessions.api.router")
    api.add_router("", "dreaming.api.router")
    return api


def urls() -> tuple:
    """The routes of the API. What a route does not offer is said in the envelope too."""
    patterns, app_name, namespace = assemble().urls
    for pattern in patterns:
        pattern.callback = _with_envelope(pattern.callback)
    return patterns, app_name, namespace


def _with_envelope(view: Callable) -> Callable:
    @wraps(view)
    def inside(request: HttpRequest, *args, **kwargs) -> HttpResponse:
        response = view(request, *args, **kwargs)
        if response.status_code != 405:
            return response
        return refuse_method(request, ", ".join(sorted(response["Allow"].split(", "))))

    return inside


def refuse_method(request: HttpRequest, offered: str) -> HttpResponse:
    message = f"{request.method} is not offered here; try {offered}."
    refusal = envelope(request, ApiError(405, "invalid_request_error", message))
    refusal["Allow"] = offered
    return refusal


@api.exception_handler(ApiError)
def _api_error(request: HttpRequest, error: ApiError) -> HttpResponse:
    return envelope(request, error)


@api.exception_handler(ValidationError)
def _validation_error(request: HttpRequest, error: ValidationError) -> HttpResponse:
    is_about_body = error.errors[0]["loc"][0] == "body"
    body = _keepable(request.body) if is_about_body and request.body else None
    return envelope(request, invalid(mistakes.told(error.errors, body)))


@api.exception_handler(HttpError)
def _http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    """The framework's own; it has but one that our routes can meet."""
    return envelope(request, invalid(mistakes.unreadable(error.__cause__)))


@api.exception_handler(SuspiciousOperation)
def _suspicious(request: HttpRequest, error: SuspiciousOperation) -> HttpResponse:
    """Thousands of query parameters, say."""
    return envelope(request, invalid("This request cannot be read."))


@api.exception_handler(RequestDataTooBig)
def _too_big(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:
    most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 1024**2
    message = f"The request body is larger than {most} MB."
    return envelope(request, ApiError(413, "request_too_large", message))


@api.exception_handler(Http404)
@api.exception_handler(ObjectDoesNotExist)
def _gone(request: HttpRequest, error: Exception) -> HttpResponse:
    """Somebody deleted it between our finding it and changing it, say."""
    return envelope(request, ApiError(404, "not_found_error", "Not found."))


@api.exception_handler(Exception)
def any_error(request: HttpRequest, error: Exception) -> HttpResponse:
    """Answer what nobody foresaw: it is logged, and the answer tells nothing of it."""
    if problem := trouble.of(error):
        logger.error("%s %r failed: %s", request.method, request.path, error)
        return envelope_of(request, problem)
    logger.error("%s %r failed", request.method, request.path, exc_info=error)
    return envelope(
        request,
        ApiError(
            500, "api_error", "Something went wrong here. Quote the request id to the operator."
        ),
    )


@csrf_exempt
def unknown_route(request: HttpRequest, rest: str) -> HttpResponse:
    return envelope(request, ApiError(404, "not_found_error", f"There is no route /v1/{rest}."))
