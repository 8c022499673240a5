"""What nobody thinks of: schemathesis reads the document, and asks each route for what it offers and forbids.

Each request has a savepoint of its own, so that every route finds the same rows, whatever was deleted before.
"""

import copy
import json
import re
from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any

import pytest
import schemathesis
from django.core import signals
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from schemathesis import Case, GenerationMode, Response, checks
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi import checks as rules

from console import openapi
from tests.test_access import ids  # noqa: F401 - a fixture

pytestmark = pytest.mark.once
MOST = 24  # cases of one operation, of up to 700
IMPORT = "/memory_stores/{store_id}/import"
METHODS = {"get", "put", "post", "delete", "trace", "query"}  # PATCH is an older POST
CHECKS = [
    checks.not_a_server_error,
    rules.status_code_conformance,
    rules.content_type_conformance,
    rules.response_headers_conformance,
    rules.response_schema_conformance,
    rules.negative_data_rejection,
    rules.unsupported_method,
]
# Where the state of things, or a rule that no schema states, may forbid what is well formed.
STATE = {
    "add_resource",
    "adopt_dream",
    "approve_review",
    "archive_dream",
    "archive_thread",
    "retry_session",
    "decide",
    "delete_environment",
    "redact_version",
    "reject_review",
    "retrieve_review",
    "send_events",
    "undo_change_set",
}
UNSAID = re.compile(
    "names .* twice|one agent_toolset|message is empty|needs `agent_id`|needs exactly one"
    "|is no zip|configuration is its `name`|more than 0|budget_create_only|type cloud|address of anything|There is no .* in this store"
)
HOSTILE = [
    "\0",
    "\ud800",  # half a pair
    "x" * 200_000,
    "/etc/passwd",
    "%00%ff{}[]",
    "\u202e\u200d\ufeff\U0001f9e0",
    "' OR 1=1 --",
    "$(reboot)\r\nx-evil: 1",
    "9" * 400,
    " ",
]


