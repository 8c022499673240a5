"""The review in a real browser: keys, verdicts in place, what is viewed, a file fetched when opened."""

import time

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser import chromium, page_of, rewrite, sign_in
from tests.dreaming.dreamer import MODEL, Dreamer
from tests.stack import running_stack

pytestmark = [pytest.mark.stack, pytest.mark.browser, pytest.mark.once]
RULES = [f"Rule {number} holds for everybody.\n" for number in range(30)]
BEFORE = {
    "/gone.md": "The office has a blue door.\n",
    "/rules.md": "".join(RULES),
}
WRITES = {
    "/gone.md": None,
    "/rules.md": "".join(["Rule zero is new.\n", *RULES[1:-1], "The last rule is new.\n"]),
    **{f"/new/{number:02}.md": f"Fact number {number} was said.\n" for number in range(12)},
}


@pytest.fixture(scope="module")
def stack():
    with Dreamer(WRITES) as dreamer, running_stack(**dreamer.environment) as stack:
        yield stack


@pytest.fixture(scope="module")
def review(stack) -> str:
    """The address of a review: one file removed, one changed in two places, twelve new, the index."""
    headers = {"x-api-key": stack.key}
    with httpx.Client(base_url=f"{stack.url}/v1", headers=headers, timeout=30) as api:
        store = post(api, "/memory_stores", name="Notes")
        for path, content in BEFORE.items():
            post(api, f"/memory_stores/{store['id']}/memories", path=path, content=content)
        agent, environment = (
            api.get(path).json()["data"][0]["id"] for path in ("/agents", "/environments")
        )
        session = post(api, "/sessions", agent=agent, environment_id=environment)
        inputs = [
            {"type": "memory_store", "memory_store_id": store["id"]},
            {"type": "sessions", "session_ids": [session["id"]]},
        ]
        dream = post(api, "/dreams", inputs=inputs, model=MODEL)
        until = time.monotonic() + 60
        while dream["status"] in ("pending", "running") and time.monotonic() < until:
            time.sleep(0.2)
            dream = api.get(f"/dreams/{dream['id']}").json()
    assert dream["status"] == "completed", dream
    return f"/w/{stack.workspace}/dreams/{dream['id']}/review"


def post(api: httpx.Client, path: str, /, **body) -> dict:
    answer = api.post(path, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser, stack, review):
    with page_of(browser, stack.url) as page:
        sign_in(page, stack.password)
        page.goto(review)
        yield page


def file(page: Page, path: str):
    return page.locator(".review-file", has=page.get_by_text(path, exact=True))


def here(page: Page):
    return page.locator(".review-file.is-here")


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_keys_walk_decide_and_remember(page):
    press(page, "j", "x")
    expect(here(page)).to_contain_text("Rejected: this file stays.")
    expect(page.locator("#review-bar")).to_contain_text("1 of 15 decided")
    expect(page.locator("#gone")).to_contain_text("2 lines would stand nowhere")
    press(page, "v")
    expect(here(page)).to_contain_text("/rules.md")
    page.reload()
    expect(file(page, "/gone.md")).to_have_class("diff review-file is-reject is-closed is-viewed")
    press(page, "j", "o", "x")
    expect(page.locator("#review-bar")).to_contain_text("0 of 15 decided")


def test_keys_rest_while_one_types_and_the_edit_is_kept(page):
    press(page, "j", "j", "e")
    expect(page.locator(".cm-content")).to_be_focused()
    rewrite(page, "")
    page.keyboard.type("jxav? é")
    press(page, "Control+Enter")
    expect(here(page)).to_contain_text("the right side is what will be adopted")
    expect(here(page).locator(".diff-table")).to_contain_text("jxav? é")
    page.get_by_role("button", name="Back to the dream’s text").click()
    expect(here(page).locator(".badge.dot")).to_have_count(0)


def test_one_change_is_left_out_and_the_walk_goes_change_by_change(page):
    rules = file(page, "/rules.md")
    press(page, "j", "j", "n", "n")
    expect(rules.locator(".hunk.is-here")).to_contain_text("The last rule is new.")
    rules.get_by_role("button", name="Leave out").last.click()
    expect(rules.locator(".hunk")).to_have_count(1)
    expect(rules).not_to_contain_text("The last rule is new.")
    rules.get_by_role("button", name="Back to the dream’s text").click()
    expect(rules.locator(".hunk")).to_have_count(2)


def test_a_file_further_down_is_fetched_and_not_decided_on_unseen(page):
    page.locator(".review-files a", has_text="/new/11.md").click()
    last = file(page, "/new/11.md")
    expect(last).to_contain_text("Fact number 11 was said.")
    file(page, "/new/10.md").locator(".file-toggle").click()
    expect(file(page, "/new/10.md")).to_contain_text("Fact number 10 was said.")
    page.get_by_placeholder("Filter files").fill("09")
    expect(page.locator(".review-file:visible")).to_have_count(1)
    page.get_by_placeholder("Filter files").press("Escape")


def test_on_a_phone_nothing_sticks_out(browser, stack, review):
    with page_of(browser, stack.url, viewport={"width": 390, "height": 800}) as page:
        sign_in(page, stack.password)
        for address in (review, review.removesuffix("review"), f"/w/{stack.workspace}/dreams/new"):
            page.goto(address)
            page.wait_for_load_state("networkidle")
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
