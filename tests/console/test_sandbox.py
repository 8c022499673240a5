"""The sandbox under attack, with the real bubblewrap: what gets out, in, away or too big."""

import hashlib
import os
import re
import resource
import shutil
import signal
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from itertools import islice
from pathlib import Path

import pytest

from console.sandbox import jail, probe, runner, trees
from console.sandbox.runner import Folder, Limits, Outcome
from console.sandbox.trees import Leaf
from tests.patience import wait_until

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(not shutil.which("bwrap"), reason="bubblewrap is missing"),
]
FILES = {"a.md": b"A\n", "d/b.md": b"B\n"}
SMALL = Limits(seconds=30, memory=64 << 20, disk=8 << 20, processes=24)
MB = 1 << 20


def leaves(files: dict[str, bytes]) -> dict[str, Leaf]:
    return {path: Leaf(hashlib.sha256(content).hexdigest()) for path, content in files.items()}


def fetched(files: dict[str, bytes]):
    texts = {hashlib.sha256(content).hexdigest(): content for content in files.values()}
    return lambda wanted: {digest: texts[digest] for digest in wanted}


@pytest.fixture
def folders() -> Iterator[list[Folder]]:
    with ExitStack() as held:
        tree = held.enter_context(trees.laid_out(leaves(FILES), fetched(FILES)))
        empty = held.enter_context(trees.laid_out({}, fetched({})))
        yield [Folder("/workspace", empty), Folder("/mnt/rw", tree), Folder("/mnt/ro", tree, False)]
        assert {str(p.relative_to(tree)): p.read_bytes() for p in tree.rglob("*.md")} == FILES


@pytest.fixture
def run(folders):
    def run(command: str, limits: Limits = SMALL, **options) -> Outcome:
        return runner.run(command, folders, limits, **options)

    return run


def said(outcome: Outcome) -> str:
    return outcome.output.decode().strip()


def kinds(outcome: Outcome) -> dict[str, str]:
    return {c.path: c.kind for c in outcome.changes if c.mount == 1 and c.kind != "folder"}


def test_this_machine_has_a_sandbox():
    assert probe.trouble() == ""


# -- What it does -------------------------------------------------------------------------


@pytest.mark.parametrize("overlay", [True, False])
def test_only_what_changed_is_told(run, overlay):
    outcome = run("cd /mnt/rw; echo more >> a.md; rm d/b.md; echo n > n.md", overlay=overlay)
    assert kinds(outcome) == {"a.md": "file", "d/b.md": "gone", "n.md": "file"}
    assert {c.path: c.content for c in outcome.changes}["a.md"] == b"A\nmore\n"


@pytest.mark.parametrize("overlay", [True, False])
def test_a_change_right_after_the_start_is_not_overlooked(run, overlay):
    for _ in range(5):
        assert kinds(run("echo B > /mnt/rw/a.md", overlay=overlay)) == {"a.md": "file"}


def test_a_tree_is_laid_out_once_and_a_swept_one_again(tmp_path):
    fetches = []

    def fetch(wanted):
        fetches.append(wanted)
        return fetched({"x": b"once"})(wanted)

    for number in range(trees.KEPT + 3):
        shutil.rmtree(trees.home() / "blobs")
        (trees.home() / "blobs").mkdir()
        with trees.laid_out(leaves({f"x{number}": b"once"}), fetch):
            pass
    before = len(fetches)
    with trees.laid_out(leaves({f"x{number}": b"once"}), fetch):
        pass
    assert len(fetches) == before == trees.KEPT + 3
    assert len(list((trees.home() / "trees").iterdir())) <= trees.KEPT + 1


def blobs() -> set[str]:
    return {entry.name for entry in (trees.home() / "blobs").iterdir()}


def test_a_text_goes_with_the_last_tree_it_stood_in():
    secret = leaves({"secret.md": b"deleted meanwhile"})
    blob = secret["secret.md"].blob
    with trees.laid_out(secret, fetched({"": b"deleted meanwhile"})):
        trees.tidy(0)
        assert blob in blobs()  # a command still reads it
    trees.tidy(3600)
    assert blob in blobs()
    trees.tidy(0)
    assert blob not in blobs()


