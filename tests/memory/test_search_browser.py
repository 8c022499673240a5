"""Finding things with the keyboard, in a real browser: the palette, the search, the line."""

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser import page_of, sign_in

pytestmark = [pytest.mark.stack, pytest.mark.browser, pytest.mark.once]
LINES = "".join(f"line {number}\n" for number in range(1, 120)) + "the heron is at noon\nend\n"


@pytest.fixture(scope="module")
def page(browser, stack):
    with httpx.Client(base_url=f"{stack.url}/v1", headers={"x-api-key": stack.key}) as api:
        store = api.post("/memory_stores", json={"name": "Project notes"}).json()["id"]
        for path, text in (("/birds/heron.md", LINES), ("/plan.md", "a plan\n")):
            body = {"path": path, "content": text}
            api.post(f"/memory_stores/{store}/memories", json=body).raise_for_status()
    with page_of(browser, stack.url) as page:
        sign_in(page, stack.password)
        yield page


@pytest.fixture(autouse=True)
def at_home(page):
    page.goto("/")
    page.wait_for_url("**/w/**")


def find(page, typed):
    """Open the palette by key, type, and wait for the answer to just that."""
    page.keyboard.press("Control+k")
    box = page.get_by_role("combobox", name="Find stores")
    expect(box).to_be_focused()
    box.press_sequentially(typed)
    expect(page.locator("#palette-search")).to_contain_text(f"“{typed}”")
    return box


def test_the_palette_opens_a_file_by_keyboard_alone(page):
    box = find(page, "hern")  # nearly
    first = page.get_by_role("option").first
    expect(first).to_contain_text("/birds/heron.md")
    expect(first).to_have_attribute("aria-selected", "true")
    assert box.get_attribute("aria-activedescendant") == first.get_attribute("id")
    box.press("ArrowUp")
    expect(page.locator("#palette-search")).to_have_attribute("aria-selected", "true")
    assert box.get_attribute("aria-activedescendant") == "palette-search"
    box.press("ArrowDown")
    box.press("Enter")
    page.wait_for_url("**/files/mem_*")
    expect(page.get_by_text("the heron is at noon")).to_be_visible()


def test_enter_right_after_typing_opens_what_was_typed(page):
    page.keyboard.press("Control+k")
    page.keyboard.type("plan.md")
    page.keyboard.press("Enter")
    page.wait_for_url("**/files/mem_*")
    expect(page.get_by_text("a plan")).to_be_visible()


def test_escape_closes_it_and_gives_the_focus_back(page):
    opener = page.get_by_role("link", name="Find").first
    opener.click()
    expect(page.get_by_role("option").first).to_be_visible()  # what is new, before a letter
    page.keyboard.type("plan")
    page.keyboard.press("Escape")
    expect(page.locator("#palette")).to_be_hidden()
    expect(opener).to_be_focused()
    page.keyboard.press("Control+k")
    expect(page.locator("#palette")).to_be_visible()
    page.keyboard.press("Control+k")
    expect(page.locator("#palette")).to_be_hidden()


def test_from_the_palette_over_the_search_to_the_line(page):
    find(page, "at noon")
    page.keyboard.press("Enter")
    page.wait_for_url("**/stores/search?q=at%20noon")
    expect(page.locator("mark")).to_have_text("at noon")
    page.get_by_role("link", name="the heron is at noon").click()
    page.wait_for_url("**view=source&q=at%20noon#L120")
    expect(page.locator("#L120")).to_be_in_viewport()
    expect(page.locator("#L120")).to_contain_text("the heron is at noon")


def test_a_telephone_has_it_too(page):
    page.set_viewport_size({"width": 390, "height": 800})
    page.locator(".topbar-find").click()
    page.get_by_role("combobox", name="Find stores").fill("new store")
    page.get_by_role("option", name="New store").first.click()
    page.wait_for_url("**/stores/new")
    page.set_viewport_size({"width": 1400, "height": 900})
