"""The pages that bring transcripts in: send them, see what would come, and let it."""

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse

from console.access import workspace_view
from console.models import Role
from console.queries import whole_number
from memory.uploads import takes_folders
from sessions import importing
from sessions.foreign import Unreadable
from sessions.importing import Gone
from sessions.models import Import


@takes_folders
@workspace_view(role=Role.EDITOR)
def import_new(request, workspace):
    if request.method != "POST":
        return _ask(request)
    files = [(file.path, file.read()) for file in request.FILES.getlist("files")]
    try:
        kept = importing.plan(workspace, request.user, files)
    except Unreadable as why:
        return _ask(request, problem=str(why), status=422)
    return redirect("sessions:import_plan", workspace.slug, kept.pk)


def _ask(request, *, problem: str = "", status: int = 200):
    context = {"problem": problem, "most": importing.MOST}
    return render(request, "sessions/import.html", context, status=status)


@workspace_view(role=Role.EDITOR)
def import_plan(request, workspace, import_id):
    """What somebody sent is for their own eyes until it is imported."""
    mine = workspace.imports.filter(user=request.user).select_related("workspace")
    kept = get_object_or_404(mine, pk=import_id)
    if request.method == "POST":
        return _carry_out(request, kept)
    return _show(request, kept)


def _show(request, kept: Import, *, problem: str = "", status: int = 200):
    items = importing.items(kept)
    context = {
        "items": items,
        **{key: kept.reading[key] for key in ("refused", "skipped", "more")},
        "new": sum(item.known is None for item in items),
        "problem": problem,
    }
    return render(request, "sessions/import_plan.html", context, status=status)


def _carry_out(request, kept: Import):
    numbers = map(whole_number, request.POST.getlist("transcript"))
    chosen = [number for number in numbers if number is not None]
    if not chosen:
        return _show(request, kept, problem="Choose at least one transcript.", status=422)
    told = {number: request.POST.get(f"assistant-{number}") for number in chosen}
    try:
        made = importing.carry_out(kept, chosen, told)
    except Gone as gone:
        messages.error(request, str(gone))
        return redirect("sessions:import_new", kept.workspace.slug)
    if len(made) == 1:
        messages.success(request, "Imported. It can be read, and a dream can go through it.")
        return redirect(made[0])
    messages.success(request, f"Imported {len(made)} transcripts. Now a dream can read them.")
    return redirect(reverse("sessions:sessions", args=[kept.workspace.slug]) + "?status=imported")
