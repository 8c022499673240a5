"""A program of its own (it imports nothing of ours): runs commands in bubblewrap, one per child.

A child stands ready for the next command, its namespaces made: that takes as long as many a command.
It is made when the one before is over, not to compete with it, or when that takes its time.

The worker sends, over the socket it was started with, four descriptors per command: the job (JSON),
where output goes, where the report goes, and one that closes when nobody wants the command any
more. Each command gets a small file system in memory with the folders it may write laid over
read-only trees. When all its processes are dead, what lies in the upper layers is reported.

Report: lines of JSON, each `file` followed by its bytes; the last line tells how it ended.
"""

# pathlib would take longer to import than all the rest takes to run.
# ruff: noqa: PTH102, PTH123

import contextlib
import ctypes
import json
import os
import resource
import select
import signal
import socket
import stat
import sys
import time
from collections.abc import Iterator
from typing import Any, BinaryIO

NEW_MOUNTS, NEW_USERS = 0x20000, 0x10000000
NO_SUID, NO_DEV, BIND, RECURSIVE, PRIVATE = 2, 4, 0x1000, 0x4000, 1 << 18
SET_DUMPABLE = 4
COARSE = 5  # CLOCK_REALTIME_COARSE, by which the kernel dates files
SOON = 0.01  # seconds that most commands need not even have
GLANCE = 0.1  # seconds between two looks at the memory in use
SHORT = 1  # seconds that a command may take at full speed
BLOCK = 1 << 16
DEEPEST = 3_500  # letters of a path that is still looked into

libc = ctypes.CDLL(None, use_errno=True)


def main(channel: socket.socket, user: int | None) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # whoever ends is forgotten at once
    os.umask(0o022)  # commands find the usual, whatever the worker's is
    while True:
        waiting, taken = os.pipe()
        if os.fork() == 0:
            os.close(waiting)
            stand_ready(channel, user, taken)
            os._exit(0)
        os.close(taken)
        if os.read(waiting, 1):
            return  # the worker is gone
        os.close(waiting)


def stand_ready(channel: socket.socket, user: int | None, taken: int) -> None:
    """Make the namespaces, then wait for a command and run it.

    `taken` closes when the next child is to be made, by our own death at the latest.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    trouble = None
    try:
        enter(user)
    except OSError as error:
        trouble = error
    _, descriptors, _, _ = socket.recv_fds(channel, 1, 4)
    if len(descriptors) < 4:
        os.write(taken, b"!")
        return
    channel.close()
    keep(*descriptors, taken, trouble)


def keep(
    job: int, output: int, report: int, wanted: int, taken: int, trouble: OSError | None
) -> None:
    """Run one command from its file system to its report, unless there is trouble already."""
    with os.fdopen(job, "rb") as file:
        task = json.load(file)
    # A worker that died meanwhile reads no report.
    with contextlib.suppress(BrokenPipeError), os.fdopen(report, "wb") as lines:
        try:
            if trouble:
                raise trouble
            furnish(task)
            layers = [Layer(task, number) for number in range(len(task["mounts"]))]
            process = start(task, layers, output)
            os.close(output)
            ending = watch(process, task, wanted, taken)
            for layer in layers:
                layer.tell(lines)
            say(lines, ending)
        except OSError as error:
            say(lines, {"kind": "broken", "why": str(error)})


def say(lines: BinaryIO, what: dict[str, Any]) -> None:
    lines.write(json.dumps(what).encode() + b"\n")


# -- Namespaces ---------------------------------------------------------------------------


def enter(user: int | None) -> None:
    """Leave root behind, then become root of nothing but namespaces of our own."""
    if user is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
        call("prctl", SET_DUMPABLE, 1, 0, 0, 0)
    users, groups = os.getuid(), os.getgid()
    call("unshare", NEW_USERS | NEW_MOUNTS)
    write("/proc/self/setgroups", "deny")
    write("/proc/self/uid_map", f"0 {users} 1")
    write("/proc/self/gid_map", f"0 {groups} 1")
    write("/proc/self/oom_score_adj", "1000")  # the first to go when the machine runs short
    mount(None, "/", None, RECURSIVE | PRIVATE)


def furnish(task: dict[str, Any]) -> None:
    """Make the command's file system in memory."""
    size = f"size={task['disk']},nr_inodes={task['inodes']},mode=755"
    mount("tmpfs", task["base"], "tmpfs", NO_SUID | NO_DEV, size)
    for name in ("tmp", "shm"):
        os.mkdir(f"{task['base']}/{name}")
    with open(f"{task['base']}/command", "w") as file:
        file.write(task["command"])


