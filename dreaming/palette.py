"""What the palette finds here: dreams, by the store they are about."""

from collections.abc import Iterator

from django.urls import reverse

from console.palette import Entry, Seeker, fit, likely


def dreams(seeker: Seeker) -> Iterator[Entry]:
    rows = seeker.workspace.dreams.filter(archived_at=None).order_by("-created_at")
    for dream in likely(rows, "input_name", seeker.words):
        url = reverse("dreaming:dream", args=[seeker.workspace.slug, dream.pk])
        title = f"Dream over {dream.input_name}"
        at, score = dream.ended_at or dream.created_at, fit(seeker.words, title)
        yield Entry("Dream", title, url, "moon-star", dream.get_status_display().lower(), at, score)
