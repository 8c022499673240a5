"""A command in the sandbox against plain bash; and what it costs to lay out 2,000 memories."""

import shutil
import subprocess
import time
from collections.abc import Callable

from console.actors import Actor
from console.sandbox import probe, trees
from memory.models import Store
from sessions.models import Access, Attachment, Session, Thread
from sessions.tools import Toolbox, chat_tools
from tests.bench.rig import Rig
from tests.bench.ruler import Ruler, median
from tests.bench.tree import tree
from tests.machine import say

MEMORIES, ROUNDS, WARM_UP = 2_000, 30, 3
FEW = 5  # rounds of what takes long
MOUNT = "/mnt/memory/notes"


def measure(rig: Rig, ruler: Ruler) -> None:
    if trouble := probe.trouble():
        say(f"\nbash: {trouble}")
        return
    store, _ = tree(rig, MEMORIES)
    bare, full = _tools(store, attached=False), _tools(store, attached=True)
    ruler.section(
        "bash", f"`true`, whole calls with their transactions. Floor: bash -c true, {ROUNDS}×"
    )
    floor, alone, mounted = [], [], []
    for _ in range(ROUNDS + WARM_UP):
        floor.append(_timed(_plain))
        alone.append(_timed(lambda: _call(bare, "true")))
        mounted.append(_timed(lambda: _call(full, "true")))
    floor, alone, mounted = floor[WARM_UP:], alone[WARM_UP:], mounted[WARM_UP:]
    ruler.row("plain bash", floor)
    ruler.row("in the sandbox, only /workspace", alone, floor)
    ruler.row(f"with {MEMORIES:,} memories mounted, nothing changed", mounted, floor)
    first = [_timed(lambda: _first(full)) for _ in range(FEW)]
    ruler.row(f"{MEMORIES:,} memories mounted for the first time", first, floor)
    changed = [
        _timed(lambda: _call(full, f"date +%N > {MOUNT}/000/new.md; ls")) for _ in range(FEW)
    ]
    ruler.row("after a command that changed one of them", changed, floor)
    extra = median(alone) - median(floor)
    ruler.target("sandboxed bash over plain bash", extra, 10, " ms")
    ruler.target(
        "2,000 memories mounted for the first time", median(first) - median(alone), 100, " ms"
    )
    ruler.target("2,000 mounted again, unchanged", median(mounted) - median(alone), 20, " ms")


def _tools(store: Store, *, attached: bool) -> Toolbox:
    """The tools of a session of its own."""
    workspace = store.workspace
    agent, environment = workspace.agents.first(), workspace.environments.first()
    session = Session.objects.create(
        workspace=workspace,
        agent=agent,
        agent_version=agent.version,
        agent_config=agent.latest.config,
        environment=environment,
    )
    Thread.objects.create(session=session, name="bench")
    if attached:
        Attachment.objects.create(
            session=session,
            store=store,
            store_key=store.pk,
            access=Access.READ_WRITE,
            name=store.name,
            mount_path=MOUNT,
        )
    return chat_tools(session, Actor(session.pk, "Bench"))


def _call(tools: Toolbox, command: str) -> None:
    result = tools.run("bash", {"command": command})
    if result.is_error:
        raise RuntimeError(result.text)


def _first(tools: Toolbox) -> None:
    for part in ("trees", "blobs"):
        shutil.rmtree(trees.home() / part)
        (trees.home() / part).mkdir()
    _call(tools, "true")


def _plain() -> None:
    subprocess.run(["/bin/bash", "-c", "true"], check=True)


def _timed(act: Callable[[], None]) -> float:
    begun = time.perf_counter()
    act()
    return (time.perf_counter() - begun) * 1000
