"""In and out in a real browser: a folder and a zip, dropped and chosen, planned, imported, undone."""

import re
import zipfile

import pytest
from playwright.sync_api import expect

from tests.browser import page_of, sign_in

pytestmark = [pytest.mark.stack, pytest.mark.browser, pytest.mark.once]

DROP = """async (zone) => {
  const data = new DataTransfer();
  data.items.add(new File(["# Dropped\\n"], "dropped.md"));
  zone.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true }));
}"""


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "notes"
    (folder / "deep").mkdir(parents=True)
    (folder / ".git").mkdir()
    (folder / ".git" / "HEAD").write_text("ref")
    (folder / "index.md").write_text("# Index\n")
    (folder / "deep" / "a.md").write_text("a from the folder\n")
    (folder / "logo.md").write_bytes(b"\0\1")
    return folder


def test_a_folder_and_a_zip_come_in_and_go_again(browser, stack, folder, tmp_path):
    with zipfile.ZipFile(tmp_path / "more.zip", "w") as archive:
        archive.writestr("deep/a.md", "a from the zip\n")
        archive.writestr("../out.md", "x")
        archive.writestr("b.md", "b\n")
    with page_of(browser, stack.url) as page:
        sign_in(page, stack.password)
        page.goto(f"/w/{stack.workspace}/stores/")
        page.get_by_role("link", name=re.compile("^Import")).first.click()

        page.get_by_label("Or a whole folder").set_input_files(folder)
        page.get_by_role("button", name="Read and show the plan").click()
        page.wait_for_url(re.compile("/imports/"))
        expect(page.locator("#plan")).to_contain_text("/deep/a.md")
        expect(page.locator("#plan")).to_contain_text("NUL")
        expect(page.locator("#plan details.fold-card")).to_contain_text("1 file")
        page.get_by_label("Name of the new store").fill("My notes")
        page.get_by_label("What it is").select_option("files")
        page.get_by_role("button", name="Make the store of 2 files").click()
        page.wait_for_url(re.compile(r"change=chg_"))
        expect(page.locator("h1")).to_have_text("My notes")
        expect(page.locator("#toasts")).to_contain_text("Imported 2 files.")
        store = page.url.partition("history")[0]

        page.goto(f"{store}import")
        page.get_by_label("A zip, or one or more files").set_input_files(tmp_path / "more.zip")
        page.get_by_role("button", name="Read and show the plan").click()
        page.wait_for_url(re.compile("/imports/"))
        page.locator("summary", has_text="/deep/a.md").click()
        expect(page.locator(".plan-files .diff-table")).to_contain_text("a from the zip")
        page.get_by_label("Into the folder").fill("elsewhere")
        page.get_by_label("Into the folder").press("Tab")
        expect(page.locator("#plan")).to_contain_text("/elsewhere/b.md")
        page.get_by_label("Into the folder").fill("/")
        page.get_by_label("Into the folder").press("Tab")
        expect(page.locator("#plan")).not_to_contain_text("/elsewhere/")
        page.get_by_role("button", name="Import 2 files").click()
        page.wait_for_url(re.compile(r"change=chg_"))
        expect(page.locator("#tree")).to_contain_text("b.md")

        page.locator("#toasts").get_by_role("link", name="Undo").click()
        expect(page.locator("#pane")).to_contain_text("What will happen")
        page.get_by_role("button", name="Undo this change").click()
        expect(page.locator("#toasts")).to_contain_text("Undone.")
        expect(page.locator("#tree")).not_to_contain_text("b.md")
        page.goto(f"{store}at?path=/deep/a.md")
        expect(page.locator("#pane")).to_contain_text("a from the folder")

        page.goto(f"{store}import")
        page.locator("[data-drop]").evaluate(DROP)
        page.wait_for_url(re.compile("/imports/"))
        expect(page.locator("#plan")).to_contain_text("/dropped.md")

        page.goto(store)
        page.locator(".page-actions details.menu summary").click()
        with page.expect_download() as download:
            page.get_by_role("link", name="Export as a zip").click()
        with zipfile.ZipFile(download.value.path()) as archive:
            assert "memories/deep/a.md" in archive.namelist()
