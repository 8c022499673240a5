"""Pages that belong to no layer: the way in, home, settings, and what goes wrong."""

import sys

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import views as auth
from django.core.exceptions import BadRequest, DisallowedHost
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template import loader
from django.urls import reverse_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from console import access, accounts, api, endpoints, forms, trouble
from console import palette as palettes
from console.access import REMEMBERED, RoleNeeded, workspace_view
from console.htmx import status_of
from console.models import Role
from console.queries import search_words


def healthz(request: HttpRequest) -> HttpResponse:
    """Answers 200 when requests are served and the database answers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return HttpResponse("ok\n", content_type="text/plain")


# -- The way in ---------------------------------------------------------------------------


class SignIn(auth.LoginView):
    template_name = "console/sign_in.html"
    authentication_form = forms.SignInForm
    redirect_authenticated_user = True

    def form_invalid(self, form):
        status = 429 if form.is_paused else 422
        return self.render_to_response(self.get_context_data(form=form), status=status)


class ChangePassword(auth.PasswordChangeView):
    template_name = "console/password.html"
    success_url = reverse_lazy("home")

    def form_valid(self, form):
        messages.success(self.request, "Your password is changed.")
        return super().form_valid(form)

    def form_invalid(self, form):
        return self.render_to_response(self.get_context_data(form=form), status=422)


def home(request):
    if not request.user.is_authenticated:
        return redirect("sign-in")
    workspaces = request.user.workspaces
    remembered = workspaces.filter(slug=request.session.get(REMEMBERED, "")).first()
    workspace = remembered or workspaces.first()
    if workspace is None:
        return render(request, "console/no_workspace.html", status=403)
    return redirect(workspace)


@workspace_view
def workspace(request, workspace):
    done = {
        "store": workspace.stores.exists(),
        "session": workspace.sessions.exists(),
        "dream": workspace.dreams.exists(),
    }
    context = {
        "done": done,
        "is_new": not all(done.values()),
        "is_empty": not any(done.values()),
        "store": workspace.stores.filter(state="active").order_by("-pk").first(),
        "has_language_model": bool(endpoints.usable(workspace)),
    }
    return render(request, "console/home.html", context)


@workspace_view
@require_GET
def palette(request, workspace):
    """The entries for what was typed; the frame around them is on every page."""
    typed = search_words(request)[: palettes.LETTERS].strip()
    seeker = palettes.Seeker(workspace, request.role, typed.lower())
    entries, more = palettes.entries(seeker)
    context = {"entries": entries, "more": more, "typed": typed}
    return render(request, "console/_palette.html", context)


def style_guide(request):
    return render(request, "console/style_guide.html")


# -- Settings -----------------------------------------------------------------------------


@workspace_view
def general(request, workspace):
    form = forms.WorkspaceForm(request.POST or None, instance=workspace)
    if request.method == "POST":
        access.require(request, Role.OWNER)
        if form.is_valid():
            form.save()
            messages.success(request, "The name is saved.")
            return redirect("settings", workspace.slug)
    context = {"form": form}
    return render(request, "console/settings/general.html", context, status=status_of(form))


@workspace_view
@never_cache  # the page that shows a one-time password
def members(request, workspace):
    if request.method != "POST":
        return _show_members(request, workspace, forms.MemberForm())
    access.require(request, Role.OWNER)
    form = forms.MemberForm(request.POST)
    if form.is_valid():
        try:
            newcomer = accounts.invite(workspace, **form.cleaned_data)
        except accounts.AlreadyMember as error:
            form.add_error("username", str(error))
        else:
            return _show_members(request, workspace, forms.MemberForm(), newcomer=newcomer)
    return _show_members(request, workspace, form, status=422)


def _show_members(request, workspace, form, *, status=200, **more):
    memberships = workspace.memberships.select_related("user")
    context = {"form": form, "memberships": memberships, "roles": Role, **more}
    return render(request, "console/settings/members.html", context, status=status)


@workspace_view(role=Role.OWNER)
@require_POST
def change_role(request, workspace, user_id):
    membership = get_object_or_404(workspace.memberships, user=user_id)
    form = forms.RoleForm(request.POST)
    if not form.is_valid():
        raise BadRequest("No such role")
    return _managed(
        request, workspace, lambda: accounts.change_role(membership, form.cleaned_data["role"])
    )


@workspace_view(role=Role.OWNER)
@require_POST
def remove_member(request, workspace, user_id):
    membership = get_object_or_404(workspace.memberships, user=user_id)
    keys_left = workspace.api_keys.live().filter(created_by=membership.user_id).count()
    answer = _managed(request, workspace, lambda: accounts.leave(membership))
    if keys_left and not membership.pk:
        messages.warning(
            request,
            f"{membership.user.name} is out, but API keys that they made still work: {keys_left}."
            " Look under API keys whether to revoke them.",
        )
    return answer


def _managed(request, workspace, act):
    try:
        act()
    except accounts.LastOwner as error:
        more = {"problem": str(error), "status": 409}
        return _show_members(request, workspace, forms.MemberForm(), **more)
    return redirect("members", workspace.slug)


@workspace_view(role=Role.OWNER)
@never_cache  # the page that shows a secret, once
def keys(request, workspace):
    form = forms.KeyForm(request.POST or None)
    context = {"form": form, "base_url": settings.PUBLIC_URL}
    if request.method == "POST" and form.is_valid():
        context["key"], context["secret"] = accounts.issue_key(
            workspace, **form.cleaned_data, by=request.user
        )
        context["form"] = forms.KeyForm()
    context["live"] = workspace.api_keys.live().select_related("created_by")
    context["revoked"] = workspace.api_keys.revoked()
    return render(request, "console/settings/keys.html", context, status=status_of(form))


@workspace_view(role=Role.OWNER)
@require_POST
def revoke_key(request, workspace, key_id):
    key = get_object_or_404(workspace.api_keys, pk=key_id)
    accounts.revoke_key(key)
    messages.success(request, f"The key “{key}” no longer works.")
    return redirect("keys", workspace.slug)


# -- What goes wrong ----------------------------------------------------------------------

STRANGE_HOST = (
    "This server does not answer to that host name. Whoever runs it names it in PUBLIC_URL or"
    " ALLOWED_HOSTS."
)


def bad_request(request, exception):
    said = STRANGE_HOST if isinstance(exception, DisallowedHost) else "This request cannot be read."
    return _went_wrong(request, 400, "invalid_request_error", said)


def forbidden(request, exception):
    said = str(exception) if isinstance(exception, RoleNeeded) else ""
    return _went_wrong(request, 403, "permission_error", said)


def csrf_failure(request, reason=""):
    back = access.page_of(request) if "referer" in request.headers else ""
    return HttpResponse(loader.render_to_string("403_csrf.html", {"back": back}), status=403)


def not_found(request, exception):
    return _went_wrong(request, 404, "not_found_error", "Not found.")


def server_error(request):
    # Django calls this while it handles the error.
    if problem := trouble.of(sys.exc_info()[1]):
        return _in_trouble(request, problem)
    return _went_wrong(request, 500, "api_error", "Something went wrong here.")


def _in_trouble(request, problem: trouble.Trouble):
    if request.path.startswith("/v1/"):
        return api.envelope_of(request, problem)
    page = loader.render_to_string("trouble.html", {"trouble": problem})
    return HttpResponse(page, status=problem.status, headers={"retry-after": problem.retry_after})


def _went_wrong(request, status: int, kind: str, message: str):
    """Answer a program in the API's envelope, a person with a page; neither learns what broke."""
    if request.path.startswith("/v1/"):
        return api.envelope(request, api.ApiError(status, kind, message))
    # Without the request: its context would ask the database, which may be what is broken.
    page = loader.render_to_string(
        f"{status}.html", {"exception": message if status in (400, 403) else ""}
    )
    return HttpResponse(page, status=status)
