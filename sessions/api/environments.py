"""Environments (wire contract §9)."""

from typing import Any

from django.db import transaction
from django.db.models import ProtectedError
from ninja import Router

from console import api
from console.api import code, find, invalid, needs
from console.queries import Cursor, Limit
from console.shapes import Page
from sessions import agents, shapes, shells, wire
from sessions.api.environment_bodies import (
    EnvironmentConfig,
    EnvironmentCreate,
    EnvironmentUpdate,
    Limited,
    Unrestricted,
)
from sessions.models import Environment

router = Router(tags=["Environments"])


def find_environment(request, environment_id: str) -> Environment:
    unknown = code("environment_not_found")
    return find(request.workspace.environments, environment_id, "The environment", **unknown)


def _config(given: EnvironmentConfig | None, before: dict | None = None) -> dict[str, Any]:
    """Merge a given configuration into the one before; the kind cannot change."""
    if given and given.type != "cloud":
        extra = code("invalid_config_type_change") if before else {}
        raise invalid("Only environments of the type cloud are offered.", **extra)
    before = before or agents.CLOUD
    if given is None:
        return before
    packages = given.packages.model_dump(exclude_none=True) if given.packages else {}
    shell = given.bash.model_dump(exclude_none=True) if given.bash else {}
    return {
        **before,
        "networking": _networking(given.networking, before["networking"]),
        "packages": {**before["packages"], **packages},
        **({"bash": {**shells.of(before), **shell}} if shell else {}),
    }


def _networking(given: Unrestricted | Limited | None, before: dict[str, Any]) -> dict[str, Any]:
    if given is None:
        return before
    changes = given.model_dump(exclude_none=True)
    same = before if before["type"] == given.type else {}
    return (agents.LIMITED if given.type == "limited" else {}) | same | changes


def _check_scope(body: EnvironmentCreate | EnvironmentUpdate) -> None:
    if body.scope == "account":
        raise invalid("`scope`: an environment is its whole workspace's; use organization.")


@router.post("")
@needs("editor")
def create_environment(request, body: EnvironmentCreate) -> shapes.Environment:
    """Create an environment"""
    _check_scope(body)
    environment = agents.create_environment(
        request.workspace,
        body.name,
        description=body.description,
        config=_config(body.config),
        metadata=body.metadata,
    )
    return wire.environment(environment)


@router.get("")
def list_environments(
    request, limit: Limit = 20, page: Cursor | None = None, include_archived: bool = False
) -> Page[shapes.Environment]:
    """List environments

    Newest first.
    """
    rows = request.workspace.environments.all()
    if not include_archived:
        rows = rows.filter(archived_at=None)
    return api.page(rows, limit=limit, cursor=page, wire=wire.environment, kind="environments")


@router.get("/{environment_id}")
def retrieve_environment(request, environment_id: str) -> shapes.Environment:
    """Retrieve an environment"""
    return wire.environment(find_environment(request, environment_id))


@router.post("/{environment_id}")
@needs("editor")
def update_environment(request, environment_id: str, body: EnvironmentUpdate) -> shapes.Environment:
    """Update an environment

    What is absent stays; `config` is merged, and `metadata` is a patch in which null or "" takes a key away.
    """
    _check_scope(body)
    environment = find_environment(request, environment_id)
    with transaction.atomic():
        # Locked before it is looked at: what others merge meanwhile stays.
        environment = agents.locked_environment(environment)
        if environment.archived_at:
            raise invalid("This environment is archived.", **code("environment_archived"))
        changes = _changes(body, environment)
        return wire.environment(agents.update_environment(environment, **changes))


def _changes(body: EnvironmentUpdate, environment: Environment) -> dict[str, Any]:
    changes: dict[str, Any] = {"name": body.name} if body.name is not None else {}
    if "description" in body.model_fields_set:
        changes["description"] = body.description
    if body.config is not None:
        changes["config"] = _config(body.config, environment.config)
    if body.metadata:
        # Here, unlike elsewhere, an empty string takes a key away as null does.
        changes["metadata"] = {key: value or None for key, value in body.metadata.items()}
    return changes


@router.post("/{environment_id}/archive")
@needs("editor")
def archive_environment(request, environment_id: str) -> shapes.Environment:
    """Archive an environment

    Its sessions go on, new ones are refused.
    """
    return wire.environment(agents.archive_environment(find_environment(request, environment_id)))


@router.delete("/{environment_id}")
@needs("editor")
def delete_environment(request, environment_id: str) -> shapes.DeletedEnvironment:
    """Delete an environment

    Refused while sessions use it.
    """
    environment = find_environment(request, environment_id)
    try:
        environment.delete()
    except ProtectedError:
        raise invalid("Sessions use this environment; archive it instead.") from None
    return {"id": environment_id, "type": "environment_deleted"}
