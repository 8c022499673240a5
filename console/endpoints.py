"""The model endpoints there are: those the environment names, and those that owners add."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
from django.conf import settings

from console import rows, vault
from console.models import ModelEndpoint, User, Workspace

SETTINGS = {"key": "API_KEY", "address": "BASE_URL", "models": "MODELS"}
# What servers call the number of tokens that fit: Anthropic, vLLM, OpenRouter, and llama.cpp.
WINDOWS = ("max_input_tokens", "max_model_len", "context_length", "context_window")
MOST_MODELS = 1000  # that we take from one list
LONG_ENOUGH = 12  # characters of a key, of which the last four then tell little
NO_TOOLS = (
    "its model will see none of an agent's tools, because the model's chat template has no place for"
    " them. Start llama.cpp with another template (--chat-template-file), or serve another model."
)


@dataclass(frozen=True)
class Endpoint:
    """One protocol at one address. `vendor`, ANTHROPIC or OPENAI, says which protocol.

    The environment's begin the names of their settings with `vendor`; an owner's has an `id` and
    is known by its `name`. `models` are the ids it is asked for, `windows` says how many tokens fit
    into those whose limit is known. `sealed_key` is for `vault` to open.
    """

    vendor: str
    name: str
    base_url: str
    models: list[str] = field(default_factory=list)
    windows: dict[str, int] = field(default_factory=dict)
    plain_key: str = field(default="", repr=False)
    sealed_key: str = field(default="", repr=False)
    id: str = ""

    @property
    def api_key(self) -> str:
        """The key, or nothing where none is needed. Raises `vault.Unreadable`."""
        return vault.unseal(self.sealed_key) if self.sealed_key else self.plain_key

    @property
    def is_configured(self) -> bool:
        return bool(self.id or getattr(settings, self.setting))

    @property
    def setting(self) -> str:
        """The setting that switches this provider on."""
        return "ANTHROPIC_API_KEY" if self.vendor == "ANTHROPIC" else "OPENAI_BASE_URL"

    @property
    def address(self) -> str:
        """The address to show: without a path, and without a password someone put into it."""
        return origin(self.base_url)

    def place(self, what: str) -> str:
        return place(self.vendor, self.name if self.id else "", what)


def origin(url: str) -> str:
    """Scheme, host and port of an address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")


def place(vendor: str, name: str, what: str) -> str:
    """Where a person mends the `key`, the `address` or the `models` of an endpoint."""
    return f"the {what} of “{name}” in Settings" if name else f"{vendor}_{SETTINGS[what]}"


def from_environment() -> list[Endpoint]:
    """Those that the settings name, configured or not."""
    return [
        Endpoint(
            vendor="OPENAI",
            name="OpenAI-compatible",
            base_url=settings.OPENAI_BASE_URL,
            plain_key=settings.OPENAI_API_KEY,
            models=settings.OPENAI_MODELS,
        ),
        Endpoint(
            vendor="ANTHROPIC",
            name="Anthropic",
            base_url=settings.ANTHROPIC_BASE_URL,
            plain_key=settings.ANTHROPIC_API_KEY,
            models=settings.ANTHROPIC_MODELS,
        ),
    ]


def of(workspace: Workspace) -> list[Endpoint]:
    """Those that the workspace's owners added, the oldest first; none where that is turned off."""
    if not settings.OWNERS_ADD_ENDPOINTS:
        return []
    found = rows.find(ModelEndpoint, "workspace_id = %s ORDER BY id", rows.key(workspace))
    return [from_row(row) for row in found]


def usable(workspace: Workspace) -> list[Endpoint]:
    """Every endpoint that can answer for the workspace; its own come before the environment's."""
    shared = [endpoint for endpoint in from_environment() if endpoint.is_configured]
    return [*of(workspace), *shared]


def from_row(row: ModelEndpoint) -> Endpoint:
    return Endpoint(
        vendor=row.protocol.upper(),
        name=row.name,
        base_url=row.base_url,
        models=[model["id"] for model in row.served],
        windows=_windows(row),
        sealed_key=row.sealed_key,
        id=row.pk,
    )


def _windows(row: ModelEndpoint) -> dict[str, int]:
    told = {model["id"]: row.context_window or model.get("window") for model in row.served}
    return {id: window for id, window in told.items() if window}


# -- What owners do with theirs -----------------------------------------------------------


class KeyNeeded(Exception):
    """The address is another one now: its key has to be entered, or the stored one deleted."""


