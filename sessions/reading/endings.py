"""Pure: how a command ended and what became of its changes, in a few words."""

from collections.abc import Iterator
from typing import Any


def ending(facts: dict[str, Any]) -> str:
    """How the command ended, in a few words."""
    if facts.get("restarted"):
        return "a new shell"
    if facts.get("exit") is not None:
        return f"exit {facts['exit']}"
    return {"timed out": "stopped: out of time", "out of memory": "stopped: out of memory"}.get(
        facts.get("how", ""), ""
    )


def outcome(facts: dict[str, Any]) -> str:
    """How it ended and what it changed, for the row."""
    return ", ".join(filter(None, [ending(facts), *_counted(facts)]))


def _counted(facts: dict[str, Any]) -> Iterator[str]:
    conflicts = sum(left["is_conflict"] for left in facts.get("left", []))
    if changes := facts.get("changes"):
        yield f"{changes:,} file{'' if changes == 1 else 's'} changed"
    if conflicts:
        yield f"{conflicts:,} conflict{'' if conflicts == 1 else 's'}"
    if others := facts.get("leavings", 0) - conflicts:
        yield f"{others:,} not kept"
