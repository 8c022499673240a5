"""What people choose when they import files or copy a store."""

from django import forms

from memory import layouts, paths
from memory.forms import MONO, checked
from memory.transfer import Options


class CopyForm(forms.Form):
    """A name for a copy of a store."""

    name = forms.CharField(max_length=255, widget=forms.TextInput(attrs={"autofocus": True}))

    def clean_name(self) -> str:
        return checked(paths.check_name, self.cleaned_data["name"])


class ImportForm(forms.Form):
    """How to import what was sent; whatever is left out is as it usually is."""

    kind = forms.ChoiceField(label="What it is", required=False)
    folder = forms.CharField(
        label="Into the folder",
        required=False,
        strip=True,
        widget=forms.TextInput(attrs=MONO | {"placeholder": "/"}),
    )
    strip = forms.ChoiceField(
        label="The folder around it",
        required=False,
        choices=[("1", "Leave it out"), ("0", "Keep it")],
    )
    overwrite = forms.ChoiceField(
        label="Where a file stands already",
        required=False,
        choices=[("1", "Replace it (its history stays)"), ("0", "Keep what stands there")],
    )

    def __init__(self, data: dict, *, is_export: bool) -> None:
        super().__init__(data)
        kinds = {key: said for key, said in layouts.KINDS.items() if (key == "export") == is_export}
        self.fields["kind"].choices = kinds.items()

    def clean_folder(self) -> str:
        folder = self.cleaned_data["folder"].strip("/")
        return checked(paths.check_folder, f"/{folder}/") if folder else "/"

    def options(self) -> Options:
        given = self.cleaned_data if self.is_valid() else {}
        return Options(
            given.get("kind", ""),
            given.get("folder", "/"),
            given.get("strip", "") != "0",
            given.get("overwrite", "") != "0",
        )