def keeps_key(row: ModelEndpoint, base_url: str) -> bool:
    """Whether a stored key may go along to this address: only where it was entered for.

    Else whoever may edit an endpoint, but never saw its key, could have it sent to them.
    """
    return not row.sealed_key or origin(base_url) == origin(row.base_url)


def keep(
    row: ModelEndpoint,
    *,
    name: str,
    protocol: str,
    base_url: str,
    models: list[str],
    context_window: int | None,
    api_key: str | None,
    by: User,
) -> ModelEndpoint:
    """Save an endpoint, new or not. A key of None leaves the one that is there, "" takes it away.

    Raises `KeyNeeded` when the stored key would go to another address.
    """
    if api_key is None and not keeps_key(row, base_url):
        raise KeyNeeded
    known = {model["id"]: model.get("window") for model in row.served}
    row.name, row.protocol, row.base_url = name, protocol, base_url
    row.served = [{"id": id, "window": known.get(id)} for id in models]
    row.context_window = context_window
    row.created_by = row.created_by or by
    if api_key is not None:
        row.sealed_key = vault.seal(api_key) if api_key else ""
        row.key_hint = api_key[-4:] if len(api_key) >= LONG_ENOUGH else ""
    row.save()
    return row


def learn(row: ModelEndpoint) -> None:
    """Ask the endpoint how many tokens fit into its models, and keep that. Raises `Unwell`."""
    found = probe(from_row(row))
    row.served = [
        {"id": model["id"], "window": found.get(model["id"]) or model.get("window")}
        for model in row.served
    ]
    row.save(update_fields=["served"])


# -- Asking one what it serves ------------------------------------------------------------


class Unwell(Exception):
    """The endpoint cannot be used; the message says why and what to check."""


def probe(endpoint: Endpoint, *, seconds: float = 3) -> dict[str, int | None]:
    """Ask the endpoint for its models; returns their ids, each with the tokens that fit into it.

    None where the endpoint does not say. Raises `Unwell`; asks no model.
    """
    try:
        reply = httpx.get(_models_url(endpoint), headers=_headers(endpoint), timeout=seconds)
    except vault.Unreadable:
        raise Unwell(
            f"its key cannot be read any more: enter {endpoint.place('key')} anew."
        ) from None
    except httpx.ReadTimeout:
        late = f"{endpoint.address} did not answer within {seconds:g} seconds"
        raise Unwell(f"{late}; check {endpoint.place('address')}, or try again.") from None
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError):
        address = endpoint.base_url and endpoint.address
        raise Unwell(f"{address} cannot be reached; check {endpoint.place('address')}.") from None
    if reply.status_code in (401, 403):
        raise Unwell(f"it does not accept the key; check {endpoint.place('key')}.")
    check = f"check {endpoint.place('address')}."
    if reply.status_code != 200:
        raise Unwell(f"it answers {reply.status_code}; {check}")
    try:
        listed = reply.json()["data"][:MOST_MODELS]
        return {str(model["id"]): _window(model) for model in listed}
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Unwell(f"it speaks another protocol; {check}") from None


def leaves_out_tools(endpoint: Endpoint, *, seconds: float = 3) -> bool:
    """Whether this is llama.cpp, and takes tools that its model then never sees.

    It does so without a word where a chat template has no place for them. False when unsure.
    """
    if endpoint.vendor != "OPENAI":
        return False
    where = f"{endpoint.base_url.removesuffix('/v1')}/props"
    try:
        told = httpx.get(where, headers=_headers(endpoint), timeout=seconds).json()
        return told["chat_template_caps"]["supports_tools"] is False
    except (vault.Unreadable, httpx.HTTPError, httpx.InvalidURL, UnicodeError):
        return False
    except (ValueError, KeyError, TypeError, RecursionError):
        return False


def _window(model: dict[str, Any]) -> int | None:
    meta = model.get("meta")
    told = [model.get(name) for name in WINDOWS]
    told += [meta.get("n_ctx"), meta.get("n_ctx_train")] if isinstance(meta, dict) else []
    return next((number for number in told if isinstance(number, int) and number > 0), None)


def _models_url(endpoint: Endpoint) -> str:
    path = "/v1/models?limit=1000" if endpoint.vendor == "ANTHROPIC" else "/models"
    return f"{endpoint.base_url}{path}"


def _headers(endpoint: Endpoint) -> dict[str, str]:
    key = endpoint.api_key
    if endpoint.vendor == "ANTHROPIC":
        return {"x-api-key": key, "anthropic-version": "2023-06-01"}
    return {"Authorization": f"Bearer {key}"} if key else {}
