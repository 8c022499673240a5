"""What people type on the pages of sessions and agents."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django import forms
from django.db.models import Q, QuerySet

from console.models import Workspace
from memory.models import Store
from sessions import agents, spending
from sessions.conversation import MAX_INSTRUCTIONS, MAX_MESSAGE_CHARACTERS, Mount
from sessions.models import (
    FAILED,
    IMPORTED,
    REQUIRES_ACTION,
    Access,
    Agent,
    Attachment,
    DefaultStore,
    Environment,
    Session,
    Status,
)
from sessions.providers import catalogue
from sessions.tools import enabled_tools

OTHER = "other"
SAVES_AFTER = 30  # minutes, unless somebody chooses
TOOLS = {
    "read": "reads files",
    "write": "writes whole files",
    "edit": "replaces parts of files",
    "glob": "lists files",
    "grep": "searches in files",
    "bash": "runs commands, where the environment allows it",
}


class FilterForm(forms.Form):
    """Which sessions a list shows. Whatever cannot be understood filters nothing."""

    q = forms.CharField(required=False, max_length=256)
    agent = forms.ModelChoiceField(Agent.objects.none(), required=False, empty_label="All agents")
    store = forms.ModelChoiceField(Store.objects.none(), required=False, empty_label="All stores")
    status = forms.ChoiceField(
        choices=[
            ("", "Any status"),
            (REQUIRES_ACTION, "Needs an answer"),
            (FAILED, "Failed"),
            *Status.choices[:3],
            ("archived", "Ended & archived"),
            ("imported", "Imported"),
        ],
        required=False,
    )
    dreams = forms.BooleanField(required=False, label="Dreams' own")

    def __init__(self, data: Any, workspace: Workspace) -> None:
        super().__init__(data)
        self.workspace = workspace
        self.fields["agent"].queryset = workspace.agents.current().order_by("name")
        self.fields["store"].queryset = workspace.stores.order_by("name")

    def sessions(self) -> QuerySet[Session]:
        """The matching sessions, latest first, each with the beginning of its first message."""
        self.is_valid()
        given = self.cleaned_data
        found = self.workspace.sessions.with_first_words().filter(*self._conditions(given))
        found = found.order_by("-updated_at", "-pk")
        return found.select_related("workspace").prefetch_related("attachments")

    def _conditions(self, given: dict[str, Any]) -> list[Q]:
        status = given.get("status")
        current = Q(archived_at=None) & ~Q(status=Status.TERMINATED)
        by_status = {
            "": current,
            "archived": ~current,
            "imported": Q(metadata__has_key=IMPORTED),
            **{
                reason: current & Q(status=Status.IDLE, idle_reason=reason)
                for reason in (REQUIRES_ACTION, FAILED)
            },
        }
        conditions = [by_status.get(status or "", current & Q(status=status))]
        if not given.get("dreams"):
            conditions.append(Q(is_dream=False))
        if given.get("q"):
            conditions.append(Q(title__icontains=given["q"]) | Q(first_words__icontains=given["q"]))
        if given.get("agent"):
            conditions.append(Q(agent=given["agent"]))
        if given.get("store"):
            conditions.append(Q(attachments__store=given["store"]))
        return conditions


class MountForm(forms.Form):
    """One store that may be attached, and how."""

    attach = forms.BooleanField(required=False)
    access = forms.ChoiceField(choices=Access.choices, initial=Access.READ_WRITE)
    instructions = forms.CharField(
        required=False,
        max_length=MAX_INSTRUCTIONS,
        label="Instructions for this store",
        widget=forms.Textarea(
            attrs={"rows": 2, "placeholder": "What this store is for, how to keep it tidy"}
        ),
    )

    def __init__(self, data: Any, store: Store, initial: dict[str, Any] | None) -> None:
        super().__init__(data, prefix=store.pk, initial=initial)
        self.store = store
        self.fields["access"].required = False

    @property
    def is_attached(self) -> bool:
        return bool(self["attach"].value())

    def mount(self) -> Mount:
        given = self.cleaned_data
        return Mount(
            self.store, given["access"] or Access.READ_WRITE, given["instructions"] or None
        )


Ticks = dict[str, dict[str, Any]]
"""What a `MountForm` shows at first, by the store's id."""


