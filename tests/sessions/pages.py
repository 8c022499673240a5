"""What the tests of sessions' pages say again and again."""

from django.http import HttpResponse
from django.urls import reverse

from sessions import events
from sessions.events import Entry
from sessions.models import Event, Session

HTMX = {"HX-Request": "true"}


def at(name: str, *given) -> str:
    """The address of a page of the workspace `lab`."""
    return reverse(f"sessions:{name}", args=["lab", *given])


def text(words: str) -> dict:
    return {"content": [{"type": "text", "text": words}]}


def append(session: Session, type: str, payload: dict | None = None, **options) -> Event:
    return events.append(session.primary, Entry(type, payload or {}, **options))[0]


def shown(answer: HttpResponse) -> str:
    return answer.content.decode()
