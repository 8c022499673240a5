"""Writing in a real browser: keys, drafts, the size, a preview, and two people in one file."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser import accessible, page_of, rewrite, sign_in

pytestmark = [pytest.mark.stack, pytest.mark.browser, pytest.mark.once]
PLAN = "# Plan\n\n- One.\n\n## End\n\nThe end.\n"


@pytest.fixture(scope="module")
def signed_in(browser, stack):
    with page_of(browser, stack.url) as page:
        sign_in(page, stack.password)
        page.goto(f"/w/{stack.workspace}/stores/new")
        page.get_by_label("Name").fill("Notes")
        page.get_by_role("button", name=re.compile("Create|Make")).click()
        page.wait_for_url(re.compile(r"/stores/memstore_"))
        yield page


@pytest.fixture
def page(signed_in) -> Page:
    signed_in.evaluate("localStorage.clear()")
    return signed_in


@pytest.fixture
def store(signed_in) -> str:
    return re.match(r".*/stores/memstore_\w+/", signed_in.url)[0]


def text(page: Page):
    return page.locator(".cm-content")


def kept(page: Page) -> str:
    return page.locator("textarea[name=content]").input_value()


def drafts(page: Page) -> int:
    return page.evaluate("Object.keys(localStorage).filter(k => k.startsWith('draft:')).length")


def wait_for_draft(page: Page) -> None:
    """It is kept a moment after the last key."""
    for _ in range(50):
        if drafts(page):
            return
        page.wait_for_timeout(100)
    pytest.fail("No draft was kept.")


def new_file(page: Page, store: str, path: str, content: str = PLAN) -> str:
    """Make a file and open it for editing; returns the address of the editor."""
    page.goto(f"{store}files/new")
    page.get_by_role("textbox", name="Path").fill(path)
    rewrite(page, content)
    page.get_by_role("button", name="Create file").click()
    page.get_by_role("link", name="Edit", exact=True).click()
    expect(text(page)).to_be_focused()
    return page.url


def type_at_end(page: Page, words: str) -> None:
    text(page).press("Control+End")
    page.keyboard.insert_text(words)


def leave(page: Page, where: str, *, stay: bool) -> list[str]:
    """Go elsewhere; returns the warnings that the browser showed."""
    warned: list[str] = []

    def answer(dialog) -> None:
        warned.append(dialog.type)
        (dialog.dismiss if stay else dialog.accept)()

    page.once("dialog", answer)
    page.evaluate("url => { location.href = url }", where)
    if stay:
        page.wait_for_timeout(300)
    else:
        page.wait_for_url(where)
        page.remove_listener("dialog", answer) if not warned else None
    return warned


def test_saving_by_key_stays_and_makes_a_version(page, store):
    new_file(page, store, "/keys.md")
    type_at_end(page, "- Two.\n")
    expect(page.get_by_text("Not saved yet")).to_be_visible()
    page.keyboard.press("Control+s")
    expect(page.locator("[data-saved-note]")).to_contain_text("version 2, by you")
    expect(page.get_by_text("Not saved yet")).to_be_hidden()
    page.keyboard.insert_text("- Three.\n")
    page.keyboard.press("Control+s")
    expect(page.locator("[data-saved-note]")).to_contain_text("version 3, by you")
    expect(page.get_by_text("Not saved yet")).to_be_hidden()
    assert kept(page).endswith("- Two.\n- Three.\n")
    page.keyboard.press("Control+z")
    assert "Three" not in kept(page)
    page.keyboard.press("Control+y")
    expect(page.get_by_text("Not saved yet")).to_be_hidden()
    assert leave(page, store, stay=False) == []
    assert drafts(page) == 0


def test_typing_over_a_selection_breaks_no_policy(page, store):
    new_file(page, store, "/over.md")
    text(page).press("Control+Home")
    page.keyboard.press("Shift+End")
    page.keyboard.type("# Other")
    assert kept(page) == PLAN.replace("# Plan", "# Other")
    leave(page, store, stay=False)


def test_leaving_with_unsaved_text_warns(page, store):
    editor = new_file(page, store, "/leave.md")
    type_at_end(page, "Unsaved.\n")
    assert leave(page, store, stay=True) == ["beforeunload"]
    page.locator("#pane .path a").first.click()
    expect(page.locator("#confirm")).to_contain_text("Leave without saving")
    page.locator("#confirm").get_by_role("button", name="Stay").click()
    assert page.url == editor
    assert kept(page).endswith("Unsaved.\n")
    assert leave(page, store, stay=False) == ["beforeunload"]


def test_a_draft_survives_a_crash_and_belongs_to_its_file(page, store):
    editor = new_file(page, store, "/draft.md")
    type_at_end(page, "Typed before the crash.\n")
    wait_for_draft(page)
    leave(page, store, stay=False)
    new_file(page, store, "/other.md")
    expect(page.locator("[data-draft-restore]")).to_have_count(0)
    page.goto(editor)
    expect(text(page)).not_to_contain_text("crash")
    page.get_by_role("button", name="Restore it").click()
    expect(text(page)).to_contain_text("Typed before the crash.")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".prose")).to_contain_text("Typed before the crash.")
    assert drafts(page) == 0


def test_a_draft_can_be_discarded(page, store):
    editor = new_file(page, store, "/discard.md")
    type_at_end(page, "Nothing of value.\n")
    wait_for_draft(page)
    leave(page, editor, stay=False)
    page.get_by_role("button", name="Discard").click()
    expect(page.locator("[data-draft-discard]")).to_have_count(0)
    assert drafts(page) == 0


def test_the_size_is_counted_in_bytes_and_its_limit_told(page, store):
    new_file(page, store, "/size.md", "é\n")
    expect(page.locator(".counter")).to_have_text("3 / 102,400 bytes")
    type_at_end(page, "x" * 102_400)
    expect(page.locator(".counter")).to_have_text("102,403 / 102,400 bytes · 3 too many")
    page.keyboard.press("Control+s")
    expect(page.locator("#pane .error").first).to_contain_text("at most 102,400")
    assert len(kept(page)) == 102_402
    leave(page, store, stay=False)


def test_a_path_is_checked_while_it_is_typed(page, store):
    new_file(page, store, "/taken.md")
    page.goto(f"{store}files/new")
    path, told = page.get_by_role("textbox", name="Path"), page.locator("#path-check")
    for wrong, reason in (("/a/../b", ".. as a part"), ("/taken.md", "stands here already")):
        path.fill(wrong)
        expect(told).to_contain_text(reason)
    path.fill("/fresh/b.md")
    expect(told).to_contain_text("Free; the folder /fresh is new")
    leave(page, store, stay=False)


def test_the_preview_follows_what_is_typed(page, store):
    new_file(page, store, "/preview.md")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator(".preview h1")).to_have_text("Plan")
    type_at_end(page, "\n```python\nif a: pass\n```\n")
    expect(page.locator(".preview .hl-keyword").first).to_have_text("if ")
    accessible(page)
    page.get_by_role("button", name="Preview").click()
    expect(page.locator(".preview")).to_have_count(0)
    leave(page, store, stay=False)


def test_two_people_in_one_file_decide_where_they_clash(browser, stack, page, store):
    editor = new_file(page, store, "/plan.md")
    rewrite(page, PLAN.replace("One.", "One, from here.") + "More.\n")
    with page_of(browser, stack.url) as other:
        sign_in(other, stack.password)
        other.goto(editor)
        rewrite(other, PLAN.replace("One.", "One, from there.").replace("# Plan", "# P"))
        other.keyboard.press("Control+s")
        expect(other.locator("[data-saved-note]")).to_contain_text("by you")
        page.keyboard.press("Control+s")
        expect(page.get_by_text("Somebody saved first")).to_be_visible()
        page.get_by_role("button", name="Save the result").click()
        expect(page.locator("#pane .error").first).to_contain_text("choose at every place")
        page.locator("label", has_text="Both").click()
        expect(text(page)).to_contain_text("from there")
        accessible(page)
        # A third writer, while the choice is made: what was decided is mine now.
        other.keyboard.press("Control+End")
        other.keyboard.insert_text("Even more.\n")
        other.keyboard.press("Control+s")
        expect(other.locator("[data-saved-note]")).to_contain_text("version 3")
    page.get_by_role("button", name="Save the result").click()
    expect(page.locator("main")).to_contain_text(re.compile("Both changes fit|places? needs? you"))
    assert "- One, from there.\n- One, from here.\n" in kept(page)
    for choice in page.locator("label", has_text="Both").all():
        choice.click()
    page.get_by_role("button", name="Save the result").click()
    expect(page.locator(".prose li")).to_have_text(["One, from there.", "One, from here."])
    expect(page.locator(".prose h1").first).to_have_text("P")
    for each in ("More.", "Even more."):
        expect(page.locator(".prose")).to_contain_text(each)
    assert drafts(page) == 0


def test_without_a_script_it_is_a_plain_form(browser, stack, page, store):
    editor = new_file(page, store, "/plain.md")
    with page_of(browser, stack.url, java_script_enabled=False) as plain:
        sign_in(plain, stack.password)
        plain.goto(editor)
        mine = PLAN.replace("One.", "One, without.")
        plain.locator("textarea[name=content]").fill(mine)
        rewrite(page, PLAN.replace("One.", "One, with."))
        page.keyboard.press("Control+s")
        expect(page.locator("[data-saved-note]")).to_contain_text("by you")
        plain.get_by_role("button", name="Save", exact=True).click()
        plain.get_by_label("What is there now").check()
        plain.get_by_role("button", name="Put my choices").click()
        expect(plain.locator("textarea[name=content]")).to_have_value(re.compile("One, with\\."))
        plain.get_by_label("Both, theirs first").check()
        plain.get_by_role("button", name="Save the result").click()
        # Other choices than those in the text: they are shown before anything is saved.
        expect(plain.locator("textarea[name=content]")).to_have_value(re.compile("without"))
        plain.get_by_role("button", name="Save the result").click()
        expect(plain.locator(".prose")).to_contain_text("One, without.")
        expect(plain.locator(".prose")).to_contain_text("One, with.")
