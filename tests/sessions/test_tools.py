"""The file tools: whatever an agent asks for, it gets an answer it can act on."""

import pytest

from console.actors import Actor
from memory import stores
from memory.stores import Act
from sessions.models import Access
from sessions.tools import Toolbox
from sessions.tools.files import file_tools, remove_tool
from sessions.tools.mounts import Mounts
from tests.factories import TESTER, make_session, make_store

pytestmark = pytest.mark.django_db
ROOT = "/mnt/memory/notes"


@pytest.fixture
def store(workspace):
    return make_store(name="Notes", files={"/talk.md": "The talk\nis at noon.\n", "/a/b.md": "B\n"})


@pytest.fixture
def session(store):
    return make_session(stores=[store])


@pytest.fixture
def use(session):
    mounts = Mounts(session, Actor(session.pk, "Agent"))
    box = Toolbox([*file_tools(mounts), remove_tool(mounts)], mounts)
    return lambda name, **given: box.run(name, given)


def test_read_gives_the_text_and_a_range_of_lines(use):
    assert use("read", file_path=f"{ROOT}/talk.md").text == "The talk\nis at noon.\n"
    assert use("read", file_path=f"{ROOT}/talk.md", view_range=[2, 0]).text == "is at noon.\n"


def test_glob_and_grep_name_files_as_read_takes_them(use):
    assert use("glob", pattern="**/*.md", path=ROOT).text.splitlines() == [
        f"{ROOT}/a/b.md",
        f"{ROOT}/talk.md",
    ]
    assert use("grep", pattern="noon").text == f"{ROOT}/talk.md:2:is at noon."
    assert use("grep", pattern="noon", path=f"{ROOT}/a").text == "no matches"
    assert use("grep", pattern="noon", path=f"{ROOT}/talk.md").text.endswith("is at noon.")


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("/mnt/memory/**/*.md", ["a/b.md", "talk.md"]),
        ("/mnt/memory/*/talk.md", ["talk.md"]),
        (f"{ROOT}/a/*", ["a/b.md"]),
        ("/**/b.md", ["a/b.md"]),
    ],
)
def test_a_glob_may_name_whole_paths(use, pattern, found):
    use("write", file_path="/workspace/talk.md", content="a draft")
    whole = [f"{ROOT}/{path}" for path in found]
    assert use("glob", pattern=pattern).text.splitlines() == whole
    assert use("glob", pattern=pattern, path=ROOT).text.splitlines() == whole
    assert use("glob", pattern="/workspace/*.md").text == "/workspace/talk.md"


def test_the_scratch_folder_is_written_read_and_searched(use, store):
    use("write", file_path="plan.md", content="Step one\n")
    assert use("read", file_path="/workspace/plan.md").text == "Step one\n"
    assert use("grep", pattern="Step").text == "/workspace/plan.md:1:Step one"
    assert use("glob", pattern="*.md", path="/workspace").text == "/workspace/plan.md"
    assert store.versions.count() == 2


def test_edit_wants_its_text_exactly_once(use):
    path = f"{ROOT}/talk.md"
    assert "Edited" in use("edit", file_path=path, old_string="noon", new_string="two").text
    assert "does not stand" in use("edit", file_path=path, old_string="noon", new_string="x").text
    assert "times" in use("edit", file_path=path, old_string="t", new_string="x").text


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("read", {}),
        ("read", {"file_path": 7}),
        ("read", {"file_path": "/etc/passwd"}),
        ("read", {"file_path": f"{ROOT}/../../../etc/passwd"}),
        ("read", {"file_path": f"{ROOT}/no.md"}),
        ("read", {"file_path": f"{ROOT}/talk.md\0"}),
        ("read", {"file_path": f"{ROOT}/talk.md", "view_range": ["a", "b"]}),
        ("read", {"file_path": f"{ROOT}/talk.md", "view_range": [9, 10]}),
        ("read", {"_unparsed": "{"}),
        ("write", {"file_path": f"{ROOT}/new.md"}),
        ("write", {"file_path": f"{ROOT}/talk.md", "content": "unseen"}),
        ("write", {"file_path": f"{ROOT}/talk.md/below.md", "content": "x"}),
        ("write", {"file_path": f"{ROOT}/big.md", "content": "x" * 102_401}),
        ("write", {"file_path": ROOT, "content": "x"}),
        ("write", {"file_path": "/mnt/memory/other/x.md", "content": "x"}),
        ("edit", {"file_path": f"{ROOT}/talk.md", "old_string": "", "new_string": "x"}),
        ("glob", {"pattern": "[", "path": "/nowhere"}),
        ("grep", {"pattern": "(a+"}),
        ("grep", {"pattern": "(?=look)"}),
        ("remove", {"file_path": f"{ROOT}/no.md"}),
        ("remove", {"file_path": "/workspace/x"}),
        ("bash", {"command": "ls"}),
    ],
)
def test_what_cannot_be_done_is_an_answer_not_a_crash(use, name, given):
    result = use(name, **given)
    assert result.is_error and len(result.text) > 10


