"""Filling a tool's schema from what a person wrote after its name.

Named values come first (`city=Paris`, `city: "New York"`, a JSON object); then every required field
takes what fits its type from the words that are left, strings last.
"""

import json
import math
import re
from dataclasses import dataclass, field
from typing import Any

Schema = dict[str, Any]
LEAD = re.compile(
    r"^[\s:,]*(?:(?:for|with|on|in|to|about|of|at|from|and|using|the|run|execute)\b[\s:]*)*",
    re.IGNORECASE,
)
# A run of stops is looked at from its beginning only, and a number never in part: both may be long.
TAIL = re.compile(
    r"(?:(?<![\s,;.!?])[\s,;.!?]+)?(?:\b(?:please|and|with|in|for|as))?$", re.IGNORECASE
)
NUMBER = re.compile(r"(?<![\w.])-?\d++(?:\.\d++)?+(?![\w.]*\w)")
YES = re.compile(r"\b(true|yes|on|false|no|off)\b", re.IGNORECASE)
VALUE = r"""("(?:[^"\\]|\\.)*"|'[^']*'|`[^`]*`|“[^”]*”|\[[^\]]*\]|[^\s,;]+)"""
DESERT = re.compile(r"\s{40,}")  # would keep the patterns above busy for long
QUOTES = "\"'`“”‘’"


@dataclass
class Filled:
    """The input of a call; `missing` are required fields that nothing in the message would fill."""

    values: dict[str, Any] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)


def fill(schema: Schema, text: str) -> Filled:
    """Read the input for a schema out of a text."""
    properties = _properties(schema)
    values, text = _as_json(properties, text)
    text = DESERT.sub(" ", text)
    for name, wanted in properties.items():
        if name not in values:
            values, text = _named(name, wanted, values, text)
    for name, wanted in properties.items():
        if name not in values and wanted.get("enum"):
            values, text = _chosen(name, wanted, values, text)
    named = (name for name in _list(schema.get("required")) if isinstance(name, str))
    required = [name for name in named if name not in values]
    if not required and not values:  # nothing must be said: what was said is for the first string
        strings = (name for name, wanted in properties.items() if wanted.get("type") == "string")
        required = [name for name in strings if _bare(text)][:1]
    return _from_words(properties, required, values, text)


def _properties(schema: Schema) -> dict[str, Schema]:
    """The fields of a schema, whatever stands there: each with one type and a list of choices."""
    named = schema.get("properties")
    fields = named.items() if isinstance(named, dict) else ()
    return {name: _plain(each if isinstance(each, dict) else {}) for name, each in fields}


def _plain(wanted: Schema) -> Schema:
    """Of several types ("string or null") the first that says something."""
    kinds = _list(wanted.get("type")) or [wanted.get("type")]
    kind = next((each for each in kinds if isinstance(each, str) and each != "null"), None)
    return {"type": kind, "enum": _list(wanted.get("enum"))}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _as_json(properties: dict[str, Schema], text: str) -> tuple[dict[str, Any], str]:
    start = text.find("{")
    if start >= 0:
        try:
            value, length = json.JSONDecoder().raw_decode(text[start:])
            json.dumps(value, allow_nan=False)  # NaN and Infinity are Python's, not JSON's
        except (ValueError, RecursionError):
            return {}, text
        known = {key: each for key, each in value.items() if key in properties}
        return known, text[:start] + text[start + length :]
    return {}, text


def _named(name: str, wanted: Schema, values: dict, text: str) -> tuple[dict, str]:
    called = re.escape(name)
    found = re.search(rf"\b{called}\s*(?:=|:|\bis\b)\s*{VALUE}", text, re.IGNORECASE)
    if found is None and wanted.get("type") in ("number", "integer"):  # "3 days"
        found = re.search(rf"({NUMBER.pattern})\s+{called}\b", text, re.IGNORECASE)
    value = _typed(wanted, found[1]) if found else None
    if value is None:
        return values, text
    return {**values, name: value}, text[: found.start()] + " " + text[found.end() :]


def _chosen(name: str, wanted: Schema, values: dict, text: str) -> tuple[dict, str]:
    for choice in wanted["enum"]:
        chosen = rf"(?:\b{re.escape(name)}\s+)?\b{re.escape(str(choice))}\b"
        found = re.search(chosen, text, re.IGNORECASE)
        if found:
            return {**values, name: choice}, text[: found.start()] + " " + text[found.end() :]
    return values, text


def _typed(wanted: Schema, written: str) -> Any:
    """The written value as the schema's type; None when it is none of that."""
    bare = written.strip(QUOTES).rstrip(".!?") if written[:1] not in QUOTES else written[1:-1]
    if wanted.get("enum"):
        return next((each for each in wanted["enum"] if str(each).lower() == bare.lower()), None)
    match wanted.get("type"):
        case "number" | "integer":
            number = NUMBER.fullmatch(bare)
            return _number(wanted, bare) if number else None
        case "boolean":
            return bare.lower() in {"true", "yes", "on"} if YES.fullmatch(bare) else None
        case "array":
            return [each.strip().strip(QUOTES) for each in bare.strip("[]").split(",")]
        case "object":
            return None
    return bare


def _number(wanted: Schema, written: str) -> int | float | None:
    number = float(written)
    if not math.isfinite(number):
        return None
    if wanted["type"] == "number":
        return number
    return int(number) if "." in written else int(written)  # a long id must keep its last digits


def _from_words(properties: dict, required: list[str], values: dict, text: str) -> Filled:
    filled = Filled(values)
    strings = []
    for name in required:
        kind = properties[name]["type"] if name in properties else None
        if kind not in FINDERS:
            strings.append(name)
            continue
        found = FINDERS[kind].search(text)
        value = _typed(properties[name], found[0]) if found else None
        if value is None:
            filled.missing.append(name)
        else:
            filled.values[name] = value
            text = text[: found.start()] + " " + text[found.end() :]
    _share(properties, strings, filled, _bare(text))
    return filled


FINDERS = {"number": NUMBER, "integer": NUMBER, "boolean": YES}


def _share(properties: dict, names: list[str], filled: Filled, text: str) -> None:
    """Give the words that are left to the strings and lists, part by part."""
    parts = (
        re.split(r"\s*[,;]\s*|\s+and\s+", text, maxsplit=len(names) - 1) if names[1:] else [text]
    )
    for place, name in enumerate(names):
        part = _bare(parts[place]) if place < len(parts) else ""
        wanted = properties.get(name) or {}
        if not part or wanted.get("enum") or wanted.get("type") == "object":
            filled.missing.append(name)
        elif wanted.get("type") == "array":
            filled.values[name] = [_bare(each) for each in re.split(r",|\band\b", part)]
        else:
            filled.values[name] = part


def _bare(text: str) -> str:
    text = TAIL.sub("", LEAD.sub("", text)).strip()
    is_quoted = len(text) > 1 and text[0] in QUOTES and text[-1] in QUOTES
    return text[1:-1] if is_quoted else text
