"""The one door. Views and API alike get a workspace here, or nothing."""

from collections.abc import Callable
from contextlib import suppress
from functools import cache, wraps
from urllib.parse import urlsplit

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme

from console import rows
from console.models import ApiKey, Membership, Role

REMEMBERED = "workspace"  # key in the browser session: the slug last used


class RoleNeeded(PermissionDenied):
    """Signed in, inside the right workspace, but the role does not reach."""

    def __init__(self, needed: str, has: str) -> None:
        super().__init__(
            f"This needs the role {Role(needed).label.lower()}; yours is {Role(has).label.lower()}."
            " Ask an owner of the workspace to change it."
        )


def workspace_view(view: Callable | None = None, *, role: str = Role.VIEWER) -> Callable:
    """Let members with at least `role` in; a stranger cannot tell the workspace exists."""

    def door(view: Callable) -> Callable:
        @wraps(view)
        def inside(request: HttpRequest, slug: str, *args, **kwargs) -> HttpResponse:
            if not request.user.is_authenticated:
                return redirect_to_login(page_of(request))
            membership = membership_of(request.user, slug)
            if membership is None:
                raise Http404("No such workspace")
            if not Role(membership.role).includes(role):
                raise RoleNeeded(role, membership.role)
            request.workspace = membership.workspace
            request.role = Role(membership.role)
            if request.session.get(REMEMBERED) != slug:
                request.session[REMEMBERED] = slug
            return view(request, membership.workspace, *args, **kwargs)

        inside.role = role
        return inside

    return door(view) if view else door


def require(request: HttpRequest, role: str) -> None:
    """For what not everybody may do whom the view lets in. Raises `RoleNeeded`."""
    if not request.role.includes(role):
        raise RoleNeeded(role, request.role)


def page_of(request: HttpRequest) -> str:
    """The page that a request came from: what takes a form may be no page itself."""
    sender = request.headers.get("referer", "")
    is_ours = url_has_allowed_host_and_scheme(sender, {request.get_host()}, request.is_secure())
    if request.method in ("GET", "HEAD") or not is_ours:
        return request.get_full_path()
    return urlsplit(sender)._replace(scheme="", netloc="", fragment="").geturl()


def membership_of(user, slug: str) -> Membership | None:
    return (
        Membership.objects.filter(user=user, workspace__slug=slug)
        .select_related("workspace")
        .first()
    )


CREDENTIALS = ("x-api-key", "authorization")
"""The headers that `key_from` reads."""


def key_from(headers) -> ApiKey | None:
    """Find the live key in `x-api-key` or `Authorization: Bearer` (wire contract §1.1)."""
    secret = headers.get("x-api-key") or ""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if not secret and scheme.lower() == "bearer":
        secret = token.strip()
    if not secret:
        return None
    named = rows.find(ApiKey, "digest = %s AND revoked_at IS NULL", ApiKey.digest_of(secret))
    if not named:
        return None
    [key] = named
    rows.follow(key, "workspace")
    _note_use(key)
    return key


def _note_use(key: ApiKey) -> None:
    # Once a minute is enough to see which keys are alive; a write per request is not.
    now = timezone.now()
    if key.last_used_at is None or (now - key.last_used_at).total_seconds() > 60:
        with suppress(DatabaseError):  # a full disk, say: one may still read
            ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)


NAVIGATION = (
    ("Home", "house", "workspace"),
    ("Stores", "database", "memory:stores"),
    ("Sessions", "messages-square", "sessions:sessions"),
    ("Agents", "bot", "sessions:agents"),
    ("Dreams", "moon-star", "dreaming:dreams"),
    ("Settings", "settings", "settings"),
)


def page_context(request: HttpRequest) -> dict:
    """What the frame around every page shows."""
    workspace = getattr(request, "workspace", None)
    if workspace is None:
        return {"workspace": None, "workspaces": [], "nav": [], "role": None}
    role = request.role
    return {
        "workspace": workspace,
        "workspaces": list(request.user.workspaces.all()),
        "role": role,
        "can_edit": role.includes(Role.EDITOR),
        "can_review": role.includes(Role.REVIEWER),
        "can_own": role.includes(Role.OWNER),
        # Counted when something shows it, and then once: fragments mostly do not.
        "asking": cache(workspace.sessions.needing_an_answer().count),
        "nav": [_nav_item(request, workspace.slug, *item) for item in NAVIGATION],
    }


def _nav_item(request: HttpRequest, slug: str, label: str, icon: str, name: str) -> dict:
    url = reverse(name, args=[slug])
    here = request.path
    active = here == url if name == "workspace" else here.startswith(url)
    return {"label": label, "icon": icon, "url": url, "active": active, "name": name}
