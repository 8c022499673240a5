"""What people type on the console's own pages."""

from collections.abc import Iterable

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, URLValidator

from console import throttle
from console.endpoints import Endpoint, keeps_key
from console.models import ModelEndpoint, Role, User, Workspace


class SignInForm(AuthenticationForm):
    """The usual one, which pauses after too many wrong tries."""

    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": "This username and password do not match. Both are case-sensitive.",
        "paused": "Too many wrong tries. Wait five minutes, then try again.",
    }

    @property
    def is_paused(self) -> bool:
        return any(error.code == "paused" for error in self.non_field_errors().as_data())

    def clean(self) -> dict:
        who = self.cleaned_data.get("username", ""), self.request.META.get("REMOTE_ADDR", "")
        if throttle.is_paused(*who):
            raise ValidationError(self.error_messages["paused"], code="paused")
        try:
            cleaned = super().clean()
        except ValidationError:
            throttle.note_failure(*who)
            raise
        throttle.forget(*who)
        return cleaned


class WorkspaceForm(forms.ModelForm):
    class Meta:
        model = Workspace
        fields = ["name"]


class MemberForm(forms.Form):
    """Somebody who has an account already, or who gets one by this."""

    username = forms.CharField(
        max_length=150,
        validators=[User.username_validator],
        help_text="If nobody has this username yet, an account is made for it.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none"}),
    )
    role = forms.ChoiceField(choices=Role.choices, initial=Role.EDITOR)


class RoleForm(forms.Form):
    role = forms.ChoiceField(choices=Role.choices)


class KeyForm(forms.Form):
    name = forms.CharField(max_length=100, help_text="Which program will use it.")
    role = forms.ChoiceField(choices=Role.choices, initial=Role.EDITOR)


class ModelsField(forms.MultipleChoiceField):
    """Model ids: those on offer, and any others, since only the endpoint knows which exist."""

    default_error_messages = {"invalid_choice": "%(value)s cannot be the name of a model."}

    def valid_value(self, value: str) -> bool:
        return len(value) <= 256 and value.isprintable()


class EndpointForm(forms.Form):
    """A model endpoint of a workspace. A stored key is never shown, and stays unless replaced."""

    name = forms.CharField(
        max_length=100,
        help_text="What people here call it.",
        widget=forms.TextInput(attrs={"placeholder": "Ollama on the big machine"}),
    )
    protocol = forms.ChoiceField(
        choices=ModelEndpoint.Protocol.choices,
        help_text="Ollama, vLLM, llama.cpp and most others speak OpenAI’s.",
    )
    base_url = forms.CharField(
        label="Address",
        max_length=500,
        help_text="Up to /v1 for OpenAI’s protocol, without it for Anthropic’s.",
        widget=forms.TextInput(
            attrs={
                "class": "mono",
                "inputmode": "url",
                "autocapitalize": "none",
                "spellcheck": "false",
                "placeholder": "http://127.0.0.1:11434/v1",
            }
        ),
    )
    api_key = forms.CharField(
        label="API key",
        required=False,
        max_length=2000,
        widget=forms.PasswordInput(
            render_value=True, attrs={"class": "mono", "autocomplete": "off"}
        ),
    )
    forget_key = forms.BooleanField(required=False, label="Delete the stored key")
    models = ModelsField(required=False, widget=forms.CheckboxSelectMultiple)
    others = forms.CharField(
        label="Other models",
        required=False,
        help_text="As the endpoint calls them, one on a line.",
        widget=forms.Textarea(attrs={"class": "mono", "rows": 3, "spellcheck": "false"}),
    )
    context_window = forms.IntegerField(
        label="Context window",
        required=False,
        validators=[MinValueValidator(1_000), MaxValueValidator(10_000_000)],
        help_text="Tokens that fit into a request. Empty: what the endpoint says, else 32,000.",
    )

    def __init__(
        self, workspace: Workspace, data: dict | None, row: ModelEndpoint | None = None
    ) -> None:
        self.workspace = workspace
        self.instance = row or ModelEndpoint(workspace=workspace)
        saved = [model["id"] for model in self.instance.served]
        initial = {
            "name": self.instance.name,
            "protocol": self.instance.protocol,
            "base_url": self.instance.base_url,
            "models": saved,
            "context_window": self.instance.context_window,
        }
        super().__init__(data, initial=initial)
        self.offer(saved + (data.getlist("models") if data else []))
        if self.instance.sealed_key:
            hint = f" (…{self.instance.key_hint})" if self.instance.key_hint else ""
            self.fields[
                "api_key"
            ].help_text = f"A key is stored{hint}. Leave this empty to keep it."
        else:
            self.fields[
                "api_key"
            ].help_text = "Encrypted before it is stored. Many local servers need none."

    def offer(self, models: Iterable[str]) -> None:
        """Put these models up for choice, beside those that are there."""
        ids = [id for id, _ in self.fields["models"].choices]
        self.fields["models"].choices = [(id, id) for id in dict.fromkeys([*ids, *models])]

    def clean_name(self) -> str:
        name = self.cleaned_data["name"]
        others = self.workspace.endpoints.exclude(pk=self.instance.pk or "")
        if others.filter(name=name).exists():
            raise ValidationError("Another endpoint has this name already.")
        return name

    def clean_base_url(self) -> str:
        url = self.cleaned_data["base_url"].rstrip("/")
        try:
            URLValidator(schemes=["http", "https"])(url)
        except ValidationError:
            raise ValidationError(
                "Enter an address that begins with http:// or https://."
            ) from None
        if "@" in url:
            raise ValidationError("Leave user and password out of the address; the key goes below.")
        return url

    def clean_others(self) -> list[str]:
        lines = [line.strip() for line in self.cleaned_data["others"].splitlines()]
        for line in lines:
            if not self.fields["models"].valid_value(line):
                raise ValidationError("Each name is one line of at most 256 ordinary characters.")
        return [line for line in lines if line]

    def clean(self) -> dict:
        given = super().clean()
        replaced = given.get("api_key") or given.get("forget_key")
        if not (
            replaced or keeps_key(self.instance, given.get("base_url", self.instance.base_url))
        ):
            self.add_error(
                "api_key", "The address is another one now: enter its key, or delete it."
            )
        return given

    def changes(self) -> dict:
        """What `endpoints.keep` wants to know."""
        given = self.cleaned_data
        key = "" if given["forget_key"] else given["api_key"] or None
        names = ("name", "protocol", "base_url", "context_window")
        models = list(dict.fromkeys([*given["models"], *given["others"]]))
        return {**{name: given[name] for name in names}, "models": models, "api_key": key}

    def endpoint(self) -> Endpoint:
        """What is in the form, to be tried before it is saved."""
        given = self.cleaned_data
        keeps = not given["api_key"] and not given["forget_key"]
        return Endpoint(
            vendor=given["protocol"].upper(),
            name=given["name"] or "New endpoint",
            base_url=given["base_url"],
            plain_key=given["api_key"],
            sealed_key=self.instance.sealed_key if keeps else "",
            id=self.instance.pk or "new",
        )
