"""The pages of sessions: list, start, transcript, what a call got."""

from collections import Counter
from functools import partial

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from console.access import workspace_view
from console.htmx import render_page, wants_fragment
from console.queries import whole_number
from memory.paths import Invalid
from sessions import budgets, conversation, opening, page, panels, updates
from sessions.conversation import Refused
from sessions.forms import FilterForm, MountForms, StartForm, ticks_of
from sessions.models import Session, Status
from sessions.providers import catalogue
from sessions.reading.entries import said_by_user, shown_call
from sessions.tools import enabled_tools

PER_PAGE = 30


@workspace_view
@require_GET
def sessions(request, workspace):
    form = FilterForm(request.GET, workspace)
    found = Paginator(form.sessions(), PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "form": form,
        "page": found,
        "sessions": page.headed(found),
        "has_any": workspace.sessions.exists(),
        "is_live": any(each.status in BUSY for each in found),
    }
    return render_page(
        request, "sessions/sessions.html", context, fragment="sessions/_sessions.html"
    )


BUSY = (Status.RUNNING, Status.RESCHEDULING)


@workspace_view
@require_GET
def recent(request, workspace):
    latest = FilterForm({}, workspace).sessions()[:6]
    return render(request, "sessions/_recent.html", {"sessions": page.headed(latest)})


@workspace_view
@require_GET
def models(request, workspace):
    agents = workspace.agents.current().with_latest()
    used = Counter(agent.latest.config["model"]["id"] for agent in agents)
    own = budgets.prices(workspace)
    rows = [
        {
            "model": model,
            "agents": used[model.id],
            "price": own.get(model.id) or budgets.list_price(model.id),
            "is_own": model.id in own,
        }
        for model in catalogue.models(workspace)
    ]
    return render(request, "sessions/_models.html", {"rows": rows})


# -- Starting one -------------------------------------------------------------------------


@workspace_view(role="editor")
def session_new(request, workspace):
    if request.method == "POST":
        return _start(request, workspace)
    agent, ticks = _proposal(workspace, request.GET)
    mounts = MountForms(workspace, None, ticks)
    if wants_fragment(request):  # another agent was chosen: its stores
        return render(request, "sessions/_mounts.html", {"mounts": mounts})
    form = StartForm(None, workspace, initial={"agent": agent.pk if agent else None})
    return render(request, "sessions/session_new.html", {"form": form, "mounts": mounts})


def _proposal(workspace, asked):
    """The agent and the stores to begin with: as in another session, or an agent's own."""
    like = workspace.sessions.filter(pk=asked.get("like", "")).first()
    current = workspace.agents.current()
    wanted = like.agent_id if like else asked.get("agent", "")
    agent = current.filter(pk=wanted).first() or current.order_by("name").first()
    if like:
        return agent, ticks_of(like.attachments.all())
    ticks = ticks_of(agent.default_stores.all()) if agent else {}
    if store := asked.get("store"):
        ticks.setdefault(store, {"attach": True})
    return agent, ticks


def _start(request, workspace):
    form, mounts = StartForm(request.POST, workspace), MountForms(workspace, request.POST)
    if form.is_valid() and mounts.are_valid():
        try:
            return redirect(_begin(workspace, form, mounts))
        except (Invalid, Refused) as error:
            form.add_error(None, str(error))
    context = {"form": form, "mounts": mounts}
    return render(request, "sessions/session_new.html", context, status=422)


@transaction.atomic
def _begin(workspace, form: StartForm, mounts: MountForms) -> Session:
    given = form.cleaned_data
    session = opening.start(
        workspace,
        given["agent"],
        given["environment"],
        mounts=mounts.mounts(),
        title=form.title_or_first_words,
        budget_cents=given["budget"],
    )
    if given["message"].strip():
        conversation.say(session, given["message"])
    return session


# -- One session --------------------------------------------------------------------------


def find(workspace, pk: str) -> Session:
    return get_object_or_404(workspace.sessions.select_related("workspace", "agent"), pk=pk)


@workspace_view
@require_GET
def session(request, workspace, pk):
    return _show(request, find(workspace, pk))


