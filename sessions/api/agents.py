"""Agents (wire contract §8)."""

from collections import Counter
from typing import Any

from django.db import transaction
from ninja import Query, Router

from console import api
from console.api import cursor_of, find, invalid, needs, not_found, position_of
from console.queries import Between, Cursor, Limit
from console.shapes import Page
from sessions import agents, shapes, wire
from sessions.api.bodies import (
    TOOLS,
    WEB_TOOLS,
    AgentCreate,
    AgentUpdate,
    ModelChoice,
    Policy,
    ToolConfig,
    Toolset,
    Version,
)
from sessions.models import Agent

router = Router(tags=["Agents"])
ALLOW = {"type": "always_allow"}


def resolve_model(given: str | ModelChoice, before: dict | None = None) -> dict[str, Any]:
    """Give the model every field; the same id without an effort keeps the effort it had."""
    choice = ModelChoice(id=given) if isinstance(given, str) else given
    effort = choice.effort
    if isinstance(effort, str):
        effort = {"type": effort}
    elif effort is not None:
        effort = {"type": effort.type}
    if effort is None and before and before["id"] == choice.id:
        effort = before["effort"]
    speed = choice.speed or "standard"
    geo = choice.inference_geo
    return {"id": choice.id, "effort": effort, "speed": speed, "inference_geo": geo}


def resolve_tools(tools: list | None) -> list[dict[str, Any]]:
    """Give each tool the form that every response has: defaults filled, types echoed."""
    _check_names(tools or [])
    return [
        _resolve_toolset(tool) if isinstance(tool, Toolset) else tool.model_dump()
        for tool in tools or []
    ]


def _check_names(tools: list) -> None:
    """A model calls a tool by its name, so no two may have the same."""
    toolsets = [tool for tool in tools if isinstance(tool, Toolset)]
    if len(toolsets) > 1:
        raise invalid("`tools` can hold one agent_toolset_20260401 only.")
    configs = [config for toolset in toolsets for config in toolset.configs or []]
    builtin = TOOLS | WEB_TOOLS if toolsets else set()
    custom = [tool.name for tool in tools if not isinstance(tool, Toolset)]
    for names in ([config.name for config in configs], [*builtin, *custom]):
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice:
            raise invalid(f"`tools` names {twice[0]!r} twice.")
    for config in configs:
        if config.name in WEB_TOOLS and config.enabled:
            raise invalid(f"The tool {config.name!r} is not offered by this server; leave it out.")


def _resolve_toolset(toolset: Toolset) -> dict[str, Any]:
    given = toolset.default_config
    enabled = given is None or given.enabled is not False
    policy = _policy(given and given.permission_policy, ALLOW)
    return {
        "type": toolset.type,
        "default_config": {"enabled": enabled, "permission_policy": policy},
        "configs": [
            {
                "type": config.name,
                "name": config.name,
                "enabled": _is_enabled(config, enabled),
                "permission_policy": _policy(config.permission_policy, policy),
            }
            for config in toolset.configs or []
        ],
    }


def _is_enabled(config: ToolConfig, otherwise: bool) -> bool:
    return (
        (otherwise and config.name not in WEB_TOOLS) if config.enabled is None else config.enabled
    )


def _policy(given: Policy | None, otherwise: dict[str, str]) -> dict[str, str]:
    return {"type": given.type} if given else otherwise


def check_offered(body) -> None:
    """Refuse, in clear words, what this server does not run."""
    for field in ("skills", "mcp_servers", "multiagent"):
        if getattr(body, field, None):
            raise invalid(f"`{field}` is not offered by this server; leave it out or null.")
    identity = getattr(body, "execution_identity", None)
    if identity and identity.type != "service_account":
        raise invalid("Only the execution identity service_account is offered by this server.")


def config_changes(body: AgentUpdate | AgentCreate, before: dict | None = None) -> dict[str, Any]:
    """The configuration fields that a body sets, in their resolved form."""
    given = body.model_fields_set
    changes: dict[str, Any] = {}
    for field in ("name", "model"):
        if field in given and getattr(body, field, None) is None:
            raise invalid(f"`{field}` cannot be cleared.")
    if "name" in given and hasattr(body, "name"):
        changes["name"] = body.name
    if "model" in given:
        changes["model"] = resolve_model(body.model, before["model"] if before else None)
    for field in ("description", "system"):
        if field in given:
            changes[field] = getattr(body, field) or None
    if "tools" in given:
        changes["tools"] = resolve_tools(body.tools)
    return changes


@router.post("")
@needs("editor")
def create_agent(request, body: AgentCreate) -> shapes.Agent:
    """Create an agent"""
    check_offered(body)
    config = {**agents.blank_config(body.name, "builtin"), **config_changes(body)}
    return wire.agent(agents.create(request.workspace, config, metadata=body.metadata))


@router.get("")
def list_agents(
    request,
    created: Query[Between],
    limit: Limit = 20,
    page: Cursor | None = None,
    include_archived: bool = False,
) -> Page[shapes.Agent]:
    """List agents

    Newest first, each in its latest version.
    """
    rows = request.workspace.agents.with_latest()
    if not include_archived:
        rows = rows.filter(archived_at=None)
    rows = created.within(rows)
    return api.page(rows, limit=limit, cursor=page, wire=wire.agent, kind="agents")


@router.get("/{agent_id}")
def retrieve_agent(request, agent_id: str, version: Version | None = None) -> shapes.Agent:
    """Retrieve an agent

    As it is, or as it was in a `version`.
    """
    agent = find(request.workspace.agents, agent_id, "The agent")
    if version is None:
        return wire.agent(agent)
    found = agent.versions.filter(number=version).first()
    if found is None:
        raise not_found("The agent's version", str(version))
    return wire.agent(agent, found)


@router.post("/{agent_id}")
@needs("editor")
def update_agent(request, agent_id: str, body: AgentUpdate) -> shapes.Agent:
    """Update an agent

    What is absent stays; `tools` is replaced in full, `metadata` is a patch. A change makes a new version. With
    `version` only if that is still the latest; otherwise the answer is 409.
    """
    agent = find(request.workspace.agents, agent_id, "The agent")
    check_offered(body)
    with transaction.atomic():
        # Locked before it is looked at: a model without an effort keeps the one it has now.
        agent = agents.locked(agent)
        changes = config_changes(body, agent.latest.config)
        agent = agents.update(agent, changes, metadata=body.metadata, expected=body.version)
    return wire.agent(agent)


@router.post("/{agent_id}/archive")
@needs("editor")
def archive_agent(request, agent_id: str) -> shapes.Agent:
    """Archive an agent

    Its sessions go on, new ones are refused.
    """
    return wire.agent(agents.archive(find(request.workspace.agents, agent_id, "The agent")))


@router.get("/{agent_id}/versions")
def list_agent_versions(
    request, agent_id: str, limit: Limit = 20, page: Cursor | None = None
) -> Page[shapes.Agent]:
    """List an agent's versions

    Newest first, each as the agent was then.
    """
    agent: Agent = find(request.workspace.agents, agent_id, "The agent")
    position = position_of(page)
    rows = agent.versions.all()
    if position:
        if position.get("k") != agent.pk or not isinstance(position.get("at"), int):
            raise invalid("`page` is not a cursor of this list; start again without it.")
        rows = rows.filter(number__lt=position["at"])
    found = list(rows[: limit + 1])
    last = found[:limit][-1].number if len(found) > limit else None
    return {
        "data": [wire.agent(agent, version) for version in found[:limit]],
        "next_page": cursor_of(k=agent.pk, at=last) if last else None,
    }
