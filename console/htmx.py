"""What htmx wants, the page or its fragment, and the status it is sent with: asked here alone."""

from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers


def wants_fragment(request: HttpRequest) -> bool:
    htmx = request.htmx
    return bool(htmx) and not htmx.boosted and not htmx.history_restore_request


def render_page(
    request: HttpRequest, page: str, context: dict, *, fragment: str, status: int = 200
) -> HttpResponse:
    """Render `fragment` for an htmx swap and `page`, which includes it, for everyone else."""
    template = fragment if wants_fragment(request) else page
    response = render(request, template, context, status=status)
    patch_vary_headers(response, ["HX-Request", "HX-Boosted", "HX-History-Restore-Request"])
    return response


def status_of(form: BaseForm) -> int:
    """422 for a form that comes back with what was wrong; `base.html` lets htmx swap that in."""
    return 422 if form.errors else 200
