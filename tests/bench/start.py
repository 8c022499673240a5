"""The second start: `manage.py up` on a data folder that has been used."""

import os
import signal
import subprocess
import sys
import time

from tests.bench.rig import Rig
from tests.bench.ruler import Ruler, median
from tests.stack import ROOT, Stack

ROUNDS = 3
IMPORTS = "import django; django.setup(); import console.asgi, console.urls"


def measure(rig: Rig, ruler: Ruler) -> None:
    stack = rig.console.stack
    _end(stack.process)
    ready, ended, prepared, bare = [], [], [], []
    for _ in range(ROUNDS):
        took, stopping = _start_and_stop(stack)
        ready.append(took)
        ended.append(stopping)
        prepared.append(_run(stack, "manage.py", "up", "--only", "prepare"))
        bare.append(_run(stack, "-c", IMPORTS))
    ruler.section(
        "start",
        f"{ROUNDS} starts on the folder used so far. Floor: one process that imports the web console",
    )
    ruler.row("`manage.py up` → it says that it is ready", ready, bare)
    ruler.row("  one of its parts: the set-up alone, in a process of its own", prepared, bare)
    ruler.row("  the floor of it: one process, only imports", bare)
    ruler.row("Ctrl-C → all processes are gone", ended)
    ruler.target("second start ready, median", median(ready) / 1000, 6, " s")


def _start_and_stop(stack: Stack) -> tuple[float, float]:
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "manage.py", "up"],
        cwd=ROOT,
        env=stack.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    said = []
    try:
        for line in process.stdout:
            said.append(line)
            if "is ready" in line:
                return (time.perf_counter() - begun) * 1000, _end(process)
        raise RuntimeError("The console did not start again:\n" + "".join(said))
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        raise


def _end(process: subprocess.Popen) -> float:
    begun = time.perf_counter()
    process.send_signal(signal.SIGINT)
    process.wait(20)
    return (time.perf_counter() - begun) * 1000


def _run(stack: Stack, *arguments: str) -> float:
    """Milliseconds that a Python process takes on the stack's data."""
    environment = stack.environment | {"DJANGO_SETTINGS_MODULE": "console.settings"}
    quiet = {"stdout": subprocess.DEVNULL, "check": True}
    begun = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=ROOT, env=environment, **quiet)
    return (time.perf_counter() - begun) * 1000