def ticks_of(mounted: Iterable[DefaultStore | Attachment]) -> Ticks:
    """Ticks for what an agent attaches by default, or for what another session has attached."""
    return {
        mount.store_id: {
            "attach": True,
            "access": mount.access,
            "instructions": mount.instructions,
        }
        for mount in mounted
    }


class MountForms:
    """All stores of a workspace that can be attached; those that are ticked stand first."""

    def __init__(self, workspace: Workspace, data: Any = None, ticks: Ticks | None = None) -> None:
        stores = workspace.stores.current().with_foreign_text().order_by("name")
        self.forms = [MountForm(data, store, (ticks or {}).get(store.pk)) for store in stores]
        self.forms.sort(key=lambda form: not form.is_attached)

    def __iter__(self):
        return iter(self.forms)

    def __bool__(self) -> bool:
        return bool(self.forms)

    def are_valid(self) -> bool:
        return all(form.is_valid() for form in self.forms)

    def mounts(self) -> list[Mount]:
        return [form.mount() for form in self.forms if form.cleaned_data["attach"]]


class StartForm(forms.Form):
    """A new session: with whom, where, and perhaps the first words."""

    agent = forms.ModelChoiceField(Agent.objects.none(), empty_label=None)
    environment = forms.ModelChoiceField(Environment.objects.none(), empty_label=None)
    title = forms.CharField(required=False, max_length=256)
    budget = forms.DecimalField(
        required=False,
        min_value=0,
        max_value=999_999_999,
        decimal_places=2,
        label="Budget in US dollars",
        help_text="At list price; the agent stops when it is spent, and goes on when you raise it.",
    )
    message = forms.CharField(
        required=False,
        max_length=MAX_MESSAGE_CHARACTERS,
        strip=False,
        label="First message",
        help_text="Sent as soon as the session is there. You can also begin later.",
        widget=forms.Textarea(attrs={"rows": 3, "data-autosize": True}),
    )

    def __init__(self, data: Any, workspace: Workspace, initial: dict | None = None) -> None:
        super().__init__(data, initial=initial)
        self.fields["agent"].queryset = workspace.agents.current().order_by("name")
        environments = workspace.environments.filter(archived_at=None)
        self.fields["environment"].queryset = environments
        if environments.count() == 1:
            self.fields["environment"].widget = forms.HiddenInput()
            self.initial.setdefault("environment", environments[0].pk)

    @property
    def budget_cents(self) -> int | None:
        given = self.cleaned_data["budget"]
        return None if given is None else int(given * 100)

    @property
    def title_or_first_words(self) -> str | None:
        given = self.cleaned_data
        words = " ".join(given["message"][:400].split())
        return given["title"] or (words if len(words) <= 80 else f"{words[:79]}…") or None


def _dollars(label: str) -> forms.DecimalField:
    return forms.DecimalField(min_value=0, max_value=99_999_999, decimal_places=4, label=label)


class PriceForm(forms.Form):
    """What a model costs, in US dollars per million tokens."""

    input = _dollars("Input")
    output = _dollars("Output")
    cache_read = _dollars("Input read from the cache")
    cache_write = _dollars("Input written to the cache")


class BudgetForm(forms.Form):
    """What a session may spend, in US dollars."""

    dollars = forms.DecimalField(min_value=0, max_value=999_999_999, decimal_places=2)

    @property
    def cents(self) -> int:
        return int(self.cleaned_data["dollars"] * 100)


class SpendingForm(forms.Form):
    """The most that a workspace may use in a month."""

    dollars = forms.DecimalField(
        required=False,
        min_value=Decimal("0.01"),
        max_value=999_999_999,
        decimal_places=2,
        label="US dollars a month",
        help_text="At list price, or at the price set for a model. Models without one cost nothing.",
    )
    tokens = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=spending.MOST_TOKENS,
        label="Tokens a month",
        help_text="All that go in and come out, those read from a cache too.",
    )

    @property
    def cents(self) -> int | None:
        given = self.cleaned_data["dollars"]
        return None if given is None else int(given * 100)


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
        self.models = catalogue.models(workspace)
        known = [model.id for model in self.models]
        chosen = self.config["model"]["id"]
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
