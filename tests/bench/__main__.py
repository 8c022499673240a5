"""Measure Reverie: `python -m tests.bench [--production] [name …]`, all of it without names.

It starts what it needs on free ports, in a data folder of its own. Machines are noisy: trust the
ratios, whose floors were taken between the samples, before the milliseconds.
"""

import argparse
import importlib
import os
import signal
import sys
import time
from contextlib import ExitStack

import django

from tests import servers
from tests.bench.rig import Rig
from tests.bench.ruler import Ruler
from tests.machine import say

# `start` comes last: it stops the console.
MEASUREMENTS = (
    "turn",
    "page",
    "paint",
    "stream",
    "tools",
    "growth",
    "crowd",
    "many",
    "idle",
    "api",
    "write",
    "clone",
    "transfer",
    "grep",
    "render",
    "diff",
    "bash",
    "history",
    "start",
)


def main(arguments: list[str]) -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers stop as well
    options = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    options.add_argument("names", nargs="*", metavar="name", help=", ".join(MEASUREMENTS))
    options.add_argument("--production", action="store_true", help="on PostgreSQL and Redis")
    chosen = options.parse_args(arguments)
    if unknown := set(chosen.names) - set(MEASUREMENTS):
        options.error(f"there is no measurement {', '.join(sorted(unknown))}")
    begun, ruler = time.monotonic(), Ruler()
    load = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores before the start"
    with ExitStack() as parts:
        choose_servers(parts, chosen.production)
        rig = Rig(parts)
        set_up_django(rig)
        for name in MEASUREMENTS:
            if name in chosen.names or not chosen.names:
                importlib.import_module(f"tests.bench.{name}").measure(rig, ruler)
    ruler.verdicts()
    say(f"{time.monotonic() - begun:.0f} s; {load}")
    return 0


def choose_servers(parts: ExitStack, production: bool) -> None:
    """Put the databases to use into the environment, where the console will look for them."""
    os.environ |= {"DATABASE_URL": "", "REDIS_URL": ""}
    if production:
        os.environ["DATABASE_URL"] = parts.enter_context(servers.postgres(durable=True))
        os.environ["REDIS_URL"] = parts.enter_context(servers.redis())


def set_up_django(rig: Rig) -> None:
    """Let this process work on the console's own data, for what is measured without a request."""
    os.environ |= rig.console.stack.environment
    os.environ["DJANGO_SETTINGS_MODULE"] = "console.settings"
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # playwright has an event loop in this thread
    django.setup()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