def call(name: str, *arguments: Any) -> None:
    if getattr(libc, name)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def mount(source: str | None, target: str, kind: str | None, flags: int, data: str = "") -> None:
    given = [text.encode() if text else None for text in (source, target, kind)]
    call("mount", *given, ctypes.c_ulong(flags), data.encode() or None)


def write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)


# -- Folders ------------------------------------------------------------------------------


class Layer:
    """One folder of the command's world: a tree as it is, or one that changes in memory only.

    Changes lie in the upper layer of an overlay. A kernel whose overlay cannot do that without
    privileges (before 6.6) gets a copy of the tree, and changes are found by inode and time.
    """

    def __init__(self, task: dict[str, Any], number: int) -> None:
        given = task["mounts"][number]
        self.number, self.at, self.tree = number, given["at"], given["tree"]
        self.is_writable = given["writable"]
        self.upper, self.seen = f"{task['base']}/upper{number}", {}
        self.path = self.tree
        if self.is_writable:
            os.mkdir(self.upper)
            self.path = self.laid_over(task["base"]) if task["overlay"] else self.copied()

    def laid_over(self, base: str) -> str:
        merged, work = f"{base}/merged{self.number}", f"{base}/work{self.number}"
        os.mkdir(merged)
        os.mkdir(work)
        try:
            os.setxattr(self.upper, "user.overlay.probe", b"y")
            layers = f"lowerdir={self.tree},upperdir={self.upper},workdir={work},userxattr"
            mount("overlay", merged, "overlay", NO_SUID | NO_DEV, layers)
        except OSError:
            return self.copied()
        return merged

    def copied(self) -> str:
        copy(self.tree, self.upper)
        self.seen = {path: mark(entry) for path, entry in walk(self.upper)}
        latest = max((time for _, time in self.seen.values()), default=0)
        # That clock ticks: a change within the same tick would look like none.
        while time.clock_gettime_ns(COARSE) <= latest:
            time.sleep(0.001)
        return self.upper

    def options(self) -> list[str]:
        return ["--bind" if self.is_writable else "--ro-bind", self.path, self.at]

    def tell(self, lines: BinaryIO) -> None:
        """Report what differs from the tree."""
        if not self.is_writable:
            return
        found = dict(walk(self.upper))
        for path in self.seen.keys() - found.keys():
            say(lines, {"kind": "gone", "mount": self.number, "path": path})
        for path, entry in sorted(found.items()):
            if self.seen.get(path) != mark(entry):
                self.tell_one(lines, path, entry)

    def tell_one(self, lines: BinaryIO, path: str, entry: os.stat_result | None) -> None:
        full = f"{self.upper}/{path}"
        told = {"mount": self.number, "path": path, "kind": kind_of(full, entry)}
        if told["kind"] != "file":
            return say(lines, told)
        told |= {"size": entry.st_size, "executable": bool(entry.st_mode & 0o100)}
        say(lines, told)
        descriptor = os.open(full, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            left = entry.st_size
            while left:
                left -= lines.write(os.read(descriptor, min(left, BLOCK)))
        finally:
            os.close(descriptor)
        return None


def kind_of(path: str, entry: os.stat_result | None) -> str:
    """What lies in an upper layer; there, a device without a number says that a file has gone."""
    if entry is None or len(path) >= DEEPEST:
        return "deep"
    if stat.S_ISREG(entry.st_mode):
        return "file"
    if stat.S_ISCHR(entry.st_mode) and entry.st_rdev == 0:
        return "gone"
    if not stat.S_ISDIR(entry.st_mode):
        return "link" if stat.S_ISLNK(entry.st_mode) else "special"
    try:
        return "emptied" if os.getxattr(path, "user.overlay.opaque") == b"y" else "folder"
    except OSError:
        return "folder"


def mark(entry: os.stat_result | None) -> tuple[int, int]:
    return (entry.st_ino, entry.st_ctime_ns) if entry else (0, 0)


def walk(root: str) -> Iterator[tuple[str, os.stat_result | None]]:
    """All that lies below a folder, by relative path; follows no link.

    What lies deeper than a path can name comes without a state, and what is below that not at all.
    """
    folders = [""]
    while folders:
        prefix = folders.pop()
        with os.scandir(f"{root}/{prefix}") as entries:
            for entry in entries:
                path, state = prefix + entry.name, state_of(entry)
                yield path, state
                if state and stat.S_ISDIR(state.st_mode) and len(f"{root}/{path}") < DEEPEST:
                    folders.append(f"{path}/")


def state_of(entry: os.DirEntry) -> os.stat_result | None:
    try:
        return entry.stat(follow_symlinks=False)
    except OSError:
        return None


def copy(tree: str, target: str) -> None:
    for path, entry in walk(tree):
        if stat.S_ISDIR(entry.st_mode):
            os.mkdir(f"{target}/{path}")
            continue
        source = os.open(f"{tree}/{path}", os.O_RDONLY)
        made = os.open(f"{target}/{path}", os.O_WRONLY | os.O_CREAT, entry.st_mode & 0o777)
        while os.sendfile(made, source, None, BLOCK):
            pass
        os.close(source)
        os.close(made)


# -- The command --------------------------------------------------------------------------


def start(task: dict[str, Any], layers: list[Layer], output: int) -> int:
    process = os.fork()
    if process:
        return process
    try:
        filter_fd = os.memfd_create("filter", 0)
        os.write(filter_fd, bytes.fromhex(task["filter"]))
        os.lseek(filter_fd, 0, os.SEEK_SET)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.dup2(filter_fd, 3)
        os.closerange(4, 4096)
        base = task["base"]
        folders = ["--bind", f"{base}/tmp", "/tmp", "--bind", f"{base}/shm", "/dev/shm"]  # noqa: S108
        folders += ["--ro-bind", f"{base}/command", "/command"]
        for layer in layers:
            folders += layer.options()
        for name, limit in task["limits"].items():
            resource.setrlimit(getattr(resource, name), (limit, limit))
        os.execve(task["bwrap"], ["bwrap", *task["before"], *folders, *task["after"]], {})  # noqa: S606
    finally:
        os._exit(127)


def watch(process: int, task: dict[str, Any], wanted: int, taken: int) -> dict[str, Any]:
    """Wait until all of the command's processes are dead; see to it that they will be."""
    how, begun = "", time.monotonic()
    poller, pidfd = select.poll(), os.pidfd_open(process)
    poller.register(pidfd, select.POLLIN)
    poller.register(wanted, select.POLLIN | select.POLLHUP)
    if not poller.poll(SOON * 1000):
        os.close(taken)
    while not (ready := dict(poller.poll(GLANCE * 1000))).get(pidfd):
        how = wanted in ready and "stopped" or trouble(process, task, time.monotonic() - begun)
        if how:
            end(process)
            break
    _, status = os.waitpid(process, 0)
    return {"kind": how or "exited", "code": os.waitstatus_to_exitcode(status)}


def trouble(process: int, task: dict[str, Any], seconds: float) -> str:
    """Why a command that has run for so long has to end; one that may go on makes way for others."""
    if seconds > task["seconds"]:
        return "timed out"
    members = family(process)
    if memory_of(members) > task["memory"]:
        return "out of memory"
    for member in members if seconds > SHORT else ():
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, member, 5)
    return ""


def end(process: int) -> None:
    """Kill the first process of the command's namespace: the kernel takes all others with it."""
    inner = children(process)
    for victim in inner or [process]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)


def children(process: int) -> list[int]:
    try:
        with open(f"/proc/{process}/task/{process}/children") as file:
            return [int(number) for number in file.read().split()]
    except OSError:
        return []


def family(process: int) -> list[int]:
    found = [process]
    for member in found:
        found += children(member)
    return found


def memory_of(processes: list[int]) -> int:
    """Bytes that these processes hold, together: their own, and what they share among them."""
    return sum(held_by(process) for process in processes) * 1024


def held_by(process: int) -> int:
    try:
        with open(f"/proc/{process}/status") as file:
            rows = [line.split() for line in file if line.startswith(("RssAnon", "RssShmem"))]
    except OSError:
        return 0
    return sum(int(row[1]) for row in rows)


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]) if sys.argv[2] else None)
