"""Import and export over HTTP, as any program speaks it."""

import io
import zipfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from console.models import Role
from memory import stores
from memory.models import Store, Upload
from memory.stores import Act
from tests.factories import TESTER, Api, make_api, make_store

pytestmark = pytest.mark.django_db


def texts(store: Store) -> dict[str, str]:
    return dict(store.memories.order_by("path").values_list("path", "blob__content"))


def zip_of(files: dict[str, str]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return file.getvalue()


def send(api: Api, store: Store, body: bytes, query: str = "", kind: str = "application/zip"):
    return api.client.post(
        f"/v1/memory_stores/{store.pk}/import{query}",
        data=body,
        content_type=kind,
        headers={"x-api-key": api.secret},
    )


def export(api: Api, store: Store, query: str = ""):
    return api.get(f"/v1/memory_stores/{store.pk}/export{query}")


@pytest.fixture
def store(workspace) -> Store:
    return make_store(files={"/a.md": "a\n", "/notes/b.md": "b\n"})


def test_an_export_comes_back_as_it_was(api, store):
    answer = export(api, store)
    assert answer["Content-Type"] == "application/zip"
    assert answer["request-id"].startswith("req_")
    copy = make_store()
    told = send(api, copy, b"".join(answer.streaming_content)).json()
    assert texts(copy) == texts(store)
    assert (told["type"], told["kind"], told["counts"]["new"]) == ("import_plan", "export", 2)
    assert told["change_set"]["kind"] == "import"


def test_files_and_folders_are_exported_by_path(api, store):
    data = b"".join(export(api, store, "?path=/notes/").streaming_content)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.namelist() == ["reverie-store.json", "memories/notes/b.md"]
    wrong = export(api, store, "?path=/no.md")
    assert wrong.status_code == 400
    assert wrong.json()["error"]["type"] == "invalid_request_error"


def test_a_dry_run_answers_the_plan_and_writes_nothing(api, store):
    body = zip_of({"a.md": "A\n", "c.md": "c\n", "../x.md": "x"})
    plan = send(api, store, body, "?dry_run=true").json()
    assert "change_set" not in plan
    assert {file["path"]: file["status"] for file in plan["files"]} == {
        "../x.md": "refused",
        "/a.md": "changed",
        "/c.md": "new",
    }
    assert "leads out" in plan["files"][0]["reason"]
    assert texts(store)["/a.md"] == "a\n"


def test_a_plan_that_was_agreed_to_is_done_or_refused(api, store):
    body = zip_of({"a.md": "A\n"})
    agreed = send(api, store, body, "?dry_run=true").json()["plan_sha256"]
    stores.write(store, "/a.md", "meanwhile\n", act=Act(TESTER))
    refused = send(api, store, body, f"?plan_sha256={agreed}")
    assert (refused.status_code, refused["x-should-retry"]) == (409, "false")
    error = refused.json()["error"]
    assert error["type"] == "conflict_error"
    assert texts(store)["/a.md"] == "meanwhile\n"
    again = send(api, store, body, f"?plan_sha256={error['plan']['plan_sha256']}")
    assert again.status_code == 200
    assert texts(store)["/a.md"] == "A\n"


def test_options_are_told_in_the_query(api, store):
    body = zip_of({"repo/a.md": "A\n", "repo/b.py": "b\n"})
    query = "?kind=checkout&path_prefix=/old/&strip=false&overwrite=false"
    told = send(api, store, body, query).json()
    assert texts(store)["/old/repo/a.md"] == "A\n"
    assert told["skipped"] == {"neither Markdown nor plain text": 1}
    assert send(api, store, body, "?overwrite=false").json()["counts"]["kept"] == 1


def test_a_form_with_files_is_taken_too(api, store):
    answer = api.client.post(
        f"/v1/memory_stores/{store.pk}/import",
        {"files": [SimpleUploadedFile("new.md", b"# New\n")]},
        headers={"x-api-key": api.secret},
    )
    assert answer.json()["counts"]["new"] == 1
    assert texts(store)["/new.md"] == "# New\n"
    assert not Upload.objects.exists()


@pytest.mark.parametrize(
    ("body", "query", "kind"),
    [
        (b"", "", "application/zip"),
        (b"nonsense", "", "application/zip"),
        (b"{}", "", "application/json"),
        (b"x", "", "multipart/form-data; boundary=edge"),
        (b"x", "", "multipart/form-data"),
        (zip_of({"a.md": "a"}), "?path_prefix=old", "application/zip"),
        (zip_of({"a.md": "a"}), "?kind=nonsense", "application/zip"),
        (zip_of({"a.md": "a"}), "?kind=export", "application/zip"),
        (zip_of({"a.md": "a"}), "?dry_run=perhaps", "application/zip"),
        (zip_of({"reverie-store.json": "{}"}), "", "application/zip"),
    ],
)
def test_what_cannot_be_imported_is_refused_in_the_envelope(api, store, body, query, kind):
    answer = send(api, store, body, query, kind)
    assert answer.status_code == 400, answer.content
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert texts(store) == {"/a.md": "a\n", "/notes/b.md": "b\n"}


def test_roles_and_states_hold(store):
    viewer, editor = make_api(role=Role.VIEWER), make_api(role=Role.EDITOR)
    body = zip_of({"c.md": "c"})
    assert export(viewer, store).status_code == 200
    assert send(viewer, store, body).status_code == 403
    assert send(editor, store, body).status_code == 200
    assert send(editor, make_store(state="draft"), body).status_code == 400
    assert send(editor, make_store(state="archived"), body).status_code == 400
