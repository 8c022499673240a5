"""The pages after an approval: adoption with its conflicts, the receipt, undo."""

from django.contrib import messages
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from console.access import require, workspace_view
from console.actors import Actor
from console.models import Role
from dreaming import adoption, review
from dreaming.models import Adoption
from dreaming.views import find_dream
from memory.change_sets import NeedsPerson
from memory.choices import Choices
from memory.models import Store
from memory.paths import Invalid
from sessions.models import Session
from sessions.page import headed


@workspace_view
def adopt(request, workspace, pk):
    dream = find_dream(workspace, pk)
    if request.method == "POST":
        return _adopt(request, dream)
    if adoption.latest(dream):
        return redirect("dreaming:receipt", workspace.slug, dream.pk)
    return _show_plan(request, dream)


def _adopt(request, dream):
    require(request, Role.REVIEWER)
    choices = Choices.typed(request.POST)
    try:
        adoption.adopt(
            dream,
            request.POST.get("mode", ""),
            by=Actor.user(request.user),
            resolutions=choices.resolutions,
            archive_old=bool(request.POST.get("archive_old")),
        )
    except NeedsPerson as needed:
        return _show_plan(request, dream, choices=choices, problem=str(needed), status=409)
    except (Invalid, *adoption.REFUSALS) as refusal:
        return _show_plan(request, dream, choices=choices, problem=str(refusal), status=422)
    return redirect("dreaming:receipt", dream.workspace.slug, dream.pk)


def _show_plan(request, dream, *, choices=None, problem="", status=200):
    try:
        plan = adoption.preview(dream)
    except review.Refused as refusal:
        messages.info(request, str(refusal))
        return redirect(dream)
    live = dream.input_store
    reasons = {mode: adoption.why_not(dream, mode) for mode in Adoption.Mode.values}
    possible = [mode for mode, reason in reasons.items() if not reason]
    context = {
        "dream": dream,
        "plan": plan,
        "conflicts": (choices or Choices()).rows(plan.conflicts),
        "problem": problem,
        "reasons": reasons,
        "mode": request.POST.get("mode") or (possible[0] if len(possible) else ""),
        "archive_old": bool(request.POST.get("archive_old")),
        "agents": live.default_for.count() if live else 0,
        "sessions": _sessions_using(live).count() if live else 0,
    }
    return render(request, "dreaming/adopt.html", context, status=status)


def _sessions_using(store: Store):
    sessions = Session.objects.filter(attachments__store=store, is_dream=False, archived_at=None)
    return sessions.select_related("workspace").with_first_words().distinct()


@workspace_view
@require_GET
def receipt(request, workspace, pk):
    dream = find_dream(workspace, pk)
    if not dream.adoptions.exists():
        return redirect(dream)
    return _show_receipt(request, dream)


def _show_receipt(request, dream, *, conflicts=(), problem="", status=200):
    latest, *earlier = dream.adoptions.select_related("store", "change_set", "undo_change_set")
    change_set = latest.change_set
    elsewhere = change_set and not latest.undone_at and change_set.undone_by.first()
    context = {
        "dream": dream,
        "adoption": latest,
        "earlier": earlier,
        "undone_elsewhere": elsewhere,
        "versions": change_set.versions.count() if change_set else 0,
        "sessions": headed(_sessions_using(latest.store)[:6]) if latest.store else [],
        "agents": latest.store.default_for.count() if latest.store else 0,
        "conflicts": conflicts,
        "problem": problem,
    }
    return render(request, "dreaming/receipt.html", context, status=status)


@workspace_view(role="reviewer")
@require_POST
def undo(request, workspace, pk):
    dream = find_dream(workspace, pk)
    done = adoption.latest(dream)
    if done is None:
        messages.info(request, "There is no adoption to undo.")
        return redirect(dream)
    choices = Choices.typed(request.POST)
    try:
        adoption.undo(done, by=Actor.user(request.user), resolutions=choices.resolutions)
    except NeedsPerson as needed:
        rows = choices.rows(needed.conflicts)
        return _show_receipt(request, dream, conflicts=rows, problem=str(needed), status=409)
    except (Invalid, *adoption.REFUSALS) as refusal:
        return _show_receipt(request, dream, problem=str(refusal), status=422)
    messages.success(request, "The adoption is undone. What was written since stays.")
    return redirect("dreaming:receipt", workspace.slug, dream.pk)
