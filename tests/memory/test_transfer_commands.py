"""`manage.py export_store` and `import_store`: what they print, write and exit with."""

import io
import zipfile
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from memory.models import ChangeSet, Store
from tests.factories import make_store, make_workspace

pytestmark = pytest.mark.django_db
FILES = {"/a.md": "a\n", "/notes/b.md": "b\n"}


def texts(store: Store) -> dict[str, str]:
    return dict(store.memories.order_by("path").values_list("path", "blob__content"))


def run(*arguments: str | Path) -> str:
    out = io.StringIO()
    call_command(*map(str, arguments), stdout=out)
    return out.getvalue()


@pytest.fixture
def store(workspace) -> Store:
    return make_store(name="Notes", files=FILES)


@pytest.fixture
def folder(tmp_path) -> Path:
    folder = tmp_path / "mine"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.md").write_text("A\n")
    (folder / "deep" / "c.md").write_text("c\n")
    return folder


def test_a_store_goes_out_and_comes_back(store, tmp_path):
    file = tmp_path / "out.zip"
    assert str(file) in run("export_store", "Notes", "--output", file)
    assert "2 new" in run("import_store", file, "--new", "Again")
    assert texts(Store.objects.get(name="Again")) == FILES


def test_chosen_files_go_out(store, tmp_path):
    file = tmp_path / "out.zip"
    run("export_store", store.pk, "--path", "/notes/", "--output", file)
    with zipfile.ZipFile(file) as archive:
        assert archive.namelist()[1:] == ["memories/notes/b.md"]


def test_a_dry_run_prints_the_plan_and_writes_nothing(store, folder):
    told = run("import_store", folder, "--store", "Notes", "--dry-run")
    assert "~ /a.md" in told and "+ /deep/c.md" in told
    assert "Would import 1 new, 1 changed." in told
    assert texts(store) == FILES


def test_a_folder_comes_in_where_one_says(store, folder):
    run("import_store", folder, "--store", store.pk, "--folder", "old", "--keep-top")
    assert texts(store) == FILES | {"/old/mine/a.md": "A\n", "/old/mine/deep/c.md": "c\n"}
    assert ChangeSet.objects.get().actor_name == "manage.py"


def test_existing_files_can_be_kept(store, folder):
    run("import_store", folder, "--store", "Notes", "--keep-existing")
    assert texts(store) == FILES | {"/deep/c.md": "c\n"}


def test_a_single_file_comes_in(store, folder):
    run("import_store", folder / "deep" / "c.md", "--store", "Notes")
    assert texts(store)["/c.md"] == "c\n"


def test_refused_files_are_told_and_the_others_come_in(store, folder):
    (folder / "link.md").symlink_to("/etc/passwd")
    out = io.StringIO()
    with pytest.raises(CommandError, match="1 files were refused") as error:
        call_command("import_store", str(folder), store="Notes", stdout=out)
    assert error.value.returncode == 3
    assert "! mine/link.md: It is a symbolic link" in out.getvalue()
    assert texts(store)["/deep/c.md"] == "c\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("export_store", "Nothing"), "There is no store"),
        (("export_store", "Notes", "--path", "/no"), "There is no /no"),
        (("export_store", "Twice"), "Several stores"),
        (("export_store", "Notes", "--output", "/"), "cannot be written|exists already"),
        (("import_store", "/nowhere.zip", "--store", "Notes"), "cannot be read"),
        (("import_store", __file__, "--store", "Nothing"), "There is no store"),
        (("import_store", __file__, "--new", ""), "required|1 to 255"),
        (("import_store", __file__, "--store", "Notes", "--folder", "a/../b"), "may not contain"),
        (("import_store", __file__, "--store", "Old"), "archived"),
    ],
)
def test_errors_are_told_in_words(store, arguments, words):
    make_store(name="Twice"), make_store(name="Twice"), make_store(name="Old", state="archived")
    with pytest.raises(CommandError, match=words) as error:
        run(*arguments)
    assert error.value.returncode == 1


def test_what_is_no_zip_is_refused(store, tmp_path):
    (tmp_path / "x.zip").write_text("nonsense")
    with pytest.raises(CommandError, match="not a zip"):
        run("import_store", tmp_path / "x.zip", "--store", "Notes")


def test_an_export_overwrites_no_file(store, tmp_path):
    (tmp_path / "mine.zip").write_text("mine")
    with pytest.raises(CommandError, match="exists already"):
        run("export_store", "Notes", "--output", tmp_path / "mine.zip")


def test_another_workspaces_store_is_not_found(store, workspace):
    other = make_workspace("Other")
    with pytest.raises(CommandError, match="There is no store"):
        run("export_store", store.pk, "--workspace", other.slug)
