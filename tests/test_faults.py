"""What goes wrong in front of a person: reloads, two tabs, hostile text, a model that is away."""

import re

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser import chromium, page_of, rewrite, sign_in
from tests.sessions.fake_models import FakeModels, Raw, Turn
from tests.stack import running_stack

pytestmark = [pytest.mark.stack, pytest.mark.browser, pytest.mark.once]
TURN = 30_000
HOSTILE = '<script>window.hacked=1</script><img src=x onerror="window.hacked=1">"\'>{{7*7}}'
WORDS = [f"word{number} " for number in range(60)]  # three seconds of them


def respond(request):
    """A model that streams slowly, is overloaded once, or repeats hostile text: as it is asked."""
    said = str(request["messages"][-1]["content"])
    if "slowly" in said:
        return Turn(*WORDS, delay=0.05)
    if "hostile" in said:
        return Turn(f"# {HOSTILE}\n\n[link](javascript:alert(1)) {HOSTILE}")
    if "refused" in said:
        return Raw(401, {"error": {"message": "bad key sk-test-0123456789"}})
    return Turn("Fine.")


@pytest.fixture(scope="module")
def stack():
    with FakeModels(respond) as fake:
        models = {"OPENAI_BASE_URL": fake.openai_url, "OPENAI_MODELS": "fake-model"}
        with running_stack(**models, OPENAI_API_KEY="sk-test-0123456789") as stack:
            yield stack


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser, stack):
    with page_of(browser, stack.url) as page:
        sign_in(page, stack.password)
        yield page


@pytest.fixture(scope="module")
def agent(stack):
    """An agent on the fake model, made by hand as a person would through the API."""
    headers = {"x-api-key": stack.key}
    body = {
        "name": "Fake agent",
        "model": "fake-model",
        "tools": [{"type": "agent_toolset_20260401"}],
    }
    return httpx.post(f"{stack.url}/v1/agents", json=body, headers=headers).json()["id"]


def start(page: Page, stack, agent: str, message: str) -> None:
    page.goto(f"/w/{stack.workspace}/sessions/new?agent={agent}")
    page.get_by_label("First message").fill(message)
    page.get_by_role("button", name="Start session").click()
    page.wait_for_url(re.compile(r"/sessions/sesn_"))


def say(page: Page, message: str) -> None:
    page.locator("#composer-text").fill(message)
    page.get_by_role("button", name="Send").click()


def new_store(page: Page, stack, name: str) -> str:
    page.goto(f"/w/{stack.workspace}/stores/new")
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name=re.compile("Create|Make")).click()
    page.wait_for_url(re.compile(r"/stores/memstore_"))
    return page.url


def new_file(page: Page, store: str, path: str, content: str) -> str:
    page.goto(store + "files/new")
    page.get_by_role("textbox", name="Path").fill(path)
    rewrite(page, content)
    page.get_by_role("button", name=re.compile("^(Create|Save)")).first.click()
    return path


def test_a_page_reloaded_mid_stream_loses_and_doubles_nothing(page, stack, agent):
    start(page, stack, agent, "Hello.")
    expect(page.locator("#entries .turn-end")).to_have_count(1, timeout=TURN)
    say(page, "Answer slowly.")
    expect(page.locator("#preview")).to_contain_text("word5", timeout=TURN)
    page.reload()
    expect(page.locator("#preview")).to_contain_text("word9", timeout=TURN)
    expect(page.locator("#entries .turn-end")).to_have_count(2, timeout=TURN)
    expect(page.locator("#entries .msg.agent")).to_have_count(2)
    assert page.locator(".msg.agent").last.inner_text().count("word59") == 1
    expect(page.locator("#preview")).not_to_contain_text("word")


