"""The main job, end to end in a real browser, against `make run`'s own stack.

The chapters follow each other and share one browser page, as one person's afternoon would.
"""

import re

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests import story
from tests.browser import chromium, page_of, picture, sign_in
from tests.stack import running_stack

pytestmark = [pytest.mark.stack, pytest.mark.browser]
TURN = 20_000  # milliseconds for an agent's turn, on a slow machine
DREAM = 60_000


@pytest.fixture(scope="module")
def stack():
    with running_stack() as stack:
        yield stack


@pytest.fixture(scope="module")
def page(stack):
    with chromium() as browser, page_of(browser, stack.url) as page:
        sign_in(page, stack.password)
        yield page


@pytest.fixture(scope="module")
def seen():
    """What one chapter leaves for the next: addresses of stores and sessions."""
    return {}


def go(page: Page, stack, path: str) -> None:
    page.goto(f"/w/{stack.workspace}/{path}")


def new_session(
    page: Page, stack, message: str, *, store: str = "", instructions: str = "", access: str = ""
) -> str:
    """Start a session with a first message, wait for its turn to end; returns its address."""
    go(page, stack, "sessions/new")
    if store:
        row = page.locator(".mount-row", has_text=store).first
        row.get_by_role("checkbox").check()
        if access:
            row.get_by_role("combobox").select_option(access)
        if instructions:
            row.locator("summary", has_text="Instructions").click()
            row.get_by_role("textbox").fill(instructions)
    page.get_by_label("First message").fill(message)
    page.get_by_role("button", name="Start session").click()
    page.wait_for_url(re.compile(r"/sessions/sesn_"))
    wait_for_turn(page)
    return page.url


def wait_for_turn(page: Page, turns: int = 1) -> None:
    expect(page.locator("#entries .turn-end")).to_have_count(turns, timeout=TURN)


def answer(page: Page) -> str:
    return page.locator(".msg.agent").last.inner_text()


def tools(page: Page) -> list[str]:
    return page.locator(".tool .tool-what").all_inner_texts()


def test_1_the_console_opens_and_holds_nothing_fake(page, stack):
    go(page, stack, "")
    picture(page, "home")
    go(page, stack, "agents/")
    expect(page.get_by_text("Research assistant").first).to_be_visible()
    go(page, stack, "stores/")
    expect(page.get_by_text("cwc-memory")).to_have_count(0)


def test_2_without_a_store_the_agent_forgets(page, stack):
    new_session(page, stack, story.TOLD)
    new_session(page, stack, story.ASKED)
    assert story.LINK not in answer(page)
    assert "know nothing" in answer(page) or "nothing" in answer(page)


def test_3_with_a_store_it_remembers(page, stack, seen):
    go(page, stack, "stores/new")
    page.get_by_label("Name").fill("cwc-memory")
    page.get_by_role("button", name=re.compile("Create|Make")).click()
    page.wait_for_url(re.compile(r"/stores/memstore_"))
    seen["store"] = page.url
    seen["taught"] = new_session(
        page, stack, story.TOLD, store="cwc-memory", instructions=story.INSTRUCTIONS
    )
    assert any("nothing" in text for text in page.locator(".tool").all_inner_texts())
    assert page.locator(".tool.is-write").count() == 1
    new_session(page, stack, story.ASKED, store="cwc-memory")
    assert any("earch" in line for line in tools(page)) and any("Read" in t for t in tools(page))
    assert story.LINK in answer(page) and "cma-talk.md" in answer(page)
    picture(page, "session")


def test_4_a_tool_call_opens_to_what_it_did(page):
    call = page.locator("details.tool", has_text="Search").first
    call.locator("summary").click()
    expect(call.locator(".tool-body")).to_contain_text("cma-talk.md")


def test_5_the_memory_is_edited_by_hand_and_history_knows_who(page, seen):
    page.goto(seen["store"])
    page.get_by_role("treeitem", name="cma-talk.md").click()
    expect(page.locator(".prose").first).to_contain_text("CMA talk")
    picture(page, "memory")
    page.get_by_role("link", name="Edit", exact=True).first.click()
    page.locator(".cm-content").press("Control+End")
    page.keyboard.insert_text("- The room was B2. (said 2026-11-20)\n")
    page.get_by_role("button", name=re.compile("^Save")).first.click()
    expect(page.locator(".prose").first).to_contain_text("The room was B2")
    page.get_by_role("link", name="History").first.click()
    history = page.locator("main")
    expect(history).to_contain_text("owner")
    expect(history).to_contain_text("Research assistant")


