"""Stores, their trees and folders in a real browser: keys, moving, and what a screen reader gets."""

import httpx
import pytest

from tests.browser import accessible, chromium, page_of, sign_in
from tests.stack import running_stack

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
def stack():
    with running_stack() as stack:
        yield stack


@pytest.fixture(scope="module")
def store(stack) -> str:
    """The address of a store with plain and hostile names."""
    headers = {"x-api-key": stack.key()}
    with httpx.Client(base_url=f"{stack.url}/v1", headers=headers, timeout=30) as api:
        store = api.post("/memory_stores", json={"name": "Notes"}).json()["id"]
        for path in FILES:
            body = {"path": path, "content": f"# {path[-20:]}\n\nA line.\n"}
            api.post(f"/memory_stores/{store}/memories", json=body).raise_for_status()
    return f"/w/{stack.workspace}/stores/{store}/"


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


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
