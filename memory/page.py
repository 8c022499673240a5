"""What the pages of a store have in common: its frame, its tree of files, its newest changes."""

from datetime import timedelta
from functools import partial

from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Lower
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from console.actors import Actor
from console.htmx import render_page
from console.models import Role, Workspace
from memory import history, index_check, trees, usage
from memory.links import from_memory
from memory.models import Memory, Store, StoreState, Version
from memory.rendering import render as render_markdown
from memory.rendering import reveal
from memory.stores import Act

INDEXES = ["/index.md", "/INDEX.md", "/README.md", "/readme.md", "/MEMORY.md"]
MATCHES = 300  # files that a filtered tree shows
RECENT = timedelta(hours=24)  # how long the tree marks a file that changed
CHANGES = 1_000  # versions looked at for that
LINES = 5_000  # of a source that is shown
ROOM = 1_500  # rows of a tree that is opened whole


def listed(workspace: Workspace) -> QuerySet:
    """The workspace's stores with all that a list says about them."""
    newest = Version.objects.filter(store=OuterRef("pk")).order_by("-pk")
    in_use = Q(attachments__session__archived_at=None, attachments__session__is_dream=False)
    proposed = Q(dreams__review__state__in=["open", "approved"])
    return (
        workspace.stores.select_related("workspace", "dream__review")
        .annotate(
            sessions_attached=Count("attachments__session", filter=in_use, distinct=True),
            proposals=Count("dreams", filter=proposed, distinct=True),
            last_actor=Subquery(newest.values("actor")[:1]),
            last_actor_name=Subquery(newest.values("actor_name")[:1]),
            last_event=Subquery(newest.values("event")[:1]),
        )
        .order_by(*_order("changed", descending=True))
    )


SORTS = {
    "name": Lower("name"),
    "files": F("memory_count"),
    "size": F("size"),
    "changed": F("changed_at"),
    "sessions": F("sessions_attached"),
}
"""The columns of the list of stores by which it can be sorted."""


def sorted_stores(found: QuerySet, sort: str) -> QuerySet:
    """In the order of a column of `SORTS`; with a minus before it from high to low."""
    column = sort.removeprefix("-")
    if column not in SORTS:
        return found
    return found.order_by(*_order(column, descending=sort != column))


def _order(column: str, *, descending: bool) -> list:
    by = SORTS[column]
    return [by.desc(nulls_last=True) if descending else by.asc(nulls_last=True), "-pk"]


def find_store(where: Workspace | QuerySet, store_id: str) -> Store:
    if isinstance(where, Workspace):
        where = where.stores.select_related("workspace", "dream__review")
    return get_object_or_404(where, pk=store_id)


def find_memory(store: Store, memory_id: str) -> Memory:
    memory = living_memory(store, memory_id)
    if memory is None:
        raise Http404("No such file")
    return memory


def living_memory(store: Store, memory_id: str) -> Memory | None:
    """The memory with its text and newest version; None when it is deleted, or never was."""
    memory = store.memories.with_text().select_related("head").filter(pk=memory_id).first()
    if memory:
        memory.store = store
    return memory


def find_version(store: Store, version_id: str) -> Version:
    version = history.of(store.versions.filter(pk=version_id)).first()
    if version is None:
        raise Http404("No such version")
    version.store = store
    return version


def index_of(store: Store) -> Memory | None:
    """The file that tells what the store holds."""
    found = store.memories.filter(path__in=INDEXES).with_text()
    return min(found, key=lambda memory: INDEXES.index(memory.path), default=None)


def shown_index(store: Store, index: Memory) -> dict:
    """The index as it is shown, with what it could do better: `rendering` and `notes`."""
    lead, urls = from_memory(store, index.path), set()

    def noted(asked):
        urls.update(asked)
        return lead(asked)

    rendering = render_markdown(index.content, links=noted, anchors=True)
    paths = store.memories.order_by().values_list("path", flat=True)
    checked = index_check.check(index.path, index.content, urls, paths)
    # What could not be rendered told nothing of its links.
    return {"rendering": rendering, "notes": [] if rendering.note else checked.notes}


