"""The pages of import, export, copies and undo."""

import io
import re
import zipfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from memory import stores, uploads
from memory.models import ChangeSet, Store, Upload
from memory.stores import Act
from tests.factories import TESTER, make_store

pytestmark = pytest.mark.django_db
HOSTILE = "<script>alert(1)</script>\u202e\"'&"


def url(name: str, *args) -> str:
    return reverse(f"memory:{name}", args=["lab", *args])


def texts(store: Store) -> dict[str, str]:
    return dict(store.memories.order_by("path").values_list("path", "blob__content"))


def zipped(files: dict[str, str], name: str = "notes.zip") -> SimpleUploadedFile:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return SimpleUploadedFile(name, file.getvalue())


def send(client: Client, store: Store | None, *files, **fields):
    where = url("store_import", store.pk) if store else url("import_new")
    return client.post(where, {"files": files, **fields})


def plan_of(client: Client, store: Store | None, files: dict[str, str], **fields) -> str:
    answer = send(client, store, zipped(files), **fields)
    assert answer.status_code == 302, answer.content
    return answer["Location"]


def seen(client: Client, plan: str) -> dict[str, str]:
    """What the plan's form would send."""
    html = client.get(plan).content.decode()
    form = html[html.index('id="bring-in"') :]
    return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))


def folder(files: dict[str, bytes], **fields: str) -> dict:
    """A form as browsers send it for a whole folder: the files' names are paths."""
    parts = [
        ("csrfmiddlewaretoken", None, b"x"),
        *((k, None, v.encode()) for k, v in fields.items()),
    ]
    parts += [("files", name, data) for name, data in files.items()]
    body = b""
    for name, filename, data in parts:
        shown = f'; filename="{filename}"' if filename else ""
        body += f'--edge\r\nContent-Disposition: form-data; name="{name}"{shown}\r\n\r\n'.encode()
        body += data + b"\r\n"
    return {"data": body + b"--edge--\r\n", "content_type": "multipart/form-data; boundary=edge"}


@pytest.fixture
def store(workspace) -> Store:
    return make_store(files={"/a.md": "a\n", "/same.md": "same\n"})


def test_a_zip_is_planned_imported_and_undone(as_bob, store):
    plan = plan_of(as_bob, store, {"a.md": "A\n", "b.md": "b\n", "same.md": "same\n", "../x": "x"})
    page = as_bob.get(plan)
    for words in ("/a.md", "/b.md", "leads out of the archive", "Import 2 files"):
        assert words in page.content.decode()
    assert texts(store)["/a.md"] == "a\n"
    done = as_bob.post(plan, seen(as_bob, plan), follow=True)
    assert texts(store) == {"/a.md": "A\n", "/b.md": "b\n", "/same.md": "same\n"}
    assert "Imported 2 files." in done.content.decode()
    assert not Upload.objects.exists()
    undo = url("change_undo", store.pk, ChangeSet.objects.get().pk)
    assert undo in done.content.decode()
    assert "as it was before" in as_bob.get(undo).content.decode()
    assert "Undone." in as_bob.post(undo, follow=True).content.decode()
    assert texts(store) == {"/a.md": "a\n", "/same.md": "same\n"}
    assert "undone already" in as_bob.get(undo, follow=True).content.decode()


def test_a_plan_is_shown_by_kind_and_whole_or_as_a_fragment(as_bob, store):
    plan = plan_of(as_bob, store, {"a.md": "A\n", "b.md": "b\n"})
    only = as_bob.get(f"{plan}?show=new", headers={"HX-Request": "true"}).content.decode()
    assert "/b.md" in only and "/a.md" not in only and "<html" not in only
    assert "No file is like that" in as_bob.get(f"{plan}?show=refused").content.decode()
    elsewhere = as_bob.get(f"{plan}?folder=old&overwrite=0&kind=checkout").content.decode()
    assert "/old/a.md" in elsewhere


def test_a_bad_folder_is_refused_in_words(as_bob, store):
    plan = plan_of(as_bob, store, {"a.md": "A\n"})
    answer = as_bob.get(f"{plan}?folder=/a/../b")
    assert answer.status_code == 422
    assert "may not contain . or .." in answer.content.decode()


def test_a_folder_keeps_its_folders(as_bob, store):
    files = {"notes/deep/c.md": b"c", "notes/.git/HEAD": b"ref", "notes/../../up.md": b"x"}
    answer = as_bob.post(url("store_import", store.pk), **folder(files, left_out="12"))
    page = as_bob.get(answer["Location"]).content.decode()
    for words in ("/deep/c.md", "leads out of the archive", "Version control", "12 files"):
        assert words in page


