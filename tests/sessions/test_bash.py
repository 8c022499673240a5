"""bash: a command sees the session's files, and what it leaves there becomes versions."""

import re

import pytest
from django.urls import reverse

from console.actors import Actor
from memory import change_sets, stores
from memory.stores import Act
from sessions import conversation, events, loop, tasks, transcript
from sessions.events import Entry
from sessions.models import Access
from sessions.tools import Toolbox, chat_tools
from sessions.tools.base import Result
from tests.factories import TESTER, make_session, make_store

pytestmark = pytest.mark.django_db
NOTES = "/mnt/memory/notes"
FILES = {"/talk.md": "The talk\nis at noon.\n", "/a/b.md": "B\n", "/a/c.md": "C\n"}


@pytest.fixture
def store(workspace):
    return make_store(name="Notes", files=FILES)


@pytest.fixture
def session(store):
    return make_session(stores=[store])


@pytest.fixture
def box(session) -> Toolbox:
    return chat_tools(session, Actor(session.pk, "Agent", event="sevt_x"))


@pytest.fixture
def bash(box):
    def run(command: str, **given) -> Result:
        return box.run("bash", {"command": command, **given})

    return run


def texts(store) -> dict[str, str]:
    return {memory.path: memory.content for memory in store.memories.with_text()}


def test_a_command_sees_the_memories_and_its_output_comes_back(bash, store):
    result = bash(f"cd {NOTES}; cat talk.md; find . -type f | sort")
    assert result.text == "The talk\nis at noon.\n./a/b.md\n./a/c.md\n./talk.md"
    assert not result.is_error and result.facts["exit"] == 0
    assert store.versions.count() == len(FILES)


def test_what_a_command_changes_becomes_versions_of_the_session(bash, store, session):
    result = bash(
        f"cd {NOTES}; echo new > new.md; mkdir -p deep/er; echo x > deep/er/x.md;"
        " sed -i s/noon/two/ talk.md; rm a/b.md"
    )
    assert texts(store) == {
        "/talk.md": "The talk\nis at two.\n",
        "/a/c.md": "C\n",
        "/new.md": "new\n",
        "/deep/er/x.md": "x\n",
    }
    made = store.versions.filter(actor=session.pk, event="sevt_x")
    assert sorted(made.values_list("operation", "path")) == [
        ("created", "/deep/er/x.md"),
        ("created", "/new.md"),
        ("deleted", "/a/b.md"),
        ("modified", "/talk.md"),
    ]
    assert f"[created {NOTES}/new.md]" in result.text
    assert f"[removed {NOTES}/a/b.md]" in result.text


def test_the_changes_of_one_command_are_undone_as_one(bash, store):
    bash(f"cd {NOTES}; echo new > new.md; rm talk.md; mv a b")
    [change_set] = store.change_sets.all()
    assert change_set.summary.startswith("$ cd /mnt/memory/notes; echo new")
    change_sets.undo(change_set, by=TESTER)
    assert texts(store) == FILES
    bash(f"echo one > {NOTES}/one.md")
    assert store.change_sets.filter(kind="command").count() == 1


def test_a_renamed_memory_keeps_its_id(bash, store):
    memory = store.memories.get(path="/talk.md")
    bash(f"cd {NOTES}; mv talk.md a/speech.md; mv a z")
    memory.refresh_from_db()
    assert memory.path == "/z/speech.md"
    assert set(texts(store)) == {"/z/b.md", "/z/c.md", "/z/speech.md"}
    assert store.versions.filter(operation="deleted").count() == 0


@pytest.mark.parametrize(
    ("command", "left"),
    [
        ("rm -r a; mkdir a; echo n > a/n.md", {"/talk.md", "/a/n.md"}),
        ("rm -r a; echo n > a", {"/talk.md", "/a"}),
        ("rm talk.md; mkdir talk.md; echo n > talk.md/n", {"/talk.md/n", "/a/b.md", "/a/c.md"}),
        ("rm -r *", set()),
        ("touch talk.md; chmod 600 a/b.md; cp a/c.md x; rm x", set(FILES)),
        ("mv talk.md x; mv a/b.md talk.md; mv x a/b.md", set(FILES)),
    ],
)
def test_folders_and_files_may_take_each_others_place(bash, store, command, left):
    bash(f"cd {NOTES}; {command}")
    assert set(texts(store)) == left


