"""Verbs on agents and environments: every change of an agent is a new version of it."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from console.models import Workspace
from memory import paths
from memory.models import Store
from memory.paths import Invalid
from sessions import shells
from sessions.models import Access, Agent, AgentVersion, DefaultStore, Environment
from sessions.providers.http import storable

ALL_FILE_TOOLS = {
    "type": "agent_toolset_20260401",
    "default_config": {"enabled": True, "permission_policy": {"type": "always_allow"}},
    "configs": [],
}
CLOUD = {
    "type": "cloud",
    "networking": {"type": "unrestricted"},
    "packages": {
        "type": "packages",
        "apt": [],
        "cargo": [],
        "gem": [],
        "go": [],
        "npm": [],
        "pip": [],
    },
}
LIMITED = {
    "type": "limited",
    "allowed_hosts": [],
    "allow_mcp_servers": False,
    "allow_package_managers": False,
}
MOST_MINUTES = 30 * 24 * 60


class Stale(Exception):
    """The agent has a newer version than the one the writer saw."""


def blank_config(name: str, model: str) -> dict[str, Any]:
    """An agent's configuration with every field of the wire contract's §8 present."""
    return {
        "name": name,
        "description": None,
        "model": {"id": model, "effort": None, "speed": "standard", "inference_geo": None},
        "system": None,
        "tools": [],
        "skills": [],
        "mcp_servers": [],
        "multiagent": None,
        "execution_identity": {"type": "service_account"},
    }


def check_config(config: dict[str, Any]) -> dict[str, Any]:
    """Raise `Invalid` unless the configuration keeps the contract's limits."""
    if not 1 <= len(config["name"].strip()) <= 256:
        raise Invalid("The agent's name must have 1 to 256 characters.")
    if len(config["description"] or "") > 2048:
        raise Invalid("The description must have at most 2,048 characters.")
    if len(config["system"] or "") > 100_000:
        raise Invalid("The system prompt must have at most 100,000 characters.")
    if not 1 <= len(config["model"]["id"]) <= 256:
        raise Invalid("The agent needs a model.")
    return _check_letters(config)


def _check_letters(config: dict[str, Any]) -> dict[str, Any]:
    try:
        if storable(config) == config:
            return config
    except RecursionError:
        raise Invalid("The configuration is nested too deeply.") from None
    raise Invalid("The configuration holds a NUL character or half of a character pair.")


@transaction.atomic
def create(workspace: Workspace, config: dict[str, Any], *, metadata: dict | None = None) -> Agent:
    """Make an agent, version 1. Raises `Invalid`."""
    check_config(config)
    metadata = paths.check_metadata(metadata or {})
    agent = Agent.objects.create(workspace=workspace, name=config["name"], metadata=metadata)
    _keep(agent, config, agent.created_at)
    return agent


def _keep(agent: Agent, config: dict[str, Any], at: datetime) -> None:
    """Keep what the agent is now as its latest version."""
    mine = {"number": agent.version, "metadata": agent.metadata, "created_at": at}
    AgentVersion.objects.create(agent=agent, config=config, **mine)


def locked(agent: Agent) -> Agent:
    """The agent as it is now, and for everybody else until the transaction ends."""
    return Agent.objects.select_for_update(no_key=True).get(pk=agent.pk)


@transaction.atomic
def update(
    agent: Agent,
    changes: dict[str, Any],
    *,
    metadata: dict | None = None,
    expected: int | None = None,
) -> Agent:
    """Change fields of the configuration; no change makes no version.

    `metadata` is a patch. Raises `Stale` when `expected` is not the latest version, and `Invalid`.
    """
    agent = locked(agent)
    if agent.archived_at:
        raise Invalid("This agent is archived and can no longer be changed.")
    if expected is not None and expected != agent.version:
        raise Stale(f"The agent is at version {agent.version}, not {expected}. Load it again.")
    old = agent.latest.config
    config = check_config({**old, **changes})
    new_metadata = paths.patch_metadata(agent.metadata, metadata or {})
    if (config, new_metadata) == (old, agent.metadata):
        return agent
    agent.version += 1
    agent.name, agent.metadata, agent.updated_at = config["name"], new_metadata, timezone.now()
    agent.save(update_fields=["version", "name", "metadata", "updated_at"])
    _keep(agent, config, agent.updated_at)
    return agent


