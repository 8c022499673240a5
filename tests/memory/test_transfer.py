"""In and out: what an export holds comes back as it was, and an import is one act that can be undone."""

import io
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memory import change_sets, stores, transfer
from memory.archives import Archive
from memory.models import Store
from memory.paths import Invalid
from memory.stores import Act, Occupied
from memory.transfer import Options
from tests.factories import TESTER, make_store

pytestmark = pytest.mark.django_db
FILES = {"/a.md": "a\n", "/notes/b.md": "b\r\n", "/notes/deep/c.txt": "", "/Ä ö.md": "\ufeff# ß\n"}


def texts(store: Store) -> dict[str, str]:
    return dict(store.memories.order_by("path").values_list("path", "blob__content"))


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
).map(lambda name: __import__("unicodedata").normalize("NFC", name))
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
            stores.write(source, path, text, act=Act(TESTER))
        except (Invalid, Occupied):
            continue
    copy = make_store()
    bring(copy, exported(source))
    assert texts(copy) == texts(source)
    assert change_sets.digest(change_sets.heads(copy)) == change_sets.digest(
        change_sets.heads(source)
    )
