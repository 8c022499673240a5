"""What a session has saved at its end: the panel beside its transcript, and another try."""

from django.contrib import messages
from django.db import transaction
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from console.access import workspace_view
from console.htmx import wants_fragment
from dreaming import extraction, tasks
from dreaming.models import Finding
from sessions.conversation import Refused

MOST_SHOWN = 50


@workspace_view
@require_GET
def saved(request, workspace, session_id):
    session = _find(workspace, session_id)
    if not wants_fragment(request):
        return redirect(session)
    return _panel(request, session)


@workspace_view(role="editor")
@require_POST
def again(request, workspace, session_id):
    """Try a pass again that has failed, or that found no store."""
    session, said = _find(workspace, session_id), ""
    try:
        begun = extraction.begin(session)
    except Refused as error:
        begun, said = None, str(error)
    if begun and begun.is_running:
        # Robust: it has begun, and the sweep finds it, whether or not the broker can be rung.
        transaction.on_commit(lambda: tasks.extract.delay(begun.pk), robust=True)
    elif not begun:
        said = said or "There is nothing new to go through."
    if wants_fragment(request):
        return _panel(request, session, said)
    if said:
        messages.error(request, said)
    return redirect(session)


def _find(workspace, session_id: str):
    rows = workspace.sessions.select_related("workspace", "agent").filter(is_dream=False)
    return get_object_or_404(rows, pk=session_id)


def _panel(request, session, said=""):
    passes = session.extractions.select_related("store__workspace", "change_set")
    latest = passes.first()
    found = Finding.objects.filter(transcript__extraction__session=session).order_by("-pk")
    kept = found.exclude(path="").filter(was_known=False)
    context = {
        "session": session,
        "latest": latest,
        "pass_session": session.passes.order_by("pk").last() if latest else None,
        "saved": kept.select_related("transcript__extraction__store__workspace")[:MOST_SHOWN],
        "saved_in_all": kept.count(),
        "known": found.filter(was_known=True, transcript__extraction=latest).count(),
        "doubtful": found.filter(verified=False, transcript__extraction=latest),
        "said": said,
    }
    return render(request, "dreaming/_saved.html", context)
