"""What people type on the pages of dreams."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.fields.json import KT

from console.models import Workspace
from console.templatetags.ui import filesize, visible
from dreaming.dreams import MAX_INSTRUCTIONS
from dreaming.models import Dream, DreamStatus, Transcript
from memory.models import Store
from sessions.models import Attachment, Event, Session
from sessions.providers import catalogue

SHOWN = 100
EXAMPLE = "Keep one file per person. Decisions matter more than small talk. Never touch /rules/."


class StoreField(forms.ModelChoiceField):
    def label_from_instance(self, store: Store) -> str:
        files = "1 file" if store.memory_count == 1 else f"{store.memory_count:,} files"
        return f"{visible(store.name)} ({files}, {filesize(store.size)})"


class LinesField(forms.CharField):
    """Text of several lines, whose line ends count once, as the browser's counter has it."""

    widget = forms.Textarea

    def to_python(self, value: Any) -> str:
        return super().to_python(value).replace("\r\n", "\n")


class DreamForm(forms.Form):
    """A dream to start. The sessions are chosen in a table, see `candidates`."""

    store = StoreField(
        Store.objects.none(),
        label="Memory store",
        empty_label="Choose a store",
        help_text="It stays as it is: the dream writes to a copy, which you review.",
    )
    model = forms.ChoiceField(label="Model")
    sessions = forms.ModelMultipleChoiceField(
        Session.objects.none(),
        error_messages={"required": "Choose at least one session for the dream to read."},
    )
    instructions = LinesField(
        required=False,
        max_length=MAX_INSTRUCTIONS,
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": EXAMPLE}),
        help_text="What matters, how to file it, what to leave alone. For single lines use the editor.",
        error_messages={
            "max_length": f"Instructions must have at most {MAX_INSTRUCTIONS:,} characters."
        },
    )

    def __init__(self, data: Any, workspace: Workspace, initial: dict | None = None) -> None:
        super().__init__(data, initial=initial)
        self.fields["store"].queryset = workspace.stores.current().order_by("name", "pk")
        self.fields["sessions"].queryset = workspace.sessions.filter(is_dream=False)
        models = [(model.id, model.display_name) for model in catalogue.models(workspace)]
        self.fields["model"].choices = models
        if (initial or {}).get("model") not in dict(models):
            # The first is the built-in one, which is for those who have no other.
            self.initial["model"] = (models[1:] or models)[0][0]


def again(dream: Dream) -> dict[str, Any]:
    """What the form begins with when the same dream shall be tried once more."""
    return {
        "store": dream.input_store_id,
        "sessions": list(dream.transcripts.exclude(session=None).values_list("session", flat=True)),
        "model": dream.model,
        "instructions": dream.instructions,
    }


def candidates(
    workspace: Workspace, store: str, chosen: Sequence[str], words: str = ""
) -> list[Session]:
    """Sessions to choose from: those chosen already, then those that used the store, newest first.

    `store` is an id or "". Each session says whether it `used_store`, and whether a completed dream
    over that store `was_dreamt` over it.
    """
    found = _annotated(workspace, store)
    others = found.exclude(pk__in=chosen).filter(_matches(words))
    others = others.order_by("-used_store", "-pk")[:SHOWN]
    return [*found.filter(pk__in=chosen).order_by("-pk"), *others]


def _annotated(workspace: Workspace, store: str) -> QuerySet[Session]:
    said = Event.objects.filter(session=OuterRef("pk")).said_by_people()
    used = Attachment.objects.filter(session=OuterRef("pk"), store_key=store)
    dreamt = Transcript.objects.filter(
        session=OuterRef("pk"), dream__input_key=store, dream__status=DreamStatus.COMPLETED
    )
    return (
        workspace.sessions.filter(is_dream=False, last_seq__gt=0)
        .annotate(
            first_words=Subquery(said.values(text=KT("payload__content__0__text"))[:1]),
            used_store=Exists(used),
            was_dreamt=Exists(dreamt),
        )
        .select_related("agent")
        .prefetch_related("attachments")
    )


def _matches(words: str) -> Q:
    if not words:
        return Q()
    named = Q(title__icontains=words) | Q(agent__name__icontains=words) | Q(pk=words)
    return named | Q(first_words__icontains=words)
