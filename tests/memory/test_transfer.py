"""In and out: what an export holds comes back as it was, and an import is one act that can be undone."""

import io
import json
import unicodedata
import zipfile
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memory import bulk, change_sets, manifest, paths, stores, tasks, transfer
from memory.archives import Archive
from memory.bulk import Write
from memory.models import Blob, ChangeSet, Store, Upload
from memory.paths import Invalid
from memory.stores import ABSENT, Act, Conflict, Occupied, Refused, sha256
from memory.transfer import Moved, Options
from memory.zips import Unreadable
from tests.factories import TESTER, make_store

pytestmark = pytest.mark.django_db
ACT = Act(TESTER)
FILES = {"/a.md": "a\n", "/notes/b.md": "b\r\n", "/notes/deep/c.txt": "", "/Ä ö.md": "\ufeff# ß\n"}


def texts(store: Store) -> dict[str, str]:
    return dict(store.memories.order_by("path").values_list("path", "blob__content"))


def sound(store: Store) -> bool:
    """Whether heads, counts and sizes are what the versions say."""
    store.refresh_from_db()
    memories = list(store.memories.select_related("blob", "head"))
    assert store.memory_count == len(memories)
    assert store.size == sum(memory.blob.size for memory in memories)
    for memory in memories:
        assert (memory.head.path, memory.head.blob_id) == (memory.path, memory.blob_id)
        assert store.versions.filter(memory=memory.pk).first() == memory.head
    return True


def exported(store: Store, chosen=()) -> io.BytesIO:
    return io.BytesIO(b"".join(transfer.export(store, chosen)))


def zip_of(files: dict[str, str | bytes]) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return file


def bring(store: Store, file: io.BytesIO, seen: str = "", **options) -> transfer.Outcome:
    archive = Archive(file)
    given = Options(**options)
    return transfer.bring_in(
        store, archive, archive.read(), given, by=TESTER, source="notes.zip", seen=seen
    )


def planned(store: Store | None, file: io.BytesIO, **options) -> transfer.Plan:
    return transfer.plan(store, Archive(file).read(), Options(**options))


def statuses(plan: transfer.Plan) -> dict[str, str]:
    return {item.path: item.status for item in plan.items}


def reason(plan: transfer.Plan, path: str) -> str:
    return next(item.reason for item in plan.items if item.path == path)


# -- Out, and in again


def test_an_export_makes_an_identical_store(workspace):
    source = make_store(files=FILES, description="What we know.", metadata={"team": "lab"})
    archive = Archive(exported(source))
    reading = archive.read()
    told = reading.manifest
    copy, outcome = transfer.bring_new(
        workspace,
        archive,
        reading,
        Options(),
        name=told.name,
        description=told.description,
        by=TESTER,
        source="an export",
    )
    copy.refresh_from_db()
    assert texts(copy) == FILES
    assert (copy.name, copy.description, copy.metadata) == (
        source.name,
        source.description,
        source.metadata,
    )
    assert (copy.memory_count, copy.size) == (source.memory_count, source.size)
    assert outcome.plan.counts["new"] == len(FILES)


NAMES = st.text(
    st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp"], exclude_characters="/"),
    min_size=1,
    max_size=8,
).map(lambda name: unicodedata.normalize("NFC", name))
NASTY = st.sampled_from(["a\\b", "C:", "%5C", "CON", ".git", "__MACOSX", "reverie-store.json", " "])
PATHS = st.lists(NAMES | NASTY, min_size=1, max_size=3).map(lambda parts: "/" + "/".join(parts))
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
TREES = st.dictionaries(PATHS, TEXTS, max_size=6)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(tree=TREES)
def test_whatever_a_store_holds_its_export_brings_back(workspace, tree):
    source = make_store()
    for path, text in tree.items():
        try:
            stores.write(source, path, text, act=ACT)
        except (Invalid, Occupied):
            continue
    copy = make_store()
    bring(copy, exported(source))
    assert texts(copy) == texts(source)
    assert change_sets.digest(change_sets.heads(copy)) == change_sets.digest(
        change_sets.heads(source)
    )


def test_an_export_of_chosen_files_holds_those_and_says_that_it_is_a_part():
    store = make_store(files=FILES)
    file = exported(store, ["/a.md", "/notes/"])
    told = Archive(file).read().manifest
    assert told.partial
    copy = make_store()
    bring(copy, file)
    assert sorted(texts(copy)) == ["/a.md", "/notes/b.md", "/notes/deep/c.txt"]


