"""What people type on the pages of sessions, and in the table of stores to mount."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.db.models import Q, QuerySet

from console.models import Workspace
from memory.models import Store
from sessions.conversation import MAX_MESSAGE_CHARACTERS
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
from sessions.money_forms import Cents
from sessions.opening import MAX_INSTRUCTIONS, Mount


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
    budget = Cents(
        required=False,
        min_value=0,
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
    def title_or_first_words(self) -> str | None:
        given = self.cleaned_data
        words = " ".join(given["message"][:400].split())
        return given["title"] or (words if len(words) <= 80 else f"{words[:79]}…") or None
