"""What a tool is: a name, a schema, and a function from input to result."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

OUTPUT_LIMIT = 100_000


class ToolError(Exception):
    """The tool could not do it; the message tells the agent why and what to try."""


@dataclass(frozen=True)
class Result:
    """A tool's answer as the agent reads it.

    `facts` are kept beside the event for the pages: which version a write made, how many hits.
    """

    text: str
    is_error: bool = False
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Tool:
    """`run` takes the input, already checked against `properties`, and may raise `ToolError`.

    A tool that takes long has `work`, which changes nothing of ours: it runs first, outside of any
    transaction unless it `is_quick` this time, with the input and a question whether the turn was
    stopped. `run` then gets only what `work` returned.
    """

    name: str
    description: str
    properties: dict[str, dict[str, Any]]
    required: tuple[str, ...]
    run: Callable[..., Result]
    work: Callable[..., Any] | None = None
    is_quick: Callable[[], bool] = lambda: False

    @property
    def spec(self) -> dict[str, Any]:
        schema = {
            "type": "object",
            "properties": self.properties,
            "required": list(self.required),
        }
        return {"name": self.name, "description": self.description, "input_schema": schema}

    def check(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return the known arguments of `given`; raise `ToolError` for missing or wrong ones."""
        if "_unparsed" in given:
            raise ToolError("The tool call's arguments were not valid JSON. Send the call again.")
        missing = [name for name in self.required if given.get(name) is None]
        if missing:
            raise ToolError(f"{self.name} needs {', '.join(missing)}.")
        known = {key: value for key, value in given.items() if key in self.properties}
        for key, value in known.items():
            expected = TYPES[self.properties[key]["type"]]
            if value is not None and not isinstance(value, expected):
                raise ToolError(f"{self.name}: {key} must be a {self.properties[key]['type']}.")
        return {key: value for key, value in known.items() if value is not None}


TYPES = {"string": str, "boolean": bool, "integer": int, "array": list, "object": dict}


@dataclass(frozen=True)
class Work:
    """What a call has come to before its transaction: when it began, and what its tool worked out."""

    started: float
    done: Any = None
    failure: Result | None = None


def clipped(text: str) -> str:
    """Cut an output that would drown the model, and say so."""
    if len(text) <= OUTPUT_LIMIT:
        return text
    return f"{text[:OUTPUT_LIMIT]}\n… cut at {OUTPUT_LIMIT:,} characters; ask for a narrower part."
