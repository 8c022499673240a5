"""The fields that stand between `---` lines at the top of a text. Pure.

Most are YAML and are read as such, every value as the letters it was written with. Agents also write
what only looks like YAML (`title: Talk: the second half`); that is read line by line.
"""

import re
from collections.abc import Iterator

import yaml

MAX_DEPTH = 6
FENCED = re.compile(r"---[ \t]*\n(.{0,4000}?)\n---[ \t]*(?:\n|\Z)", re.DOTALL)
FIELD = re.compile(r"([A-Za-z][\w .-]{0,60}):(?:[ \t]+(.*))?")
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Field = tuple[str, str]
"""A key and what it says, in one line."""


class _Refused(Exception):
    """Valid YAML, but nothing one would write at the top of a note."""


def split(text: str) -> tuple[list[Field], str]:
    """Take the fields off the top of a text; no fields when what stands there is something else."""
    found = FENCED.match(text)
    if found is None:
        return [], text
    fields = _as_yaml(found[1])
    if fields is None:
        fields = _line_by_line(found[1])
    return (fields, text[found.end() :]) if fields else ([], text)


# -- YAML ---------------------------------------------------------------------------------


def _as_yaml(text: str) -> list[Field] | None:
    """Read a mapping; None when it is none, or has aliases (a few of them make millions of values)."""
    try:
        events = yaml.parse(text, Loader=LOADER)
        value = _value(_content(events), events, depth=0)
    except (yaml.YAMLError, _Refused, StopIteration, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    return [(key, _told(each)) for key, each in value.items()]


def _content(events: Iterator[yaml.Event]) -> yaml.Event:
    """The first event that is about the content."""
    around = (yaml.StreamStartEvent, yaml.DocumentStartEvent)
    return next(event for event in events if not isinstance(event, around))


def _value(event: yaml.Event, events: Iterator[yaml.Event], depth: int) -> str | list | dict:
    if isinstance(event, yaml.ScalarEvent):
        return event.value
    if isinstance(event, yaml.AliasEvent) or depth > MAX_DEPTH:
        raise _Refused
    if isinstance(event, yaml.SequenceStartEvent):
        return list(_items(events, yaml.SequenceEndEvent, depth))
    if isinstance(event, yaml.MappingStartEvent):
        items = list(_items(events, yaml.MappingEndEvent, depth))
        return {_told(key): value for key, value in zip(items[::2], items[1::2], strict=True)}
    raise _Refused


def _items(events: Iterator[yaml.Event], end: type, depth: int) -> Iterator[str | list | dict]:
    while not isinstance(event := next(events), end):
        yield _value(event, events, depth + 1)


def _told(value: str | list | dict) -> str:
    """A value as people write it in one line."""
    if isinstance(value, dict):
        return "; ".join(f"{key}: {_told(each)}" for key, each in value.items())
    if isinstance(value, list):
        return ", ".join(map(_told, value))
    return value.strip()


# -- What only looks like YAML ------------------------------------------------------------


def _line_by_line(text: str) -> list[Field] | None:
    fields: list[Field] = []
    for line in text.splitlines():
        if field := FIELD.fullmatch(line):
            fields.append((field[1], _unquoted(field[2] or "")))
        elif fields and line.startswith((" ", "\t", "-")):
            key, value = fields[-1]
            fields[-1] = (key, ", ".join(filter(None, [value, _unquoted(line.strip(" \t-"))])))
        elif line.strip() and not line.startswith("#"):
            return None
    return fields


def _unquoted(value: str) -> str:
    value = value.strip()
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1] if quoted else value
