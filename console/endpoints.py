"""The model endpoints the settings name: what settings and `doctor` say about them."""

from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
from django.conf import settings


@dataclass(frozen=True)
class Endpoint:
    """One vendor's protocol at one address. `vendor` begins the names of its settings."""

    vendor: str
    name: str
    base_url: str
    api_key: str
    models: list[str]

    @property
    def is_configured(self) -> bool:
        return bool(getattr(settings, self.setting))

    @property
    def setting(self) -> str:
        """The setting that switches this provider on."""
        return "ANTHROPIC_API_KEY" if self.vendor == "ANTHROPIC" else "OPENAI_BASE_URL"

    @property
    def address(self) -> str:
        """The address to show: without a path, and without a password someone put into it."""
        parts = urlsplit(self.base_url)
        return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")


def endpoints() -> list[Endpoint]:
    return [
        Endpoint(
            vendor="ANTHROPIC",
            name="Anthropic",
            base_url=settings.ANTHROPIC_BASE_URL,
            api_key=settings.ANTHROPIC_API_KEY,
            models=settings.ANTHROPIC_MODELS,
        ),
        Endpoint(
            vendor="OPENAI",
            name="OpenAI-compatible",
            base_url=settings.OPENAI_BASE_URL,
            api_key=settings.OPENAI_API_KEY,
            models=settings.OPENAI_MODELS,
        ),
    ]


class Unwell(Exception):
    """The endpoint cannot be used; the message says why and which setting to check."""


def probe(endpoint: Endpoint, *, seconds: float = 3) -> set[str]:
    """Ask the endpoint for its models and return their ids. Raises `Unwell`; asks no model."""
    try:
        reply = httpx.get(_models_url(endpoint), headers=_headers(endpoint), timeout=seconds)
    except (httpx.HTTPError, httpx.InvalidURL):
        raise Unwell(
            f"{endpoint.base_url and endpoint.address} cannot be reached; check {endpoint.vendor}_BASE_URL."
        ) from None
    if reply.status_code in (401, 403):
        raise Unwell(f"it does not accept the key; check {endpoint.vendor}_API_KEY.")
    if reply.status_code != 200:
        raise Unwell(f"it answers {reply.status_code}; check {endpoint.vendor}_BASE_URL.")
    try:
        return {str(model["id"]) for model in reply.json()["data"]}
    except (ValueError, KeyError, TypeError):
        raise Unwell(f"it speaks another protocol; check {endpoint.vendor}_BASE_URL.") from None


def _models_url(endpoint: Endpoint) -> str:
    path = "/v1/models" if endpoint.vendor == "ANTHROPIC" else "/models"
    return f"{endpoint.base_url}{path}"


def _headers(endpoint: Endpoint) -> dict[str, str]:
    if endpoint.vendor == "ANTHROPIC":
        return {"x-api-key": endpoint.api_key, "anthropic-version": "2023-06-01"}
    return {"Authorization": f"Bearer {endpoint.api_key}"} if endpoint.api_key else {}
