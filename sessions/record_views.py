"""The pages beside a session's transcript: changes, requests, raw events, find, export."""

import json

from django.core.paginator import Paginator
from django.http import Http404, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.text import slugify
from django.views.decorators.http import require_GET

from console.access import workspace_view
from console.htmx import render_page
from sessions import events as log
from sessions import page, panels, record
from sessions.models import Session

CHANGES, REQUESTS, EVENTS = 20, 100, 50  # on a page
LONGEST = 20_000  # letters of an event's JSON


def _find(workspace, pk: str) -> Session:
    session = get_object_or_404(workspace.sessions.select_related("workspace", "agent"), pk=pk)
    session.heading = page.name_of(session)
    return session


@workspace_view
@require_GET
def changes(request, workspace, pk):
    """What the session wrote into its stores, each with its diff, and a way back."""
    session = _find(workspace, pk)
    found = Paginator(record.versions_made(session), CHANGES).get_page(request.GET.get("page"))
    shown = record.changes(found, page.places_of(session))
    context = {"session": session, "page": found, "changes": shown, "tab": "changes"}
    return render(request, "sessions/record/changes.html", context)


@workspace_view
@require_GET
def requests(request, workspace, pk):
    """What the session asked of its model: tokens, money and time of each request."""
    session = _find(workspace, pk)
    found = Paginator(record.spans(session), REQUESTS).get_page(request.GET.get("page"))
    context = {
        "session": session,
        "page": found,
        "requests": record.requests(session, found),
        "unpriced": panels.is_unpriced(session),
        "tab": "requests",
    }
    return render(request, "sessions/record/requests.html", context)


@workspace_view
@require_GET
def events(request, workspace, pk):
    """The log as the API shows it, newest first."""
    session = _find(workspace, pk)
    everything = session.events.order_by("-seq")
    kinds = session.events.order_by("type").values_list("type", flat=True).distinct()
    kind = request.GET.get("type", "")
    chosen = everything.filter(type=kind) if kind else everything
    found = Paginator(chosen, EVENTS).get_page(request.GET.get("page"))
    context = {
        "session": session,
        "page": found,
        "events": [(event, record.gist(event), *_pretty(event)) for event in found],
        "kinds": kinds,
        "kind": kind,
        "tab": "events",
    }
    return render_page(
        request, "sessions/record/events.html", context, fragment="sessions/record/_events.html"
    )


def _pretty(event) -> tuple[str, bool]:
    """The event's JSON, and whether it is too long to be shown whole."""
    shown = log.wire(event, waiting=event.processed_at is None)
    text = json.dumps(shown, ensure_ascii=False, indent=2)
    return text[:LONGEST], len(text) > LONGEST


@workspace_view
@require_GET
def find(request, workspace, pk):
    """Where the transcript holds some words."""
    session = _find(workspace, pk)
    words = request.GET.get("q", "").strip()[:200]
    hits = record.find(session.primary, words) if words else []
    context = {
        "session": session,
        "words": words,
        "hits": hits,
        "is_cut": len(hits) == record.FOUND,
        "tab": "find",
    }
    return render_page(
        request, "sessions/record/find.html", context, fragment="sessions/record/_hits.html"
    )


FORMATS = {
    "md": (record.as_markdown, "text/markdown; charset=utf-8"),
    "json": (record.as_json, "application/json"),
}


@workspace_view
@require_GET
def export(request, workspace, pk):
    """The whole session as a file: to read (`format=md`) or for programs (`json`)."""
    format = request.GET.get("format", "json")
    if format not in FORMATS:
        raise Http404("No such format")
    session = _find(workspace, pk)
    write, content_type = FORMATS[format]
    response = StreamingHttpResponse(write(session), content_type=content_type)
    name = slugify(session.heading)[:60] or "session"
    response["Content-Disposition"] = f'attachment; filename="{name}.{format}"'
    return response
