"""Which models a workspace has, and which provider answers for each.

Endpoints are read at each call: what an owner adds or mends works at once.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from django.conf import settings

from console import endpoints, vault
from console.models import Workspace
from sessions.providers.anthropic import Anthropic
from sessions.providers.base import Provider, ProviderError
from sessions.providers.builtin import Builtin
from sessions.providers.http import Endpoint
from sessions.providers.openai import OpenAI

UNKNOWN = datetime(1970, 1, 1, tzinfo=UTC)  # what the wire shows for a date nobody knows
LONGEST_REPLY = 8_192  # tokens, where we do not know better
PROVIDERS = {"ANTHROPIC": Anthropic, "OPENAI": OpenAI}


@dataclass(frozen=True)
class Model:
    """A model one can choose. `provider` is `builtin`, `anthropic` or `openai`.

    `max_input_tokens` and `max_tokens` (of one reply) are what we count on; where an endpoint that
    serves strangers' models does not say, it is a cautious guess. `endpoint` is whose it is.
    """

    id: str
    display_name: str
    provider: str
    max_input_tokens: int
    max_tokens: int
    created_at: datetime = UNKNOWN
    endpoint: str = ""


BUILTIN = Model(
    "builtin", "Built-in (extractive, no language model)", "builtin", 200_000, LONGEST_REPLY
)


@dataclass(frozen=True)
class Choice:
    """A model that is to answer. `model` is None for one that no endpoint names."""

    model: Model | None
    provider: Callable[[], Provider]
    """The provider that answers for it; `ProviderError` when none is set up."""


def models(workspace: Workspace) -> list[Model]:
    """Every model that is set up, the built-in one first, each id once."""
    unique: dict[str, Model] = {BUILTIN.id: BUILTIN}
    for endpoint in endpoints.usable(workspace):
        for id in endpoint.models:
            unique.setdefault(id, _model(endpoint, id))
    return list(unique.values())


def choose(model_id: str, workspace: Workspace) -> Choice:
    """The model with this id, and who answers for it."""
    if model_id == BUILTIN.id:
        return Choice(BUILTIN, Builtin)
    usable = endpoints.usable(workspace)
    listed = (endpoint for endpoint in usable if model_id in endpoint.models)
    model = next((_model(endpoint, model_id) for endpoint in listed), None)
    return Choice(model, partial(_provider, model_id, usable))


def find(model_id: str, workspace: Workspace) -> Model | None:
    """The model with this id, if it is set up."""
    return choose(model_id, workspace).model


def provider_for(model_id: str, workspace: Workspace) -> Provider:
    """The provider that answers for a model; `ProviderError` when none is set up."""
    return choose(model_id, workspace).provider()


def _provider(model_id: str, usable: list[endpoints.Endpoint]) -> Provider:
    # A model need not be listed: an endpoint may know more models than are named for it.
    listed = [endpoint for endpoint in usable if model_id in endpoint.models]
    vendor = "ANTHROPIC" if model_id.startswith("claude") else "OPENAI"
    likely = [endpoint for endpoint in usable if endpoint.vendor == vendor]
    for endpoint in [*listed, *likely]:
        return PROVIDERS[endpoint.vendor](_reached(endpoint))
    raise _missing(_advice(model_id, vendor))


def _reached(endpoint: endpoints.Endpoint) -> Endpoint:
    try:
        key = endpoint.api_key
    except vault.Unreadable as error:
        raise _missing(f"{error} Enter {endpoint.place('key')} anew.") from None
    return Endpoint(
        vendor=endpoint.vendor,
        base_url=endpoint.base_url,
        api_key=key,
        timeout=settings.MODEL_TIMEOUT_SECONDS,
        name=endpoint.name if endpoint.id else "",
    )


def _advice(model_id: str, vendor: str) -> str:
    if vendor == "ANTHROPIC":
        return (
            f"The model {model_id} needs a key: an owner adds the endpoint in Settings, Models, or"
            " the server's environment sets ANTHROPIC_API_KEY."
        )
    return (
        f"No endpoint is set up for the model {model_id}: an owner adds one in Settings, Models; or"
        " the server's environment sets OPENAI_BASE_URL (and OPENAI_API_KEY, if it wants a key), or"
        " ANTHROPIC_API_KEY and ANTHROPIC_MODELS."
    )


def _missing(message: str) -> ProviderError:
    return ProviderError("model_request_failed_error", message, retryable=False)


def _model(endpoint: endpoints.Endpoint, id: str) -> Model:
    window = endpoint.windows.get(id)
    if endpoint.vendor == "OPENAI":
        # A server of strangers' models, often with little memory.
        return Model(id, id, "openai", window or 32_000, LONGEST_REPLY, endpoint=endpoint.name)
    name, released = _read_claude(id)
    return Model(id, name, "anthropic", window or 200_000, 32_000, released, endpoint.name)


def _read_claude(id: str) -> tuple[str, datetime]:
    """Read name and date from an id such as `claude-sonnet-4-5-20250929`."""
    name, date = re.fullmatch(r"(.*?)(?:-(20\d{6}))?", id).groups()
    version = re.sub(r"(?<=\d)-(?=\d)", ".", name)
    return " ".join(word.capitalize() for word in version.split("-")), _released(date)


def _released(date: str | None) -> datetime:
    try:
        return datetime.strptime(date or "", "%Y%m%d").replace(tzinfo=UTC)
    except ValueError:
        return UNKNOWN
