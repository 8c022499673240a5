"""Environments (wire contract §9)."""

from typing import Any

from django.db.models import ProtectedError
from ninja import Router

from console import api
from console.api import find, invalid, needs
from console.queries import Cursor, Limit
from console.shapes import Page
from sessions import agents, shapes, shells, wire
from sessions.api.bodies import EnvironmentConfig, EnvironmentCreate, EnvironmentUpdate

router = Router(tags=["Environments"])


def _config(given: EnvironmentConfig | None, before: dict = agents.CLOUD) -> dict[str, Any]:
    """Merge a given configuration into the one before; the kind cannot change."""
    if given is None:
        return before
    if given.type != "cloud":
        raise invalid(
            "Only environments of the type cloud are offered.",
            details={"error_code": "invalid_config_type_change"},
        )
    packages = given.packages.model_dump(exclude_none=True) if given.packages else {}
    shell = given.bash.model_dump(exclude_none=True) if given.bash else {}
    networking = given.networking.model_dump() if given.networking else before["networking"]
    return {
        "type": "cloud",
        "networking": networking,
        "packages": {**before["packages"], **packages},
        "bash": {**shells.of(before), **shell},
    }


@router.post("")
@needs("editor")
def create_environment(request, body: EnvironmentCreate) -> shapes.Environment:
    """Create an environment"""
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
    return wire.environment(_find(request, environment_id))


def _find(request, environment_id: str):
    return find(request.workspace.environments, environment_id, "The environment")


@router.post("/{environment_id}")
@needs("editor")
def update_environment(request, environment_id: str, body: EnvironmentUpdate) -> shapes.Environment:
    """Update an environment

    What is absent stays; `config` is merged, and `metadata` is a patch in which null or "" takes a key away.
    """
    environment = _find(request, environment_id)
    if environment.archived_at:
        raise invalid(
            "This environment is archived.", details={"error_code": "environment_archived"}
        )
    changes = {"name": body.name} if body.name is not None else {}
    if "description" in body.model_fields_set:
        changes["description"] = body.description
    if body.config is not None:
        changes["config"] = _config(body.config, environment.config)
    if body.metadata:
        # Here, unlike elsewhere, an empty string takes a key away as null does.
        changes["metadata"] = {key: value or None for key, value in body.metadata.items()}
    return wire.environment(agents.update_environment(environment, **changes))


@router.post("/{environment_id}/archive")
@needs("editor")
def archive_environment(request, environment_id: str) -> shapes.Environment:
    """Archive an environment

    Its sessions go on, new ones are refused.
    """
    return wire.environment(agents.archive_environment(_find(request, environment_id)))


@router.delete("/{environment_id}")
@needs("editor")
def delete_environment(request, environment_id: str) -> shapes.DeletedEnvironment:
    """Delete an environment

    Refused while sessions use it.
    """
    environment = _find(request, environment_id)
    try:
        environment.delete()
    except ProtectedError:
        raise invalid("Sessions use this environment; archive it instead.") from None
    return {"id": environment_id, "type": "environment_deleted"}