def source(text: str) -> dict:
    """A text as it is stored, letters that hide revealed: its `lines`, and how many `more_lines` there are."""
    lines = text.removesuffix("\n").split("\n")
    return {
        "lines": [reveal(line.removesuffix("\r")) for line in lines[:LINES]],
        "more_lines": max(0, len(lines) - LINES),
    }


def act(request: HttpRequest) -> Act:
    return Act(Actor.user(request.user))


def can_change(request: HttpRequest, store: Store) -> bool:
    return store.state == StoreState.ACTIVE and request.role.includes(Role.EDITOR)


def show(
    request: HttpRequest,
    store: Store,
    pane: str,
    context: dict | None = None,
    *,
    title: str = "",
    selected: str = "/",
    status: int = 200,
) -> HttpResponse:
    """Show a pane of the store's page: alone to htmx, beside the tree to everyone else."""
    frame = {
        "store": store,
        "pane": f"memory/_{pane}.html",
        "title": f"{title} · {store}" if title else str(store),
        "selected": selected,
        "can_change": can_change(request, store),
        "tree": SimpleLazyObject(partial(tree, store, selected)),
    }
    return render_page(
        request,
        "memory/store.html",
        frame | (context or {}),
        fragment=frame["pane"],
        status=status,
    )


def show_file(
    request: HttpRequest, memory: Memory, pane: str, context: dict, title: str, status: int = 200
) -> HttpResponse:
    """Show a pane about one file, which the tree marks."""
    where = memory.path
    context = {"use": SimpleLazyObject(partial(usage.of_memory, memory)), **context}
    return show(request, memory.store, pane, context, title=title, selected=where, status=status)


def refused(request: HttpRequest, store: Store) -> HttpResponse | None:
    """Nobody should type into a form that cannot be saved."""
    if can_change(request, store):
        return None
    draft = "This is a dream’s draft: change it in the dream’s review."
    messages.error(request, draft if store.is_draft else "This store is archived; it can be read.")
    return redirect(store)


def rows(store: Store, prefix: str = "/") -> QuerySet:
    return store.memories.under(prefix).order_by().values_list("path", "blob__size", "pk")


def changes(store: Store) -> dict[str, trees.Change]:
    """The last change of each memory that changed of late; no more than the newest are looked at."""
    newest = store.versions.order_by("-pk").values_list("memory_id", "created_at", "actor_name")
    since, found = timezone.now() - RECENT, {}
    for key, when, by in newest[:CHANGES]:
        # A clone's first versions say nothing new.
        if when > since and when != store.created_at:
            found.setdefault(key, trees.Change(when, by))
    return found


def find_folder(store: Store, path: str) -> trees.Folder:
    possible = path.startswith("/") and path.endswith("/") and "\0" not in path
    folder = trees.build(rows(store, path), changes(store)).find(path) if possible else None
    if folder is None:
        raise Http404("No such folder")
    return folder


def tree(store: Store, selected: str = "/") -> trees.Folder:
    return trees.unfold(trees.build(rows(store), changes(store)), selected)


def whole_tree(store: Store) -> tuple[trees.Folder, str]:
    """The tree with all folders open, and what to say when there are too many for that."""
    root = trees.build(rows(store), changes(store))
    if trees.unfold_all(root, ROOM):
        return root, ""
    return root, f"Opened the first folders, {ROOM:,} rows at most; the others open one by one."


def filtered_tree(store: Store, words: str) -> trees.Folder:
    found = sorted(trees.matching(rows(store), words))[:MATCHES]
    root = trees.build(found, changes(store))
    for folder in root.walk():
        folder.is_open = True
    return root


def paged(request: HttpRequest, found: QuerySet | list, size: int) -> Page:
    return Paginator(found, size).get_page(request.GET.get("page"))