def test_a_single_file_comes_in_under_its_name(as_bob, store):
    answer = send(as_bob, store, SimpleUploadedFile("new.md", b"# New\n"))
    as_bob.post(answer["Location"], seen(as_bob, answer["Location"]))
    assert texts(store)["/new.md"] == "# New\n"


def test_a_store_that_changed_meanwhile_is_planned_anew(as_bob, store):
    plan = plan_of(as_bob, store, {"a.md": "A\n"})
    agreed = seen(as_bob, plan)
    stores.write(store, "/a.md", "meanwhile\n", act=Act(TESTER))
    answer = as_bob.post(plan, agreed)
    assert answer.status_code == 409
    assert "Somebody was faster" in answer.content.decode()
    assert texts(store)["/a.md"] == "meanwhile\n"
    as_bob.post(plan, seen(as_bob, plan))
    assert texts(store)["/a.md"] == "A\n"


def test_changed_files_are_compared_one_by_one(as_bob, store):
    plan = plan_of(as_bob, store, {"a.md": "A\n"})
    answer = as_bob.get(f"{plan}/text?name=a.md&path=/a.md", headers={"HX-Request": "true"})
    assert b">a</td>" in answer.content and b">A</td>" in answer.content
    assert as_bob.get(f"{plan}/text?name=a.md&path=/a.md").status_code == 200
    assert as_bob.get(f"{plan}/text?name=../no&path=%00").status_code == 200


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([], "Choose a zip"),
        ([SimpleUploadedFile("x.zip", b"nonsense")], "not a zip"),
        ([SimpleUploadedFile("x.zip", b"")], "not a zip"),
    ],
)
def test_what_cannot_be_read_is_told_in_words(as_bob, store, files, words):
    for file in files:
        file.seek(0)
    answer = send(as_bob, store, *files)
    assert answer.status_code == 422
    assert words in answer.content.decode()


def test_too_much_at_once_is_told_in_words(as_bob, store, settings):
    settings.DATA_UPLOAD_MAX_NUMBER_FILES = 2
    files = [SimpleUploadedFile(f"{n}.md", b"x") for n in range(3)]
    answer = as_bob.post(url("store_import", store.pk), {"files": files}, follow=True)
    assert "more than can be sent at once" in answer.content.decode()


def test_a_path_too_long_for_a_form_is_told_in_words(as_bob, store):
    answer = as_bob.post(url("store_import", store.pk), **folder({"x" * 2000: b"x"}), follow=True)
    assert "Send it as a zip" in answer.content.decode()


def test_an_upload_needs_the_forms_token(bob, store):
    client = Client(enforce_csrf_checks=True)
    client.force_login(bob)
    assert send(client, store, zipped({"a.md": "A"})).status_code == 403
    page = client.get(url("store_import", store.pk)).content.decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[1]
    answer = send(client, store, zipped({"a.md": "A"}), csrfmiddlewaretoken=token)
    assert answer.status_code == 302


def test_nothing_in_a_zip_is_ever_run(as_bob, store):
    plan = plan_of(as_bob, store, {f"{HOSTILE}.md": "x", "ok.md": HOSTILE})
    page = as_bob.get(plan).content.decode()
    assert "<script>alert" not in page and "\u202e" not in page
    diff = as_bob.get(f"{plan}/text?name=ok.md&path=/ok.md").content.decode()
    assert "<script>alert" not in diff


def test_an_upload_is_for_the_eyes_of_who_sent_it(as_bob, as_alice, store):
    plan = plan_of(as_bob, store, {"a.md": "secret draft"})
    for where in (plan, f"{plan}/text?name=a.md"):
        assert as_alice.get(where).status_code == 404


def test_only_a_few_uploads_of_one_person_are_kept(as_bob, as_alice, store):
    plan_of(as_alice, store, {"a.md": "x"})
    for _ in range(uploads.KEPT + 2):
        last = plan_of(as_bob, store, {"a.md": "x"})
    assert Upload.objects.count() == uploads.KEPT + 1
    assert as_bob.get(last).status_code == 200


def test_viewers_import_nothing_and_may_export(as_vera, store):
    assert as_vera.get(url("store_import", store.pk)).status_code == 403
    assert send(as_vera, None, zipped({"a.md": "x"})).status_code == 403
    assert as_vera.get(url("store_export", store.pk)).status_code == 200
    assert b"Import files" not in as_vera.get(store.get_absolute_url()).content


