"""Every tenant is an island: every URL there is, asked by those who must not get in."""

import re
from collections.abc import Iterator

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from console import accounts
from memory.models import ChangeSet, Upload
from sessions import events, importing
from tests import factories

# Open to everyone, or (the last two) no more than "there is no such route".
PUBLIC = {"", "healthz", "sign-in", "sign-out", "style-guide", "v1/openapi.json"}
PUBLIC |= {"v1/", "v1/<path:rest>"}
PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")


def routes(patterns=None, prefix: str = "") -> Iterator[str]:
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            yield route


ROUTES = sorted(set(routes()) - PUBLIC)
PAGES = [route for route in ROUTES if not route.startswith("v1/")]
WORKSPACE_PAGES = [route for route in PAGES if route.startswith("w/")]
API = [route for route in ROUTES if route.startswith("v1/")]
# Some models are the machine's, and belong to no workspace.
TENANT_API = [route for route in API if not route.startswith("v1/models")]


@pytest.fixture
def ids(alice, bob, workspace) -> dict[str, str]:
    """What alice has, by the names that routes give it. A new name belongs here."""
    store = factories.make_store()
    memory = factories.make_memory(store)
    session = factories.make_session(stores=[store])
    event, *_ = events.append(session.primary, events.Entry("user.message", queued=True))
    dream = factories.make_dream(store=store, sessions=[session])
    changes = ChangeSet.objects.create(
        store=store, kind="review", summary="A few", actor=alice.pk, actor_name="alice"
    )
    upload = Upload.objects.create(
        workspace=workspace,
        store=store,
        user=alice,
        name="notes.zip",
        data=b"",
        reading={"files": [], "skipped": {}, "manifest": None},
    )
    plan = importing.plan(workspace, alice, [("talk.txt", b"Me: Hello.\nBot: Hello.\nMe: Bye.\n")])
    key, _ = accounts.issue_key(workspace, "Alice's", "owner", by=alice)
    endpoint = workspace.endpoints.create(name="Alice's", base_url="http://127.0.0.1:9/v1")
    return {
        "slug": workspace.slug,
        "user_id": bob.pk,
        "key_id": key.pk,
        "endpoint_id": endpoint.pk,
        "store_id": store.pk,
        "memory_id": memory.pk,
        "version_id": memory.head.pk,
        "change_set_id": changes.pk,
        "upload_id": upload.pk,
        "agent_id": session.agent.pk,
        "environment_id": session.environment.pk,
        "session_id": session.pk,
        "import_id": plan.pk,
        "thread_id": session.primary.pk,
        "event_pk": event.pk,
        "event_id": event.pk,
        "resource_id": "sesrsc_01nonsense",
        "dream_id": dream.pk,
        "model_id": "builtin",
    }


def url(route: str, ids: dict[str, str]) -> str:
    # `sessions/<str:pk>/` says by its folder what kind of thing it wants.
    route = re.sub(r"(\w+)s/<(?:\w+:)?pk>", r"\1s/<\1_id>", route)
    unknown = set(PARAMETER.findall(route)) - set(ids)
    if unknown:
        pytest.fail(f"{route}: tell the fixture `ids` in {__name__} what {unknown} can be.")
    return "/" + PARAMETER.sub(lambda match: ids[match[1]], route)


# One test asks all routes, for the rows of `ids` cost more than the questions; what is `wrong`
# names every route that let somebody in.


def test_pages_send_an_anonymous_visitor_to_the_sign_in(ids, client):
    wrong = {}
    for route in PAGES:
        answer = client.get(url(route, ids))
        if not answer.get("Location", "").startswith("/sign-in?next="):
            wrong[route] = answer.status_code
    assert wrong == {}


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_stranger_finds_nothing_in_the_workspace(method, ids, as_eve):
    answers = {route: getattr(as_eve, method)(url(route, ids)) for route in WORKSPACE_PAGES}
    assert unlike(answers, {404}) == {}


def test_a_stranger_finds_nothing_from_the_own_workspace_either(ids, as_eve, eve):
    wrong, ids = {}, {**ids, "slug": eve.workspaces.get().slug}
    for route in WORKSPACE_PAGES:
        if route.count("<") > 1:
            where = url(route, ids)
            statuses = {as_eve.get(where).status_code, as_eve.post(where).status_code}
            if statuses not in ({404}, {404, 405}):
                wrong[route] = statuses
    assert wrong == {}


@pytest.mark.parametrize("secret", ["", "rvr_wrong"])
def test_the_api_lets_nobody_in_without_a_key(secret, ids):
    answers = ask(factories.Api(secret), API, ids)
    assert unlike(answers, {401, 405}) == {}
    refused = [answer.json()["error"] for answer in answers.values() if answer.status_code == 401]
    assert {error["type"] for error in refused} == {"authentication_error"}
    assert len(refused) >= len(API)


def test_another_workspaces_key_finds_nothing(ids, eve):
    answers = ask(factories.make_api(eve.workspaces.get()), TENANT_API, ids)
    # A body that is missing or wrong is refused before anything is looked up.
    about_one = {route: answer for route, answer in answers.items() if "<" in route[1]}
    assert unlike(about_one, {400, 404, 405}) == {}
    lists = [answers[route].content.decode() for route in answers if route not in about_one]
    assert [each for each in ids.values() if each in "".join(lists)] == []


def test_a_strangers_id_answers_as_one_that_does_not_exist(ids, eve):
    stranger = factories.make_api(eve.workspaces.get())
    ids = {name: each for name, each in ids.items() if "_01" in each}
    nothing = {name: f"{each[:-4]}1111" for name, each in ids.items()}
    about_one = [route for route in TENANT_API if "<" in route]
    assert told(stranger, about_one, ids) == told(stranger, about_one, nothing)


def unlike(answers: dict, expected: set[int]) -> dict:
    statuses = {route: answer.status_code for route, answer in answers.items()}
    return {route: status for route, status in statuses.items() if status not in expected}


def ask(api: factories.Api, routes: list[str], ids: dict[str, str]) -> dict:
    """Try every route by every method."""
    methods = {"GET": api.get, "POST": api.post, "DELETE": api.delete}
    return {
        (method, route): methods[method](url(route, ids)) for route in routes for method in methods
    }


def told(api: factories.Api, routes: list[str], ids: dict[str, str]) -> dict:
    """Statuses and messages, without the ids that the messages repeat."""
    said = {}
    for route, answer in ask(api, routes, ids).items():
        text = answer.content.decode()
        for name, each in ids.items():
            text = text.replace(each, name)
        said[route] = answer.status_code, re.sub(r"req_\w+", "", text)
    return said
