"""What people type about environments."""

from typing import Any

from django import forms

from sessions import agents, shells
from sessions.models import Environment


def _limit(name: str, label: str, unit: str) -> forms.IntegerField:
    least, most = shells.RANGES[name]
    return forms.IntegerField(
        label=label,
        min_value=least,
        max_value=most,
        help_text=f"{unit}, {least} to {most:,}.",
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )


class EnvironmentForm(forms.Form):
    """An environment as far as a person sets it here; the rest of its configuration stays."""

    name = forms.CharField(max_length=256)
    description = forms.CharField(
        max_length=2048, required=False, widget=forms.Textarea(attrs={"rows": 3})
    )
    enabled = forms.BooleanField(required=False, label="Agents may run commands in bash")
    timeout_seconds = _limit("timeout_seconds", "Time for one command", "Seconds")
    memory_mb = _limit("memory_mb", "Memory", "MB, for all its processes together")
    processes = _limit("processes", "Processes", "At a time")
    disk_mb = _limit("disk_mb", "Disk", "MB, also for what /workspace keeps")

    def __init__(self, data: Any = None, environment: Environment | None = None) -> None:
        self.config = environment.config if environment else agents.CLOUD
        initial = shells.of(self.config)
        if environment:
            initial |= {"name": environment.name, "description": environment.description}
        super().__init__(data, initial=initial)

    @property
    def limits(self) -> list[forms.BoundField]:
        return [self[name] for name in shells.RANGES]

    def changes(self) -> dict[str, Any]:
        """The environment's fields as this form has them."""
        given = self.cleaned_data
        shell = {name: given[name] for name in shells.DEFAULT}
        return {
            "name": given["name"],
            "description": given["description"] or None,
            "config": {**self.config, "bash": shell},
        }
