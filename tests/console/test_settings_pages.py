from django.urls import reverse


def general(workspace) -> str:
    return reverse("settings", args=[workspace.slug])


def test_an_owner_renames_the_workspace_and_its_address_stays(as_alice, workspace):
    answer = as_alice.post(general(workspace), {"name": "Laboratory"})
    assert answer["Location"] == general(workspace)
    workspace.refresh_from_db()
    assert (workspace.name, workspace.slug) == ("Laboratory", "lab")


def test_a_name_that_is_too_long_is_kept_and_explained(as_alice, workspace):
    answer = as_alice.post(general(workspace), {"name": "x" * 101})
    assert answer.status_code == 422
    assert "at most 100 characters" in answer.content.decode()
    assert "x" * 101 in answer.content.decode()


def test_an_editor_sees_the_name_and_cannot_change_it(as_bob, workspace):
    assert 'name="name"' not in as_bob.get(general(workspace)).content.decode()
    assert as_bob.post(general(workspace), {"name": "Bob's"}).status_code == 403
    workspace.refresh_from_db()
    assert workspace.name == "Lab"


def test_the_models_page_tells_what_is_set_up_and_never_a_key(as_vera, workspace, settings):
    settings.ANTHROPIC_API_KEY = "sk-secret"
    settings.OPENAI_BASE_URL = "http://me:hunter2@models.example:8080/v1"
    settings.OPENAI_MODELS = ["llama3.2"]
    html = as_vera.get(reverse("models", args=[workspace.slug])).content.decode()
    assert "http://models.example:8080" in html
    assert "llama3.2" in html
    assert "sk-secret" not in html
    assert "hunter2" not in html
