"""Every tenant is an island: every URL there is, asked by those who must not get in."""

import re
from collections.abc import Iterator

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from console import accounts
from memory.models import ChangeSet
from sessions import events
from tests import factories

# Open to everyone, or (the last two) no more than "there is no such route".
PUBLIC = {"", "healthz", "sign-in", "sign-out", "style-guide", "v1/", "v1/<path:rest>"}
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
# The models are the machine's; they belong to no workspace.
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
    key, _ = accounts.issue_key(workspace, "Alice's", "owner", by=alice)
    return {
        "slug": workspace.slug,
        "user_id": bob.pk,
        "key_id": key.pk,
        "store_id": store.pk,
        "memory_id": memory.pk,
        "version_id": memory.head.pk,
        "change_set_id": changes.pk,
        "agent_id": session.agent.pk,
        "environment_id": session.environment.pk,
        "session_id": session.pk,
        "thread_id": session.primary.pk,
        "event_pk": event.pk,
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


@pytest.mark.parametrize("route", PAGES)
def test_a_page_sends_an_anonymous_visitor_to_the_sign_in(route, ids, client):
    answer = client.get(url(route, ids))
    assert answer.status_code == 302
    assert answer["Location"].startswith("/sign-in?next=")


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("route", WORKSPACE_PAGES)
def test_a_stranger_finds_nothing_in_the_workspace(route, method, ids, as_eve):
    assert getattr(as_eve, method)(url(route, ids)).status_code == 404


@pytest.mark.parametrize("route", [route for route in WORKSPACE_PAGES if route.count("<") > 1])
def test_a_stranger_finds_nothing_from_the_own_workspace_either(route, ids, as_eve, eve):
    where = url(route, {**ids, "slug": eve.workspaces.get().slug})
    statuses = {as_eve.get(where).status_code, as_eve.post(where).status_code}
    assert 404 in statuses
    assert statuses <= {404, 405}


@pytest.mark.parametrize("secret", ["", "rvr_wrong"])
@pytest.mark.parametrize("route", API)
def test_the_api_lets_nobody_in_without_a_key(route, secret, ids):
    answers = list(ask(factories.Api(secret), url(route, ids)))
    assert {answer.status_code for answer in answers} <= {401, 405}
    refused = [answer.json()["error"] for answer in answers if answer.status_code == 401]
    assert {error["type"] for error in refused} == {"authentication_error"}


@pytest.mark.parametrize("route", TENANT_API)
def test_another_workspaces_key_finds_nothing(route, ids, eve):
    stranger = factories.make_api(eve.workspaces.get())
    for answer in ask(stranger, url(route, ids)):
        if "<" in route:
            # A body that is missing or wrong is refused before anything is looked up.
            assert answer.status_code in {400, 404, 405}
        else:
            assert not [each for each in ids.values() if each in answer.content.decode()]


@pytest.mark.parametrize("route", [route for route in TENANT_API if "<" in route])
def test_a_strangers_id_answers_as_one_that_does_not_exist(route, ids, eve):
    stranger = factories.make_api(eve.workspaces.get())
    ids = {name: each for name, each in ids.items() if "_01" in each}
    nothing = {name: f"{each[:-4]}1111" for name, each in ids.items()}
    assert told(stranger, route, ids) == told(stranger, route, nothing)


def ask(api: factories.Api, where: str) -> Iterator:
    for method in (api.get, api.post, api.delete):
        yield method(where)


def told(api: factories.Api, route: str, ids: dict[str, str]) -> list[tuple[int, str]]:
    """Statuses and messages, without the ids that the messages repeat."""
    answers = []
    for answer in ask(api, url(route, ids)):
        text = answer.content.decode()
        for name, each in ids.items():
            text = text.replace(each, name)
        answers.append((answer.status_code, re.sub(r"req_\w+", "", text)))
    return answers
