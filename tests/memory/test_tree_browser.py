"""Stores, their trees and folders in a real browser: keys, moving, and what a screen reader gets."""

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser import accessible, page_of, sign_in

pytestmark = [pytest.mark.stack, pytest.mark.browser, pytest.mark.once]
FILES = [
    "/index.md",
    "/notes/talk.md",
    "/notes/travel.md",
    "/people/deep/priya.md",
    f"/{'w' * 255}.md",
    "/\u05d0\u05d1\u05d2.md",
    "/...",
    "/" + "n/" * 19 + "x.md",
]


@pytest.fixture(scope="module")
def store(stack) -> str:
    """The address of a store with plain and hostile names."""
    headers = {"x-api-key": stack.key}
    with httpx.Client(base_url=f"{stack.url}/v1", headers=headers, timeout=30) as api:
        store = api.post("/memory_stores", json={"name": "Notes"}).json()["id"]
        for path in FILES:
            body = {"path": path, "content": f"# {path[-20:]}\n\nA line.\n"}
            api.post(f"/memory_stores/{store}/memories", json=body).raise_for_status()
    return f"/w/{stack.workspace}/stores/{store}/"


@pytest.fixture(scope="module")
def large(stack) -> str:
    """The address of a store whose branches come when they are opened."""
    memories = [{"path": f"/f{n % 4}/deep/file {n}.md", "content": f"{n}\n"} for n in range(310)]
    with httpx.Client(base_url=f"{stack.url}/v1", headers={"x-api-key": stack.key}) as api:
        store = api.post("/memory_stores", json={"name": "Large"}).json()["id"]
        for memory in [*memories, {"path": "/f0/top.md", "content": "top\n"}]:
            api.post(f"/memory_stores/{store}/memories", json=memory).raise_for_status()
    return f"/w/{stack.workspace}/stores/{store}/"


@pytest.fixture
def page(browser, stack, store):
    with page_of(browser, stack.url) as page:
        sign_in(page, stack.password)
        yield page


def test_screen_readers_get_the_stores_their_trees_and_their_folders(page, store):
    for where in (store.rpartition("memstore_")[0], store, f"{store}?folder=/notes/"):
        page.goto(where)
        accessible(page)


def test_what_a_screen_reader_cannot_read_is_reported(browser):
    with page_of(browser, "about:") as page:
        page.set_content("<img src='data:,'><input>")
        with pytest.raises(AssertionError, match="Images must have alternative text"):
            accessible(page)


# -- The tree by keys ---------------------------------------------------------------------


def item(page, name):
    return page.get_by_role("treeitem", name=name)


def test_arrows_walk_the_tree_and_open_and_close_its_folders(page, store):
    page.goto(store)
    item(page, "index.md").focus()
    for key, name in [
        ("ArrowDown", "n/n/n"),
        ("End", "\u05d0\u05d1\u05d2.md"),
        ("Home", "index.md"),
        ("n", "n/n/n"),
        ("n", "notes"),
        ("ArrowRight", "talk.md"),
        ("ArrowLeft", "notes"),
    ]:
        page.keyboard.press(key)
        expect(page.locator("#tree :focus")).to_contain_text(name)
    assert page.locator("#tree [tabindex='0']").count() == 1
    page.keyboard.press("ArrowLeft")
    expect(item(page, "notes")).to_have_attribute("aria-expanded", "false")
    expect(item(page, "talk.md")).to_be_hidden()
    page.keyboard.press(" ")
    expect(item(page, "talk.md")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator("#pane .file-head h2")).to_have_text("notes")
    expect(item(page, "notes")).to_have_attribute("aria-current", "page")


def test_enter_opens_a_file_and_folders_stay_as_they_were_left(page, store):
    page.goto(store)
    item(page, "people").click()
    item(page, "talk.md").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#pane .file-head h2")).to_have_text("talk.md")
    expect(item(page, "people")).to_have_attribute("aria-expanded", "false")
    page.reload()
    expect(item(page, "people")).to_have_attribute("aria-expanded", "false")
    expect(item(page, "talk.md")).to_have_attribute("aria-current", "page")


def test_a_branch_comes_when_it_is_opened_and_all_of_them_by_a_button(page, large):
    page.goto(large)
    item(page, "f0").focus()
    page.keyboard.press("*")
    expect(item(page, "deep")).to_have_count(4)
    expect(item(page, "top.md")).to_have_attribute("aria-level", "2")
    expect(item(page, "top.md")).to_have_attribute("aria-posinset", "2")
    page.get_by_role("button", name="Open all folders").click()
    expect(page.locator("#tree [data-branch]")).to_have_count(0)
    expect(item(page, "file 308.md")).to_be_visible()
    page.get_by_role("button", name="Close all folders").click()
    expect(page.locator("#tree [role=treeitem]:visible")).to_have_count(4)


def test_a_filtered_tree_is_walked_as_well(page, store):
    page.goto(store)
    page.get_by_role("searchbox").fill("tal")
    expect(page.get_by_role("treeitem")).to_have_count(2)
    item(page, "notes").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#tree :focus")).to_contain_text("talk.md")


def test_a_file_that_is_dragged_onto_a_folder_is_asked_about(page, store):
    page.goto(store)
    item(page, "index.md").drag_to(item(page, "people"))
    page.wait_for_url("**/move?to=**")
    expect(page.get_by_role("textbox", name="Path")).to_have_value("/people/deep/index.md")


def test_without_javascript_a_closed_folder_leads_to_its_page(browser, stack, large):
    with page_of(browser, stack.url, java_script_enabled=False) as page:
        sign_in(page, stack.password)
        page.goto(large)
        page.locator("#tree a", has_text="f1").click()
        assert page.locator("#pane h2").inner_text() == "deep"
        assert page.locator("#tree a", has_text="file 1.md").is_visible()
