"""What the palette finds here: sessions by their titles, agents by their names."""

from collections.abc import Iterator

from django.urls import reverse

from console.palette import Entry, Seeker, fit, likely
from sessions.page import headed


def sessions(seeker: Seeker) -> Iterator[Entry]:
    rows = seeker.workspace.sessions.filter(is_dream=False, archived_at=None)
    rows = rows.select_related("agent").with_first_words().order_by("-updated_at")
    for session in headed(likely(rows, "title", seeker.words)):
        url = reverse("sessions:session", args=[seeker.workspace.slug, session.pk])
        title = session.heading[:200]
        yield Entry(
            "Session",
            title,
            url,
            "message-square",
            session.agent.name,
            session.updated_at,
            fit(seeker.words, title),
        )


def agents(seeker: Seeker) -> Iterator[Entry]:
    rows = seeker.workspace.agents.filter(archived_at=None).order_by("-updated_at")
    for agent in likely(rows, "name", seeker.words):
        url = reverse("sessions:agent", args=[seeker.workspace.slug, agent.pk])
        score = fit(seeker.words, agent.name)
        yield Entry("Agent", agent.name, url, "bot", at=agent.updated_at, score=score)