def test_stop_ends_a_turn_that_streams(page, stack, agent):
    start(page, stack, agent, "Hello.")
    expect(page.locator("#entries .turn-end")).to_have_count(1, timeout=TURN)
    say(page, "Answer slowly, please.")
    expect(page.locator("#preview")).to_contain_text("word3", timeout=TURN)
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#entries .turn-end")).to_have_count(2, timeout=TURN)
    expect(page.locator("#session-status")).to_contain_text("Idle")
    expect(page.locator("#entries .msg.agent")).to_have_count(1)


def test_hostile_text_is_shown_and_never_run(page, stack, agent):
    start(page, stack, agent, f"Something hostile: {HOSTILE}")
    expect(page.locator("#entries .turn-end")).to_have_count(1, timeout=TURN)
    expect(page.locator(".msg").first).to_contain_text("<script>window.hacked=1</script>")
    store = new_store(page, stack, f"Store {HOSTILE}")
    new_file(page, store, "/a<b>&.md", f"# {HOSTILE}\n\n<iframe src=/></iframe>\n")
    for path in ("stores/", "sessions/", "", "dreams/new"):
        page.goto(f"/w/{stack.workspace}/{path}")
        page.wait_for_load_state("networkidle")
        assert page.evaluate("window.hacked") is None
    page.goto(store)
    page.get_by_role("treeitem", name="a<b>&.md").click()
    expect(page.locator(".prose").first).to_be_visible()
    assert page.evaluate("window.hacked") is None
    assert page.locator("a[href^='javascript']").count() == 0


def test_a_model_that_refuses_the_key_says_what_to_configure(page, stack, agent):
    start(page, stack, agent, "You will be refused.")
    expect(page.locator("#entries")).to_contain_text("OPENAI_API_KEY", timeout=TURN)
    assert "sk-test-0123456789" not in page.content()


def test_an_empty_message_is_refused_and_a_long_one_is_kept(page, stack, agent):
    start(page, stack, agent, "Hello.")
    expect(page.locator("#entries .turn-end")).to_have_count(1, timeout=TURN)
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#composer")).to_contain_text("empty")
    page.locator("#composer-text").fill("x" * 200_000)
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#entries .turn-end")).to_have_count(2, timeout=TURN)
    expect(page.locator("#composer-text")).to_have_value("")


def test_two_tabs_that_edit_one_file_lose_nothing(browser, page, stack):
    store = new_store(page, stack, "Shared")
    new_file(page, store, "/plan.md", "# Plan\n\n- One.\n\nThe end.\n")
    page.get_by_role("link", name="Edit", exact=True).first.click()
    editing = page.url
    with page_of(browser, stack.url) as other:
        sign_in(other, stack.password)
        other.goto(editing)
        rewrite(other, "# Plan\n\n- One, from the other tab.\n\nThe end.\n")
        other.get_by_role("button", name=re.compile("^Save")).first.click()
        expect(other.locator(".prose").first).to_contain_text("from the other tab")
    rewrite(page, "# Plan\n\n- One, from this tab.\n\nThe end.\n")
    page.get_by_role("button", name=re.compile("^Save")).first.click()
    expect(page.locator("main")).to_contain_text(re.compile("meanwhile|changed", re.IGNORECASE))
    assert "from this tab" in page.locator("textarea[name=content]").input_value()
    expect(page.locator("main")).to_contain_text("from the other tab")


def test_bad_paths_are_refused_in_words_and_the_text_is_kept(page, stack):
    store = new_store(page, stack, "Paths")
    for path in ("/../etc/passwd", "//x.md", "/a/./b.md", "/x\u202e.md"):
        new_file(page, store, path, "Kept text.\n")
        expect(page.locator("form .error").first).to_be_visible()
        assert page.locator("textarea[name=content]").input_value() == "Kept text.\n"


def test_unknown_addresses_answer_with_a_page_of_ours(page, stack):
    for path in ("stores/memstore_01zzzzzzzzzzz/", "sessions/x/", "dreams/../../nowhere", "nope"):
        answer = page.goto(f"/w/{stack.workspace}/{path}")
        assert answer.status == 404
        expect(page.locator("h1").first).to_be_visible()
        assert "Traceback" not in page.content()
