"""What people type to find their way through a history, and to take a text out of it."""

from django import forms
from django.core.exceptions import ValidationError
from django.utils.timezone import localtime

from memory import history
from memory.models import Operation, Texts
from memory.redaction import MAX_REASON

DAY = {"type": "date"}


class HistoryForm(forms.Form):
    """Which versions to show. What is wrong filters nothing, and says so."""

    operation = forms.ChoiceField(
        label="What happened",
        required=False,
        choices=[("", "Everything that happened"), *history.OPERATIONS.items()],
    )
    by = forms.ChoiceField(label="Who did it", required=False)
    since = forms.DateField(label="From", required=False, widget=forms.DateInput(attrs=DAY))
    until = forms.DateField(label="to", required=False, widget=forms.DateInput(attrs=DAY))

    def __init__(self, data: dict, versions: Texts) -> None:
        super().__init__(data)
        self.versions = versions
        self.fields["by"].choices = self._authors(data.get("by", ""))

    def _authors(self, chosen: str) -> list:
        found = history.authors(self.versions)
        kinds = [(kind, f"By {label.lower()}") for kind, label in history.KINDS.items()]
        one = [(author.id, _described(author)) for author in found]
        if "_" in chosen and chosen not in dict(one):
            one.append((chosen, chosen))
        return [("", "By everyone"), *kinds, ("One of them", one)]

    def clean_until(self):
        since, until = self.cleaned_data.get("since"), self.cleaned_data["until"]
        if since and until and until < since:
            raise ValidationError("The last day lies before the first.")
        return until

    @property
    def filters(self) -> bool:
        """Whether anything is filtered out."""
        return any(getattr(self, "cleaned_data", {}).values())

    def found(self) -> Texts:
        """The versions that fit. Call it after `is_valid`."""
        given, versions = self.cleaned_data, self.versions
        if given.get("operation") in Operation.values:
            versions = versions.filter(operation=given["operation"])
        if given.get("by"):
            versions = history.by(versions, given["by"])
        return history.between(versions, given.get("since"), given.get("until"))


def _described(author: history.Author) -> str:
    # Many sessions are one agent's: their last deed tells them apart.
    when = f", {localtime(author.last):%d %b %Y, %H:%M}" if author.kind == "sesn" else ""
    return f"{author.name}{when}"


class RedactForm(forms.Form):
    """Why a text has to go, and from where: this version, or every one that holds it."""

    SCOPES = {"one": "This version only", "all": "Every version that holds this text"}

    reason = forms.CharField(
        max_length=MAX_REASON,
        help_text="Stays on record in the text’s place. Do not repeat here what has to go.",
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "A password was pasted here"}),
    )
    scope = forms.ChoiceField(choices=SCOPES.items(), required=False)

    @property
    def everywhere(self) -> bool:
        return self.cleaned_data["scope"] == "all"
