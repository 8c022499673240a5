import re

import pytest
from django.urls import reverse

from console import accounts
from console.models import ApiKey, Role
from tests import factories


@pytest.fixture
def page(workspace) -> str:
    return reverse("keys", args=[workspace.slug])


def issue(client, page, name="CI", role=Role.EDITOR):
    answer = client.post(page, {"name": name, "role": role})
    return answer, answer.context.get("secret")


def test_a_secret_is_shown_once_and_works(page, as_alice, workspace):
    answer, secret = issue(as_alice, page)
    assert answer.content.decode().count(secret) >= 2
    assert "no-store" in answer["Cache-Control"]
    assert secret not in as_alice.get(page).content.decode()
    assert factories.Api(secret).get("/v1/agents").status_code != 401


def test_only_a_digest_of_the_secret_is_kept(page, as_alice):
    _, secret = issue(as_alice, page)
    kept = str(ApiKey.objects.values_list().get())
    assert secret not in kept
    assert secret[-4:] in kept


def test_a_nameless_key_is_refused_and_the_role_kept(page, as_alice):
    answer = as_alice.post(page, {"name": " ", "role": "owner"})
    assert answer.status_code == 422
    assert answer.context["form"]["role"].value() == "owner"
    assert not ApiKey.objects.exists()


def test_a_revoked_key_is_out_at_once(page, as_alice, workspace):
    _, secret = issue(as_alice, page)
    key = workspace.api_keys.get()
    as_alice.post(reverse("revoke-key", args=[workspace.slug, key.pk]))
    assert factories.Api(secret).get("/v1/agents").status_code == 401
    assert "Revoked" in as_alice.get(page).content.decode()


def test_revoking_twice_keeps_the_first_time(as_alice, workspace):
    key, _ = accounts.issue_key(workspace, "CI", Role.EDITOR)
    where = reverse("revoke-key", args=[workspace.slug, key.pk])
    as_alice.post(where)
    first = workspace.api_keys.get().revoked_at
    as_alice.post(where)
    assert workspace.api_keys.get().revoked_at == first


def test_a_key_is_an_owners_business(page, as_bob, workspace):
    key, _ = accounts.issue_key(workspace, "CI", Role.EDITOR)
    assert as_bob.get(page).status_code == 403
    assert as_bob.post(page, {"name": "Mine", "role": "owner"}).status_code == 403
    revoke = reverse("revoke-key", args=[workspace.slug, key.pk])
    assert as_bob.post(revoke).status_code == 403
    assert workspace.api_keys.live().count() == 1


def test_using_a_key_is_noted(workspace, api):
    api.get("/v1/agents")
    assert workspace.api_keys.get().last_used_at is not None


def test_an_answer_names_the_keys_workspace_and_a_request_for_another_is_refused(workspace, api):
    stores = "/v1/memory_stores"
    assert api.get(stores)["anthropic-workspace-id"] == workspace.pk
    assert api.get(stores, headers={"anthropic-workspace-id": workspace.pk}).status_code == 200
    elsewhere = {"anthropic-workspace-id": factories.make_workspace().pk}
    refusal = api.post(stores, {"name": "Lost"}, headers=elsewhere)
    assert (refusal.status_code, refusal["anthropic-workspace-id"]) == (403, workspace.pk)
    assert workspace.pk in refusal.json()["error"]["message"]
    assert not workspace.stores.exists()


def test_the_examples_name_the_public_address(page, as_alice, settings):
    settings.PUBLIC_URL = "https://reverie.example.org"
    answer, secret = issue(as_alice, page)
    assert re.search(r"curl https://reverie.example.org/v1/\w+", answer.content.decode())


def test_the_page_leads_to_the_document_of_the_api(as_alice, page):
    assert f'href="{reverse("openapi")}"' in as_alice.get(page).content.decode()
