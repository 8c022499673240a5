"""Endpoints that owners add in Settings: encrypted keys, tests, and who may use them."""

import json
import re

import pytest
from django.test import Client
from django.urls import reverse

from console import endpoints
from console.models import ModelEndpoint
from tests.console.answers import answering
from tests.together import together

KEY = "sk-very-secret-0123456789"
SERVED = json.dumps(
    {
        "data": [
            {"id": "qwen3:8b", "max_model_len": 40_960},
            {"id": "phi", "meta": {"n_ctx_train": 4096}},
            {"id": "whisper"},
        ]
    }
)


@pytest.fixture(autouse=True)
def nothing_in_the_environment(settings):
    settings.ANTHROPIC_API_KEY = settings.OPENAI_BASE_URL = ""


def filled(url: str, **changes) -> dict:
    typed = {"name": "Ollama", "protocol": "openai", "base_url": url, "api_key": KEY}
    return typed | {"models": ["qwen3:8b"], "others": "my/own\n\nqwen3:8b"} | changes


def add(client, workspace, url: str, **changes):
    return client.post(reverse("endpoint-new", args=[workspace.slug]), filled(url, **changes))


def the_row() -> ModelEndpoint:
    return ModelEndpoint.objects.get()


def test_an_owner_adds_an_endpoint_and_its_models_can_be_chosen(as_alice, workspace):
    with answering(200, SERVED) as url:
        answer = add(as_alice, workspace, url)
    assert answer.status_code == 302
    page = as_alice.get(answer["Location"]).content.decode()
    assert "is saved, and it answers" in page
    form = as_alice.get(reverse("sessions:agent_new", args=[workspace.slug])).content.decode()
    assert 'value="qwen3:8b"' in form
    assert 'value="my/own"' in form


def test_what_fits_into_a_model_is_what_the_endpoint_says(as_alice, workspace):
    with answering(200, SERVED) as url:
        add(as_alice, workspace, url, models=["qwen3:8b", "phi", "whisper"], others="")
    [endpoint] = endpoints.of(workspace)
    assert endpoint.windows == {"qwen3:8b": 40_960, "phi": 4096}


def test_a_window_that_the_owner_names_holds_for_all(as_alice, workspace):
    with answering(200, SERVED) as url:
        add(as_alice, workspace, url, context_window="16000")
    [endpoint] = endpoints.of(workspace)
    assert set(endpoint.windows.values()) == {16_000}


def test_the_key_is_encrypted_and_never_shown_again(as_alice, workspace):
    with answering(200, SERVED) as url:
        add(as_alice, workspace, url)
    assert KEY not in str(ModelEndpoint.objects.values().get())
    pages = [
        reverse("models", args=[workspace.slug]),
        reverse("endpoint-edit", args=[workspace.slug, the_row().pk]),
    ]
    for page in pages:
        assert KEY not in as_alice.get(page).content.decode()
    assert "…6789" in as_alice.get(pages[1]).content.decode()


def test_an_endpoint_that_does_not_answer_is_kept_and_says_why(as_alice, workspace):
    with answering(401, "") as url:
        answer = add(as_alice, workspace, url)
    page = as_alice.get(answer["Location"]).content.decode()
    assert "does not accept the key; check the key of “Ollama” in Settings" in page
    assert the_row().served == [
        {"id": "qwen3:8b", "window": None},
        {"id": "my/own", "window": None},
    ]


def test_testing_lists_what_it_serves_before_anything_is_saved(as_alice, workspace):
    where = reverse("endpoint-test", args=[workspace.slug])
    with answering(200, SERVED) as url:
        answer = as_alice.post(where, filled(url), headers={"HX-Request": "true"})
    html = answer.content.decode()
    assert "It answers and lists 3 models" in html
    ticked = re.findall(r'value="([^"]+)"[^>]* checked', html)
    assert ticked == ["qwen3:8b"]
    assert "whisper" in html
    assert KEY not in html
    assert not ModelEndpoint.objects.exists()


@pytest.mark.parametrize(("sees", "told"), [(False, True), (True, False)])
def test_a_llama_cpp_whose_model_would_see_no_tools_is_told(as_alice, workspace, sees, told):
    # As llama.cpp's server 0.5.0 answers; /props stands beside /v1.
    props = json.dumps({"chat_template_caps": {"supports_tools": sees}, "total_slots": 1})
    where = reverse("endpoint-test", args=[workspace.slug])
    with answering(200, SERVED, props=props) as url:
        tried = as_alice.post(where, filled(url), headers={"HX-Request": "true"})
        saved = as_alice.post(
            reverse("endpoint-new", args=[workspace.slug]), filled(url), follow=True
        )
    assert ("Agents would have no tools" in tried.content.decode()) is told
    assert ("--chat-template-file" in saved.content.decode()) is told


def test_testing_asks_for_no_name(as_alice, workspace):
    where = reverse("endpoint-test", args=[workspace.slug])
    with answering(200, SERVED) as url:
        tried = as_alice.post(where, filled(url, name=""), headers={"HX-Request": "true"})
    assert "It answers and lists 3 models" in tried.content.decode()
    lost = as_alice.post(where, filled("http://127.0.0.1:9/v1", name=""))
    assert "check the address of “New endpoint”" in lost.content.decode()


