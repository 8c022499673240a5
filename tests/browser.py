"""A real browser for tests: headless Chromium that reports every error a page makes."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.patience import wait_until

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or "/usr/bin/chromium"
# Generous, for machines that do other things as well; a test that passes never waits this long.
expect.set_options(timeout=20_000)
QUIET = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def chromium() -> Iterator[Browser]:
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*QUIET, *sandbox], headless=True
        )
        yield browser
        browser.close()


@contextmanager
def page_of(browser: Browser, url: str, **options) -> Iterator[Page]:
    """A page in a profile of its own. Fails when a page logged an error, broke the Content Security
    Policy or asked another host for anything.
    """
    context = browser.new_context(
        base_url=url, **{"viewport": {"width": 1400, "height": 900}, **options}
    )
    context.set_default_timeout(30_000)
    page = context.new_page()
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(f"error: {error}"))
    page.on("console", lambda message: _note(message, troubles))
    page.on("request", lambda request: _check_host(request.url, url, troubles))
    yield page
    context.close()
    assert not troubles, "\n".join(troubles)


EXPECTED = (
    "Failed to load resource: the server responded with a status of 4",
    # A newer request took its place, as `hx-sync` asks; a request that failed says so otherwise.
    "htmx:sendAbort",
    "htmx:afterRequest",
)


def _note(message, troubles: list[str]) -> None:
    if message.type == "error" and not message.text.startswith(EXPECTED):
        troubles.append(f"console: {message.text}")


def _check_host(asked: str, url: str, troubles: list[str]) -> None:
    if not asked.startswith((url, "data:", "blob:", "about:")):
        troubles.append(f"asked another host: {asked}")


def sign_in(page: Page, password: str, username: str = "owner") -> None:
    page.goto("/sign-in")
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/w/**")


def rewrite(page: Page, text: str) -> None:
    """Put another text into the editor as a person does, by keys."""
    page.locator(".cm-content").press("Control+a")
    page.keyboard.press("Delete")
    page.keyboard.insert_text(text)


# Colours fade from one scheme to the other; half-way they have no contrast that counts.
AT_REST = """() => document.getAnimations().every(
    (each) => each.playState !== "running" || each.effect.getComputedTiming().iterations === Infinity
)"""


def accessible(page: Page) -> None:
    """Fail when axe-core finds anything on the page, in the light or in the dark.

    What a screen reader gets is the same in both; colours are not. The page keeps its state.
    """
    found = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        # Playwright's own waiting evaluates text in the page, which our policy forbids.
        assert wait_until(lambda: page.evaluate(AT_REST), 10)
        violations = Axe().run(page).response["violations"]
        found += [_violation(scheme, each) for each in violations]
    page.emulate_media(color_scheme="null", reduced_motion="null")
    assert not found, f"{page.url}\n" + "\n".join(found)


def _violation(scheme: str, found: dict) -> str:
    nodes = [f"    {node['target']}  {node['html'][:160]}" for node in found["nodes"][:8]]
    reason = (found["nodes"][0].get("failureSummary") or "").replace("\n", " ")
    more = [f"    … and {len(found['nodes']) - 8} more"] if len(found["nodes"]) > 8 else []
    return "\n".join([f"{scheme}: {found['id']}: {found['help']}", f"    {reason}", *nodes, *more])


def picture(page: Page, name: str) -> None:
    """Keep a screenshot when PICTURES names a folder: so the README's pictures are real."""
    if folder := os.environ.get("PICTURES"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(folder, f"{name}.png"))
