"""The pages of searching: in one store, and in all of a workspace's."""

from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET

from console.access import workspace_view
from console.htmx import render_page
from memory import page, paths, results
from memory.forms import SearchForm
from memory.models import Store


@workspace_view
@require_GET
def store_search(request, workspace, store_id):
    store = page.find_store(workspace, store_id)
    context, status = _searched(request, Store.objects.filter(pk=store.pk))
    return page.show(request, store, "search", context, title="Search", status=status)


@workspace_view
@require_GET
def search(request, workspace):
    """Search in all active stores; in drafts and archived ones only when they are asked for."""
    stores = workspace.stores.all()
    chosen = request.GET.get("store", "")
    if chosen:
        where = stores.filter(pk=get_object_or_404(stores, pk=chosen).pk)
    else:
        where = stores if request.GET.get("everywhere") else stores.current()
    context, status = _searched(request, where.order_by("state", "-changed_at", "-pk"))
    more = {"stores": list(stores.order_by("state", "name")), "chosen": chosen, "where": where}
    return render_page(
        request,
        "memory/search.html",
        context | more,
        fragment="memory/_search_everywhere.html",
        status=status,
    )


def _searched(request, stores) -> tuple[dict, int]:
    form, found = SearchForm(request.GET), None
    query, error = form.query, form.problem
    after = results.Place.read(request.GET.get("after", ""))
    if query:
        try:
            found = results.look(stores, query, seconds=results.SECONDS, after=after)
        except paths.Invalid as invalid:
            error = str(invalid)
    context = {
        "form": form,
        "modes": results.MODES,
        "q": request.GET.get("q", ""),
        "results": found,
        "is_further": after != results.BEGINNING,
        "error": error,
        "seconds": results.SECONDS,
    }
    return context, 422 if error else 200
