"""The session page in a real browser while a slow model talks: nothing is lost, doubled or stolen."""

import json

import pytest
from playwright.sync_api import Page, expect

from tests.browser import chromium, page_of, sign_in
from tests.patience import wait_until
from tests.sessions.fake_models import Call, FakeModels, Raw, Turn
from tests.slow_proxy import withholding
from tests.stack import running_stack

pytestmark = [pytest.mark.stack, pytest.mark.browser, pytest.mark.once]
WORDS = [f"word{number} " for number in range(40)]
FAILURES = iter(["once"])
ENTRIES = """() => [...document.querySelectorAll("#entries > *")].map((entry) => [
  entry.id, ...[...entry.querySelectorAll(".msg-body, .prose, .tool-summary")].map((e) => e.innerText)
].join(" "))"""


def respond(asked):
    """Use a tool first, then talk for two seconds; fail where one is asked to."""
    last = asked["messages"][-1]
    if last["role"] == "tool":
        return Turn(*WORDS, "**done**", delay=0.05)
    if "Fail" in str(last) and next(FAILURES, None):
        return Raw(401, {"error": {"message": "Unknown key", "type": "authentication_error"}})
    return Turn("Let me look. ", Call("grep", {"pattern": "talk"}), delay=0.05)


@pytest.fixture(scope="module")
def stack():
    with FakeModels(respond) as fake, running_stack(**fake.environment) as stack:
        yield stack


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser, stack):
    with page_of(browser, stack.url) as page:
        sign_in(page, stack.password)
        page.goto(f"/w/{stack.workspace}/agents/new")
        page.get_by_label("Name").fill("Slow talker")
        page.get_by_text("fake-model").first.click()
        page.get_by_role("button", name="Make agent").click()
        page.get_by_role("link", name="New session").click()
        page.get_by_role("button", name="Start session").click()
        page.wait_for_url("**/sessions/sesn_*/")
        yield page


@pytest.fixture
def careful(browser, stack):
    """A page of a session whose agent asks before each call."""
    with page_of(browser, stack.url) as page:
        sign_in(page, stack.password)
        page.goto(f"/w/{stack.workspace}/agents/new")
        page.get_by_label("Name").fill("Careful")
        page.get_by_text("fake-model").first.click()
        page.get_by_label("May the agent use its tools?").select_option("always_ask")
        page.get_by_role("button", name="Make agent").click()
        page.get_by_role("link", name="New session").click()
        page.get_by_role("button", name="Start session").click()
        page.wait_for_url("**/sessions/sesn_*/")
        yield page


def test_a_call_is_denied_in_place_with_enter_and_the_next_one_allowed(careful):
    page = careful
    say(page, "Look it up")
    why = page.get_by_label("Why not")
    why.fill("Not in there")
    why.press("Enter")
    expect(page.locator(".tool.is-denied")).to_contain_text("denied by owner")
    expect(page.locator("#entries .turn-end")).to_have_count(2)
    say(page, "Try again")
    page.get_by_role("button", name="Allow").click()
    expect(page.locator(".tool.is-done")).to_contain_text("allowed by owner")
    expect(page.locator(".held")).to_have_count(0)


def say(page: Page, text: str) -> None:
    page.get_by_label("Message", exact=True).fill(text)
    page.keyboard.press("Enter")


def wait_for_turn(page: Page) -> None:
    expect(page.locator("#entries .turn-end")).to_have_count(1, timeout=20_000)


def test_what_streams_in_is_what_a_reload_shows_in_every_tab(page):
    other = page.context.new_page()
    other.goto(page.url)
    say(page, "What do you know about the talk?")
    expect(page.locator("#preview")).to_contain_text("word5")
    expect(other.locator("#preview")).to_contain_text("word5")
    page.reload()
    wait_for_turn(page)
    wait_for_turn(other)
    after_reload, streamed = page.evaluate(ENTRIES), other.evaluate(ENTRIES)
    page.reload()
    assert after_reload == streamed == page.evaluate(ENTRIES)
    assert len(set(streamed)) == len(streamed) == 5


def test_a_message_waits_while_the_agent_works_and_stop_stops_it(page):
    say(page, "Begin")
    expect(page.locator("#preview")).to_contain_text("word1")
    say(page, "And then this")
    expect(page.locator("#waiting")).to_contain_text("And then this")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#entries")).to_contain_text("Stopped on request")
    expect(page.locator("#waiting")).to_be_empty(timeout=20_000)
    expect(page.locator("#entries")).to_contain_text("And then this")


def test_a_message_that_waits_is_taken_back_in_every_tab_and_never_heard(page):
    other = page.context.new_page()
    other.goto(page.url)
    say(page, "Begin")
    expect(page.locator("#preview")).to_contain_text("word1")
    say(page, "Better not")
    expect(other.locator("#waiting")).to_contain_text("Better not")
    page.locator("#waiting").get_by_role("button", name="Remove").click()
    expect(other.locator("#waiting")).to_be_empty()
    wait_for_turn(page)
    expect(page.locator("#session-status")).to_contain_text("Idle")
    expect(page.locator("#entries .turn-end")).to_have_count(1)


