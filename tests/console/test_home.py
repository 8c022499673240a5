from tests import factories


def home(client, workspace) -> str:
    answer = client.get(workspace.get_absolute_url())
    assert answer.status_code == 200
    return answer.content.decode()


def test_an_empty_workspace_says_where_to_begin(as_alice, workspace):
    html = home(as_alice, workspace)
    assert "Create a memory store" in html
    assert 'aria-label="Done"' not in html


def test_a_viewer_is_offered_nothing_that_would_be_refused(as_vera, workspace):
    html = home(as_vera, workspace)
    assert "Create a memory store" in html
    assert "its editors take these steps" in html
    for refused in ("stores/new", "stores/sample", "stores/import", "settings/models"):
        assert refused not in html


def test_notes_of_ones_own_and_the_sample_are_offered_until_there_is_a_store(as_alice, workspace):
    assert "stores/sample" in home(as_alice, workspace)
    factories.make_store()
    assert "stores/sample" not in home(as_alice, workspace)


def test_each_step_is_ticked_when_it_is_done(as_alice, workspace):
    factories.make_session(stores=[factories.make_store()])
    assert home(as_alice, workspace).count('aria-label="Done"') == 2


def test_the_first_session_begins_with_the_store_that_was_made(as_alice, workspace):
    store = factories.make_store()
    assert f"/sessions/new?store={store.pk}" in home(as_alice, workspace)


def test_the_first_steps_go_when_all_are_done(as_alice, workspace):
    factories.make_dream()
    assert "First steps" not in home(as_alice, workspace)


def test_the_first_steps_say_what_the_built_in_model_is(as_alice, workspace, settings):
    assert "is no language model" in home(as_alice, workspace)
    settings.OPENAI_BASE_URL = "http://127.0.0.1:11434/v1"
    assert "is no language model" not in home(as_alice, workspace)


def test_a_workspace_with_a_past_loads_what_happened_from_the_other_apps(as_alice, workspace):
    factories.make_dream()
    html = home(as_alice, workspace)
    for fragment in ("dreams/attention", "sessions/recent", "stores/recent"):
        assert f'hx-get="/w/{workspace.slug}/{fragment}' in html
