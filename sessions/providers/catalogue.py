"""Which models there are, and which provider answers for each. Read from settings at each call."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from django.conf import settings

from sessions.providers.anthropic import Anthropic
from sessions.providers.base import Provider, ProviderError
from sessions.providers.builtin import Builtin
from sessions.providers.http import Endpoint
from sessions.providers.openai import OpenAI

UNKNOWN = datetime(1970, 1, 1, tzinfo=UTC)  # what the wire shows for a date nobody knows


@dataclass(frozen=True)
class Model:
    """A model one can choose. `provider` is `builtin`, `anthropic` or `openai`.

    `max_input_tokens` and `max_tokens` (of one reply) are what we count on; an endpoint that
    serves strangers' models does not say, so there they are a cautious guess.
    """

    id: str
    display_name: str
    provider: str
    max_input_tokens: int
    max_tokens: int
    created_at: datetime = UNKNOWN


BUILTIN = Model("builtin", "Built-in (extractive, no language model)", "builtin", 200_000, 8_192)


def models() -> list[Model]:
    """Every model that is set up, the built-in one first, each id once."""
    found = [BUILTIN]
    if settings.OPENAI_BASE_URL:
        found += [Model(id, id, "openai", 32_000, 8_192) for id in settings.OPENAI_MODELS]
    if settings.ANTHROPIC_API_KEY:
        found += [_claude(id) for id in settings.ANTHROPIC_MODELS]
    unique: dict[str, Model] = {}
    for model in found:
        unique.setdefault(model.id, model)
    return list(unique.values())


def find(model_id: str) -> Model | None:
    """The model with this id, if it is set up."""
    return next((model for model in models() if model.id == model_id), None)


def provider_for(model_id: str) -> Provider:
    """The provider that answers for a model; `ProviderError` when none is set up.

    A model need not be listed: an endpoint may know more models than the settings name.
    """
    if model_id == BUILTIN.id:
        return Builtin()
    if settings.OPENAI_BASE_URL and model_id in settings.OPENAI_MODELS:
        return _openai()
    if model_id.startswith("claude") or model_id in settings.ANTHROPIC_MODELS:
        return _anthropic(model_id)
    if settings.OPENAI_BASE_URL:
        return _openai()
    raise _missing(
        f"No endpoint is set up for the model {model_id}: set OPENAI_BASE_URL (and OPENAI_API_KEY,"
        " if it wants a key), or ANTHROPIC_API_KEY and ANTHROPIC_MODELS."
    )


def _anthropic(model_id: str) -> Anthropic:
    if not settings.ANTHROPIC_API_KEY:
        raise _missing(f"The model {model_id} needs a key: set ANTHROPIC_API_KEY.")
    return Anthropic(_endpoint("ANTHROPIC"))


def _openai() -> OpenAI:
    return OpenAI(_endpoint("OPENAI"))


def _endpoint(vendor: str) -> Endpoint:
    return Endpoint(
        vendor=vendor,
        base_url=getattr(settings, f"{vendor}_BASE_URL"),
        api_key=getattr(settings, f"{vendor}_API_KEY"),
        timeout=settings.MODEL_TIMEOUT_SECONDS,
    )


def _missing(message: str) -> ProviderError:
    return ProviderError("model_request_failed_error", message, retryable=False)


def _claude(id: str) -> Model:
    """Read name and date from an id such as `claude-sonnet-4-5-20250929`."""
    name, date = re.fullmatch(r"(.*?)(?:-(20\d{6}))?", id).groups()
    version = re.sub(r"(?<=\d)-(?=\d)", ".", name)
    display_name = " ".join(word.capitalize() for word in version.split("-"))
    return Model(id, display_name, "anthropic", 200_000, 32_000, _released(date))


def _released(date: str | None) -> datetime:
    try:
        return datetime.strptime(date or "", "%Y%m%d").replace(tzinfo=UTC)
    except ValueError:
        return UNKNOWN
