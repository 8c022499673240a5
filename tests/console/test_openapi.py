"""The OpenAPI document: valid, complete, and the same for everyone."""

import json
import re

import pytest
from django.http import JsonResponse
from django.test import Client
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from console import openapi
from console.api import assemble
from tests import conformity, test_access

pytestmark = pytest.mark.once
WHERE = "/v1/openapi.json"
ALIASES = {"PATCH"}  # an older way to say POST


@pytest.fixture(scope="module")
def document() -> dict:
    return openapi.document()


@pytest.fixture
def anyone() -> Client:
    return Client(enforce_csrf_checks=True)


def operations(document: dict) -> dict[tuple[str, str], dict]:
    return {
        (method.upper(), path): operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }


def test_the_document_keeps_the_rules_of_openapi(document):
    assert [error.message for error in OPENAPI_31_VALIDATOR.iter_errors(document)] == []


def test_every_reference_leads_somewhere_and_every_shape_is_used(document):
    used = set(re.findall(r'"#/components/(\w+)/([\w-]+)"', json.dumps(document)))
    kinds = ("schemas", "responses", "headers")
    there = {(kind, name) for kind in kinds for name in document["components"][kind]}
    assert used == there


def test_every_route_is_in_the_document(document):
    routes = {re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route) for route in test_access.API}
    served = {f"v1{path}" for _, path in operations(document) if not path.endswith("/stream")}
    assert served == routes


def test_every_method_of_a_route_is_in_the_document(document):
    views = [
        path for bound in assemble()._get_bound_routers() for path in bound.path_operations.values()
    ]
    offered = {
        (op.view_func.__name__, m) for view in views for op in view.operations for m in op.methods
    }
    described = {
        (each["operationId"], method) for (method, _), each in operations(document).items()
    }
    assert {each for each in offered - described if each[1] not in ALIASES} == set()


def test_every_operation_says_what_it_does_and_what_role_it_needs(document):
    for where, operation in operations(document).items():
        assert operation["summary"] and not operation["summary"].endswith("."), where
        assert operation["tags"], where
        assert re.search(r"Role: (viewer|editor|reviewer)\.$", operation["description"]), where
        assert {"200", "401", "default"} <= set(operation["responses"]), where
    ids = [operation["operationId"] for operation in operations(document).values()]
    assert len(ids) == len(set(ids))


def test_parameters_have_the_names_that_programs_write(document):
    listed = operations(document)["GET", "/sessions"]["parameters"]
    names = {parameter["name"] for parameter in listed}
    assert {"statuses[]", "created_at[gte]", "limit", "page", "order"} <= names
    limit = next(each["schema"] for each in listed if each["name"] == "limit")
    assert limit == {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}


def test_two_shapes_of_one_name_are_a_mistake():
    made = openapi.Document(assemble(), path_prefix="")
    made.add_schema_definitions({"Precondition": made.schemas["Precondition"]})
    with pytest.raises(ValueError, match="Precondition"):
        made.add_schema_definitions({"Precondition": {"type": "object"}})


def test_the_document_is_served_to_anyone(anyone, document):
    answer = anyone.get(WHERE)
    assert answer["content-type"] == "application/json"
    assert answer.json() == json.loads(json.dumps(document))


def test_who_has_the_document_is_not_sent_it_again(anyone):
    tag = anyone.get(WHERE)["etag"]
    again = anyone.get(WHERE, headers={"if-none-match": tag})
    assert (again.status_code, again.content, again["etag"]) == (304, b"", tag)


def test_the_document_is_only_read(anyone):
    answer = anyone.post(WHERE)
    assert (answer.status_code, answer["allow"]) == (405, "GET, HEAD")
    assert answer.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"colour": "red"}, "colour"),
        ({"state": "new"}, "new"),
        ({"created_at": "now"}, "date-time"),
    ],
    ids=["a field too many", "an unknown word", "no time"],
)
def test_an_answer_that_the_document_does_not_promise_is_noticed(api, change, wrong):
    store = api.post("/v1/memory_stores", {"name": "Notes"}).json()
    conformity.check("GET", f"/v1/memory_stores/{store['id']}", JsonResponse(store))
    with pytest.raises(AssertionError, match=wrong):
        conformity.check("GET", f"/v1/memory_stores/{store['id']}", JsonResponse(store | change))
