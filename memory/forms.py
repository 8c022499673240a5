"""What people type about stores and their files; the rules themselves are in `paths`."""

from collections.abc import Callable

from django import forms
from django.core.exceptions import ValidationError

from memory import paths, patterns
from memory.models import Store
from memory.results import MODES, Query

MONO = {"class": "mono", "spellcheck": "false", "autocapitalize": "none", "autocomplete": "off"}


def checked(check: Callable[[str], object], value: str) -> str:
    try:
        check(value)
    except paths.Invalid as error:
        raise ValidationError(str(error)) from None
    return value


class StoreForm(forms.Form):
    name = forms.CharField(
        max_length=255,
        help_text="Agents find it under this name, as a folder: /mnt/memory/project-notes.",
        widget=forms.TextInput(attrs={"autofocus": True, "placeholder": "Project notes"}),
    )
    description = forms.CharField(
        max_length=1024,
        required=False,
        help_text="Agents read this too: say what belongs here, and what does not.",
        widget=forms.Textarea(attrs={"rows": 4}),
    )

    def clean_name(self) -> str:
        return checked(paths.check_name, self.cleaned_data["name"])

    def clean_description(self) -> str:
        return checked(paths.check_description, self.cleaned_data["description"])


class DeleteStoreForm(forms.Form):
    """Deleting a store takes its history along: whoever does it types its name."""

    name = forms.CharField(widget=forms.TextInput(attrs={"autocomplete": "off"}))

    def __init__(self, data: dict | None, store: Store) -> None:
        super().__init__(data)
        self.store = store
        self.fields["name"].label = "Type the store’s name to confirm"

    def clean_name(self) -> str:
        if self.cleaned_data["name"].strip() != self.store.name.strip():
            raise ValidationError("That is not the store’s name.")
        return self.cleaned_data["name"]


class PathForm(forms.Form):
    """A new path for a file. `expected` is the hash of the text that was on the screen."""

    path = forms.CharField(strip=False, widget=forms.TextInput(attrs=MONO | {"autofocus": True}))
    expected = forms.CharField(required=False, widget=forms.HiddenInput)

    def clean_path(self) -> str:
        return checked(paths.check_path, self.cleaned_data["path"].strip())


class TextForm(forms.Form):
    """A text and what it was written upon: the version that was opened, and its hash."""

    content = forms.CharField(
        label="Text",
        strip=False,
        required=False,
        widget=forms.Textarea(attrs=MONO | {"rows": 24, "wrap": "soft"}),
    )
    base = forms.CharField(required=False, widget=forms.HiddenInput)
    expected = forms.CharField(required=False, widget=forms.HiddenInput)
    # Names what the browser keeps of the text until it is saved.
    draft = forms.RegexField(r"\A[a-z0-9]{1,40}\Z", required=False, widget=forms.HiddenInput)

    def __init__(self, data: dict | None = None, *, like: str = "", **options) -> None:
        super().__init__(data, **options)
        # Browsers send every line end as CR LF; the text keeps those it had, if they were one kind.
        lines = like.replace("\r\n", "\n").replace("\r", "\n")
        self.line_end = "\r\n" if lines != like == lines.replace("\n", "\r\n") else "\n"
        self.evens_line_ends = lines.replace("\n", self.line_end) != like

    def clean_content(self) -> str:
        return checked(paths.check_content, self.as_it_was(self.cleaned_data["content"]))

    def as_it_was(self, typed: str) -> str:
        """Give a text the line ends that the file has."""
        return typed.replace("\r\n", "\n").replace("\n", self.line_end)


class ConflictForm(TextForm):
    """A result of choices: `opened` is the version `mine` was written upon, `built` what they made."""

    opened = forms.CharField(required=False, widget=forms.HiddenInput)
    mine = forms.CharField(strip=False, required=False)
    built = forms.CharField(strip=False, required=False)

    def clean_mine(self) -> str:
        return self.as_it_was(self.cleaned_data["mine"])

    def clean_built(self) -> str:
        return self.as_it_was(self.cleaned_data["built"])


class FileForm(TextForm):
    """A new file. Nothing stands there yet, as far as its writer knows."""

    path = forms.CharField(
        strip=False,
        help_text="Folders come into being by being named.",
        widget=forms.TextInput(attrs=MONO | {"placeholder": "/notes/today.md"}),
    )
    field_order = ["path"]

    def clean_path(self) -> str:
        return checked(paths.check_path, self.cleaned_data["path"].strip())


class SearchForm(forms.Form):
    """Looks for lines in the files of one store, or of many."""

    q = forms.CharField(max_length=patterns.LENGTH, strip=False, required=False)
    mode = forms.ChoiceField(choices=MODES.items(), required=False)
    case = forms.BooleanField(required=False)
    prefix = forms.CharField(max_length=1024, required=False)
    store = forms.CharField(required=False)
    everywhere = forms.BooleanField(required=False)

    def clean_prefix(self) -> str:
        prefix = self.cleaned_data["prefix"].replace("\0", "")
        return f"/{prefix.lstrip('/')}"

    @property
    def query(self) -> Query | None:
        """What to look for; None when there is nothing yet, or nothing that can be."""
        if not self.is_valid() or not self.cleaned_data["q"].strip():
            return None
        data = self.cleaned_data
        return Query(data["q"], data["mode"] or "text", data["case"], data["prefix"])

    @property
    def problem(self) -> str:
        """What is wrong with what was typed, in words."""
        return " ".join(error for errors in self.errors.values() for error in errors)
