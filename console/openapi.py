"""The OpenAPI document of the API, made from the routes themselves and served with them.

A route's docstring is its summary and description, its signature its parameters, the annotation of
what it returns the shape of its answer. Only the streams, which are no routes of the framework, are
described by hand, in `BY_HAND`.
"""

import hashlib
import json
import re
from functools import cache
from http import HTTPStatus
from inspect import cleandoc
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import condition
from ninja.openapi.schema import REF_TEMPLATE, OpenAPISchema
from ninja.operation import Operation
from pydantic import TypeAdapter

from console import api, queries

DESCRIPTION = cleandoc(
    """
    Memory stores, agents, sessions and dreams, in the shapes that the official Anthropic SDKs speak; search,
    import and export, change sets and the review of dreams are Reverie's own.

    Every request carries an API key, which opens one workspace and has a role: *viewer*, *editor*, *reviewer*
    or *owner*. Every answer names the workspace in `anthropic-workspace-id`, and a request that names another one
    is refused. Headers `anthropic-version` and `anthropic-beta` are welcome and nowhere needed.

    Every answer has a header `request-id`. Errors come in one envelope; a 409 is a verdict, so it says
    `x-should-retry: false`, and what is only busy says when to come back, in `retry-after`.

    Lists are pages: ask again with `page`, the last answer's `next_page`, until that is null. Updates keep
    what is absent. Times are RFC 3339.
    """
)
ERROR_TYPES = [
    "invalid_request_error",
    "authentication_error",
    "permission_error",
    "not_found_error",
    "conflict_error",
    "memory_path_conflict_error",
    "memory_precondition_failed_error",
    "request_too_large",
    "api_error",
    "overloaded_error",
]
ERROR = {
    "type": "object",
    "required": ["type", "error", "request_id"],
    "properties": {
        "type": {"const": "error"},
        "error": {
            "type": "object",
            "description": (
                "Some say more: what is in the way (`conflicting_memory_id`, `conflicting_path`), what"
                " a person has to decide (`conflicts`), what stands against it (`blockers`), or what"
                " would be done now (`plan`)."
            ),
            "required": ["type", "message"],
            "properties": {
                "type": {"enum": ERROR_TYPES},
                "message": {"type": "string", "description": "What was wrong, and what to do."},
                "details": {
                    "type": "object",
                    "properties": {"error_code": {"type": "string"}},
                },
            },
        },
        "request_id": {"type": "string", "description": "Quote it to the operator."},
    },
}
HEADERS = {"request-id": {"$ref": "#/components/headers/request-id"}}
# What else can go wrong: 405, 413, 429, 500, 503, 507, 529.
REFUSALS = {
    "400": "The request is malformed, or the state of things forbids it.",
    "401": "The key is missing, unknown or revoked.",
    "403": "The key's role does not reach.",
    "404": "There is no such thing in the key's workspace.",
    "409": "Somebody was faster, or a person has to decide.",
    "default": "Something else went wrong.",
}
COMPONENTS = {
    "securitySchemes": {
        "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
        "bearer": {"type": "http", "scheme": "bearer", "description": "The same key."},
    },
    "headers": {
        "request-id": {
            "required": True,
            "schema": {"type": "string", "pattern": "^req_"},
            "description": "Names the request.",
        }
    },
    "responses": {
        f"Error{status.title() if status == 'default' else status}": {
            "description": description,
            "headers": HEADERS,
            "content": {
                "application/json": {"schema": {"$ref": "#/components/schemas/ErrorAnswer"}}
            },
        }
        for status, description in REFUSALS.items()
    },
}
PAGE = re.compile(r"\bPage_(\w+)_$")
BY_HAND: dict[str, dict[str, Any]] = {}
"""Path items of what the framework does not serve, by their path."""