def test_a_failed_turn_is_tried_again_in_place(page):
    say(page, "Fail")
    expect(page.locator("#entries")).to_contain_text("Unknown key")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("#preview")).to_contain_text("word5")
    expect(page.get_by_role("button", name="Try again")).to_have_count(0)
    wait_for_turn(page)
    expect(page.locator("#entries article", has_text="Fail")).to_have_count(1)


def turned_up(page: Page) -> bool:
    """Turn the wheel, as one does until the top is there: an element that is swapped may swallow a turn."""
    page.mouse.wheel(0, -2000)
    return page.evaluate("scrollY") == 0


def test_the_reader_is_not_pulled_away_and_finds_back(page):
    page.set_viewport_size({"width": 900, "height": 420})
    say(page, "Talk")
    expect(page.locator("#preview")).to_contain_text("word5")
    page.mouse.move(300, 200)
    assert wait_until(lambda: turned_up(page), 10)
    wait_for_turn(page)
    assert page.evaluate("scrollY") == 0
    page.get_by_role("button", name="Jump to latest").click()
    expect(page.locator(".turn-end")).to_be_in_viewport()


def test_behind_a_proxy_that_holds_streams_back_the_page_looks_by_itself(page, browser, stack):
    session = page.url.removeprefix(stack.url)
    with withholding(stack.url) as url, page_of(browser, url) as held:
        sign_in(held, stack.password)
        held.goto(session)
        say(held, "Talk")
        wait_for_turn(held)
        expect(held.get_by_text("looks every 2 seconds")).to_be_visible()
        expect(held.locator("#connection")).to_be_hidden()
        looked = held.evaluate(ENTRIES)
        page.reload()
        assert page.evaluate(ENTRIES) == looked


def test_what_cannot_be_sent_stays_in_the_box(page):
    box = page.get_by_label("Message", exact=True)
    box.fill("x" * 1_000_001)
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#composer-error")).to_contain_text("too long")
    assert len(page.get_by_label("Message", exact=True).input_value()) == 1_000_001


def test_an_answer_that_says_what_is_wrong_is_the_only_one_to_say_so(page, browser):
    context = browser.new_context(storage_state=page.context.storage_state())
    troubled = context.new_page()  # a page on its own, for the other fixture's must meet no trouble
    troubled.goto(page.url)
    words = "<!doctype html><p data-error>The database is away.</p>"
    answer = {"status": 503, "body": words, "content_type": "text/html"}
    troubled.route("**/say", lambda route: route.fulfill(**answer))
    say(troubled, "Hello?")
    expect(troubled.locator("#toasts [data-toast]")).to_have_text(["The database is away."])
    expect(troubled.locator("#composer-text")).to_have_value("Hello?")
    context.close()


def test_what_is_sent_after_the_sign_in_has_expired_stands_there_again(page, stack):
    page.goto(f"/w/{stack.workspace}/agents/new")
    page.get_by_label("Name").fill("Nobody may lose this")
    page.context.clear_cookies(name="reverie")
    page.get_by_role("button", name="Make agent").click()
    page.wait_for_url("**/sign-in?next=**")
    page.get_by_label("Username").fill("owner")
    page.get_by_label("Password", exact=True).fill(stack.password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/agents/new")
    expect(page.get_by_label("Name")).to_have_value("Nobody may lose this")
    expect(page.locator("#toasts")).to_contain_text("was not sent")
    page.get_by_role("button", name="Make agent").click()
    page.wait_for_url("**/agents/agent_*/")
    page.goto(f"/w/{stack.workspace}/agents/new")
    expect(page.get_by_label("Name")).to_have_value("")


def test_earlier_entries_come_while_one_scrolls_up_and_what_is_read_stays_in_place(page, stack):
    said = [
        {"role": role, "content": f"Word {n}"} for n in range(160) for role in ("user", "assistant")
    ]
    file = {
        "name": "long.json",
        "mimeType": "application/json",
        "buffer": json.dumps(said).encode(),
    }
    page.goto(f"/w/{stack.workspace}/sessions/import")
    page.locator("#import-files").set_input_files(file)
    page.get_by_role("button", name="Read and show the plan").click()
    page.get_by_role("button", name="Import").click()
    page.wait_for_url("**/sessions/sesn_*/")
    entries = page.locator("#entries > article")
    expect(entries.last).to_contain_text("Word 159")
    assert entries.count() < 300
    first = entries.first.get_attribute("id")
    page.evaluate("scrollTo(0, 0)")
    expect(entries).to_have_count(320)
    top = page.evaluate("id => document.getElementById(id).getBoundingClientRect().top", first)
    assert 0 < top < page.viewport_size["height"]
