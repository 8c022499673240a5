"""What is new on a session's page since a position in the log, as HTML for htmx to swap in."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.template.loader import render_to_string

from console import rows
from console.models import Role
from sessions import events, page, panels
from sessions.events import Sighting
from sessions.models import Session, Thread
from sessions.reading.entries import Entry
from sessions.transcript import ABOUT_CALLS, ANSWERS

CHUNK = 200  # sightings per update, when a page comes back after a long time


@dataclass(frozen=True)
class Update:
    """New HTML as of `position`; `stored` are the events whose previews it replaces."""

    html: str
    position: int
    stored: list[str]


class Digest:
    """Follows one thread for one page, from the position in the log that the page shows."""

    def __init__(self, session: Session, thread: Thread, position: int, role: Role) -> None:
        self.key, self.workspace = rows.key(session), session.workspace
        self.thread, self.role = thread, role
        self.position = position
        self.places = page.places_of(session)
        self.reader = page.prepared_reader(thread, self.places, position + 1)

    def catch_up(self) -> list[Update] | None:
        """All that is new; None when the session is gone."""
        found = rows.find(Session, "id = %s", self.key)
        if not found:
            return None
        [session] = found
        if session.last_seq <= self.position:
            return []
        session.workspace = self.workspace
        seen = events.since(session.pk, self.position, thread_id=self.thread.pk)
        self.position = max([session.last_seq, *(sighting.position for sighting in seen)])
        chunks = list(rows.batches(seen, CHUNK))
        updates = [self._update(session, chunk, is_last=chunk is chunks[-1]) for chunk in chunks]
        return [update for update in updates if update.html]

    def _update(self, session: Session, seen: Sequence[Sighting], *, is_last: bool) -> Update:
        fresh: dict[str, Entry] = {}
        changed: dict[str, Entry] = {}
        for sighting in seen:
            if sighting.waiting:
                continue
            page.remember_call(self.reader, sighting.event)
            for entry in self.reader.take(sighting.event):
                is_old = sighting.event.type in ABOUT_CALLS and entry.id not in fresh
                (changed if is_old else fresh)[entry.id] = entry
        kinds = {sighting.event.type for sighting in seen}
        context = {
            "session": session,
            "thread": self.thread,
            "workspace": self.workspace,
            "can_edit": self.role.includes(Role.EDITOR),
            "fresh": list(fresh.values()),
            "changed": list(changed.values()),
            "ends_preview": bool(kinds & ENDS_PREVIEW),
        }
        if "user.message" in kinds:
            context |= {"waits": True, "waiting": page.waiting(self.thread, seen[-1].position)}
        if is_last:
            context |= self._panels(session, kinds)
        html = render_to_string("sessions/_news.html", context).strip()
        stored = [sighting.event.pk for sighting in seen]
        return Update(html, seen[-1].position, stored)

    def _panels(self, session: Session, kinds: set[str]) -> dict[str, Any]:
        context: dict[str, Any] = {
            "usage": bool(kinds & {"span.model_request_end", "session.updated"}),
        }
        # One without a title is headed by what is said first.
        if "session.updated" in kinds or not session.title and "user.message" in kinds:
            context["heading"] = page.name_of(session)
        if context["usage"]:
            context["unpriced"] = panels.is_unpriced(session)
        if any(kind.startswith(STATUS) for kind in kinds):
            self.thread.refresh_from_db(fields=["status", "retry_at"])
            began_at = self.reader.turn.began_at
            context["state"] = panels.state(session, self.thread, self.role, began_at)
        if kinds & set(ANSWERS):
            context["uses"] = panels.memory_use(session, self.places)
        return context


STATUS = ("session.status_", "session.thread_status_")
ENDS_PREVIEW = {"agent.message", "span.model_request_end", "session.thread_status_idle"}
