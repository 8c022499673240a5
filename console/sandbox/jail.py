"""Pure: what a command may do. Bubblewrap's options, hard limits, forbidden system calls."""

import platform
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

NOBODY = 65534
PROLOGUE = """\
state=/workspace/.shell
[ -f $state ] && . $state 2>/dev/null
trap 'code=$?; { export -p; declare -f; printf "cd %q 2>/dev/null\\n" "$PWD"; } >$state; exit $code' EXIT
. /command"""
"""Goes on in the folder, and with the exported variables and functions, of the command before."""

NAMESPACES = (
    *("--unshare-all", "--unshare-user", "--uid", str(NOBODY), "--gid", str(NOBODY)),
    *("--cap-drop", "ALL", "--new-session", "--die-with-parent"),
    *("--as-pid-1", "--hostname", "sandbox", "--clearenv", "--seccomp", "3"),
)
SYSTEM = (
    *(
        "--ro-bind",
        "/usr",
        "/usr",
        "--symlink",
        "usr/bin",
        "/bin",
        "--symlink",
        "usr/sbin",
        "/sbin",
    ),
    *("--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64"),
    # Which program stands for `awk` is written there; nothing else of /etc is anybody's business.
    *("--ro-bind-try", "/etc/alternatives", "/etc/alternatives"),
    *("--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev"),
)
VARIABLES = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": "/workspace",
    "LANG": "C.UTF-8",
    "TERM": "dumb",
    "PWD": "/workspace",
}
SHELL = ("/bin/bash", "--noprofile", "--norc", "-c", PROLOGUE)


@dataclass(frozen=True)
class Limits:
    """For one command: seconds by the clock, bytes of memory and of files, processes."""

    seconds: float = 120
    memory: int = 512 << 20
    disk: int = 64 << 20
    processes: int = 64

    def resources(self) -> dict[str, int]:
        """What the kernel enforces on each process; the sum of memory is the keeper's to watch.

        `processes` is counted per user and user namespace (Linux 5.14): each command has its own.
        """
        return {
            "RLIMIT_DATA": self.memory,
            "RLIMIT_AS": self.memory * 16,  # some runtimes reserve far more than they use
            "RLIMIT_CPU": int(self.seconds) + 1,
            "RLIMIT_NPROC": self.processes,
            "RLIMIT_FSIZE": self.disk,
            "RLIMIT_NOFILE": 256,
            "RLIMIT_CORE": 0,
            "RLIMIT_MEMLOCK": 0,
            "RLIMIT_MSGQUEUE": 0,
        }


def options(*, can_disable: bool, hidden: Sequence[str]) -> tuple[list[str], list[str]]:
    """Bubblewrap's arguments before and after the folders.

    Since 0.8 it `can_disable` further user namespaces; the filter below refuses them anyway. What is
    `hidden`, below /usr, looks empty.
    """
    variables = [part for pair in VARIABLES.items() for part in ("--setenv", *pair)]
    strict = ["--disable-userns"] if can_disable else []
    covers = [part for path in hidden for part in ("--tmpfs", path, "--remount-ro", path)]
    before = [*NAMESPACES, *strict, *SYSTEM, *covers, *variables]
    return before, ["--remount-ro", "/", "--chdir", "/workspace", "--", *SHELL]


# -- System calls -------------------------------------------------------------------------

LOAD, EQUAL, AT_LEAST, HAS, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, KILL = 0x7FFF0000, 0x80000000
REFUSE, UNKNOWN = 0x00050001, 0x00050026  # they answer EPERM and ENOSYS
CLONE, CLONE3 = (56, 220), 435
NEW_USERS = 0x10000000
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
# Memory that no limit counts, other processes' memory, keys, and the doors of most kernel holes.
FORBIDDEN = {
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsmount": (432, 432),
    "mount_setattr": (442, 442),
    "kexec_load": (246, 104),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "syslog": (103, 116),
}


def syscall_filter(machine: str | None = None) -> bytes:
    """A seccomp program that refuses them, for bubblewrap's `--seccomp`."""
    machine = machine or platform.machine()
    column = list(ARCHITECTURES).index(machine)
    numbers = [pair[column] for pair in FORBIDDEN.values()]
    program = [
        (LOAD, 0, 0, 4),
        (EQUAL, 1, 0, ARCHITECTURES[machine]),  # another one has other numbers
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, 0),
        # No filter can look into clone3's arguments; without it, libraries use clone.
        (EQUAL, 0, 1, CLONE3),
        (RETURN, 0, 0, UNKNOWN),
        (EQUAL, 0, 4, CLONE[column]),
        (LOAD, 0, 0, 16),
        (HAS, 0, 1, NEW_USERS),
        (RETURN, 0, 0, REFUSE),
        (RETURN, 0, 0, ALLOW),
        (AT_LEAST, len(numbers) + 1, 0, 0x40000000),  # the x32 calls have others, too
        *((EQUAL, len(numbers) - place, 0, number) for place, number in enumerate(numbers)),
        (RETURN, 0, 0, ALLOW),
        (RETURN, 0, 0, REFUSE),
    ]
    return b"".join(struct.pack("=HBBI", *line) for line in program)


def is_known_machine() -> bool:
    return platform.machine() in ARCHITECTURES


def task(
    command: str,
    limits: Limits,
    *,
    can_disable: bool = True,
    hidden: Sequence[str] = (),
    **more: Any,
) -> dict[str, Any]:
    """The keeper's job, without the folders."""
    before, after = options(can_disable=can_disable, hidden=hidden)
    return {
        "command": command,
        "seconds": limits.seconds,
        "memory": limits.memory,
        "disk": limits.disk,
        "inodes": 20_000,
        "limits": limits.resources(),
        "filter": syscall_filter().hex(),
        "before": before,
        "after": after,
        **more,
    }
