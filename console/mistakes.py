"""Pure: what is wrong with a request, as the program that sent it would look for it.

The framework reports every way in which a value failed to be one thing or another, and names its own
types in the places. What is told here is one mistake, in the place where it stands in the request.
"""

import json
from collections.abc import Iterator
from typing import Any

from console import queries

Place = tuple[str | int, ...]
Error = dict[str, Any]

OBJECT = "Input should be a JSON object"
WORDS = {
    "model_type": OBJECT,
    "model_attributes_type": OBJECT,
    "dict_type": OBJECT,
}


def told(errors: list[Error], body: Any) -> str:
    """The mistake to mend first: its place and what is wrong there. `body` is None when there is none."""
    source = errors[0]["loc"][0]
    if source != "body":
        return _with_place(_parameter(errors[0]["loc"]), errors[0])
    placed = [(_place(error, body), error) for error in errors if error["loc"][0] == "body"]
    first = placed[0][0][:1]
    # A value that may be several things fails to be each of them; it came furthest where it was meant.
    place, error = max(
        (each for each in placed if each[0][:1] == first), key=lambda each: len(each[0])
    )
    if not place and error["type"] == "missing":
        return "This route needs a body, in JSON."
    return _with_place(".".join(map(str, place)), error)


def _with_place(place: str, error: Error) -> str:
    words = WORDS.get(error["type"]) or error["msg"].removeprefix("Value error, ")
    if error["type"].startswith("union_tag_"):
        kind = error["ctx"]["discriminator"].strip("'")
        place = f"{place}.{kind}" if place else kind
        tags = error["ctx"].get("expected_tags")
        words = f"Input should be one of {tags}" if tags else "Field required"
    return f"{place}: {words}" if place else words


def _parameter(location: Place) -> str:
    """A parameter of the address, under its name on the wire."""
    source, *parts = location
    if source != "query":
        return ".".join(map(str, parts))
    names = [part for part in parts if isinstance(part, str)]
    return queries.wire_name(names[-1], is_list=names != parts)


def _place(error: Error, body: Any) -> Place:
    """Where in the body the error stands, without the names of types that the framework puts in between."""
    is_missing = error["type"] == "missing"
    ways = list(_ways(body, error["loc"][2:], is_missing))
    # Most of the parts, and above all the last one, name what is there, or what is missing.
    return max(ways, key=lambda way: (way[1], len(way[0])))[0]


def _ways(value: Any, location: Place, is_missing: bool) -> Iterator[tuple[Place, bool]]:
    """Every reading of a location as a path into the value, and whether it reaches the last part."""
    if not location:
        yield (), False
        return
    part, rest = location[0], location[1:]
    if inside := _inside(value, part):
        for way, reaches in _ways(inside[0], rest, is_missing):
            yield (part, *way), reaches or not rest
    elif is_missing and not rest:
        yield (part,), True
    yield from _ways(value, rest, is_missing)


def _inside(value: Any, part: str | int) -> tuple[Any] | None:
    """The value's own part, in a tuple since it may be None; None when it has no such part."""
    if isinstance(value, dict) and part in value:
        return (value[part],)
    if isinstance(value, list) and isinstance(part, int) and part < len(value):
        return (value[part],)
    return None


def unreadable(cause: BaseException | None) -> str:
    """Why a body could not be read as JSON that any database can keep."""
    if isinstance(cause, json.JSONDecodeError):
        where = f"line {cause.lineno}, column {cause.colno}"
        return f"The request body is no JSON: {cause.msg} ({where})."
    if isinstance(cause, UnicodeDecodeError):
        return "The request body is no JSON in UTF-8."
    why = "a number in it is NaN, infinite or thousands of digits long"
    if isinstance(cause, UnicodeEncodeError):
        why = "it holds half of a surrogate pair"
    if isinstance(cause, RecursionError):
        why = "it is nested too deeply"
    return f"The request body is no JSON that can be kept: {why}."