def _show(request, session: Session, *, said: str = "", error: str = "", status: int = 200):
    places, upto = page.places_of(session), session.last_seq
    event = page.entry_event(session, request.GET.get("event", ""))
    thread = event.thread if event else _thread(session, request.GET.get("thread"))
    if event:
        stretch = page.around(thread, places, event, upto)
    else:
        stretch = page.tail(thread, places, upto)
    began_at = page.prepared_reader(thread, places, upto + 1).turn.began_at
    context = {
        "session": session,
        "thread": thread,
        "threads": session.threads.exclude(parent=None) if session.is_dream else [],
        "upto": upto,
        "stretch": stretch,
        "waiting": page.waiting(thread, upto),
        "target": page.target_of(stretch, event) if event else "",
        "state": panels.state(session, thread, request.role, began_at),
        "uses": panels.memory_use(session, places),
        "unpriced": panels.is_unpriced(session),
        "heading": page.name_of(session),
        "model": catalogue.find(session.model, session.workspace),
        "tools": sorted(enabled_tools(session.agent_config["tools"])),
        "dream_store": _store_to_dream_over(session),
        "said": said,
        "error": error,
    }
    return render_page(
        request, "sessions/session.html", context, fragment="sessions/_composer.html", status=status
    )


def _store_to_dream_over(session: Session) -> str:
    """The store that a dream over this session is most likely for."""
    stores = session.attachments.exclude(store=None).filter(store__archived_at=None)
    return stores.order_by("-access", "pk").values_list("store", flat=True).first() or ""


def _thread(session: Session, pk: str | None):
    return get_object_or_404(session.threads, pk=pk) if pk else session.primary


@workspace_view
@require_GET
def log(request, workspace, pk):
    """A further stretch of the transcript: `before` or `after` a position."""
    session = find(workspace, pk)
    thread = _thread(session, request.GET.get("thread"))
    position = whole_number(request.GET.get("before")) or whole_number(request.GET.get("after"))
    if position is None:
        raise Http404("No such part of the log")
    upto = whole_number(request.GET.get("upto")) or session.last_seq
    part = page.before if "before" in request.GET else page.after
    stretch = part(thread, page.places_of(session), position, upto)
    context = {"session": session, "thread": thread, "stretch": stretch, "upto": upto}
    return render(request, "sessions/_stretch.html", context)


@workspace_view
@require_GET
def event(request, workspace, pk, event_pk):
    """What a tool call got, or a long message in full."""
    session = find(workspace, pk)
    event = get_object_or_404(session.events.select_related("thread"), pk=event_pk)
    whole = "all" in request.GET
    context = {"session": session, "event": event, "whole": whole}
    if event.type == "user.message":
        context["said"] = said_by_user(event, whole=True)
    elif "input" in event.payload:
        places, result = page.places_of(session), page.result_of(event)
        context["body"] = page.body_of(event, result, places, whole=whole)
        context["entry"] = shown_call(event, result, places, page.decision_on(event))
        context["raw"] = page.raw(event, result)
    else:
        raise Http404("Nothing more to show")
    return render_page(request, "sessions/event.html", context, fragment="sessions/_event.html")


@workspace_view(role="editor")
@require_POST
def say(request, workspace, pk):
    session = find(workspace, pk)
    text = request.POST.get("text", "")
    try:
        conversation.say(session, text)
    except (Invalid, Refused) as error:
        status = 422 if isinstance(error, Invalid) else 409
        return _show(request, session, said=text, error=str(error), status=status)
    return done(request, session)


@workspace_view(role="editor")
@require_POST
def stop(request, workspace, pk):
    session = find(workspace, pk)
    try:
        conversation.stop(session)
    except Refused as error:
        return _show(request, session, error=str(error), status=409)
    return done(request, session)


def done(request, session: Session):
    """The live stream shows what came of it; without scripts, the page does."""
    return HttpResponse(status=204) if wants_fragment(request) else redirect(session)


@workspace_view(role="editor")
@require_POST
def rename(request, workspace, pk):
    title = " ".join(request.POST.get("title", "").split())
    return _change(request, workspace, pk, partial(updates.update, title=title))


@workspace_view(role="editor")
@require_POST
def archive(request, workspace, pk):
    return _change(request, workspace, pk, conversation.archive)


@workspace_view(role="editor")
@require_POST
def delete(request, workspace, pk):
    session = find(workspace, pk)
    name = page.name_of(session)
    try:
        conversation.delete(session)
    except Refused as error:
        messages.error(request, str(error))
        return redirect(session)
    messages.success(request, f"“{name}” was deleted.")
    return redirect(reverse("sessions:sessions", args=[workspace.slug]))


def _change(request, workspace, pk, verb):
    session = find(workspace, pk)
    try:
        verb(session)
    except (Invalid, Refused) as error:
        messages.error(request, str(error))
    return redirect(session)
