"""Models (wire contract §4)."""

from typing import Literal

from ninja import Query, Router

from console.api import invalid, not_found
from console.queries import LongLimit
from sessions import shapes, wire
from sessions.providers import catalogue
from sessions.providers.catalogue import Model

router = Router(tags=["Models"])
Lifecycle = Literal["active", "deprecated", "retired"]


@router.get("")
def list_models(
    request,
    lifecycle: Query[list[Lifecycle]] = [],  # noqa: B006 - pydantic copies it
    limit: LongLimit = 20,
    after_id: str = "",
    before_id: str = "",
) -> shapes.Models:
    """List models

    That agents can use here, newest first; `after_id` and `before_id` are ids of models on the last page.
    """
    models = sorted(
        catalogue.models(request.workspace),
        key=lambda model: (model.created_at, model.id),
        reverse=True,
    )
    # Every model that is set up is active, so any other wish finds none.
    models = models if not lifecycle or "active" in lifecycle else []
    if after_id:
        models = models[_place("after_id", after_id, models) + 1 :]
    if before_id:
        models = models[: _place("before_id", before_id, models)]
    shown = models[-limit:] if before_id else models[:limit]
    return {
        "data": [wire.model(model) for model in shown],
        "has_more": len(models) > limit,
        "first_id": shown[0].id if shown else None,
        "last_id": shown[-1].id if shown else None,
    }


def _place(name: str, model_id: str, models: list[Model]) -> int:
    ids = [model.id for model in models]
    if model_id not in ids:
        raise invalid(f"`{name}` {model_id!r} is no model of this list; start again without it.")
    return ids.index(model_id)


@router.get("/{path:model_id}")
def retrieve_model(request, model_id: str) -> shapes.Model:
    """Retrieve a model"""
    model = catalogue.find(model_id, request.workspace)
    if model is None:
        raise not_found("The model", model_id)
    return wire.model(model)
