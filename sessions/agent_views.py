"""The pages of agents: list, detail with versions, form."""

from itertools import pairwise

import yaml
from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Count, Q
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from console.access import workspace_view
from console.htmx import render_page
from console.queries import search_words, whole_number
from memory import paths
from memory.diffs import Diff, side_by_side
from memory.paths import Invalid
from sessions import agents as verbs
from sessions import context as prompts
from sessions.agent_forms import AgentForm
from sessions.forms import MountForms, ticks_of
from sessions.models import Access, Agent, AgentVersion, Attachment
from sessions.page import headed
from sessions.providers import catalogue
from sessions.tools import enabled_tools

PER_PAGE = 50
VERSIONS = 30  # of one agent, on a page
MANY = 12  # agents; fewer are seen at a glance


@workspace_view
@require_GET
def agents(request, workspace):
    archived = request.GET.get("status") == "archived"
    words = search_words(request)
    everyone = (
        workspace.agents.filter(archived_at__isnull=not archived)
        .exclude(metadata__has_key="reverie")  # what dreams work with is nobody's to choose
        .annotate(used=Count("sessions", filter=Q(sessions__is_dream=False)))
        .prefetch_related("default_stores__store__workspace")
        .with_latest()
        .order_by("name", "pk")
    )
    count = everyone.count()
    found = everyone.filter(name__icontains=words) if words else everyone
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "rows": [(agent, agent.latest) for agent in page],
        "page": page,
        "archived": archived,
        "q": words,
        "has_any": count > 0,
        "is_many": count > MANY,
    }
    return render_page(request, "sessions/agents.html", context, fragment="sessions/_agents.html")


@workspace_view
@require_GET
def agent(request, workspace, pk):
    agent = _find(workspace, pk)
    number = whole_number(request.GET.get("version", str(agent.version)))
    shown = get_object_or_404(agent.versions, number=number)
    older = _before(agent, shown)
    # Numbers have no gaps, so where the version that is shown stands in the list is known.
    page = request.GET.get("page", (agent.version - shown.number) // VERSIONS + 1)
    page = Paginator(agent.versions.all(), VERSIONS).get_page(page)
    listed = [*page, _before(agent, page[-1])]
    sessions = agent.sessions.filter(is_dream=False).select_related("workspace").with_first_words()
    context = {
        "agent": agent,
        "shown": shown,
        "is_latest": shown.number == agent.version,
        "model": catalogue.find(shown.config["model"]["id"], workspace),
        "tools": sorted(enabled_tools(shown.config["tools"])),
        "custom_tools": [tool for tool in shown.config["tools"] if tool["type"] == "custom"],
        "versions": [(new, _changes(new, old)) for new, old in pairwise(listed)],
        "page": page,
        "diffs": _diffs(older, shown) if "version" in request.GET else [],
        "sessions": headed(sessions.order_by("-updated_at")[:8]),
    }
    return render(request, "sessions/agent.html", context)


def _find(workspace, pk: str) -> Agent:
    return get_object_or_404(workspace.agents.select_related("workspace"), pk=pk)


def _before(agent: Agent, version: AgentVersion) -> AgentVersion | None:
    return agent.versions.filter(number=version.number - 1).first()


def _changes(new: AgentVersion, old: AgentVersion | None) -> list[str]:
    """The names of what a version changed."""
    if old is None:
        return ["made"]
    names = {"system": "system prompt"}
    changed = {*new.config, *old.config}
    changed = [key for key in changed if new.config.get(key) != old.config.get(key)]
    changed += ["metadata"] if new.metadata != old.metadata else []
    return sorted(names.get(key, key) for key in changed)


def _diffs(old: AgentVersion | None, new: AgentVersion) -> list[tuple[str, Diff]]:
    """What a version changed, side by side: the prompt, and all the rest of its configuration."""
    if old is None:
        return []
    pairs = [("System prompt", _prompt_of(old), _prompt_of(new))]
    pairs += [("Configuration", _rest_of(old), _rest_of(new))]
    return [
        (f"{name}, against version {old.number}", side_by_side(before, after))
        for name, before, after in pairs
        if before != after
    ]


def _prompt_of(version: AgentVersion) -> str:
    return version.config["system"] or ""


def _rest_of(version: AgentVersion) -> str:
    rest = {key: value for key, value in version.config.items() if key != "system"}
    return yaml.safe_dump(rest, allow_unicode=True, width=1_000)


@workspace_view(role="editor")
def agent_new(request, workspace):
    return _edit(request, workspace, None)


@workspace_view(role="editor")
def agent_edit(request, workspace, pk):
    agent = _find(workspace, pk)
    if agent.archived_at:
        messages.error(request, "This agent is archived and can no longer be changed.")
        return redirect(agent)
    return _edit(request, workspace, agent)


def _edit(request, workspace, agent: Agent | None):
    data = request.POST if request.method == "POST" else None
    ticks = ticks_of(agent.default_stores.all()) if agent else {}
    form, mounts = AgentForm(workspace, data, agent), MountForms(workspace, data, ticks)
    if data is not None and form.is_valid() and mounts.are_valid():
        try:
            return redirect(_save(workspace, agent, form, mounts, data.get("version")))
        except (Invalid, verbs.Stale) as error:
            form.add_error(None, str(error))
    context = {"form": form, "mounts": mounts, "agent": agent, "full_prompt": _prompt(form, mounts)}
    status = 422 if form.errors or data is not None else 200
    return render(request, "sessions/agent_form.html", context, status=status)


@transaction.atomic
def _save(
    workspace, agent: Agent | None, form: AgentForm, mounts: MountForms, version: str | None
) -> Agent:
    if agent is None:
        agent = verbs.create(workspace, {**form.config, **form.changes()})
    else:
        agent = verbs.update(agent, form.changes(), expected=whole_number(version))
    chosen = [(m.store, m.access, m.instructions or "") for m in mounts.mounts()]
    verbs.set_default_stores(agent, chosen)
    verbs.set_saving(agent, form.minutes)
    return agent


@workspace_view(role="editor")
@require_POST
def prompt(request, workspace):
    """What the model will be told, from what the form says now."""
    form, mounts = AgentForm(workspace, request.POST), MountForms(workspace, request.POST)
    return render(request, "sessions/_prompt.html", {"full_prompt": _prompt(form, mounts)})


def _prompt(form: AgentForm, mounts: MountForms) -> str:
    attached = [
        Attachment(
            name=mount.store.name,
            description=mount.store.description,
            access=mount["access"].value() or Access.READ_WRITE,
            instructions=mount["instructions"].value(),
            mount_path=f"{prompts.MOUNT_ROOT}/{paths.slug(mount.store.name)}",
        )
        for mount in mounts
        if mount.is_attached
    ]
    return prompts.system_prompt(form["system"].value(), attached, timezone.now())


@workspace_view(role="editor")
@require_POST
def agent_archive(request, workspace, pk):
    agent = verbs.archive(_find(workspace, pk))
    messages.success(request, f"“{agent}” is archived. Its sessions go on; new ones need another.")
    return redirect(agent)
