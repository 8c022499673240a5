"""The pages of what happened: histories, one version, any two of them side by side, going back."""

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from console.access import workspace_view
from console.models import Role
from memory import blame, history, page, stores
from memory.diffs import side_by_side
from memory.history_forms import HistoryForm
from memory.models import Store, Version
from memory.paths import Invalid
from memory.stores import Conflict, Occupied, Refused

VERSIONS = 50  # on a page
CHOICE = 100  # versions to choose from when two are compared


# -- Histories ----------------------------------------------------------------------------


@workspace_view
@require_GET
def store_history(request, workspace, store_id):
    store = page.find_store(workspace, store_id)
    change_set = store.change_sets.filter(pk=request.GET.get("change", "")).first()
    if change_set:
        versions = store.versions.filter(change_set=change_set).order_by("path", "pk")
        context = {"change_set": change_set, **_entries(request, versions)}
    else:
        context = _filtered(request, store.versions.all(), history.acts(store))
    return page.show(request, store, "store_history", context, title="History")


@workspace_view
@require_GET
def memory_history(request, workspace, store_id, memory_id):
    store = page.find_store(workspace, store_id)
    memory = page.living_memory(store, memory_id)
    if memory is None:
        return gone(request, store, memory_id)
    context = _filtered(request, store.versions.filter(memory=memory_id))
    context |= {"memory": memory, "view": "history", "total": context["page"].paginator.count}
    return page.show_file(request, memory, "file_history", context, f"History of {memory.path}")


def gone(request, store: Store, memory_id: str):
    """A deleted file keeps its page: its history is there, and the way back."""
    versions = store.versions.filter(memory=memory_id)
    last = history.entries(history.of(versions)[:1])
    if not last:
        raise Http404("No such file")
    restorable = versions.exclude(blob=None).exclude(path=None).first()
    context = _filtered(request, versions)
    context |= {"last": last[0], "restorable": restorable, "memory_id": memory_id}
    return page.show(request, store, "gone", context, title="A deleted file")


def _filtered(request, versions: QuerySet, unfiltered: QuerySet | None = None) -> dict:
    form = HistoryForm(request.GET, versions)
    form.is_valid()
    found = form.found() if form.filters or unfiltered is None else unfiltered
    return {"form": form, **_entries(request, found)}


def _entries(request, versions: QuerySet) -> dict:
    found = page.paged(request, history.of(versions), VERSIONS)
    return {"page": found, "entries": history.entries(found)}


@workspace_view
@require_GET
def memory_blame(request, workspace, store_id, memory_id):
    """Who wrote which line, when, and from which session."""
    store = page.find_store(workspace, store_id)
    memory = page.living_memory(store, memory_id)
    if memory is None:
        return gone(request, store, memory_id)
    origins, shown = blame.of(memory), page.source(memory.content)
    known = store.versions.filter(pk__in=set(origins.lines[: page.LINES]))
    entries = {entry.version.pk: entry for entry in history.entries(history.of(known))}
    context = {
        "memory": memory,
        "view": "blame",
        "stretches": [
            (entries.get(stretch.version), stretch)
            for stretch in blame.stretches(shown["lines"], origins.lines)
        ],
        "more_lines": shown["more_lines"],
        "is_cut": origins.is_cut,
    }
    return page.show_file(request, memory, "blame", context, f"Blame of {memory.path}")


# -- One version, and two -----------------------------------------------------------------


@workspace_view
@require_GET
def version(request, workspace, store_id, version_id):
    store = page.find_store(workspace, store_id)
    version = page.find_version(store, version_id)
    now = store.memories.with_text().filter(pk=version.memory_id).first()
    previous = store.versions.with_text().filter(pk=version.previous or "").first()
    against = "now" if request.GET.get("against") == "now" else "previous"
    if against == "now":
        diff = side_by_side(version.content, now and now.content)
    else:
        diff = side_by_side(previous and previous.content, version.content)
    context = {
        "entry": history.entries([version])[0],
        "version": version,
        "previous": previous,
        "memory": now,
        "is_now": bool(now and now.head_id == version.pk),
        "against": against,
        "diff": diff,
    }
    title, selected = f"Version of {version.path or 'a file'}", now.path if now else "/"
    return page.show(request, store, "version", context, title=title, selected=selected)


@workspace_view
@require_GET
def memory_compare(request, workspace, store_id, memory_id):
    """Two versions of a file, whichever: across renames, and where it was deleted."""
    store = page.find_store(workspace, store_id)
    versions = history.of(store.versions.filter(memory=memory_id))
    choice = list(versions[:CHOICE])
    after = _chosen(request.GET.get("to"), versions, choice, 0)
    before = _chosen(request.GET.get("from"), versions, choice, 1)
    now = store.memories.filter(pk=memory_id).first()
    context = {
        "memory_id": memory_id,
        "memory": now,
        "before": history.entries([before])[0],
        "after": history.entries([after])[0],
        "choice": history.entries(choice),
        "more": versions.count() - len(choice) if len(choice) == CHOICE else 0,
        "redacted": before.redacted_at or after.redacted_at,
        "diff": side_by_side(before.content, after.content),
    }
    title, selected = f"Two versions of {after.path or 'a file'}", now.path if now else "/"
    return page.show(request, store, "compare", context, title=title, selected=selected)


def _chosen(asked: str | None, versions: QuerySet, choice: list[Version], default: int) -> Version:
    """The version that was asked for; it joins the choice when it is too old to be in it."""
    if not asked and choice:
        return choice[min(default, len(choice) - 1)]
    found = versions.filter(pk=asked or "").first()
    if found is None:
        raise Http404("No such version of this file")
    if found not in choice:
        choice.append(found)
    return found


# -- Going back ---------------------------------------------------------------------------


@workspace_view(role=Role.EDITOR)
@require_POST
def version_restore(request, workspace, store_id, version_id):
    store = page.find_store(workspace, store_id)
    version = page.find_version(store, version_id)
    try:
        memory = stores.restore(
            version, act=page.act(request), expected=request.POST.get("expected")
        )
    except (Conflict, Refused, Occupied, Invalid) as error:
        messages.error(request, f"{error} Nothing was restored.")
        return redirect("memory:version", workspace.slug, store.pk, version.pk)
    messages.success(request, f"Restored {memory.path}.")
    return redirect("memory:memory", workspace.slug, store.pk, memory.pk)


@workspace_view(role=Role.EDITOR)
@require_POST
def version_undo(request, workspace, store_id, version_id):
    """Take back one change, if it is the file's last; `next` is where the person was."""
    store = page.find_store(workspace, store_id)
    version = page.find_version(store, version_id)
    back = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(back, {request.get_host()}, request.is_secure()):
        back = reverse("memory:version", args=[workspace.slug, store.pk, version.pk])
    try:
        stores.take_back(version, act=page.act(request))
    except (Conflict, Refused, Occupied, Invalid) as error:
        why = "Compare it with now, and decide there." if isinstance(error, Conflict) else ""
        messages.error(request, f"{error} Nothing was undone. {why}".strip())
        return redirect("memory:version", workspace.slug, store.pk, version.pk)
    messages.success(request, f"Undone: {version.path} is as it was before.")
    return redirect(back)