@pytest.mark.parametrize("command", ["echo x > talk.md", "mv talk.md x; rm a/b.md; echo n > n"])
def test_what_a_command_wrote_to_a_store_that_is_gone_by_then_is_kept_aside(box, store, command):
    given = {"command": f"cd {NOTES}; {command}"}
    work = box.work("bash", given)
    stores.delete_store(store)
    result = box.run("bash", given, work)
    assert "deleted" in result.text and "Yours is kept at /workspace/conflicts" in result.text


def test_somebody_elses_text_stays_and_the_agents_is_kept_aside(box, store):
    given = {"command": f"cd {NOTES}; echo mine > talk.md; echo mine > n.md; rm a/b.md"}
    work = box.work("bash", given)
    for path in ("/talk.md", "/n.md", "/a/b.md"):
        stores.write(store, path, "theirs\n", act=Act(TESTER))
    result = box.run("bash", given, work)
    assert {texts(store)[path] for path in ("/talk.md", "/n.md", "/a/b.md")} == {"theirs\n"}
    assert result.text.count("CONFLICT") == 3
    assert box.run("read", {"file_path": "/workspace/conflicts/notes/talk.md"}).text == "mine\n"
    assert [left["is_conflict"] for left in result.facts["left"]] == [True] * 3
    assert not store.change_sets.exists()


def test_a_store_archived_meanwhile_keeps_the_agents_text_aside(box, store):
    work = box.work("bash", {"command": f"echo more >> {NOTES}/talk.md"})
    stores.archive(store)
    result = box.run("bash", {}, work)
    assert "archived" in result.text and texts(store) == FILES
    assert "more" in box.run("read", {"file_path": "/workspace/conflicts/notes/talk.md"}).text


def test_what_cannot_be_a_memory_is_named_and_stays_behind(bash, store):
    result = bash(
        f"cd {NOTES}; printf '\\xff' > bytes; ln -s /etc/passwd link; mkfifo pipe;"
        " head -c 200000 /dev/zero | tr '\\0' x > long; touch \"$(printf 'a\\nb')\"; ln -s a folder;"
        " touch \"$(printf '\\xfe')\""
    )
    assert texts(store) == FILES
    for reason in ("not UTF-8", "symbolic link", "neither a file", "102,400", "invisible"):
        assert reason in result.text
    assert len(result.facts["left"]) == 7


def test_very_many_changes_at_once_are_refused_as_a_whole(bash, store):
    result = bash(f"cd {NOTES}; touch $(seq 1100)")
    assert "at most 1,000" in result.text and texts(store) == FILES


def test_a_read_only_store_cannot_be_written_to(session, store):
    session.attachments.update(access=Access.READ_ONLY)
    box = chat_tools(session, Actor(session.pk, "Agent"))
    result = box.run("bash", {"command": f"echo x > {NOTES}/x.md; rm -rf {NOTES}/a"})
    assert "Read-only file system" in result.text and result.is_error
    assert texts(store) == FILES


def test_the_workspace_is_the_one_of_the_file_tools(box, bash):
    box.run("write", {"file_path": "run.sh", "content": "echo it runs\n"})
    bash("chmod +x run.sh; printf '\\x00\\xff' > bytes; mkdir d; echo text > d/t.md; rm -f none")
    assert bash("./run.sh; od -An -tx1 bytes").text == "it runs\n 00 ff"
    assert box.run("read", {"file_path": "/workspace/d/t.md"}).text == "text\n"
    assert "only bash" in box.run("read", {"file_path": "/workspace/bytes"}).text
    assert "d/t.md:1:text" in box.run("grep", {"pattern": "text"}).text
    bash("rm -r d")
    assert box.run("read", {"file_path": "/workspace/d/t.md"}).is_error


def test_a_full_workspace_keeps_what_it_had(bash):
    bash("echo first > first")
    result = bash("touch $(seq 2100)")
    assert "at most 2,000" in result.text
    assert bash("ls").text == "first"


def test_folder_variables_and_functions_carry_over_until_a_restart(box, bash):
    bash("mkdir d; cd d; touch x; export NAME=Ann; greet() { echo hello $NAME; }")
    assert bash("pwd; greet").text == "/workspace/d\nhello Ann"
    assert box.run("bash", {"restart": True}).text == "bash session restarted"
    assert bash('pwd; echo "<$NAME>"').text == "/workspace\n<>"


def test_an_exit_code_is_an_error_with_the_output(bash):
    result = bash("echo before; exit 3")
    assert result.is_error and result.text == "before\n[exit code 3]"
    assert bash("nosuchprogram").text.endswith("command not found\n[exit code 127]")


