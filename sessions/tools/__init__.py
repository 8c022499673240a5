"""The tools of one session, and the one place that runs them."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from console.actors import Actor
from sessions.models import Session
from sessions.tools.base import Result, Tool, ToolError, Work
from sessions.tools.bash import bash_tool, is_offered
from sessions.tools.files import file_tools
from sessions.tools.mounts import Mounts


def never() -> bool:
    return False


@dataclass
class Toolbox:
    """Tools by name. A tool's failure is its result: the agent reads it and goes on."""

    tools: list[Tool]
    mounts: Mounts

    @property
    def specs(self) -> list[dict]:
        return [tool.spec for tool in self.tools]

    def act_for(self, event: str) -> None:
        """What is done from now on is done for this event."""
        self.mounts.by = replace(self.mounts.by, event=event)

    def takes_long(self, name: str) -> bool:
        """Whether a call of this tool has something to do before its transaction."""
        tool = next((tool for tool in self.tools if tool.name == name), None)
        return bool(tool and tool.work and not tool.is_quick())

    def work(self, name: str, given: dict, is_stopped: Callable[[], bool] = never) -> Work:
        """Do what a call does before its transaction; most tools do nothing then."""
        started = time.monotonic()
        try:
            tool = self._find(name)
            done = tool.work(is_stopped, **tool.check(given)) if tool.work else None
        except ToolError as error:
            return Work(started, failure=Result(str(error), is_error=True))
        return Work(started, done)

    def run(self, name: str, given: dict, work: Work | None = None) -> Result:
        """Run one call; never raises for anything the agent did wrong."""
        work = work or self.work(name, given)
        result = work.failure or self._run(name, given, work.done)
        took = round((time.monotonic() - work.started) * 1000)
        return Result(result.text, result.is_error, {**result.facts, "ms": took})

    def _run(self, name: str, given: dict, done: Any) -> Result:
        try:
            tool = self._find(name)
            return tool.run(done) if tool.work else tool.run(**tool.check(given))
        except ToolError as error:
            return Result(str(error), is_error=True)

    def _find(self, name: str) -> Tool:
        tool = next((tool for tool in self.tools if tool.name == name), None)
        if tool is None:
            known = ", ".join(tool.name for tool in self.tools)
            raise ToolError(f"There is no tool {name!r}. There is: {known}.")
        return tool


def chat_tools(session: Session, actor: Actor) -> Toolbox:
    """What the session's agent has switched on of the built-in tools."""
    enabled = enabled_tools(session.agent_config["tools"])
    mounts = Mounts(session, actor)
    tools = [*file_tools(mounts), *([bash_tool(mounts)] if is_offered(session) else [])]
    return Toolbox([tool for tool in tools if tool.name in enabled], mounts)


def enabled_tools(config: list[dict]) -> set[str]:
    """Names of the built-in tools that an agent's `tools` (as resolved on the wire) switch on."""
    enabled: set[str] = set()
    for toolset in config:
        if toolset["type"] == "agent_toolset_20260401":
            if toolset["default_config"]["enabled"]:
                enabled |= TOOLS
            for tool in toolset["configs"]:
                (enabled.add if tool["enabled"] else enabled.discard)(tool["name"])
    return enabled


TOOLS = {"read", "write", "edit", "glob", "grep", "bash"}
