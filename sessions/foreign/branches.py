"""Rows that name their parents form a tree: which of them stand on a branch that nobody went on with.

Whoever goes back in Claude Code and says something else starts a new branch; the rows of the old one
stay in the file. Calls made in parallel fork as well: their results hang beside each other.
"""

from collections.abc import Callable, Iterable
from typing import Any

Row = dict[str, Any]


def abandoned(rows: list[Row], is_told: Callable[[Row], bool]) -> set[int]:
    """The places of rows that are off the live branch: the way from a tree's last row to its root.

    Only rows that are told count as last ones or are abandoned. A file may hold several trees, for
    instance after its window was condensed; each keeps its own live branch.
    """
    by_key = {key: row for row in rows if (key := _key(row))}
    told = [(place, key) for place, row in enumerate(rows) if (key := _key(row)) and is_told(row)]
    roots = _roots(by_key)
    leaves = {roots[key]: key for _, key in told}  # the last one wins
    live = {key for leaf in leaves.values() for key in _way(leaf, by_key)}
    live |= _beside(live, by_key)
    return {place for place, key in told if key not in live}


def _key(row: Row) -> str:
    key = row.get("uuid")
    return key if isinstance(key, str) else ""


def _parent(key: str, by_key: dict[str, Row]) -> str:
    parent = by_key[key].get("parentUuid")
    return parent if isinstance(parent, str) and parent in by_key else ""


def _way(key: str, by_key: dict[str, Row]) -> Iterable[str]:
    """From a row up to its root. Where rows are each other's parents it ends when it comes round."""
    seen: set[str] = set()
    while key and key not in seen:
        seen.add(key)
        yield key
        key = _parent(key, by_key)


def _roots(by_key: dict[str, Row]) -> dict[str, str]:
    roots: dict[str, str] = {}
    for key in by_key:
        way = []
        for each in _way(key, by_key):
            if each in roots:
                break
            way.append(each)
        else:
            each = way[-1]
        roots |= dict.fromkeys(way, roots.get(each, each))
    return roots


def _beside(live: set[str], by_key: dict[str, Row]) -> set[str]:
    """The rest of the replies on the way, which come in several rows, and results of their calls."""
    replies = {_reply(by_key[key]) for key in live} - {""}
    parts = {key for key, row in by_key.items() if _reply(row) in replies}
    calls = {use for key in live | parts for use in _named(by_key[key], "id")}
    results = {key for key, row in by_key.items() if calls & {*_named(row, "tool_use_id")}}
    return parts | results


def _reply(row: Row) -> str:
    """The id of the model's reply that a row is a part of."""
    message = row.get("message")
    key = message.get("id") if isinstance(message, dict) else None
    return key if isinstance(key, str) and row.get("type") == "assistant" else ""


def _named(row: Row, name: str) -> Iterable[str]:
    """The ids that stand under this name in the blocks of a row."""
    message = row.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    for block in content if isinstance(content, list) else ():
        key = block.get(name) if isinstance(block, dict) else None
        if isinstance(key, str):
            yield key
