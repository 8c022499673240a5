"""The tool `bash`: a command in a sandbox, over the session's mounts and its /workspace.

The command changes nothing of ours while it runs. Its effects are taken back together with its
result (`taking`), so a worker that dies meanwhile has lost nothing and whoever resumes repeats it.
"""

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from console.sandbox import probe, runner, trees
from console.sandbox.runner import Folder, Outcome
from sessions import shells
from sessions.context import WORKSPACE
from sessions.models import Attachment, Session
from sessions.tools import outputs, plans, scratch, taking
from sessions.tools.base import Result, Tool, ToolError
from sessions.tools.mounts import Mounts
from sessions.tools.taking import Found

STATE = "/.shell"
LONGEST = 100_000  # characters of a command
DESCRIPTION = """\
Run a command in bash, in a sandbox without network. It starts in /workspace and sees the memory
stores at their mounts; only what it leaves there and in /workspace is kept, when it ends. Each call
is a new shell: the working directory, exported variables and functions carry over, background
processes do not. restart: true forgets them. Standard input is empty. Of a long output both ends
are shown, and a file in /workspace/outputs holds all of it. Memories are UTF-8 text of at most
100 KiB; links, other files and empty folders are not kept."""
ENDINGS = {
    "timed out": "The command took longer than {seconds:g} s and was stopped.",
    "stopped": "The command was stopped.",
    "out of memory": "The command needed more than {memory} MB of memory and was stopped.",
}


def is_offered(session: Session) -> bool:
    """Whether the session's environment allows bash and this machine can run it."""
    return shells.of(session.environment.config)["enabled"] and not probe.trouble()


def bash_tool(mounts: Mounts) -> Tool:
    return Tool(
        "bash",
        DESCRIPTION.replace("\n", " "),
        {
            "command": {"type": "string"},
            "restart": {"type": "boolean"},
            "timeout_ms": {"type": "integer"},
        },
        (),
        partial(finish, mounts),
        work=partial(run, mounts),
    )


@dataclass(frozen=True)
class Ran:
    """A command that has ended, and what is known of it before anything is taken back."""

    command: str
    outcome: Outcome
    found: list[Found]
    shell: dict
    seconds: float


# -- Before the transaction ---------------------------------------------------------------


def run(
    mounts: Mounts,
    is_stopped: Callable[[], bool],
    command: str = "",
    restart: bool = False,
    timeout_ms: int | None = None,
) -> Ran | None:
    """Run the command; None when only a restart was asked for. Raises `ToolError`."""
    if not command.strip():
        if restart:
            return None
        raise ToolError("bash needs a command.")
    if len(command) > LONGEST or "\0" in command:
        raise ToolError(f"A command is text of at most {LONGEST:,} characters, without NUL.")
    shell = shells.of(mounts.session.environment.config)
    limits = shells.limits(shell, timeout_ms)
    for attempt in range(3):
        found = [_workspace(mounts.session, restart), *map(_store, _mounted(mounts))]
        try:
            outcome = _run(command, found, limits, is_stopped)
        except KeyError:  # a text went while we were reading; look again
            if attempt == 2:
                raise ToolError("The files change too fast to be laid out. Try again.") from None
            continue
        except (runner.Broken, OSError, UnicodeEncodeError) as error:
            raise ToolError(f"The sandbox failed: {error}") from None
        return Ran(command, outcome, found, shell, limits.seconds)
    return None


def _mounted(mounts: Mounts) -> Iterable[Attachment]:
    return (mount for mount in mounts.attachments if mount.store)


def _run(command: str, found: list[Found], limits, is_stopped: Callable[[], bool]) -> Outcome:
    with ExitStack() as held:
        folders = []
        for each in found:
            laid = trees.laid_out(each.plan.files, each.fetch, name=each.plan.name)
            tree = held.enter_context(laid)
            folders.append(Folder(each.at, tree, each.is_writable))
        return runner.run(command, folders, limits, is_stopped)


def _workspace(session: Session, restart: bool) -> Found:
    leaves = scratch.leaves(session)
    if restart:
        leaves.pop(STATE, None)
    fetch = partial(scratch.contents, session)
    return Found(WORKSPACE, None, plans.plan(leaves), fetch)


def _store(mount: Attachment) -> Found:
    is_writable = mount.is_writable and not mount.store.is_archived
    plan = plans.plan_of(mount.store)
    return Found(mount.mount_path, mount, plan, plans.texts, is_writable)


# -- In the transaction -------------------------------------------------------------------


def finish(mounts: Mounts, ran: Ran | None) -> Result:
    """Take back what the command changed, and say what it printed."""
    if ran is None:
        mounts.session.scratch.filter(path=STATE).delete()
        return Result("bash session restarted", facts={"restarted": True})
    outcome = ran.outcome
    taken = taking.take(mounts, ran.found, outcome.changes, command=ran.command)
    exited = outcome.how == "exited"
    printed = outputs.fitted(mounts, "bash", _output(outcome))
    parts = [printed]
    if not exited:
        parts.append(
            ENDINGS[outcome.how].format(seconds=ran.seconds, memory=ran.shell["memory_mb"])
        )
    elif outcome.code:
        parts.append(f"[exit code {outcome.code}]")
    parts += taken.notes()
    unnamed = [f"{each.at}{path}" for each in ran.found for path in each.plan.unnamed]
    if unnamed:
        parts.append(f"[not shown to bash, because of too long a name: {', '.join(unnamed[:5])}]")
    text = "\n".join(part for part in parts if part) or "(no output)"
    facts = {"exit": outcome.code if exited else None, "how": outcome.how, "printed": len(printed)}
    facts |= taken.facts()
    return Result(text, is_error=not exited or outcome.code != 0, facts=facts)


def _output(outcome: Outcome) -> str:
    text = outcome.output.decode(errors="replace").replace("\0", "\ufffd").rstrip("\n")
    if outcome.lost:
        return f"[{outcome.lost:,} bytes of output before this are not shown]\n{text}"
    return text
