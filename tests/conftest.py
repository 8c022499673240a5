"""Everyone's fixtures: alice owns the workspace, bob edits in it, eve is a stranger with her own."""

from collections.abc import Callable, Iterator

import pytest
from django.core.cache import caches
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, settings

from console import accounts, live
from console.models import Role, User, Workspace
from tests import factories
from tests.stack import Stack, running_stack

# A loaded machine draws slowly; that says nothing about what is tested.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


@pytest.fixture(autouse=True)
def empty_cache():
    for cache in caches.all():
        cache.clear()


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """One Reverie for all the tests that drive it and take it as they find it."""
    with running_stack() as stack:
        yield stack


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup):
    yield
    live.carrier().close()  # or PostgreSQL would not let go of the test database


@pytest.fixture
def workspace(db) -> Workspace:
    return factories.the_workspace()


@pytest.fixture
def alice(workspace) -> User:
    return _member(workspace, "alice", Role.OWNER)


@pytest.fixture
def bob(workspace) -> User:
    return _member(workspace, "bob", Role.EDITOR)


@pytest.fixture
def vera(workspace) -> User:
    """Vera only looks."""
    return _member(workspace, "vera", Role.VIEWER)


@pytest.fixture
def eve(db) -> User:
    user = factories.make_user("eve")
    accounts.create_workspace("Eve's place", owner=user)
    return user


def _member(workspace: Workspace, username: str, role: str) -> User:
    user = factories.make_user(username)
    accounts.join(workspace, user, role)
    return user


@pytest.fixture
def as_alice(alice) -> Client:
    return signed_in(alice)


@pytest.fixture
def as_bob(bob) -> Client:
    return signed_in(bob)


@pytest.fixture
def as_vera(vera) -> Client:
    return signed_in(vera)


@pytest.fixture
def as_eve(eve) -> Client:
    return signed_in(eve)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def owner_key(workspace) -> str:
    return accounts.issue_key(workspace, "Tests", Role.OWNER)[1]


@pytest.fixture
def api(owner_key) -> factories.Api:
    return factories.Api(owner_key)


@pytest.fixture
def queries_of() -> Callable[[Client, str], int]:
    """How many queries a page takes: lists must cost the same for 10 rows and for 20."""

    def count(client: Client, where: str) -> int:
        client.get(where)  # the first visit writes down where one is
        with CaptureQueriesContext(connection) as queries:
            assert client.get(where).status_code == 200
        return len(queries)

    return count