@pytest.mark.parametrize("state", ["draft", "archived"])
def test_nothing_is_sent_to_a_store_that_cannot_change(as_bob, state):
    store = make_store(state=state)
    answer = as_bob.get(url("store_import", store.pk), follow=True)
    assert "nothing can be imported into it" in answer.content.decode()


def test_a_new_store_is_made_of_an_export(as_bob, store):
    stores.describe(store, description="About.", metadata={"k": "v"})
    data = b"".join(as_bob.get(url("store_export", store.pk)).streaming_content)
    answer = send(as_bob, None, SimpleUploadedFile("x.zip", data))
    plan = answer["Location"]
    page = as_bob.get(plan).content.decode()
    assert "every hash is true" in page and 'value="Notes"' in page
    unnamed = as_bob.post(plan, seen(as_bob, plan) | {"name": " "})
    assert unnamed.status_code == 422
    as_bob.post(plan, seen(as_bob, plan) | {"name": "Notes", "description": "About."})
    copy = Store.objects.first()
    assert copy != store and texts(copy) == texts(store)
    assert (copy.name, copy.description, copy.metadata) == ("Notes", "About.", {"k": "v"})


def test_an_export_has_a_name_and_can_be_of_some_files(as_vera, store):
    answer = as_vera.get(url("store_export", store.pk), {"path": ["/a.md"]})
    assert re.search(r'filename="notes-\d{4}-\d\d-\d\d\.zip"', answer["Content-Disposition"])
    with zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))) as archive:
        assert archive.namelist() == ["reverie-store.json", "memories/a.md"]
    gone = as_vera.get(url("store_export", store.pk), {"path": "/no/"}, follow=True)
    assert "There is no /no/ in this store" in gone.content.decode()


def test_a_store_is_duplicated_under_a_name(as_bob, store):
    where = url("store_duplicate", store.pk)
    assert "Copy of Notes" in as_bob.get(where).content.decode()
    assert as_bob.post(where, {"name": "\x07"}).status_code == 422
    as_bob.post(where, {"name": "Twin"})
    assert texts(Store.objects.get(name="Twin")) == texts(store)


def test_the_sample_store_fills_an_empty_workspace(as_bob, as_vera, workspace):
    assert b"Load the sample store" in as_bob.get(url("stores")).content
    assert b"Load the sample store" not in as_vera.get(url("stores")).content
    page = as_bob.post(url("store_sample"), follow=True).content.decode()
    assert "What this store knows" in page
    store = Store.objects.get()
    assert not store.change_sets.exists()  # files that were imported would be warned of
    for path, text in texts(store).items():
        for target in re.findall(r"\]\((/[^)]+)\)", text):
            assert store.memories.filter(path=target).exists(), f"{path} leads to {target}"
    assert b"Load the sample store" not in as_bob.get(url("stores")).content


# -- Undo


def a_change(store: Store, by: str) -> ChangeSet:
    change_set = ChangeSet.objects.create(
        store=store, kind="import", summary="Import of x", actor=by, actor_name="x"
    )
    stores.write(store, "/a.md", "A\n", act=Act(TESTER, change_set))
    return change_set


def test_what_others_changed_is_undone_by_reviewers_only(as_bob, as_alice, bob, alice, store):
    change_set = a_change(store, alice.pk)
    where = url("change_undo", store.pk, change_set.pk)
    history = f"{url('store_history', store.pk)}?change={change_set.pk}"
    assert as_bob.post(where).status_code == 403
    assert where not in as_bob.get(history).content.decode()
    assert where in as_alice.get(history).content.decode()
    as_alice.post(where)
    assert texts(store)["/a.md"] == "a\n"
    assert where not in as_alice.get(history).content.decode()


def test_later_writes_are_shown_and_decided_on_before_an_undo(as_alice, alice, store):
    where = url("change_undo", store.pk, a_change(store, alice.pk).pk)
    stores.write(store, "/a.md", "later\n", act=Act(TESTER))
    assert "Later writes touch these" in as_alice.get(where).content.decode()
    assert as_alice.post(where).status_code == 409
    assert texts(store)["/a.md"] == "later\n"
    as_alice.post(where, {"path-0": "/a.md", "choice-0": "edit", "text-0": "both\n"})
    assert texts(store)["/a.md"] == "both\n"
