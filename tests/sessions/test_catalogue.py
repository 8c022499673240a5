"""Which models there are, and who answers for them."""

import re
from datetime import UTC, datetime
from functools import partial

import pytest

from console import vault
from sessions.providers import catalogue
from sessions.providers.anthropic import Anthropic
from sessions.providers.base import ProviderError
from sessions.providers.builtin import Builtin
from sessions.providers.catalogue import UNKNOWN
from sessions.providers.openai import OpenAI
from tests.sessions.fake_models import FakeModels, Raw, Turn, make_request


@pytest.fixture(autouse=True)
def nothing_set_up(settings):
    settings.ANTHROPIC_API_KEY = settings.OPENAI_BASE_URL = settings.OPENAI_API_KEY = ""
    settings.ANTHROPIC_BASE_URL = "https://api.anthropic.com"
    settings.ANTHROPIC_MODELS = ["claude-opus-4-8", "claude-sonnet-4-5-20250929"]
    settings.OPENAI_MODELS = []


@pytest.fixture
def models(workspace):
    return partial(catalogue.models, workspace)


@pytest.fixture
def find(workspace):
    return partial(catalogue.find, workspace=workspace)


@pytest.fixture
def provider_for(workspace):
    return partial(catalogue.provider_for, workspace=workspace)


@pytest.fixture
def ollama(settings):
    settings.OPENAI_BASE_URL = "http://localhost:11434/v1"
    settings.OPENAI_MODELS = ["qwen3:8b", "llama3.2"]


@pytest.fixture
def claude(settings):
    settings.ANTHROPIC_API_KEY = "sk-ant-1"


def test_the_built_in_model_is_always_there_under_an_honest_name(models, provider_for):
    [model] = models()
    assert (model.id, model.provider) == ("builtin", "builtin")
    assert model.display_name == "Built-in (extractive, no language model)"
    assert isinstance(provider_for("builtin"), Builtin)


def test_what_is_set_up_is_listed(ollama, claude, models):
    listed = [(model.id, model.provider) for model in models()]
    assert listed == [
        ("builtin", "builtin"),
        ("qwen3:8b", "openai"),
        ("llama3.2", "openai"),
        ("claude-opus-4-8", "anthropic"),
        ("claude-sonnet-4-5-20250929", "anthropic"),
    ]


def test_claude_models_have_readable_names_and_the_date_in_their_id(claude, find):
    opus, sonnet = find("claude-opus-4-8"), find("claude-sonnet-4-5-20250929")
    assert (opus.display_name, opus.created_at) == ("Claude Opus 4.8", UNKNOWN)
    assert sonnet.display_name == "Claude Sonnet 4.5"
    assert sonnet.created_at == datetime(2025, 9, 29, tzinfo=UTC)


def test_a_date_that_is_none_does_no_harm(settings, claude, models):
    settings.ANTHROPIC_MODELS = ["claude-x-20259999", "my-alias"]
    assert [model.created_at for model in models()[1:]] == [UNKNOWN, UNKNOWN]


def test_only_what_is_set_up_is_found(ollama, find):
    assert find("qwen3:8b").provider == "openai"
    assert find("claude-opus-4-8") is None
    assert find("nonsense") is None


def test_an_id_named_twice_is_one_model_and_the_same_provider_answers(
    settings, ollama, claude, models, find, provider_for
):
    settings.OPENAI_MODELS = ["builtin", "claude-opus-4-8"]
    assert [model.id for model in models()].count("claude-opus-4-8") == 1
    assert find("claude-opus-4-8").provider == "openai"
    assert isinstance(provider_for("claude-opus-4-8"), OpenAI)
    assert isinstance(provider_for("builtin"), Builtin)


@pytest.mark.parametrize(
    ("model_id", "provider"),
    [
        ("claude-opus-4-8", Anthropic),
        ("claude-not-listed", Anthropic),
        ("qwen3:8b", OpenAI),
        ("not-listed", OpenAI),
    ],
)
def test_a_model_need_not_be_listed(ollama, claude, model_id, provider, provider_for):
    assert isinstance(provider_for(model_id), provider)


def test_any_name_may_be_listed_as_anthropics(settings, claude, provider_for):
    settings.ANTHROPIC_MODELS = ["my-gateway/opus"]
    assert isinstance(provider_for("my-gateway/opus"), Anthropic)


@pytest.mark.parametrize(
    ("model_id", "names"),
    [
        ("claude-opus-4-8", ["ANTHROPIC_API_KEY"]),
        ("qwen3:8b", ["OPENAI_BASE_URL", "ANTHROPIC_API_KEY", "ANTHROPIC_MODELS"]),
    ],
)
def test_a_model_nobody_answers_for_says_what_to_set(model_id, names, provider_for):
    with pytest.raises(ProviderError, match=re.escape(model_id)) as caught:
        provider_for(model_id)
    assert not caught.value.retryable
    assert all(name in caught.value.message for name in names)


def test_settings_are_read_when_a_model_is_asked(settings, provider_for):
    with FakeModels() as fake:
        settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY = fake.openai_url, "key-of-today"
        fake.script(Turn("Hi."))
        *_, reply = provider_for("anything").stream(make_request(model="anything"))
    assert reply.text == "Hi."
    assert fake.requests[0].headers["authorization"] == "Bearer key-of-today"


def test_a_workspaces_own_endpoint_comes_before_the_environments(
    workspace, ollama, find, provider_for
):
    with FakeModels() as fake:
        row = workspace.endpoints.create(
            name="Ours", base_url=fake.openai_url, served=[{"id": "qwen3:8b", "window": 40_960}]
        )
        fake.script(Turn("From ours."))
        model = find("qwen3:8b")
        *_, reply = provider_for("qwen3:8b").stream(make_request(model="qwen3:8b"))
    assert (model.endpoint, model.max_input_tokens) == (row.name, 40_960)
    assert reply.text == "From ours."


def test_what_goes_wrong_at_an_own_endpoint_names_it(workspace, provider_for):
    with FakeModels() as fake:
        workspace.endpoints.create(
            name="Ours",
            base_url=fake.url,
            protocol="anthropic",
            sealed_key=vault.seal("sk-ours"),
            served=[{"id": "m"}],
        )
        fake.script(Raw(401, {"error": {"message": "No."}}))
        with pytest.raises(ProviderError, match="check the key of “Ours” in Settings"):
            list(provider_for("m").stream(make_request(model="m")))


def test_a_key_sealed_with_another_secret_key_has_to_be_entered_anew(
    workspace, settings, provider_for
):
    workspace.endpoints.create(
        name="Ours", base_url="http://127.0.0.1:9", sealed_key=vault.seal("k"), served=[{"id": "m"}]
    )
    settings.SECRET_KEY = "another one"
    with pytest.raises(ProviderError, match="Enter the key of “Ours” in Settings anew"):
        provider_for("m")
