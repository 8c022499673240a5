"""Rows to test with, made by plain functions: `make_store(name="Notes")`. All have defaults."""

from typing import Any

from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from console import accounts
from console.actors import Actor
from console.models import Role, User, Workspace
from dreaming.models import Dream, Transcript
from memory import paths, stores
from memory.models import Memory, Store
from sessions.models import (
    Access,
    Agent,
    AgentVersion,
    Attachment,
    Environment,
    Session,
    Thread,
)
from tests import conformity

TESTER = Actor("user_tester", "Tester")
TOOLSET = {
    "type": "agent_toolset_20260401",
    "default_config": {"enabled": True, "permission_policy": {"type": "always_allow"}},
    "configs": [],
}
NO_PACKAGES = {
    "type": "packages",
    **{name: [] for name in ("apt", "cargo", "gem", "go", "npm", "pip")},
}


def the_workspace() -> Workspace:
    """The one that alice owns and everything lives in unless told otherwise."""
    found = Workspace.objects.filter(slug="lab").first()
    return found or Workspace.objects.create(name="Lab", slug="lab")


def make_user(username: str = "someone", **changes: Any) -> User:
    return User.objects.create_user(username, password="correct horse", **changes)


def make_workspace(name: str = "Elsewhere", *, owner: User | None = None) -> Workspace:
    owner = owner or make_user(f"owner-of-{name.lower()}")
    return accounts.create_workspace(name, owner=owner)


def make_store(workspace: Workspace | None = None, files: dict | None = None, **changes) -> Store:
    """A store; `files` maps paths to texts."""
    store = Store.objects.create(
        workspace=workspace or the_workspace(), **{"name": "Notes", **changes}
    )
    for path, content in (files or {}).items():
        make_memory(store, path, content)
    store.refresh_from_db()
    return store


def make_memory(
    store: Store | None = None,
    path: str = "/notes/talk.md",
    content: str = "The talk is at noon.\n",
) -> Memory:
    store = store or make_store()
    return stores.write(store, path, content, act=stores.Act(TESTER, into_draft=True))


def make_agent(workspace: Workspace | None = None, **config: Any) -> Agent:
    """An agent of one version; keywords are fields of its configuration."""
    config = {
        "name": "Research assistant",
        "description": None,
        "model": {"id": "builtin", "effort": None, "speed": "standard", "inference_geo": None},
        "system": None,
        "tools": [TOOLSET],
        "skills": [],
        "mcp_servers": [],
        "multiagent": None,
        "execution_identity": {"type": "service_account"},
    } | config
    agent = Agent.objects.create(workspace=workspace or the_workspace(), name=config["name"])
    AgentVersion.objects.create(agent=agent, number=1, config=config)
    return agent


def make_environment(workspace: Workspace | None = None, **changes: Any) -> Environment:
    config = {"type": "cloud", "networking": {"type": "unrestricted"}, "packages": NO_PACKAGES}
    return Environment.objects.create(
        workspace=workspace or the_workspace(), **{"name": "Default", "config": config, **changes}
    )


def make_session(
    workspace: Workspace | None = None,
    *,
    agent: Agent | None = None,
    stores: list[Store] | None = None,
    access: str = Access.READ_WRITE,
    **changes: Any,
) -> Session:
    """An idle session with an empty log and its primary thread; `stores` are attached."""
    workspace = workspace or the_workspace()
    agent = agent or make_agent(workspace)
    environment = workspace.environments.first() or make_environment(workspace)
    session = Session.objects.create(
        workspace=workspace,
        agent_version=agent.version,
        agent_config=agent.latest.config,
        **{"agent": agent, "environment": environment, **changes},
    )
    Thread.objects.create(session=session, name=agent.name)
    for store in stores or []:
        attach(session, store, access=access)
    return session


def attach(session: Session, store: Store, *, access: str = Access.READ_WRITE) -> Attachment:
    return Attachment.objects.create(
        session=session,
        store=store,
        store_key=store.pk,
        access=access,
        name=store.name,
        description=store.description,
        mount_path=f"/mnt/memory/{paths.slug(store.name)}",
    )


def make_dream(
    workspace: Workspace | None = None,
    *,
    store: Store | None = None,
    sessions: list[Session] | None = None,
    **changes: Any,
) -> Dream:
    """A dream that waits to begin, over one store and one session unless told otherwise."""
    workspace = workspace or the_workspace()
    store = store or make_store(workspace)
    dream = Dream.objects.create(
        workspace=workspace,
        input_store=store,
        input_key=store.pk,
        input_name=store.name,
        **{"model": "builtin", "created_by": TESTER.id, **changes},
    )
    for session in sessions or [make_session(workspace, stores=[store])]:
        Transcript.objects.create(
            dream=dream, session=session, session_key=session.pk, title=str(session)
        )
    return dream


def finish(dream: Dream, **changes: Any) -> Dream:
    """Bring a dream to an end by its rows alone, as its page and its review find it."""
    state = {"status": "completed", "stage": "done", "ended_at": timezone.now(), **changes}
    for name, value in state.items():
        setattr(dream, name, value)
    dream.save()
    return dream


class Api:
    """A program with a key: `api.post("/v1/memory_stores", {"name": "Notes"}).json()`.

    Every answer is compared with the OpenAPI document.
    """

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self.client = Client()

    def get(self, path: str, params: dict | None = None, **options: Any) -> HttpResponse:
        return self._send("get", path, data=params, **options)

    def post(self, path: str, json: Any = None, **options: Any) -> HttpResponse:
        # Without a body, too, the SDKs say that it is JSON.
        body = {"data": "" if json is None else json, "content_type": "application/json"}
        return self._send("post", path, **body, **options)

    def delete(self, path: str, **options: Any) -> HttpResponse:
        return self._send("delete", path, **options)

    def _send(self, method: str, path: str, *, headers: dict | None = None, **options: Any):
        headers = {"x-api-key": self.secret, **(headers or {})}
        answer = getattr(self.client, method)(path, headers=headers, **options)
        conformity.check(method.upper(), path.partition("?")[0], answer)
        return answer


def make_api(workspace: Workspace | None = None, role: str = Role.OWNER) -> Api:
    _, secret = accounts.issue_key(workspace or the_workspace(), f"{role} key", role)
    return Api(secret)