def archive(agent: Agent) -> Agent:
    """Retire the agent: its sessions go on, new ones are refused. Twice changes nothing."""
    Agent.objects.current().filter(pk=agent.pk).update(archived_at=timezone.now())
    agent.refresh_from_db()
    return agent


@transaction.atomic
def set_default_stores(agent: Agent, defaults: list[tuple[Store, str, str]]) -> None:
    """Replace what new sessions attach: (store, access, instructions) each. Raises `Invalid`."""
    if len(defaults) > 8:
        raise Invalid("A session can attach at most 8 stores.")
    Agent.objects.select_for_update(no_key=True).get(pk=agent.pk)  # one at a time
    agent.default_stores.all().delete()
    for store, access, instructions in defaults:
        DefaultStore.objects.create(
            agent=agent, store=store, access=Access(access), instructions=instructions
        )


def set_saving(agent: Agent, minutes: int | None) -> None:
    """Let sessions save what is worth keeping once idle for so long, or archived; None for never.

    That begins with the next turn of each session. Raises `Invalid`.
    """
    if minutes is not None and not 1 <= minutes <= MOST_MINUTES:
        raise Invalid(f"The minutes must be 1 to {MOST_MINUTES:,}.")
    Agent.objects.filter(pk=agent.pk).update(saves_after=minutes)


@transaction.atomic
def switch_default(old: Store, new: Store) -> list[str]:
    """Let every agent that attaches `old` by default attach `new`; returns the agents' ids."""
    switched = []
    for default in DefaultStore.objects.filter(store=old).select_for_update(no_key=True):
        if not new.default_for.filter(agent=default.agent_id).exists():
            default.store = new
            default.save(update_fields=["store"])
            switched.append(default.agent_id)
    return switched


@transaction.atomic
def switch_back(switched: list[str], new: Store, old: Store) -> None:
    """Take `switch_default` back for those agents that still attach `new` by default."""
    mine = DefaultStore.objects.filter(store=new, agent__in=switched)
    mine.filter(agent__in=old.default_for.values("agent")).delete()
    mine.update(store=old)


def create_environment(
    workspace: Workspace,
    name: str,
    *,
    description: str | None = None,
    config: dict | None = None,
    metadata: dict | None = None,
) -> Environment:
    """Make an environment. Raises `Invalid`."""
    now = timezone.now()
    environment = Environment(
        workspace=workspace,
        name=name,
        description=description,
        config=config or CLOUD,
        metadata=paths.check_metadata(metadata or {}),
        created_at=now,
        updated_at=now,
    )
    _check_environment(environment)
    environment.save()
    return environment


def locked_environment(environment: Environment) -> Environment:
    """The environment as it is now, and for everybody else until the transaction ends."""
    return Environment.objects.select_for_update(no_key=True).get(pk=environment.pk)


@transaction.atomic
def update_environment(environment: Environment, **changes: Any) -> Environment:
    """Change `name`, `description`, `config` or `metadata` (a patch). Raises `Invalid`."""
    environment = locked_environment(environment)
    if environment.archived_at:
        raise Invalid("This environment is archived and can no longer be changed.")
    if "metadata" in changes:
        patch = changes["metadata"]
        changes["metadata"] = paths.patch_metadata(environment.metadata, patch)
    changes = {key: new for key, new in changes.items() if getattr(environment, key) != new}
    if not changes:
        return environment
    for field, value in changes.items():
        setattr(environment, field, value)
    _check_environment(environment)
    environment.updated_at = timezone.now()
    environment.save(update_fields=[*changes, "updated_at"])
    return environment


def _check_environment(environment: Environment) -> None:
    if not 1 <= len(environment.name.strip()) <= 256 or "\0" in environment.name:
        raise Invalid("The environment's name must have 1 to 256 characters.")
    if len(environment.description or "") > 2048 or "\0" in (environment.description or ""):
        raise Invalid("The description must have at most 2,048 characters.")
    shells.check(shells.of(environment.config))
    _check_letters(environment.config)


def archive_environment(environment: Environment) -> Environment:
    """Retire the environment: its sessions go on, new ones are refused. Twice changes nothing."""
    now = timezone.now()
    mine = Environment.objects.filter(pk=environment.pk, archived_at=None)
    mine.update(archived_at=now, updated_at=now)
    environment.refresh_from_db()
    return environment