def test_a_long_output_goes_to_a_file_and_both_ends_are_shown(bash):
    result = bash("seq 100000; echo the end")
    assert result.text.startswith("1\n2\n") and result.text.endswith("the end")
    assert len(result.text) < 20_000 and "/workspace/outputs/bash-" in result.text
    folder = re.search(r"/workspace/outputs/bash-\w+/", result.text)[0]
    counted = bash(f"cat {folder}*.txt | wc -l; cat {folder}*.txt | grep -c 50000")
    assert counted.text == "100000\n1"  # and the end, without a line end


def test_of_an_endless_output_the_end_is_kept(bash):
    result = bash("yes | head -c 9000000; echo the end")
    assert result.text.endswith("the end") and len(result.text) < 20_000
    assert "bytes of output before this are not shown" in result.text


def test_a_command_that_takes_too_long_is_stopped_and_keeps_what_it_wrote(bash, store):
    result = bash(f"echo x > {NOTES}/x.md; sleep 60", timeout_ms=1500)
    assert result.is_error and "longer than 1.5 s" in result.text
    assert texts(store)["/x.md"] == "x\n"


def test_a_stopped_turn_stops_its_command(box, store):
    work = box.work("bash", {"command": f"echo x > {NOTES}/x.md; sleep 60"}, lambda: True)
    assert work.done.outcome.how == "stopped"


@pytest.mark.parametrize("given", [{}, {"command": " "}, {"command": "a\0b"}, {"command": 5}])
def test_bash_wants_a_command(box, given):
    assert box.run("bash", given).is_error


def test_an_environment_can_do_without_bash(session):
    session.environment.config["bash"] = {"enabled": False}
    session.environment.save()
    box = chat_tools(session, Actor(session.pk, "Agent"))
    assert "bash" not in [tool.name for tool in box.tools]
    assert "There is no tool" in box.run("bash", {"command": "ls"}).text


@pytest.mark.django_db(transaction=True)
def test_a_turn_of_the_built_in_model_runs_the_command_it_is_told(session, store):
    conversation.say(session, f"Use the bash tool to run `echo told > {NOTES}/told.md; ls {NOTES}`")
    loop.run(session.primary.pk, tasks.CHAT)
    [call] = session.events.filter(type="agent.tool_use")
    assert call.payload["name"] == "bash"
    version = store.versions.get(path="/told.md")
    assert (version.content, version.event, version.actor) == ("told\n", call.pk, session.pk)
    assert "told.md" in transcript.text_of(session.events.filter(type="agent.message").last())


# -- The transcript ---------------------------------------------------------------------------


@pytest.fixture
def told(box, session):
    """Runs a command as a turn would, and returns the call's event."""

    def run(command: str, between=lambda: None):
        given = {"command": command}
        thread = session.primary
        [call] = events.append(thread, Entry("agent.tool_use", {"name": "bash", "input": given}))
        work = box.work("bash", given)
        between()
        result = box.run("bash", given, work)
        payload = {"tool_use_id": call.pk, "is_error": result.is_error}
        payload["content"] = [{"type": "text", "text": result.text}]
        events.append(thread, Entry("agent.tool_result", payload, private=result.facts))
        return call

    return run


def shown(client, session, call=None) -> str:
    names = ["lab", session.pk] + ([call.pk] if call else [])
    name = "sessions:event" if call else "sessions:session"
    return client.get(reverse(name, args=names)).content.decode()


def test_a_command_is_one_line_that_opens_to_output_and_changes(as_vera, session, told, store):
    call = told(f"cd {NOTES}; echo '<b>bold</b>'; echo more >> talk.md; mv a/b.md b.md; exit 2")
    page = shown(as_vera, session)
    assert "exit 2, 2 files changed" in page
    assert reverse("memory:version", args=["lab", store.pk, store.versions.first().pk]) in page
    body = shown(as_vera, session, call)
    assert "&lt;b&gt;bold&lt;/b&gt;" in body and "exit 2</b>" in body
    assert "/a/b.md → " in body and "diff-table" in body
    assert f"?change={store.change_sets.get().pk}" in body
    assert "[changed" not in body.partition("Raw")[0]


def test_a_conflict_is_seen_in_the_line_and_below_it(as_vera, session, told, store):
    def meddle():
        stores.write(store, "/talk.md", "theirs\n", act=Act(TESTER))

    call = told(f"echo mine > {NOTES}/talk.md", between=meddle)
    assert "exit 0, 1 conflict" in shown(as_vera, session)
    body = shown(as_vera, session, call)
    assert "was changed meanwhile" in body and "/workspace/conflicts/notes/talk.md" in body
