"""The tools of one session, and the one place that runs them."""

import time
from dataclasses import dataclass

from console.actors import Actor
from sessions.models import Session
from sessions.tools.base import Result, Tool, ToolError
from sessions.tools.files import file_tools
from sessions.tools.mounts import Mounts


@dataclass
class Toolbox:
    """Tools by name. A tool's failure is its result: the agent reads it and goes on."""

    tools: list[Tool]

    @property
    def specs(self) -> list[dict]:
        return [tool.spec for tool in self.tools]

    def run(self, name: str, given: dict) -> Result:
        """Run one call; never raises for anything the agent did wrong."""
        started = time.monotonic()
        result = self._run(name, given)
        took = round((time.monotonic() - started) * 1000)
        return Result(result.text, result.is_error, {**result.facts, "ms": took})

    def _run(self, name: str, given: dict) -> Result:
        tool = next((tool for tool in self.tools if tool.name == name), None)
        try:
            if tool is None:
                known = ", ".join(tool.name for tool in self.tools)
                raise ToolError(f"There is no tool {name!r}. There is: {known}.")
            return tool.run(**tool.check(given))
        except ToolError as error:
            return Result(str(error), is_error=True)


def chat_tools(session: Session, actor: Actor) -> Toolbox:
    """What the session's agent has switched on of the built-in tools."""
    enabled = enabled_tools(session.agent_config["tools"])
    tools = file_tools(Mounts(session, actor))
    return Toolbox([tool for tool in tools if tool.name in enabled])


def enabled_tools(config: list[dict]) -> set[str]:
    """Names of the built-in tools that an agent's `tools` (as resolved on the wire) switch on."""
    enabled: set[str] = set()
    for toolset in config:
        if toolset["type"] == "agent_toolset_20260401":
            if toolset["default_config"]["enabled"]:
                enabled |= FILE_TOOLS
            for tool in toolset["configs"]:
                (enabled.add if tool["enabled"] else enabled.discard)(tool["name"])
    return enabled


FILE_TOOLS = {"read", "write", "edit", "glob", "grep"}