class Document(OpenAPISchema):
    """The framework's document, with true names, no shape hidden by another, and every refusal."""

    def get_paths(self) -> dict[str, Any]:
        self.schemas["ErrorAnswer"] = ERROR
        return plain(super().get_paths() | BY_HAND)

    def get_components(self) -> dict[str, Any]:
        return {**COMPONENTS, "schemas": plain(dict(sorted(self.schemas.items())))}

    def add_schema_definitions(self, definitions: dict) -> None:
        for name, schema in definitions.items():
            if self.schemas.setdefault(name, schema) != schema:
                raise ValueError(f"Two shapes are called {name}; one would hide the other.")

    def operation_details(self, operation: Operation) -> dict[str, Any]:
        name = operation.operation_id = operation.view_func.__name__
        if name in self.all_operation_ids:
            raise ValueError(f"Two routes are called {name}.")
        details = super().operation_details(operation)
        summary, _, description = operation.signature.docstring.partition("\n")
        role = getattr(operation.view_func, "needs", "viewer")
        details["summary"] = summary
        details["description"] = f"{description.strip()}\n\nRole: {role}.".strip()
        return details

    def operation_parameters(self, operation: Operation) -> list[dict[str, Any]]:
        kept = dict(self.schemas)
        parameters = map(_named, super().operation_parameters(operation))
        self.schemas = kept  # what stands in several parameters was spread out, and is no shape
        return sorted(parameters, key=_place)

    def responses(self, operation: Operation) -> dict[str, Any]:
        content = self._shape(operation.view_func.__annotations__.get("return"))
        statuses = ["401", "default"]
        statuses += ["400"] if operation.models else []
        statuses += ["404"] if "{" in operation.path else []
        if hasattr(operation.view_func, "needs"):
            statuses += ["403", "409"]
        return answers(*statuses, content={"application/json": content})

    def _shape(self, annotation: Any) -> dict[str, Any]:
        if annotation is None:
            return {}
        inputs = [("it", "serialization", TypeAdapter(annotation))]
        found, more = TypeAdapter.json_schemas(inputs, ref_template=REF_TEMPLATE)
        self.add_schema_definitions(more.get("$defs", {}))
        return {"schema": found["it", "serialization"]}


def answers(*statuses: str, content: dict[str, Any]) -> dict[str, Any]:
    """A route's responses: what it answers with, and the refusals of these statuses."""
    ok = {"description": HTTPStatus.OK.phrase, "headers": HEADERS, "content": content}
    refusals = {
        status: {"$ref": f"#/components/responses/Error{status.title()}"}
        for status in sorted(statuses)
    }
    return {"200": ok, **refusals}


def _named(parameter: dict[str, Any]) -> dict[str, Any]:
    """Under its name on the wire; null can be said in a body, not in a query."""
    schema = dict(parameter["schema"])
    if "anyOf" in schema:
        [given] = [each for each in schema.pop("anyOf") if each != {"type": "null"}]
        schema = {**given, **schema}
    name, is_list = parameter["name"], schema.get("type") == "array"
    if is_list:
        schema["items"] = dict(schema["items"])
    about = (schema["items"] if is_list else schema).pop("description", None)
    if parameter["in"] == "path":
        about = f"The id of the {name.removesuffix('_id').replace('_', ' ')}."
    if parameter["in"] == "query":
        name = queries.wire_name(name, is_list=is_list)
    named = {**parameter, "name": name, "schema": schema}
    if is_list:
        named |= {"style": "form", "explode": True}
    return named | {"description": about} if about else named


def _place(parameter: dict[str, Any]) -> tuple[bool, bool, bool]:
    """What is needed stands first, bounds and paging last."""
    name = parameter["name"]
    return not parameter["required"], name in ("limit", "page"), "[g" in name or "[l" in name


def plain(value: Any) -> Any:
    """Leave out the titles that repeat a name in capitals, and call `Page[Memory]` a MemoryPage."""
    if isinstance(value, list):
        return [plain(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        PAGE.sub(r"\1Page", str(key)): PAGE.sub(r"\1Page", each) if key == "$ref" else plain(each)
        for key, each in value.items()
        if not (key == "title" and isinstance(each, str))
    }


def _noun(item: dict[str, Any]) -> str:
    return next(iter(item.values()))["tags"][0]


@cache
def document() -> dict[str, Any]:
    """The whole document."""
    made = Document(api.assemble(), path_prefix="")
    nouns = list(dict.fromkeys(map(_noun, made["paths"].values())))
    paths = sorted(made["paths"].items(), key=lambda path: nouns.index(_noun(path[1])))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Reverie",
            "version": "1",
            "description": DESCRIPTION,
            "license": {"name": "Apache License 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/v1"}],
        "security": [{"key": []}, {"bearer": []}],
        "tags": [{"name": noun} for noun in nouns],
        "paths": dict(paths),
        "components": made["components"],
    }


@cache
def _packed() -> tuple[bytes, str]:
    text = json.dumps(document(), ensure_ascii=False, separators=(",", ":")).encode()
    return text, f'"{hashlib.sha256(text).hexdigest()[:32]}"'


@csrf_exempt
@condition(etag_func=lambda request: _packed()[1])
def serve(request: HttpRequest) -> HttpResponse:
    """The document for programs. It is the same for everyone, so it needs no key."""
    if request.method not in ("GET", "HEAD"):
        return api.refuse_method(request, "GET, HEAD")
    response = HttpResponse(_packed()[0], content_type="application/json")
    response["Cache-Control"] = "no-cache"  # kept, but asked for by its ETag
    return response