def test_read_only_and_archived_stores_are_not_changed(use, session, store):
    session.attachments.update(access=Access.READ_ONLY)
    mounts = Mounts(session, Actor(session.pk, "Agent"))
    result = Toolbox(file_tools(mounts), mounts).run(
        "write", {"file_path": f"{ROOT}/x.md", "content": "x"}
    )
    assert result.is_error and "read-only" in result.text
    session.attachments.update(access=Access.READ_WRITE)
    stores.archive(store)
    mounts = Mounts(session, Actor(session.pk, "Agent"))
    result = Toolbox(file_tools(mounts), mounts).run(
        "write", {"file_path": f"{ROOT}/x.md", "content": "x"}
    )
    assert result.is_error and "archived" in result.text
    assert store.versions.count() == 2


def test_a_deleted_store_is_said_to_be_gone(session, store):
    stores.delete_store(store)
    mounts = Mounts(session, Actor(session.pk, "Agent"))
    result = Toolbox(file_tools(mounts), mounts).run("read", {"file_path": f"{ROOT}/talk.md"})
    assert result.is_error and "deleted" in result.text


def test_a_store_that_is_deleted_between_two_tools_is_said_to_be_gone(use, store):
    path = f"{ROOT}/talk.md"
    use("read", file_path=path)
    stores.delete_store(store)
    assert use("read", file_path=path).is_error
    for name, given in (
        ("write", {"content": "x"}),
        ("edit", {"old_string": "noon", "new_string": "two"}),
        ("remove", {}),
    ):
        assert use(name, file_path=path, **given).is_error
    assert "been deleted" in use("write", file_path=f"{ROOT}/new.md", content="x").text


def test_a_very_long_result_is_cut_and_says_so(use):
    use("write", file_path="long.txt", content="line\n" * 20_000)
    use("write", file_path="longer.txt", content="x" * 102_000)
    assert "cut at 100,000 characters" in use("read", file_path="longer.txt").text
    assert "only the first 200" in use("grep", pattern="line", path="/workspace").text


def test_a_full_workspace_takes_no_more_and_says_so(use, store, session):
    session.environment.config["bash"] = {"disk_mb": 8}
    session.environment.save()
    for number in range(82):
        use("write", file_path=f"{number}.txt", content="x" * 102_000)
    refused = use("write", file_path="more.txt", content="x" * 102_000)
    assert refused.is_error and "at most 8 are kept" in refused.text
    assert not use("write", file_path="more.txt", content="x").is_error
    for name in ("/1.md", "/2.md"):
        stores.add(store, name, f"{'heron ' * 100}\n" * 160, act=Act(TESTER))
    answer = use("grep", pattern="heron").text
    assert len(answer) < 20_000 and "not kept, as /workspace is full" in answer


def test_a_long_answer_goes_to_files_that_can_be_read_and_searched(use, store):
    for name in ("/1.md", "/2.md"):
        stores.add(store, name, f"{'heron ' * 100}\n" * 160, act=Act(TESTER))
    answer = use("grep", pattern="heron").text
    assert len(answer) < 20_000 and "narrower" not in answer[:8_000] and "first 200" in answer
    folder = "/workspace/outputs/grep-call"
    assert f"{folder}/01.txt to 02.txt" in answer
    kept = [use("read", file_path=f"{folder}/0{number}.txt").text for number in (1, 2)]
    assert sum(text.count(".md:") for text in kept) == 200
    assert "2.md" in use("grep", pattern=r"notes/2\.md", path=folder).text
