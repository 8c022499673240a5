"""The page that tells which memories sessions read, and which nobody ever does."""

from django.views.decorators.http import require_GET

from console.access import workspace_view
from memory import page, usage

FILES = 50  # on a page


@workspace_view
@require_GET
def store_use(request, workspace, store_id):
    store = page.find_store(workspace, store_id)
    sort = request.GET.get("sort")
    sort = sort if sort in usage.SORTS else "stale"
    found = page.paged(request, usage.of_store(store, sort), FILES)
    last = usage.last_of(store, [row["pk"] for row in found])
    context = {
        "page": found,
        "rows": [{**row, "last": last.get(row["pk"])} for row in found],
        "sort": sort,
        "sorts": [(name, label) for name, (label, _) in usage.SORTS.items()],
        "never": usage.never_read(store),
    }
    return page.show(request, store, "use", context, title="Use")
