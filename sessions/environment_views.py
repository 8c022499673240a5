"""The pages of environments: where tools run, and whether bash is among them."""

from django.contrib import messages
from django.db.models import Count, F, Q
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from console.access import workspace_view
from console.htmx import status_of
from console.sandbox import probe
from memory.paths import Invalid
from sessions import agents as verbs
from sessions import shells
from sessions.environment_forms import EnvironmentForm
from sessions.models import Environment


@workspace_view
@require_GET
def environments(request, workspace):
    found = workspace.environments.annotate(
        used=Count("sessions", filter=Q(sessions__is_dream=False))
    ).order_by(F("archived_at").asc(nulls_first=True), "name", "pk")
    rows = [(environment, shells.of(environment.config)) for environment in found]
    context = {"rows": rows, "trouble": probe.trouble(), "without": probe.WITHOUT}
    return render(request, "sessions/environments.html", context)


@workspace_view(role="editor")
def environment_new(request, workspace):
    return _edit(request, workspace, None)


@workspace_view(role="editor")
def environment_edit(request, workspace, pk):
    environment = _find(workspace, pk)
    if environment.archived_at:
        messages.error(request, "This environment is archived and can no longer be changed.")
        return redirect("sessions:environments", workspace.slug)
    return _edit(request, workspace, environment)


def _find(workspace, pk: str) -> Environment:
    return get_object_or_404(workspace.environments, pk=pk)


def _edit(request, workspace, environment: Environment | None):
    data = request.POST if request.method == "POST" else None
    form = EnvironmentForm(data, environment)
    if data is not None and form.is_valid():
        try:
            saved = _save(workspace, environment, form)
        except Invalid as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"“{saved}” is saved. Running sessions follow it at once.")
            return redirect("sessions:environments", workspace.slug)
    context = {"form": form, "environment": environment, "trouble": probe.trouble()}
    return render(request, "sessions/environment_form.html", context, status=status_of(form))


def _save(workspace, environment: Environment | None, form: EnvironmentForm) -> Environment:
    changes = form.changes()
    if environment is None:
        return verbs.create_environment(workspace, changes.pop("name"), **changes)
    return verbs.update_environment(environment, **changes)


@workspace_view(role="editor")
@require_POST
def environment_archive(request, workspace, pk):
    environment = _find(workspace, pk)
    if environment.is_last:
        messages.error(request, "A session needs an environment: make another one first.")
        return redirect("sessions:environment_edit", workspace.slug, environment.pk)
    verbs.archive_environment(environment)
    messages.success(request, f"“{environment}” is archived. Its sessions go on.")
    return redirect("sessions:environments", workspace.slug)
