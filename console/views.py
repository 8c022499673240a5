"""Pages that belong to no layer: the way in, home, settings, and what goes wrong."""

from django.contrib.auth import views as auth
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from console.access import REMEMBERED, workspace_view


def healthz(request: HttpRequest) -> HttpResponse:
    """Answers 200 when requests are served and the database answers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return HttpResponse("ok\n", content_type="text/plain")


def home(request):
    if not request.user.is_authenticated:
        return redirect("sign-in")
    workspaces = request.user.workspaces
    remembered = workspaces.filter(slug=request.session.get(REMEMBERED, "")).first()
    workspace = remembered or workspaces.first()
    if workspace is None:
        return render(request, "console/no_workspace.html", status=403)
    return redirect("workspace", workspace.slug)


class SignIn(auth.LoginView):
    template_name = "console/sign_in.html"
    redirect_authenticated_user = True


class ChangePassword(auth.PasswordChangeView):
    template_name = "console/password.html"
    success_url = "/"


@workspace_view
def workspace(request, workspace):
    return render(request, "console/home.html")
