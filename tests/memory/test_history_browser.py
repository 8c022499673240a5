"""Histories in a real browser: filters in place, any two versions, blame, going back, redacting."""

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser import accessible, page_of, sign_in

pytestmark = [pytest.mark.stack, pytest.mark.browser, pytest.mark.once]
TEXTS = ["# Talk\n\nThe talk is at noon.\n", "# Talk\n\nThe talk is at two.\n"]
TEXTS.append(TEXTS[1] + "\nBring the slides.\n")


@pytest.fixture
def store(stack) -> str:
    """The address of a store with a file of three versions, made by a program."""
    headers = {"x-api-key": stack.key}
    with httpx.Client(base_url=f"{stack.url}/v1", headers=headers) as api:
        made = api.post("/memory_stores", json={"name": "Notes"}).json()["id"]
        memories = f"/memory_stores/{made}/memories"
        first = api.post(memories, json={"path": "/talk.md", "content": TEXTS[0]}).json()["id"]
        for text in TEXTS[1:]:
            api.post(f"{memories}/{first}", json={"content": text}).raise_for_status()
    return f"/w/{stack.workspace}/stores/{made}/"


@pytest.fixture
def page(browser, stack, store):
    with page_of(browser, stack.url) as page:
        sign_in(page, stack.password)
        page.goto(store)
        page.goto(f"{store}at?path=/talk.md")
        yield page


def fits(page: Page) -> None:
    """Everybody, and a phone as well."""
    accessible(page)
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.set_viewport_size({"width": 1400, "height": 900})


def test_versions_are_filtered_compared_and_traced(page):
    page.get_by_role("link", name="History", exact=True).click()
    rows = page.locator(".entries > li")
    expect(rows).to_have_count(3)
    page.get_by_label("What happened").select_option("created")
    expect(rows).to_have_count(1)
    page.get_by_role("link", name="Clear").click()
    expect(rows).to_have_count(3)
    fits(page)
    page.get_by_label("Old: created").check()
    page.get_by_role("button", name="Compare").click()
    expect(page.locator("del")).to_have_text("noon")
    expect(page.locator("tr.added")).to_have_count(2)
    page.get_by_role("link", name="Swap the two").click()
    expect(page.locator("ins")).to_have_text("noon")
    fits(page)
    page.get_by_role("link", name="All versions").click()
    page.get_by_role("link", name="Blame").click()
    expect(page.locator(".blame > li")).to_have_count(3)
    expect(page.locator(".blame > li").nth(1)).to_contain_text("The talk is at two.")
    fits(page)


def test_a_store_goes_back_to_a_moment_after_a_look_at_what_changes(page, store):
    page.goto(f"{store}asof")
    page.get_by_role("link", name="Change before").click()
    page.get_by_role("link", name="talk.md").last.click()
    expect(page.get_by_text("The talk is at two.")).to_be_visible()
    expect(page.get_by_text("Bring the slides.")).to_be_hidden()
    page.get_by_role("link", name="Restore the whole store").click()
    page.locator("summary", has_text="/talk.md").click()
    expect(page.locator("tr.removed").last).to_contain_text("Bring the slides.")
    fits(page)
    page.get_by_role("button", name="Restore 1 file").click()
    expect(page.get_by_text("The store is as it was then")).to_be_visible()
    page.goto(f"{store}at?path=/talk.md")
    expect(page.get_by_text("Bring the slides.")).to_be_hidden()


def test_a_text_is_redacted_with_a_reason(page):
    page.get_by_role("link", name="History", exact=True).click()
    page.get_by_role("link", name="Created").click()
    page.get_by_label("More about this version").click()
    page.get_by_role("link", name="Redact").click()
    page.get_by_label("Reason").fill("The hour was a secret")
    fits(page)
    page.get_by_role("button", name="Redact").click()
    expect(page.get_by_text("“The hour was a secret”")).to_be_visible()
    expect(page.get_by_text("at noon")).to_have_count(0)
    page.get_by_role("link", name="All versions").click()
    expect(page.locator(".entries > li").last).to_contain_text("The hour was a secret")
