"""What people type on the page of an agent."""

from typing import Any

from django import forms

from console.models import Workspace
from sessions import agents
from sessions.models import Agent
from sessions.providers import catalogue
from sessions.tools import enabled_tools

OTHER = "other"
MANY = 12  # models; fewer are seen at a glance
SAVES_AFTER = 30  # minutes, unless somebody chooses
TOOLS = {
    "read": "reads files",
    "write": "writes whole files",
    "edit": "replaces parts of files",
    "glob": "lists files",
    "grep": "searches in files",
    "bash": "runs commands, where the environment allows it",
}


class AgentForm(forms.Form):
    """An agent's configuration, as far as a person sets it here; the rest of it stays."""

    name = forms.CharField(max_length=256)
    description = forms.CharField(required=False, max_length=2048)
    model = forms.ChoiceField(widget=forms.RadioSelect)
    other_model = forms.CharField(required=False, max_length=256, label="Another model's id")
    system = forms.CharField(
        required=False,
        max_length=100_000,
        strip=False,
        label="System prompt",
        widget=forms.Textarea(attrs={"rows": 12}),
    )
    tools = forms.MultipleChoiceField(
        choices=list(TOOLS.items()),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    permission = forms.ChoiceField(
        choices=[
            ("always_allow", "Use them without asking"),
            ("auto", "Ask before changing a store or running a command"),
            ("always_ask", "Ask before every use"),
        ],
        label="May the agent use its tools?",
        help_text="Where it asks, the session waits until somebody allows or denies the call.",
    )

    saves = forms.BooleanField(required=False)
    saves_after = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=agents.MOST_MINUTES,
        label="Minutes idle until then",
        help_text="An archived session does not wait for them.",
    )

    def __init__(self, workspace: Workspace, data: Any = None, agent: Agent | None = None) -> None:
        self.config = agent.latest.config if agent else agents.blank_config("", "builtin")
        chosen = self.config["model"]["id"]
        self.models = catalogue.models(workspace)
        self.is_long = len(self.models) > MANY
        if self.is_long:  # the one that is chosen comes first, where it is seen
            self.models = sorted(self.models, key=lambda model: model.id != chosen)
        known = [model.id for model in self.models]
        initial = {
            "name": self.config["name"],
            "description": self.config["description"],
            "model": chosen if chosen in known else OTHER,
            "other_model": "" if chosen in known else chosen,
            "system": self.config["system"],
            "tools": sorted(enabled_tools(self.config["tools"]) if agent else TOOLS),
            "permission": self._toolset["default_config"]["permission_policy"]["type"],
            "saves": agent is not None and agent.saves_after is not None,
            "saves_after": agent and agent.saves_after or SAVES_AFTER,
        }
        super().__init__(data, initial=initial)
        self.fields["model"].choices = [(id, id) for id in [*known, OTHER]]

    def clean(self) -> dict[str, Any]:
        given = super().clean()
        if given.get("model") == OTHER and not given.get("other_model"):
            self.add_error("other_model", "Name the model, as its endpoint calls it.")
        return given

    def changes(self) -> dict[str, Any]:
        """The configuration's fields as this form has them."""
        given = self.cleaned_data
        model = given["other_model"] if given["model"] == OTHER else given["model"]
        return {
            "name": given["name"],
            "description": given["description"] or None,
            "model": {**self.config["model"], "id": model},
            "system": given["system"].replace("\r\n", "\n") or None,
            "tools": self._tools(set(given["tools"]), {"type": given["permission"]}),
        }

    @property
    def minutes(self) -> int | None:
        """How long a session is idle before it saves; None for never."""
        given = self.cleaned_data
        return (given["saves_after"] or SAVES_AFTER) if given["saves"] else None

    @property
    def _toolset(self) -> dict[str, Any]:
        kind = agents.ALL_FILE_TOOLS["type"]
        found = (tool for tool in self.config["tools"] if tool["type"] == kind)
        return next(found, agents.ALL_FILE_TOOLS)

    def _tools(self, wanted: set[str], policy: dict[str, str]) -> list[dict[str, Any]]:
        before, toolset = self.config["tools"], self._toolset
        is_same = toolset["default_config"]["permission_policy"] == policy
        if is_same and wanted == enabled_tools(before) & TOOLS.keys():
            return before
        enabled = toolset["default_config"]["enabled"]
        configs = [entry for entry in toolset["configs"] if entry["name"] not in TOOLS]
        if not is_same:  # what was set for one tool by a program, this choice is meant to replace
            configs = [{**entry, "permission_policy": policy} for entry in configs]
        differing = [name for name in sorted(TOOLS) if (name in wanted) != enabled]
        configs += [_switched(name, name in wanted, policy) for name in differing]
        default = {"enabled": enabled, "permission_policy": policy}
        others = [tool for tool in before if tool["type"] != toolset["type"]]
        return [{**toolset, "default_config": default, "configs": configs}, *others]


def _switched(name: str, enabled: bool, policy: dict[str, str]) -> dict[str, Any]:
    return {"type": name, "name": name, "enabled": enabled, "permission_policy": policy}
