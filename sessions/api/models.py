"""Models (wire contract §4)."""

from typing import Literal

from ninja import Query, Router

from console.api import not_found
from console.queries import LongLimit
from sessions import shapes, wire
from sessions.providers import catalogue

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
    ids = [model.id for model in models]
    if after_id in ids:
        models = models[ids.index(after_id) + 1 :]
    if before_id in ids:
        models = models[: ids.index(before_id)][-limit:]
    shown = models[:limit]
    return {
        "data": [wire.model(model) for model in shown],
        "has_more": len(models) > limit,
        "first_id": shown[0].id if shown else None,
        "last_id": shown[-1].id if shown else None,
    }


@router.get("/{path:model_id}")
def retrieve_model(request, model_id: str) -> shapes.Model:
    """Retrieve a model"""
    model = catalogue.find(model_id, request.workspace)
    if model is None:
        raise not_found("The model", model_id)
    return wire.model(model)
