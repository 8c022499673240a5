"""Where files and folders shall go."""

from django import forms

from memory import paths
from memory.forms import MONO, checked


class MoveForm(forms.Form):
    """A folder, with or without the slash at its end. `seen` is the digest of what was shown."""

    to = forms.CharField(
        label="Into the folder",
        strip=False,
        widget=forms.TextInput(attrs=MONO | {"autofocus": True, "placeholder": "/archive/"}),
        help_text="Folders come into being by being named; / is the top of the store.",
    )
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def clean_to(self) -> str:
        folder = self.cleaned_data["to"].strip().rstrip("/") + "/"
        return checked(paths.check_folder, folder)
