"""What people type on the console's own pages."""

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError

from console import throttle
from console.models import Role, User, Workspace


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
