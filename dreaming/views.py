"""The pages of dreams until they are reviewed: list, launch, progress."""

from datetime import timedelta

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from console.access import workspace_view
from console.actors import Actor
from console.htmx import render_page, wants_fragment
from dreaming import dreams as verbs
from dreaming import progress
from dreaming.forms import SHOWN, DreamForm, again, candidates
from dreaming.models import Dream, DreamStatus, Extraction, ExtractionState, ReviewState
from dreaming.progress import Progress
from memory.paths import Invalid
from sessions import page, spending
from sessions.forms import FilterForm
from sessions.models import FAILED, REQUIRES_ACTION
from sessions.providers import catalogue

PER_PAGE = 30
FINDINGS_PER_PAGE = 100


def find_dream(workspace, pk: str) -> Dream:
    rows = workspace.dreams.select_related(
        "workspace", "input_store", "output_store", "session", "review"
    )
    return get_object_or_404(rows, pk=pk)


@workspace_view
@require_GET
def dreams(request, workspace):
    found = Paginator(_listed(workspace, request.GET), PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "page": found,
        "is_live": any(not dream.is_over for dream in found),
        "has_any": workspace.dreams.exists(),
        "status": request.GET.get("status", ""),
        "statuses": DreamStatus.choices,
    }
    return render_page(request, "dreaming/dreams.html", context, fragment="dreaming/_dreams.html")


def _listed(workspace, asked):
    rows = workspace.dreams.select_related("workspace", "review", "input_store")
    if asked.get("status") in DreamStatus.values:
        rows = rows.filter(status=asked["status"])
    if store := asked.get("store"):
        rows = rows.filter(input_key=store)
    verified = Count("transcripts__findings", filter=Q(transcripts__findings__verified=True))
    rows = rows.filter(archived_at=None).annotate(
        sessions_read=Count("transcripts", distinct=True),
        found=Count("transcripts__findings"),
        verified=verified,
    )
    return rows.with_undoing().order_by("-pk")


@workspace_view
@require_GET
def attention(request, workspace):
    """What the home page says needs a person: sessions that wait, reviews, dreams that failed."""
    rows = workspace.dreams.filter(archived_at=None).select_related("workspace", "review")
    waiting = [ReviewState.OPEN, ReviewState.APPROVED]
    recently = timezone.now() - timedelta(days=3)
    asking = FilterForm({"status": REQUIRES_ACTION}, workspace).sessions()
    broken = FilterForm({"status": FAILED}, workspace).sessions().filter(updated_at__gt=recently)
    unsaved = Extraction.objects.filter(
        state=ExtractionState.FAILED, ended_at__gt=recently, session__workspace=workspace
    ).select_related("session__workspace")[:3]
    context = {
        "sessions": page.headed(asking[:6]),
        "broken": page.headed(broken[:3]),
        "waiting": rows.filter(review__state__in=waiting).with_undoing().order_by("ended_at")[:8],
        "running": rows.unfinished(),
        "is_spent": spending.is_spent(workspace.pk),
        "unsaved": [(each, page.name_of(each.session)) for each in unsaved],
        "failed": rows.filter(status=DreamStatus.FAILED, ended_at__gt=recently)[:3],
    }
    return render(request, "dreaming/_attention.html", context)


# -- Starting one -------------------------------------------------------------------------


@workspace_view(role="editor")
def dream_new(request, workspace):
    if request.method == "POST":
        return _start(request, workspace)
    if wants_fragment(request):  # another store was chosen, or something is looked for
        return render(request, "dreaming/_candidates.html", _picker(request.GET, workspace))
    initial = _initial(workspace, request.GET)
    form = DreamForm(None, workspace, initial=initial)
    chosen = initial.get("sessions", [])
    return _show_form(request, workspace, form, store=initial.get("store") or "", chosen=chosen)


def _initial(workspace, asked) -> dict:
    if like := workspace.dreams.filter(pk=asked.get("like", "")).first():
        return again(like)
    stores = workspace.stores.current()
    only = stores.get().pk if stores.count() == 1 else ""
    return {"store": asked.get("store", only), "sessions": asked.getlist("session")}


def _picker(given, workspace) -> dict:
    """The sessions to choose from, for what the form holds now."""
    return _candidates(
        workspace, given.get("store", ""), given.getlist("sessions"), given.get("q", "").strip()
    )


def _candidates(workspace, store, chosen, words="") -> dict:
    chosen = list(chosen)[: verbs.MAX_SESSIONS * 2]
    found = candidates(workspace, store, chosen, words)
    return {
        "candidates": found,
        "chosen": set(chosen),
        "words": words,
        "is_cut": len(found) - len(chosen) >= SHOWN,
        "most": verbs.MAX_SESSIONS,
    }


def _start(request, workspace):
    form = DreamForm(request.POST, workspace)
    if form.is_valid():
        given = form.cleaned_data
        try:
            dream = verbs.start(
                workspace,
                given["store"],
                list(given["sessions"]),
                model=given["model"],
                instructions=given["instructions"] or None,
                by=Actor.user(request.user),
            )
        except Invalid as error:
            form.add_error(None, str(error))
        else:
            return redirect(dream)
    store, chosen = request.POST.get("store", ""), request.POST.getlist("sessions")
    return _show_form(request, workspace, form, store=store, chosen=chosen, status=422)


def _show_form(request, workspace, form, *, store, chosen, status=200):
    context = {
        "form": form,
        "has_stores": form.fields["store"].queryset.exists(),
        "has_language_model": len(catalogue.models(workspace)) > 1,
        **_candidates(workspace, store, chosen),
    }
    return render(request, "dreaming/dream_new.html", context, status=status)


# -- One dream ----------------------------------------------------------------------------


@workspace_view
@require_GET
def dream(request, workspace, pk):
    dream = find_dream(workspace, pk)
    context = {"dream": dream, "progress": Progress(dream), **_findings(request, dream)}
    return render(request, "dreaming/dream.html", context)


@workspace_view
@require_GET
def progress_now(request, workspace, pk):
    dream = find_dream(workspace, pk)
    context = {"dream": dream, "progress": Progress(dream)}
    response = render(request, "dreaming/_progress.html", context)
    if dream.is_over or str(context["progress"].found) != request.GET.get("found"):
        response["HX-Trigger"] = "found"
    return response


@workspace_view
@require_GET
def findings(request, workspace, pk):
    dream = find_dream(workspace, pk)
    context = {"dream": dream, **_findings(request, dream)}
    return render(request, "dreaming/_findings.html", context)


def _findings(request, dream) -> dict:
    only = request.GET.get("only", "")
    pages = Paginator(progress.findings(dream, only), FINDINGS_PER_PAGE)
    return {"findings": pages.get_page(request.GET.get("page")), "only": only}


@workspace_view(role="editor")
@require_POST
def cancel(request, workspace, pk):
    try:
        dream = verbs.cancel(find_dream(workspace, pk))
    except verbs.Refused as refusal:
        messages.warning(request, str(refusal))
        return redirect(find_dream(workspace, pk))
    messages.success(request, "The dream is cancelled. The store is as it was.")
    return redirect(dream)


@workspace_view(role="editor")
@require_POST
def archive(request, workspace, pk):
    try:
        verbs.archive(find_dream(workspace, pk))
    except verbs.Refused as refusal:
        messages.warning(request, str(refusal))
        return redirect(find_dream(workspace, pk))
    messages.success(request, "The dream is put away. Its page stays where it is.")
    return redirect("dreaming:dreams", workspace.slug)
