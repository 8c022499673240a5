"""Waiting for other processes, which report to nobody."""

import time
from collections.abc import Callable


def wait_until(fact: Callable, seconds: float) -> bool:
    """Whether the fact came true within the time."""
    end = time.monotonic() + seconds
    while not fact():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True
