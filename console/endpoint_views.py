"""Settings, Models: which endpoints there are, and those that owners add, try and take away."""

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from console import accounts, endpoints
from console.access import workspace_view
from console.endpoints import NO_TOOLS, Unwell
from console.forms import EndpointForm
from console.htmx import render_page, status_of
from console.models import Role


@workspace_view
def models(request, workspace):
    context = {
        "shared": endpoints.from_environment(),
        "own": endpoints.of(workspace),
        "owners_add_endpoints": settings.OWNERS_ADD_ENDPOINTS,
    }
    return render(request, "console/settings/models.html", context)


@workspace_view(role=Role.OWNER)
@never_cache  # a key that was typed comes back with the form when something else was wrong
def new(request, workspace):
    _check_allowed()
    form = EndpointForm(workspace, request.POST or None)
    return _saved(request, form) or _show(request, form)


@workspace_view(role=Role.OWNER)
@never_cache
def edit(request, workspace, endpoint_id):
    _check_allowed()
    row = get_object_or_404(workspace.endpoints, pk=endpoint_id)
    form = EndpointForm(workspace, request.POST or None, row)
    return _saved(request, form) or _show(request, form)


def _check_allowed() -> None:
    if not settings.OWNERS_ADD_ENDPOINTS:
        raise Http404("Turned off by OWNERS_ADD_ENDPOINTS")


def _saved(request, form: EndpointForm):
    if not form.is_bound:
        return None
    with transaction.atomic():
        accounts.hold(request.workspace.pk)  # a name that is free stays so
        if not form.is_valid():
            return None
        row = endpoints.keep(form.instance, **form.changes(), by=request.user)
    try:
        endpoints.learn(row)
    except Unwell as trouble:
        messages.warning(request, f"“{row}” is saved, but {trouble}")
    else:
        if endpoints.leaves_out_tools(endpoints.from_row(row)):
            messages.warning(request, f"“{row}” is saved, and it answers, but {NO_TOOLS}")
        else:
            messages.success(request, f"“{row}” is saved, and it answers.")
    return redirect("models", row.workspace.slug)


def _show(request, form: EndpointForm, **more):
    context = {"form": form, "row": form.instance if form.instance.pk else None, **more}
    return render_page(
        request,
        "console/settings/endpoint.html",
        context,
        fragment="console/settings/_endpoint_models.html",
        status=status_of(form),
    )


@workspace_view(role=Role.OWNER)
@never_cache
@require_POST
def test(request, workspace):
    """Ask what is in the form, saved or not, for its models."""
    _check_allowed()
    row = workspace.endpoints.filter(pk=request.POST.get("endpoint", "")).first()
    form = EndpointForm(workspace, request.POST, row)
    form.fields["name"].required = False  # it can wait until the endpoint turns out to work
    if not form.is_valid():
        return _show(request, form, trouble_title="It cannot be tested yet", trouble=_told(form))
    try:
        found = endpoints.probe(form.endpoint())
    except Unwell as trouble:
        return _show(
            request,
            form,
            trouble_title="The test failed",
            trouble=f"It cannot be used yet: {trouble}",
        )
    form.offer(found)
    lacking = f"It answers, but {NO_TOOLS}" if endpoints.leaves_out_tools(form.endpoint()) else ""
    return _show(request, form, found=found, lacking=lacking)


def _told(form: EndpointForm) -> str:
    errors = ((form[name].label, " ".join(said)) for name, said in form.errors.items())
    return " ".join(f"{label}: {said}" for label, said in errors)


@workspace_view(role=Role.OWNER)
@require_POST
def delete(request, workspace, endpoint_id):
    row = get_object_or_404(workspace.endpoints, pk=endpoint_id)
    row.delete()
    messages.success(request, f"“{row}” and its key are deleted.")
    return redirect("models", workspace.slug)
