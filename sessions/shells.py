"""Pure: what an environment says about `bash`, as the field of that name in its `config`.

An addition of ours to the wire contract's §9: `{"enabled": true, "timeout_seconds": 120,
"memory_mb": 512, "processes": 64, "disk_mb": 64}`. Absent fields have these values.
"""

from typing import Any

from console.sandbox.jail import Limits
from memory.paths import Invalid

DEFAULT = {
    "enabled": True,
    "timeout_seconds": 120,
    "memory_mb": 512,
    "processes": 64,
    "disk_mb": 64,
}
RANGES = {
    "timeout_seconds": (1, 600),
    "memory_mb": (64, 8192),
    "processes": (8, 512),
    "disk_mb": (8, 1024),
}
NAMES = {
    "timeout_seconds": "The time",
    "memory_mb": "The memory",
    "processes": "The number of processes",
    "disk_mb": "The disk space",
}


def of(config: dict[str, Any]) -> dict[str, Any]:
    """The environment's word on `bash`, complete."""
    return {**DEFAULT, **config.get("bash", {})}


def check(shell: dict[str, Any]) -> dict[str, Any]:
    """Raise `Invalid` unless every limit is in its range."""
    for name, (least, most) in RANGES.items():
        if not least <= shell[name] <= most:
            raise Invalid(f"{NAMES[name]} for bash must be {least} to {most:,}.")
    return shell


def limits(shell: dict[str, Any], timeout_ms: int | None = None) -> Limits:
    """The limits of one command; it may ask for less time than the environment gives."""
    seconds = shell["timeout_seconds"]
    if timeout_ms is not None:
        seconds = min(seconds, max(timeout_ms, 100) / 1000)
    return Limits(
        seconds=seconds,
        memory=shell["memory_mb"] << 20,
        disk=shell["disk_mb"] << 20,
        processes=shell["processes"],
    )
