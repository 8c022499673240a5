"""The pages of stores: list, overview, folders, tree, and what one does to a store."""

from contextlib import suppress
from urllib.parse import quote

from django.contrib import messages
from django.db.models import Count, Q
from django.http import Http404
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from console.access import workspace_view
from console.htmx import render_page, status_of
from console.models import Role
from console.queries import search_words
from memory import history, page, paths, stores
from memory.forms import DeleteStoreForm, StoreForm
from memory.links import MOUNTS
from memory.models import StoreState, Version

STORES, FILES, NEWS = 50, 100, 6  # rows on a page

COLUMNS = [
    ("name", "Name", "name"),
    ("files", "Files", "-files"),
    ("size", "Size", "-size"),
    ("changed", "Last change", "-changed"),
    ("sessions", "Sessions", "-sessions"),
]
"""What can be sorted: by the first word, called the second, at first in the order of the third."""
TABS = [("active", "Active"), ("draft", "Drafts"), ("archived", "Archived")]


# -- All of them --------------------------------------------------------------------------


@workspace_view
@require_GET
def store_list(request, workspace):
    state = request.GET.get("state")
    state = state if state in StoreState.values else StoreState.ACTIVE
    words = search_words(request)
    found = page.listed(workspace).filter(state=state)
    if words:
        found = found.filter(Q(name__icontains=words) | Q(description__icontains=words))
    sort = request.GET.get("sort", "-changed")
    found = page.sorted_stores(found, sort)
    counts = dict(workspace.stores.order_by().values_list("state").annotate(Count("pk")))
    context = {
        "page": page.paged(request, found, STORES),
        "state": state,
        "q": words,
        "sort": sort,
        "columns": [_column(sort, *column) for column in COLUMNS],
        "tabs": [(value, label, counts.get(value, 0)) for value, label in TABS],
        "has_any": bool(counts),
        "max_files": paths.MAX_MEMORIES,
    }
    return render_page(request, "memory/stores.html", context, fragment="memory/_stores.html")


def _column(sort: str, name: str, label: str, first: str) -> dict:
    """A column's head: which way it is sorted now, and what a click on it asks for."""
    turned = name if first == f"-{name}" else f"-{name}"
    order = {name: "ascending", f"-{name}": "descending"}.get(sort, "")
    return {
        "label": label,
        "order": order,
        "link": turned if sort == first else first,
        "is_number": name in ("files", "size", "sessions"),
    }


@workspace_view(role=Role.EDITOR)
def store_new(request, workspace):
    form = StoreForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        store = stores.create(workspace, **form.cleaned_data)
        messages.success(request, f"The store “{store}” is ready.")
        return redirect(store)
    return render(request, "memory/store_new.html", {"form": form}, status=status_of(form))


@workspace_view
@require_GET
def recent(request, workspace):
    versions = Version.objects.filter(store__workspace=workspace, store__state=StoreState.ACTIVE)
    news = history.news(versions.select_related("store__workspace"), NEWS)
    return render(request, "memory/_recent.html", {"entries": news})


@workspace_view
@require_GET
def mounted(request, workspace):
    """Leads from a path as agents write it, /mnt/memory/<store>/…, to the file."""
    path = request.GET.get("path", "")
    name, _, inside = path.removeprefix(MOUNTS).partition("/")
    for store in workspace.stores.unarchived().order_by("state", "-pk"):
        if paths.slug(store.name) == name:
            where = reverse("memory:at", args=[workspace.slug, store.pk])
            return redirect(f"{where}?path={quote('/' + inside)}")
    raise Http404("No such store")


# -- One of them --------------------------------------------------------------------------


