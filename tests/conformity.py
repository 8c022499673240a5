"""Compares answers with what the OpenAPI document says of them; every `factories.Api` does, in every test."""

import json
import re
from functools import cache
from typing import Any

from django.http import HttpResponse
from jsonschema_rs import Draft202012Validator

from console import openapi


@cache
def _closed() -> dict[str, Any]:
    """The document's shapes, which here may hold nothing that they do not name."""
    document = json.loads(json.dumps(openapi.document()))
    shapes = document["components"]["schemas"]
    for name, shape in shapes.items():
        if name != "ErrorAnswer" and "properties" in shape:
            shape.setdefault("additionalProperties", False)
    return document


@cache
def _routes() -> list[tuple[str, re.Pattern, dict[str, Any]]]:
    """Method, address and answer of every operation; addresses without parameters come first."""
    paths = sorted(_closed()["paths"].items(), key=lambda path: "{" in path[0])
    return [
        (method.upper(), re.compile("/v1" + re.sub(r"\{\w+\}", "[^/]+", path)), operation)
        for path, item in paths
        for method, operation in item.items()
    ]


@cache
def _validator(shape: str) -> Draft202012Validator:
    components = {"components": _closed()["components"]}
    return Draft202012Validator({**json.loads(shape), **components}, validate_formats=True)


def check(method: str, path: str, answer: HttpResponse) -> None:
    """Raise AssertionError when the answer is none that the document promises."""
    operation = next((o for m, p, o in _routes() if m == method and p.fullmatch(path)), None)
    if operation is None:
        return
    content = operation["responses"]["200"]["content"].get("application/json")
    if answer.status_code >= 400:
        content = {"schema": {"$ref": "#/components/schemas/ErrorAnswer"}}
    if content is None:
        return
    validator = _validator(json.dumps(content["schema"]))
    wrong = [
        f"{error.instance_path}: {error.message}"
        for error in validator.iter_errors(json.loads(answer.content))
    ]
    assert not wrong, f"{method} {path} answers what the document does not say: {wrong}"
