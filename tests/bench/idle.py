"""What Reverie costs when nobody uses it."""

import time

from tests.bench.rig import Rig
from tests.bench.ruler import Ruler

SECONDS = 9.0  # three rounds of the scheduler


def measure(rig: Rig, ruler: Ruler) -> None:
    before = rig.console.cpu()
    time.sleep(SECONDS)
    after = rig.console.cpu()
    shares = {role: (after[role] - before[role]) / SECONDS * 100 for role in after}
    ruler.section("idle", f"share of one core over {SECONDS:g} s without a request")
    for role, share in shares.items():
        ruler.fact(role, share, " %")
    ruler.target("idle CPU, all processes together", sum(shares.values()), 0.5, " %")