def test_a_tree_that_is_being_laid_keeps_its_texts():
    files = {"a": b"first", "b": b"second"}

    def fetch(wanted):
        trees.tidy(0)  # another worker, at the worst moment
        return fetched(files)(wanted)

    with trees.laid_out(leaves({"a": b"first"}), fetched(files)):
        pass
    with trees.laid_out(leaves(files), fetch) as tree:
        assert {path.name: path.read_bytes() for path in tree.iterdir()} == files


def test_what_a_killed_worker_left_goes_with_the_next():
    draft = trees.home() / "tmpkilled" / "tree"
    draft.mkdir(parents=True)
    (draft / "secret.md").write_text("half laid")
    trees.tidy()
    assert not draft.exists()


# -- Ways out -----------------------------------------------------------------------------


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """As on a disk that is nearly full: of a longer text this much is written, and no more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_text_that_found_no_room_is_not_kept_in_part():
    files, blobs = {"x": os.urandom(20)}, trees.home() / "blobs"
    with pytest.raises(OSError), room_for(6), trees.laid_out(leaves(files), fetched(files)):
        pass
    assert not (blobs / leaves(files)["x"].blob).exists()


def test_there_is_no_network_not_even_to_this_machine(run):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        socket.create_connection(("127.0.0.1", port)).close()
        outcome = run(f"exec 3<>/dev/tcp/127.0.0.1/{port} && echo reached; echo over")
    assert "reached" not in said(outcome) and said(outcome).endswith("over")


def test_nothing_of_the_machine_is_there_but_its_programs(run):
    top = said(run("cd /; echo *; ls /etc; ls -A /tmp /dev/shm /home /root 2>&1 | grep -v ^ls"))
    assert top.splitlines()[:2] == [
        "bin command dev etc lib lib64 mnt proc sbin tmp usr workspace",
        "alternatives",
    ]
    for path in (Path.cwd(), trees.home(), "/etc/passwd", "/etc/shadow", "/var", "/sys", "/run"):
        assert said(run(f"test -e {path} && echo there")) == ""


def test_what_is_ours_below_usr_looks_empty(run, settings):
    # They stand for /usr/src/app and what is in it; those are not ours to make here.
    full = (path for path in sorted(Path("/usr/share").iterdir()) if path.is_dir())
    settings.HOME, settings.BASE_DIR = islice((path for path in full if any(path.iterdir())), 2)
    for path in (settings.HOME, settings.BASE_DIR):
        seen = said(run(f"ls -A {path}; touch {path}/x"))
        assert seen == f"touch: cannot touch '{path}/x': Read-only file system"


def test_no_secret_is_in_any_environment(run, monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "hidden-treasure")
    found = said(run("env; cat /proc/[0-9]*/environ | tr '\\0' '\\n'"))
    assert "hidden-treasure" not in found and "HOME=/workspace" in found
    names = set(re.findall(r"^(\w+)=", found, re.MULTILINE))
    assert names <= {*jail.VARIABLES, "SHLVL", "_", "OLDPWD"}


def test_no_other_process_can_be_seen_or_touched(run):
    assert said(run("cd /proc; ls -d [0-9]*; kill -9 -1; echo alive")).endswith("alive")
    assert len(re.findall(r"^\d+$", said(run("ls /proc")), re.MULTILINE)) <= 2
    own = "Operation not permitted"
    assert own in said(run("perl -e 'print syscall(101, 16, 1, 0, 0), qq( $!)'"))


@pytest.mark.parametrize(
    "command",
    [
        "echo x > /mnt/ro/x.md",
        "rm /mnt/ro/a.md",
        "chmod 777 /mnt/ro/a.md",
        "mv /mnt/ro/d /mnt/ro/e",
        "echo x > /usr/bin/x",
        "echo x > /x",
        "echo x > /command",
        "echo x > /dev/x",
        "echo x > /proc/sys/kernel/core_pattern",
        "echo b > /proc/sysrq-trigger",
        "unshare --user true",
        "unshare --mount true",
        "mount -t tmpfs tmpfs /tmp",
        "mount -o remount,rw /mnt/ro",
        "umount /mnt/ro",
        "mknod /tmp/disk b 8 0",
        "chown 0 /workspace",
        "ls /proc/1/root/etc/passwd",
        "perl -e 'exit(syscall(319, q(x), 0) < 0)'",
        "perl -e 'exit(syscall(56, 0x10000011, 0, 0, 0, 0) < 0)'",
        "perl -e 'exit(syscall(435, 0, 0) < 0)'",
        "perl -e 'exit(syscall(29, 0, 1 << 20, 0600) < 0)'",
        "perl -e 'exit(syscall(425, 8, 0) < 0)'",
    ],
)
def test_what_is_forbidden_fails(run, command):
    outcome = run(f"if {{ {command}; }} 2>/dev/null; then echo DONE; fi")
    assert said(outcome) == "" and outcome.how == "exited"


def test_an_older_bubblewrap_is_made_up_for_by_the_filter(run, monkeypatch):
    monkeypatch.setattr(runner, "_can_disable", lambda: False)
    clone = "perl -e 'exit(syscall(56, 0x10000011, 0, 0, 0, 0) < 0)'"
    assert said(run(f"{clone} || unshare -U true || echo refused")).endswith("refused")


def test_it_is_nobody_and_has_no_rights(run):
    status = said(run("id -u; grep -E 'CapEff|CapBnd|NoNewPrivs|Seccomp:' /proc/self/status"))
    assert status.split() == (
        [
            "65534",
            "CapEff:",
            "0000000000000000",
            "CapBnd:",
            "0000000000000000",
            "NoNewPrivs:",
            "1",
            "Seccomp:",
            "2",
        ]
    )


def test_only_its_output_is_open(run):
    # 255 is bash's own hold on the script it reads.
    opened = said(run("for fd in /proc/$$/fd/*; do echo ${fd##*/}; done")).split()
    assert set(opened) <= {"0", "1", "2", "255"} | {opened[-1]}
    assert said(run("cat; echo end")) == "end"


# -- Ways to bring something out ----------------------------------------------------------


def test_links_and_devices_are_told_by_kind_never_by_content(run):
    outcome = run(
        "cd /mnt/rw; ln -s /etc/passwd link; ln -s /mnt/ro folder; mkfifo pipe; rm a.md;"
        " ln -s /etc/shadow a.md; rm -r d; ln -s / d"
    )
    assert kinds(outcome) == {
        "link": "link",
        "folder": "link",
        "pipe": "special",
        "a.md": "link",
        "d": "link",
    }
    assert all(change.content == b"" for change in outcome.changes if change.mount == 1)


def test_a_hard_link_does_not_reach_another_folder(run):
    assert kinds(run("ln /mnt/ro/a.md /mnt/rw/x.md; ln /usr/bin/env /mnt/rw/y")) == {}


def test_strange_names_come_through_whole(run):
    command = "cd /mnt/rw; echo x > $'a\\nb'; echo x > $'\\xff'; echo x > '{\"kind\": \"gone\"}'"
    assert set(kinds(run(command))) == {"a\nb", "\udcff", '{"kind": "gone"}'}


def test_folders_deeper_than_any_path_do_no_harm(run):
    deep = "cd /mnt/rw; for i in $(seq 60); do d=$(printf %0200d $i); mkdir $d; cd $d; done; echo x > x"
    outcome = run(deep)
    assert outcome.how == "exited" and "deep" in kinds(outcome).values()


# -- Too much -----------------------------------------------------------------------------


def test_a_fork_bomb_meets_its_limit_and_is_gone_afterwards(run):
    outcome = run("b() { b | b & }; b; sleep 0.5; echo over", Limits(seconds=4, processes=24))
    assert "Resource temporarily unavailable" in said(outcome)
    assert said(run("echo fine")) == "fine"


def test_one_process_cannot_have_all_the_memory(run):
    outcome = run("perl -e '$x = q(x) x (200 << 20); print length $x'; echo after")
    assert said(outcome).endswith("after") and "209715200" not in said(outcome)


@pytest.mark.parametrize("sharing", ["0x22", "0x21"])  # private, and shared among processes
def test_nor_can_many_together(run, sharing):
    hog = f"perl -e 'my $p = syscall(9, 0, 30 << 20, 3, {sharing}, -1, 0);"
    hog += " open my $f, q(+<), q(/proc/self/mem); $f->autoflush; seek $f, $p, 0;"
    hog += " print $f (q(x) x (30 << 20)) or die; sleep 20'"
    outcome = run(f"for i in 1 2 3 4 5; do {hog} & done; wait")
    assert outcome.how == "out of memory", said(outcome)


@pytest.mark.parametrize("where", ["/workspace", "/mnt/rw", "/tmp", "/dev/shm"])
def test_the_disk_is_a_wall(run, where):
    outcome = run(
        f"for i in $(seq 20); do head -c {MB} /dev/zero > {where}/$i || break; done;"
        f" du -sm {where} | cut -f1; rm -r {where}/*"
    )
    assert "No space left" in said(outcome)
    assert int(said(outcome).split()[-1]) <= 9  # du counts blocks


def test_there_is_an_end_to_the_number_of_files(run):
    outcome = run("cd /tmp; seq 30000 | xargs touch; ls | wc -l", Limits(seconds=20))
    assert "No space left" in said(outcome)


def test_endless_output_is_read_and_forgotten(run):
    outcome = run("yes", Limits(seconds=2))
    assert outcome.how == "timed out"
    assert len(outcome.output) <= runner.TAIL and outcome.lost > runner.TAIL


def test_what_runs_in_the_background_ends_with_the_command(run):
    assert said(run("setsid nohup sleep 54.321 > /dev/null 2>&1 & disown; echo left")) == "left"
    assert processes("sleep\0" + "54.321") == []


@pytest.mark.parametrize("trap", ["", "trap '' TERM INT HUP; "])
def test_a_command_nobody_wants_any_more_ends(run, trap):
    outcome = run(f"{trap}sleep 65.4321", is_unwanted=lambda: True)
    assert outcome.how == "stopped" and processes("sleep\0" + "65.4321") == []


def processes(words: str) -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if words.encode() in entry.read_bytes():
                found.append(entry.parent.name)
        except OSError:
            continue
    return found


def test_a_keeper_that_was_killed_is_replaced(run):
    run("true")
    os.kill(runner._keeper._process.pid, signal.SIGKILL)
    runner._keeper._process.wait()
    assert said(run("echo again")) == "again"


def test_the_child_that_stands_ready_is_replaced_when_it_is_killed(run):
    run("true")
    keeper = runner._keeper._process.pid
    children = Path(f"/proc/{keeper}/task/{keeper}/children")
    assert wait_until(children.read_text, 10)
    for child in map(int, children.read_text().split()):
        with suppress(ProcessLookupError):  # the one before may just be going
            os.kill(child, signal.SIGKILL)
        assert wait_until(lambda: not Path(f"/proc/{child}").exists(), 10)  # noqa: B023
    assert said(run("echo again")) == "again" and runner._keeper._process.pid == keeper


def test_a_command_begins_while_others_take_their_time(run):
    is_over = threading.Event()
    with ThreadPoolExecutor() as threads:
        others = [threads.submit(run, "sleep 60", is_unwanted=is_over.is_set) for _ in range(3)]
        assert said(run("echo meanwhile")) == "meanwhile"
        assert not any(other.done() for other in others)
        is_over.set()
        assert {other.result().how for other in others} == {"stopped"}


def test_a_sandbox_that_cannot_be_made_is_an_error(folders):
    lost = [Folder("/workspace", Path("/nowhere"))]
    with pytest.raises(runner.Broken):
        runner.run("true", lost, SMALL, overlay=False)