@workspace_view
@require_GET
def store(request, workspace, store_id):
    if "folder" in request.GET:
        return _folder(request, page.find_store(workspace, store_id), request.GET["folder"])
    store = page.find_store(page.listed(workspace), store_id)
    index = page.index_of(store)
    news = history.since_copied(history.acts(store), store)
    context = {
        "index": index,
        **(page.shown_index(store, index) if index else {}),
        "entries": history.entries(history.of(news)[:NEWS]),
        "max_files": paths.MAX_MEMORIES,
    }
    return page.show(request, store, "overview", context)


def _folder(request, store, path):
    folder = page.find_folder(store, path)
    files = page.paged(request, folder.pinned + folder.others, FILES)
    memories = store.memories.sized().select_related("head").in_bulk([file.id for file in files])
    context = {
        "folder": folder,
        "page": files,
        "memories": [memories[file.id] for file in files if file.id in memories],
    }
    return page.show(request, store, "folder", context, title=path, selected=path)


@workspace_view
@require_GET
def tree(request, workspace, store_id):
    """The tree alone: filtered, or one branch of it that was left out of the page."""
    store = page.find_store(workspace, store_id)
    if path := request.GET.get("folder"):
        context = {"store": store, "folder": page.find_folder(store, path)}
        return render(request, "memory/_branch.html", context)
    words = request.GET.get("q", "").strip()
    selected, cut = request.GET.get("selected", "/"), ""
    if words:
        root = page.filtered_tree(store, words)
    elif request.GET.get("open") == "all":
        root, cut = page.whole_tree(store)
    else:
        root = page.tree(store, selected)
    context = {"store": store, "tree": root, "selected": selected, "filter": words, "cut": cut}
    context["can_change"] = page.can_change(request, store)
    return render(request, "memory/_tree.html", context)


@workspace_view
@require_GET
def at(request, workspace, store_id):
    """Leads from a path to the page of what stands there."""
    store = page.find_store(workspace, store_id)
    path = request.GET.get("path", "").replace("\0", "") or "/"
    memory = store.memories.filter(path=path).first()
    if memory:
        return redirect("memory:memory", workspace.slug, store.pk, memory.pk)
    folder = path.rstrip("/") + "/"
    if folder == "/" or store.memories.under(folder).exists():
        return redirect(f"{store.get_absolute_url()}?folder={quote(folder)}")
    context = {"path": path}
    return page.show(request, store, "missing", context, title="No such file", status=404)


# -- What one does to it ------------------------------------------------------------------


@workspace_view(role=Role.EDITOR)
def store_edit(request, workspace, store_id):
    store = page.find_store(workspace, store_id)
    initial = {"name": store.name, "description": store.description}
    form = StoreForm(request.POST if request.method == "POST" else None, initial=initial)
    if form.is_valid():
        try:
            stores.describe(store, **form.cleaned_data)
        except stores.Refused as refused:
            messages.error(request, str(refused))
        return redirect(store)
    context = {"form": form, "store": store}
    return render(request, "memory/store_edit.html", context, status=status_of(form))


@workspace_view(role=Role.EDITOR)
@require_POST
def store_archive(request, workspace, store_id):
    store = page.find_store(workspace, store_id)
    if store.is_draft:
        messages.error(request, "This is a dream’s draft: accept or reject it in its review.")
        return redirect(store)
    try:
        stores.archive(store)
    except stores.Gone as gone:
        messages.error(request, str(gone))
    else:
        messages.success(request, f"“{store}” is archived. It can still be read.")
    return redirect(store)


@workspace_view(role=Role.OWNER)
def store_delete(request, workspace, store_id):
    store = page.find_store(page.listed(workspace), store_id)
    form = DeleteStoreForm(request.POST if request.method == "POST" else None, store)
    if form.is_valid():
        with suppress(stores.Gone):  # somebody was faster
            stores.delete_store(store)
        messages.success(request, f"The store “{store}” is deleted.")
        return redirect("memory:stores", workspace.slug)
    context = {"form": form, "store": store, "versions": store.versions.count()}
    return render(request, "memory/store_delete.html", context, status=status_of(form))
