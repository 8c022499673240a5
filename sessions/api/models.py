"""Models (wire contract §4)."""

from ninja import Router

from console.api import limit_of, not_found
from sessions import wire
from sessions.providers import catalogue

router = Router()


@router.get("")
def list_models(request, limit: int | None = None, after_id: str = "", before_id: str = ""):
    limit = limit_of(limit, most=1000)
    models = sorted(
        catalogue.models(request.workspace),
        key=lambda model: (model.created_at, model.id),
        reverse=True,
    )
    # Every model that is set up is active, so any other wish finds none.
    wanted = request.GET.getlist("lifecycle")
    models = models if not wanted or "active" in wanted else []
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
def retrieve(request, model_id: str):
    model = catalogue.find(model_id, request.workspace)
    if model is None:
        raise not_found("The model", model_id)
    return wire.model(model)