@pytest.mark.parametrize("wrong", ["/no.md", "/notes", "/b.md/", "a.md", "", "\0"])
def test_an_export_of_what_is_not_there_is_refused(wrong):
    with pytest.raises(Invalid, match="There is no"):
        transfer.export(make_store(files=FILES), ["/a.md", wrong])


def test_an_export_can_be_unpacked_by_anybody():
    store = make_store(files={"/a:b.md": "x", "/100%.md": "y", "/plain.md": "z" * 50_000})
    with zipfile.ZipFile(exported(store)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [
            "reverie-store.json",
            "memories/100%25.md",
            "memories/a%3Ab.md",
            "memories/plain.md",
        ]
        told = json.loads(archive.read("reverie-store.json"))
    assert [file["path"] for file in told["files"]] == ["/100%.md", "/a:b.md", "/plain.md"]
    assert told["store"]["id"] == store.pk


def test_an_export_that_was_packed_anew_within_a_folder_is_still_one():
    file = exported(make_store(files=FILES))
    with zipfile.ZipFile(file) as archive:
        inside = {f"backup/{name}": archive.read(name) for name in archive.namelist()}
    copy = make_store()
    bring(copy, zip_of(inside))
    assert texts(copy) == FILES


def changed(file: io.BytesIO, change) -> io.BytesIO:
    with zipfile.ZipFile(file) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    return zip_of(files)


def test_a_text_that_is_not_the_exported_one_is_refused():
    def tamper(files):
        files["memories/a.md"] = b"A\n"
        files["memories/more.md"] = b"more"
        del files["memories/notes/b.md"]

    plan = planned(None, changed(exported(make_store(files=FILES)), tamper))
    assert "another hash" in reason(plan, "memories/a.md")
    assert "does not list" in reason(plan, "memories/more.md")
    assert "lacks it" in reason(plan, "memories/notes/b.md")
    assert plan.counts["new"] == 2


@pytest.mark.parametrize(
    "wrong",
    [
        b"no json",
        b"[]",
        b'{"format": "other"}',
        b'{"format": "reverie-store", "version": 2}',
        b'{"format": "reverie-store", "version": 1, "files": []}',
        b'{"format": "reverie-store", "version": 1, "files": [{"path": "/a\\u0000", "entry": "a",'
        b' "sha256": "b"}], "store": {"name": "n", "description": "", "metadata": {}}}',
        b'{"format": "reverie-store", "version": 1, "files": [], "store": {"name": "\\ud800",'
        b' "description": "", "metadata": {}}}',
    ],
)
def test_a_broken_manifest_is_said_to_be_broken(wrong):
    with pytest.raises(Unreadable, match="manifest"):
        Archive(zip_of({manifest.NAME: wrong, "memories/a.md": "a"})).read()


def test_a_manifest_leads_no_file_out_of_the_store():
    def redirect(files):
        told = json.loads(files[manifest.NAME])
        told["files"][0]["path"] = "/../../etc/passwd"
        files[manifest.NAME] = json.dumps(told).encode()

    plan = planned(None, changed(exported(make_store(files={"/a.md": "a"})), redirect))
    assert reason(plan, "memories/a.md") == "The path may not contain . or .. as a part."


# -- The plan


def test_a_plan_says_what_becomes_of_each_file_and_writes_nothing():
    store = make_store(files={"/same.md": "same", "/other.md": "old", "/folder/x.md": "x"})
    file = zip_of(
        {
            "same.md": "same",
            "other.md": "new",
            "new.md": "new",
            "folder": "a file where a folder is",
            "same.md/below.md": "a folder where a file is",
            "e\u0301.md": "taken apart",
            "/".join("d" * 21) + ".md": "too deep",
            "x" * 1100 + ".md": "too long",
            "zero\u200bwidth.md": "hidden",
        }
    )
    plan = planned(store, file)
    told = statuses(plan)
    assert [told[path] for path in ("/same.md", "/other.md", "/new.md")] == [
        "unchanged",
        "changed",
        "new",
    ]
    assert reason(plan, "folder").startswith("/folder is a folder already")
    assert reason(plan, "same.md/below.md").startswith("/same.md is a file already")
    assert told["/é.md"] == "new"
    assert "21 parts" in reason(plan, "/".join("d" * 21) + ".md")
    assert "at most 1024" in reason(plan, "x" * 1100 + ".md")
    assert "U+200B" in reason(plan, "zero\u200bwidth.md")
    assert len(texts(store)) == 3 and not ChangeSet.objects.exists()


def test_names_that_become_one_are_both_refused():
    plan = planned(None, zip_of({"\u00e9.md": "1", "e\u0301.md": "2"}))
    assert plan.counts["refused"] == 2


def test_the_folder_and_what_to_keep_can_be_chosen():
    store = make_store(files={"/old/a.md": "mine"})
    file = zip_of({"a.md": "theirs", "b.md": "b"})
    plan = planned(store, file, folder="/old/", overwrite=False)
    assert statuses(plan) == {"/old/a.md": "kept", "/old/b.md": "new"}
    bring(store, file, folder="/old/", overwrite=False)
    assert texts(store) == {"/old/a.md": "mine", "/old/b.md": "b"}


@pytest.mark.parametrize("folder", ["old", "/old", "//", "/../", "/./a/"])
def test_an_impossible_folder_is_refused(folder):
    with pytest.raises(Invalid):
        planned(None, zip_of({"a.md": "a"}), folder=folder)


@pytest.mark.parametrize("kind", ["export", "nonsense"])
def test_what_it_cannot_be_is_refused(kind):
    with pytest.raises(Invalid):
        planned(None, zip_of({"a.md": "a"}), kind=kind)


def test_the_stores_cap_holds_and_the_rest_comes_in(monkeypatch):
    monkeypatch.setattr(paths, "MAX_MEMORIES", 3)
    store = make_store(files={"/a.md": "a"})
    outcome = bring(store, zip_of({"a.md": "A", "b.md": "b", "c.md": "c", "d.md": "d"}))
    assert "full" in reason(outcome.plan, "d.md")
    assert texts(store) == {"/a.md": "A", "/b.md": "b", "/c.md": "c"}


# -- Importing


def test_the_good_files_come_in_without_the_bad_ones():
    store = make_store()
    outcome = bring(store, zip_of({"good.md": "good", "../bad.md": "bad", "b.bin": b"\0"}))
    assert texts(store) == {"/good.md": "good"}
    assert outcome.plan.counts["refused"] == 2


def test_an_import_is_one_change_set_and_its_undo_restores_every_byte():
    before = {"/a.md": "a\r\n", "/b.md": "\ufeffb", "/c.md": "c"}
    store = make_store(files=before)
    keys = dict(store.memories.values_list("path", "pk"))
    outcome = bring(store, zip_of({"a.md": "A", "b.md": "B", "new/d.md": "d", "c.md": "c"}))
    assert outcome.change_set.kind == "import"
    assert outcome.change_set.versions.count() == 3
    assert sound(store)
    undone = change_sets.undo(outcome.change_set, by=TESTER)
    assert texts(store) == before and sound(store)
    change_sets.undo(undone.change_set, by=TESTER)
    assert texts(store)["/new/d.md"] == "d" and sound(store)
    assert dict(store.memories.values_list("path", "pk")).items() >= keys.items()


def test_importing_the_same_twice_writes_nothing():
    store, file = make_store(), zip_of({"a.md": "a"})
    bring(store, file)
    assert bring(store, file).change_set is None
    assert store.versions.count() == 1


def test_a_plan_that_is_no_longer_true_is_not_carried_out():
    store = make_store(files={"/a.md": "a", "/other.md": "x"})
    file = zip_of({"a.md": "A", "b.md": "b"})
    seen = planned(store, file).digest
    stores.write(store, "/other.md", "somewhere else", act=ACT)
    assert planned(store, file).digest == seen
    stores.write(store, "/a.md", "meanwhile", act=ACT)
    with pytest.raises(Moved) as moved:
        bring(store, file, seen=seen)
    assert texts(store)["/a.md"] == "meanwhile"
    bring(store, file, seen=moved.value.plan.digest)
    assert texts(store)["/a.md"] == "A"


def test_an_import_that_fails_half_way_leaves_everything_as_it_was(monkeypatch):
    store = make_store(files={"/a.md": "a"})
    blobs = set(Blob.objects.values_list("sha256", flat=True))

    def fail(*args, **kwargs):
        raise OSError("the disk is full")

    monkeypatch.setattr(bulk.Version.objects, "bulk_create", fail)
    with pytest.raises(OSError, match="full"), transaction.atomic():
        bring(store, zip_of({"a.md": "A", "b.md": "b"}))
    assert texts(store) == {"/a.md": "a"} and sound(store)
    assert not ChangeSet.objects.exists()
    assert set(Blob.objects.values_list("sha256", flat=True)) == blobs


@pytest.mark.parametrize("state", ["draft", "archived"])
def test_nothing_is_imported_into_what_nobody_may_change(state):
    with pytest.raises(Refused):
        bring(make_store(state=state), zip_of({"a.md": "a"}))


def test_a_duplicate_has_the_files_and_no_history(workspace):
    store = make_store(files=FILES, description="d", metadata={"k": "v"})
    copy = transfer.duplicate(store, name="Another", by=TESTER)
    assert (texts(copy), copy.description, copy.metadata) == (FILES, "d", {"k": "v"})
    assert copy.versions.count() == len(FILES)
    with pytest.raises(Refused):
        transfer.duplicate(make_store(state="draft"), name="No", by=TESTER)


def test_what_nobody_imported_is_thrown_away_after_a_day(alice, workspace):
    for days in (0, 2):
        upload = Upload.objects.create(
            workspace=workspace, user=alice, name="x.zip", data=b"", reading={}
        )
        Upload.objects.filter(pk=upload.pk).update(created_at=timezone.now() - timedelta(days=days))
    tasks.sweep_uploads()
    assert Upload.objects.count() == 1


# -- Many writes at once


def write(path: str, text: str | None, expected: str | None = None) -> tuple[Write, str]:
    digest = ABSENT if text is None else sha256(text)
    before = ABSENT if expected is None else sha256(expected)
    return Write(path, digest, len((text or "").encode()), before), text or ""


def write_all(store: Store, *writes: tuple[Write, str]) -> None:
    given = dict(writes)
    bulk.write_all(store, list(given), given.get, act=ACT)


def test_many_writes_follow_the_rules_of_one():
    store = make_store(files={"/a.md": "a", "/f/x.md": "x"})
    refused = [
        (Conflict, write("/a.md", "new", "what I saw")),
        (Conflict, write("/a.md", "new")),
        (Conflict, write("/gone.md", "new", "it stood there")),
        (Conflict, write("/a.md", None, "what I saw")),
        (Occupied, write("/a.md/b.md", "x")),
        (Occupied, write("/f", "x")),
        (Invalid, write("/../x", "x")),
        (Invalid, write("/nul.md", "\0")),
    ]
    for error, wrong in refused:
        with pytest.raises(error):
            write_all(store, write("/good.md", "good"), wrong)
    assert texts(store) == {"/a.md": "a", "/f/x.md": "x"} and sound(store)


def test_many_writes_make_room_for_each_other():
    store = make_store(files={"/a.md": "a", "/f/x.md": "x"})
    write_all(
        store,
        write("/a.md", None, "a"),
        write("/a.md/b.md", "b"),
        write("/f/x.md", None, "x"),
        write("/f", "b"),
        write("/gone.md", None, "long since"),
    )
    assert texts(store) == {"/a.md/b.md": "b", "/f": "b"} and sound(store)


OPERATIONS = st.dictionaries(
    st.sampled_from(["/a", "/b", "/c/d", "/c/e"]), st.none() | st.sampled_from("xyz"), max_size=4
)


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rounds=st.lists(OPERATIONS, max_size=4))
def test_writing_at_once_comes_to_the_same_as_one_by_one(workspace, rounds):
    at_once, singly = make_store(), make_store()
    for changes in rounds:
        now = texts(at_once)
        write_all(at_once, *(write(path, text, now.get(path)) for path, text in changes.items()))
        for path, text in changes.items():
            there = singly.memories.filter(path=path).first()
            if text is not None:
                stores.write(singly, path, text, act=ACT)
            elif there:
                stores.remove(there, act=ACT)
    assert texts(at_once) == texts(singly)
    assert sound(at_once)
    told = [sorted(s.versions.values_list("path", "operation")) for s in (at_once, singly)]
    assert told[0] == told[1]
