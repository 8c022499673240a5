"""Environments (wire contract §9)."""

from typing import Any

from django.db.models import ProtectedError
from django.utils import timezone
from ninja import Router

from console.api import find, invalid, limit_of, needs, page
from memory import paths
from memory.paths import Invalid
from sessions import agents, wire
from sessions.api.bodies import EnvironmentCreate, EnvironmentUpdate

router = Router()


def _config(given: dict | None, before: dict = agents.CLOUD) -> dict[str, Any]:
    """Merge a given configuration into the one before; the kind cannot change."""
    if given is None:
        return before
    kind = given.get("type", before["type"])
    if kind != "cloud":
        raise invalid(
            "Only environments of the type cloud are offered.",
            details={"error_code": "invalid_config_type_change"},
        )
    unknown = set(given) - {"type", "networking", "packages"}
    if unknown:
        raise invalid(f"config: unknown field {sorted(unknown)[0]!r}.")
    packages = given.get("packages") or {}
    if not isinstance(packages, dict) or set(packages) - set(before["packages"]):
        raise invalid("config.packages: only apt, cargo, gem, go, npm and pip are known.")
    return {
        "type": "cloud",
        "networking": given.get("networking") or before["networking"],
        "packages": {**before["packages"], **packages},
    }


@router.post("")
@needs("editor")
def create(request, body: EnvironmentCreate):
    try:
        environment = agents.create_environment(
            request.workspace,
            body.name,
            description=body.description,
            config=_config(body.config),
            metadata=body.metadata,
        )
    except Invalid as error:
        raise invalid(str(error)) from None
    return wire.environment(environment)


@router.get("")
def list_environments(request, limit: int | None = None, include_archived: bool = False):
    rows = request.workspace.environments.all()
    if not include_archived:
        rows = rows.filter(archived_at=None)
    cursor = request.GET.get("page")
    return page(
        rows, limit=limit_of(limit), cursor=cursor, wire=wire.environment, kind="environments"
    )


@router.get("/{environment_id}")
def retrieve(request, environment_id: str):
    return wire.environment(_find(request, environment_id))


def _find(request, environment_id: str):
    return find(request.workspace.environments, environment_id, "The environment")


@router.post("/{environment_id}")
@needs("editor")
def update(request, environment_id: str, body: EnvironmentUpdate):
    environment = _find(request, environment_id)
    if environment.archived_at:
        raise invalid(
            "This environment is archived.", details={"error_code": "environment_archived"}
        )
    given = body.model_fields_set
    if body.name is not None:
        environment.name = body.name
    if "description" in given:
        environment.description = body.description
    if "config" in given:
        environment.config = _config(body.config, environment.config)
    try:
        patch = {key: value or None for key, value in (body.metadata or {}).items()}
        environment.metadata = paths.patch_metadata(environment.metadata, patch)
    except Invalid as error:
        raise invalid(str(error)) from None
    environment.updated_at = timezone.now()
    environment.save()
    return wire.environment(environment)


@router.post("/{environment_id}/archive")
@needs("editor")
def archive(request, environment_id: str):
    environment = _find(request, environment_id)
    if environment.archived_at is None:
        environment.archived_at = environment.updated_at = timezone.now()
        environment.save()
    return wire.environment(environment)


@router.delete("/{environment_id}")
@needs("editor")
def delete(request, environment_id: str):
    environment = _find(request, environment_id)
    try:
        environment.delete()
    except ProtectedError:
        raise invalid("Sessions use this environment; archive it instead.") from None
    return {"id": environment_id, "type": "environment_deleted"}
