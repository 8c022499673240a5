"""What the palette finds here: sessions by their titles, agents by their names."""

from collections.abc import Iterator

from django.urls import reverse

from console.palette import Entry, Seeker, fit, likely


def sessions(seeker: Seeker) -> Iterator[Entry]:
    rows = seeker.workspace.sessions.filter(is_dream=False, archived_at=None)
    for session in likely(
        rows.select_related("agent").order_by("-updated_at"), "title", seeker.words
    ):
        url = reverse("sessions:session", args=[seeker.workspace.slug, session.pk])
        title = str(session)
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
