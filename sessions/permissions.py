"""Pure: whether a tool call may run at once, waits for a person, or is refused (contract §8, §12.6).

`always_allow` and `always_ask` say it all. `auto` is decided by fixed rules, with no model in it: what
only looks is allowed, and so is a change in the session's scratch folder; whatever else could change
something is asked about.
"""

import posixpath
from collections.abc import Collection
from typing import Any

from sessions.context import WORKSPACE
from sessions.models import Event

TOOLSET = "agent_toolset_20260401"
LOOKS = {"read", "glob", "grep"}
CHANGES = {"write", "edit"}

Verdict = dict[str, Any]
"""The fields `evaluated_permission` and `evaluation` of an `agent.tool_use`."""


def judge(tools: list[dict], offered: Collection[str], call: dict[str, Any]) -> Verdict:
    """Decide about a call of a built-in tool; `tools` is the agent's, resolved as on the wire."""
    if call["name"] not in offered:
        return {"evaluated_permission": "deny"}
    policy = policy_of(tools, call["name"])
    if policy == "auto":
        return _judged_alone(call)
    verdict = "ask" if policy == "always_ask" else "allow"
    return {"evaluated_permission": verdict, "evaluation": {"type": policy}}


def policy_of(tools: list[dict], name: str) -> str:
    """The permission policy that stands for a built-in tool: its own, or its toolset's."""
    for toolset in tools:
        if toolset["type"] == TOOLSET:
            own = [each for each in toolset["configs"] if each["name"] == name]
            return (own or [toolset["default_config"]])[0]["permission_policy"]["type"]
    return "always_allow"


def _judged_alone(call: dict[str, Any]) -> Verdict:
    if call["name"] in LOOKS or call["name"] in CHANGES and _is_scratch(call["input"]):
        judgement = {"type": "allow"}
    else:
        judgement = {"type": "ask", "reason_code": "indeterminate"}
    evaluation = {"type": "auto", "evaluated_permission": judgement}
    return {"evaluated_permission": judgement["type"], "evaluation": evaluation}


def _is_scratch(given: dict[str, Any]) -> bool:
    path = posixpath.normpath(posixpath.join(WORKSPACE, str(given.get("file_path") or "")))
    return path.startswith(f"{WORKSPACE}/")


def is_denied(decision: Event | None) -> bool:
    return decision is not None and decision.payload["result"] == "deny"


def refusal(decision: Event) -> str:
    """What the model reads instead of a result."""
    why = (decision.payload.get("deny_message") or "").strip()
    said = f" They said: {why}" if why else ""
    return f"The user did not allow this call, so it did not run.{said}"