@schemathesis.serializer("application/zip")
def as_it_is(context: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def _read():
    document = json.loads(json.dumps(openapi.document()))
    # Django does not serve the streams; `tests/sessions/test_stream.py` asks them.
    paths = {path: item for path, item in document["paths"].items() if "/stream" not in path}
    # Of any bytes schemathesis makes a file that can be imported, or refused one by one.
    del paths[IMPORT]["post"]["requestBody"]["content"]["multipart/form-data"]
    settings = {"seed": 1, "phases": {"coverage": {"unexpected-methods": sorted(METHODS)}}}
    config = SchemathesisConfig.from_dict(settings)
    return schemathesis.openapi.from_dict(document | {"paths": paths}, config=config)


SCHEMA = _read()
SCHEMA.app = get_wsgi_application()
OPERATIONS = [found.ok() for found in SCHEMA.get_all_operations()]
NOUNS = [tag["name"] for tag in SCHEMA.raw_schema["tags"]]


@pytest.fixture
def ask(ids, owner_key) -> Iterator[Callable[[Case], Response]]:  # noqa: F811
    """Send a case about rows that there are, and take back what it did."""

    def send(case: Case) -> Response:
        with transaction.atomic():
            answer = case.call(headers={"x-api-key": owner_key})
            transaction.set_rollback(True)
        return answer

    # As Django's own test client does: a request would close the connection, and end the test's transaction.
    for signal in (signals.request_started, signals.request_finished):
        signal.disconnect(close_old_connections)
    yield send
    for signal in (signals.request_started, signals.request_finished):
        signal.connect(close_old_connections)


def of(noun: str) -> list:
    return [each for each in OPERATIONS if each.definition.raw["tags"] == [noun]]


def cases(operation) -> Iterator[Case]:
    """The edges of everything that an operation takes, evenly chosen, and the methods it does not offer."""
    SCHEMA.coverage_unexpected_methods_seen.clear()  # or another test's cases would change these
    every = list(
        SCHEMA.iter_coverage_cases(
            operation,
            generation_modes=list(GenerationMode),
            generation_config=SCHEMA.config.generation_for(operation=operation),
        )
    )
    step = max(1, len(every) // MOST)
    for number, case in enumerate(every):
        if number % step == 0 or case.method.upper() != operation.method.upper():
            yield case


def name_rows(case: Case, ids: dict[str, str]) -> Case:  # noqa: F811
    """Put ids of real rows where a case has made-up ones."""
    for name in case.path_parameters:
        case.path_parameters[name] = ids[name]
    case.body = named(case.body, {**ids, "memory_store_id": ids["store_id"]})
    return case


def named(value: Any, ids: dict[str, str], key: str = "", kind: str = "") -> Any:  # noqa: F811
    if isinstance(value, dict):
        kind = str(value.get("type"))
        return {key: named(each, ids, key, kind) for key, each in value.items()}
    if isinstance(value, list):
        return [named(each, ids, key, kind) for each in value]
    if not isinstance(value, str):
        return value
    if key == "agent" or (key == "id" and kind.startswith("agent")):
        key = "agent_id"
    return ids.get(key.removesuffix("s"), value)


def check_envelope(answer: Response) -> None:
    [request_id] = answer.headers["request-id"]
    assert answer.status_code < 500
    if answer.status_code >= 400:
        said = answer.json()
        assert (said["type"], said["request_id"]) == ("error", request_id)
        assert said["error"]["message"]


@pytest.mark.parametrize("noun", NOUNS)
def test_a_noun_bears_the_edges_of_all_it_takes(noun, ids, ask):  # noqa: F811
    for operation in of(noun):
        for number, case in enumerate(cases(operation)):
            if number % 6:
                name_rows(case, ids)
            answer = ask(case)
            # An optional body may be null, whatever schemathesis says.
            excluded = [rules.negative_data_rejection] if case.body is None else []
            case.validate_response(answer, checks=CHECKS, excluded_checks=excluded)
            check_envelope(answer)
            if was_due(operation, case, answer):
                pytest.fail(f"{case.as_curl_command()}\n{answer.text}")


def was_due(operation, case: Case, answer: Response) -> bool:
    """Whether something well formed was refused that no rule stands against."""
    name = operation.definition.raw["operationId"]
    is_fine = case.meta.generation.mode.is_positive and name not in STATE
    return is_fine and answer.status_code == 400 and not UNSAID.search(answer.text)


@pytest.mark.parametrize("noun", NOUNS)
def test_a_noun_bears_hostile_words_wherever_it_takes_words(noun, ids, ask):  # noqa: F811
    poison = cycle(HOSTILE)
    for operation in of(noun):
        sound = next(cases(operation))
        for place in words(name_rows(sound, ids)):
            for _ in range(2):
                check_envelope(ask(poisoned(sound, place, next(poison))))


Place = tuple[str | int, ...]


def words(case: Case) -> list[Place]:
    """Where a case has a word, in its address or its body."""
    address = [("path_parameters", name) for name in case.path_parameters]
    query = [("query", name) for name in case.query]
    body = leaves(case.body) if isinstance(case.body, dict) else ()
    return [*address, *query, *(("body", *place) for place in body)]


def leaves(value: Any) -> Iterator[Place]:
    if isinstance(value, str):
        yield ()
    inside = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, each in inside:
        yield from ((key, *place) for place in leaves(each))


def poisoned(case: Case, place: Place, poison: str) -> Case:
    """The case with something else in one place."""
    part, *way, last = place
    parts = {"path_parameters": dict(case.path_parameters), "query": dict(case.query)}
    parts["body"] = copy.deepcopy(case.body) if isinstance(case.body, dict) else case.body
    if part != "body":
        poison = poison.replace("\ud800", "\ufffd")  # no address can hold it
    holder = parts[part]
    for key in way:
        holder = holder[key]
    holder[last] = poison
    return case.operation.Case(**parts, media_type=case.media_type)