def test_testing_without_javascript_keeps_what_was_typed(as_alice, workspace):
    with answering(200, SERVED) as url:
        answer = as_alice.post(reverse("endpoint-test", args=[workspace.slug]), filled(url))
    html = answer.content.decode()
    assert "my/own" in html
    assert url in html


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"base_url": "localhost:11434"}, "begins with http:// or https://"),
        ({"base_url": "http://me:hunter2@models.example/v1"}, "Leave user and password out"),
        ({"others": "x" * 257}, "at most 256"),
        ({"context_window": "12"}, "greater than or equal to 1000"),
        ({"name": ""}, "required"),
    ],
)
def test_bad_input_is_explained_and_loses_nothing(as_alice, workspace, changes, said):
    answer = add(as_alice, workspace, "http://127.0.0.1:9/v1", **changes)
    assert answer.status_code == 422
    html = answer.content.decode()
    assert said in html
    assert "qwen3:8b" in html
    assert not ModelEndpoint.objects.exists()


def test_two_endpoints_of_one_name_are_told_apart(as_alice, workspace):
    workspace.endpoints.create(name="Ollama", base_url="http://127.0.0.1:9/v1")
    answer = add(as_alice, workspace, "http://127.0.0.1:9/v1")
    assert "Another endpoint has this name already." in answer.content.decode()


def edited(client, url: str, **changes):
    row = the_row()
    where = reverse("endpoint-edit", args=[row.workspace.slug, row.pk])
    return client.post(where, filled(url, api_key="", **changes))


@pytest.mark.django_db(transaction=True)
def test_an_endpoint_sent_twice_at_once_is_added_once(alice, workspace):
    def send() -> int:
        client = Client()
        client.force_login(alice)
        return add(client, workspace, "http://127.0.0.1:1/v1").status_code

    assert sorted(together(send, send, send)) == [302, 422, 422]
    assert the_row().name == "Ollama"


def test_an_empty_key_keeps_the_stored_one_and_a_tick_deletes_it(as_alice, workspace):
    with answering(200, SERVED) as url:
        add(as_alice, workspace, url)
        edited(as_alice, url, name="Renamed")
        assert (the_row().name, endpoints.from_row(the_row()).api_key) == ("Renamed", KEY)
        edited(as_alice, url, forget_key="on")
    assert endpoints.from_row(the_row()).api_key == ""


def test_a_stored_key_goes_to_no_other_address(as_alice, workspace):
    with answering(200, SERVED) as url, answering(200, SERVED) as other:
        add(as_alice, workspace, url)
        assert "enter its key, or delete it" in edited(as_alice, other).content.decode()
        where = reverse("endpoint-test", args=[workspace.slug])
        typed = filled(other, api_key="", endpoint=the_row().pk)
        assert "enter its key" in as_alice.post(where, typed).content.decode()
    assert the_row().base_url == url


def test_no_caller_takes_a_stored_key_to_another_address(as_alice, alice, workspace):
    with answering(200, SERVED) as url:
        add(as_alice, workspace, url)
    row = the_row()
    kept = {"name": "x", "protocol": "openai", "models": [], "context_window": None, "by": alice}
    with pytest.raises(endpoints.KeyNeeded):
        endpoints.keep(row, **kept, base_url="http://127.0.0.1:9/v1", api_key=None)
    assert the_row().base_url == url


def test_a_changed_secret_key_is_said_where_it_matters(as_alice, workspace, settings):
    with answering(200, SERVED) as url:
        add(as_alice, workspace, url)
        row = the_row()
        settings.SECRET_KEY = "another one"
        with pytest.raises(endpoints.Unwell, match="cannot be read any more"):
            endpoints.probe(endpoints.from_row(row))


def test_deleting_takes_the_key_along(as_alice, workspace):
    row = workspace.endpoints.create(name="Ollama", base_url="http://127.0.0.1:9/v1")
    as_alice.post(reverse("endpoint-delete", args=[workspace.slug, row.pk]))
    assert not ModelEndpoint.objects.exists()


@pytest.mark.parametrize("name", ["endpoint-new", "endpoint-test"])
def test_only_owners_add_endpoints(as_bob, workspace, name):
    assert as_bob.post(reverse(name, args=[workspace.slug]), {}).status_code == 403


def test_the_operator_may_turn_it_off(as_alice, workspace, settings):
    settings.OWNERS_ADD_ENDPOINTS = False
    workspace.endpoints.create(name="x", base_url="http://127.0.0.1:9/v1")
    assert add(as_alice, workspace, "http://127.0.0.1:9/v1").status_code == 404
    assert endpoints.usable(workspace) == []
    page = as_alice.get(reverse("models", args=[workspace.slug])).content.decode()
    assert "Add endpoint" not in page


def test_another_workspace_cannot_use_it(workspace, eve):
    workspace.endpoints.create(name="x", base_url="http://127.0.0.1:9/v1")
    assert endpoints.usable(eve.workspaces.get()) == []
