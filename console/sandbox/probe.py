"""Whether this machine can shut a command in, found out once by trying."""

import shutil
import sys
from functools import cache

from console.sandbox import runner, trees
from console.sandbox.jail import Limits, is_known_machine

WITHOUT = "Without it agents have no `bash`; everything else works."


@cache
def trouble() -> str:
    """Why there is no sandbox here, and what to do about it; empty when there is one."""
    if sys.platform != "linux" or not is_known_machine():
        return "the sandbox needs Linux on x86-64 or arm64."
    if shutil.which("bwrap") is None:
        return "bubblewrap is not installed (Debian: apt-get install bubblewrap)."
    try:
        return _attempt()
    except (runner.Broken, OSError) as error:
        return (
            f"this machine does not let us make user namespaces: {error} In a container, allow"
            " them; on Ubuntu, see kernel.apparmor_restrict_unprivileged_userns."
        )


def _attempt() -> str:
    with trees.laid_out({}, lambda _: {}) as tree:
        outcome = runner.run(
            "echo well", [runner.Folder("/workspace", tree)], Limits(seconds=10, disk=1 << 20)
        )
    if outcome.output.strip() == b"well":
        return ""
    said = outcome.output.decode(errors="replace").strip().splitlines()
    return f"bubblewrap could not make its namespaces: {said[-1] if said else outcome.how}."