def test_6_a_file_is_added_under_a_new_folder(page, seen):
    page.goto(seen["store"])
    page.get_by_role("link", name="New file").first.click()
    page.get_by_role("textbox", name="Path").fill("/people/priya.md")
    page.locator(".cm-content").fill("# Priya\n\n- Leads the pilot.\n")
    page.get_by_role("button", name=re.compile("^(Create|Save)")).first.click()
    expect(page.locator(".prose").first).to_contain_text("Leads the pilot")
    page.goto(seen["store"])
    expect(page.get_by_text("people").first).to_be_visible()


def test_7_a_read_only_session_changes_nothing_and_says_why(page, stack):
    new_session(page, stack, "The cafe opens at 7:15.", store="cwc-memory", access="read_only")
    assert "read-only" in answer(page)
    assert page.locator(".tool.is-write").count() == 0


def test_8_a_dream_is_launched_watched_and_reviewed(page, stack, seen):
    for told in story.MORE:
        new_session(page, stack, told, store="cwc-memory", instructions=story.INSTRUCTIONS)
    store_id = re.search(r"memstore_\w+", seen["store"])[0]
    key = stack.key
    before = _files(stack, key, store_id)
    go(page, stack, f"dreams/new?store={store_id}")
    picture(page, "dream-new")
    for box in page.locator("table input[type=checkbox][name=sessions]").all():
        box.check()
    page.get_by_role("button", name=re.compile("Start|Dream|Launch")).last.click()
    page.wait_for_url(re.compile(r"/dreams/drm_\w+/$"))
    seen["dream"] = page.url
    expect(page.get_by_role("link", name=re.compile("Review")).first).to_be_visible(timeout=DREAM)
    picture(page, "dream")
    assert _files(stack, key, store_id) == before
    go(page, stack, "sessions/new")
    expect(page.locator(".mount-row")).to_have_count(1)


def test_9_the_review_is_read_decided_and_approved(page, seen):
    page.goto(seen["dream"] + "review")
    text = page.locator("main").inner_text()
    assert "index.md" in text and "14:30" in text
    picture(page, "review")
    card = card_of(page, "/follow-ups.md")
    card.get_by_role("button", name="Reject").click()
    expect(card).to_have_class(re.compile("is-reject"))
    card = card_of(page, "/index.md")
    card.get_by_role("link", name="Edit").click()
    expect(card.locator(".cm-content")).to_be_focused()
    page.keyboard.press("Control+End")
    page.keyboard.insert_text("\nRead by a person.\n")
    card.get_by_role("button", name="Save this text").click()
    expect(card).to_have_class(re.compile(r"is-edit\b"))
    expect(card).to_contain_text("Read by a person.")
    page.get_by_role("button", name=re.compile("^Approve")).first.click()
    page.wait_for_url(re.compile(r"/adopt"))
    picture(page, "adopt")


def test_a_it_is_adopted_and_undone_and_adopted_as_a_new_store(page, stack, seen):
    adopt(page, "same_store")
    page.wait_for_url(re.compile(r"/receipt"))
    picture(page, "receipt")
    new_session(page, stack, "When is the CMA talk?", store="cwc-memory")
    assert "14:30" in answer(page)
    reads = [line for line in tools(page) if line.startswith("Read")]
    assert "index.md" in reads[0]

    page.goto(seen["dream"] + "receipt")
    page.get_by_role("button", name=re.compile("Undo")).first.click()
    confirm(page)
    expect(page.locator("main")).to_contain_text(re.compile("undone", re.IGNORECASE))
    page.goto(seen["store"])
    expect(page.locator("#tree, #pane").get_by_text("index.md")).to_have_count(0)

    page.goto(seen["dream"] + "adopt")
    adopt(page, "new_store", archive_old=True)
    page.wait_for_url(re.compile(r"/receipt"))
    page.goto(seen["taught"])
    expect(page.locator(".msg").first).to_contain_text("I attended the CMA talk")
    go(page, stack, "sessions/new")
    expect(page.locator(".mount-row")).to_have_count(1)
    expect(page.locator(".mount-row")).to_contain_text("dream")


def card_of(page: Page, path: str):
    return page.locator("section.review-file", has=page.locator(".diff-head .name", has_text=path))


def adopt(page: Page, mode: str, *, archive_old: bool = False) -> None:
    page.locator(f"input[name=mode][value={mode}]").check()
    if archive_old:
        page.locator("input[name=archive_old]").check()
    page.get_by_role("button", name=re.compile("^Adopt")).last.click()


def confirm(page: Page) -> None:
    dialog = page.locator("dialog[open]")
    if dialog.count():
        dialog.get_by_role("button", name=re.compile("Undo|Confirm|Yes")).last.click()


def _files(stack, key: str, store_id: str) -> dict:
    """The store's files as the API gives them, byte for byte."""
    answer = httpx.get(
        f"{stack.url}/v1/memory_stores/{store_id}/memories?view=full", headers={"x-api-key": key}
    )
    return {memory["path"]: memory["content"] for memory in answer.json()["data"]}
