"""The pages of one file: reading, writing, moving, deleting, and going back to what it was."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET, require_POST

from console.access import workspace_view
from console.models import Role
from memory import history, page, stores
from memory.diffs import side_by_side
from memory.forms import PathForm
from memory.links import from_memory
from memory.models import Memory, Store
from memory.paths import Invalid
from memory.rendering import render as render_markdown
from memory.rendering import reveal
from memory.stores import Conflict, Occupied, Refused

VERSIONS = 50  # on a page
LINES = 5_000  # of a source that is shown
MARKDOWN = {"", "md", "markdown", "mdown"}


# -- Reading ------------------------------------------------------------------------------


@workspace_view
@require_GET
def memory(request, workspace, store_id, memory_id):
    store = page.find_store(workspace, store_id)
    memory = store.memories.with_text().select_related("head").filter(pk=memory_id).first()
    if memory is None:
        return _gone(request, store, memory_id)
    view = _view(request, memory)
    context = {"memory": memory, "view": view, "is_markdown": _is_markdown(memory)}
    if view == "history":
        context |= _history(request, store, memory_id)
    elif view == "source":
        lines = memory.content.removesuffix("\n").split("\n")
        context["lines"] = [reveal(line.removesuffix("\r")) for line in lines[:LINES]]
        context["more_lines"] = max(0, len(lines) - LINES)
    else:
        context["rendering"] = render_markdown(memory.content, link=from_memory(store, memory.path))
    return page.show_file(request, memory, "memory", context, memory.path)


def _view(request, memory: Memory) -> str:
    asked = request.GET.get("view")
    if asked in {"rendered", "source", "history"}:
        return asked
    return "rendered" if _is_markdown(memory) else "source"


def _is_markdown(memory: Memory) -> bool:
    return memory.name.rpartition(".")[2].lower() in MARKDOWN or "." not in memory.name


def _history(request, store: Store, memory_id: str) -> dict:
    found = page.paged(request, history.of(store.versions.filter(memory=memory_id)), VERSIONS)
    return {"page": found, "entries": history.entries(found)}


def _gone(request, store: Store, memory_id: str):
    """A deleted file keeps its page: its history is there, and the way back."""
    context = _history(request, store, memory_id)
    if not context["entries"]:
        raise Http404("No such file")
    versions = store.versions.filter(memory=memory_id).exclude(blob=None).exclude(path=None)
    context |= {"last": context["entries"][0], "restorable": versions.first()}
    return page.show(request, store, "gone", context, title="A deleted file")


@workspace_view
@require_GET
def memory_download(request, workspace, store_id, memory_id):
    memory = page.find_memory(page.find_store(workspace, store_id), memory_id)
    # Never as HTML: whatever the text is, a browser must not take it for a page.
    response = HttpResponse(memory.content.encode(), content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = content_disposition_header(True, memory.name)
    return response


# -- Moving and deleting ------------------------------------------------------------------------------


@workspace_view(role=Role.EDITOR)
def memory_move(request, workspace, store_id, memory_id):
    store = page.find_store(workspace, store_id)
    if refused := page.refused(request, store):
        return refused
    memory = page.find_memory(store, memory_id)
    seen = {"path": memory.path, "expected": memory.blob.sha256}
    form = PathForm(request.POST if request.method == "POST" else None, initial=seen)
    status = 200
    if form.is_valid():
        given = form.cleaned_data
        try:
            stores.move(memory, given["path"], act=page.act(request), expected=given["expected"])
        except Conflict as conflict:
            form = PathForm(initial=seen | {"path": given["path"]})
            messages.warning(request, f"{conflict} Moving it now keeps the new text.")
            status = 409
        except (Occupied, Invalid, Refused) as error:
            form.add_error("path", str(error))
        else:
            messages.success(request, f"Moved to {given['path']}.")
            return redirect("memory:memory", workspace.slug, store.pk, memory.pk)
    context = {"form": form, "memory": memory}
    status = page.status_of(form) if form.errors else status
    return page.show_file(request, memory, "move", context, f"Move {memory.path}", status)


@workspace_view(role=Role.EDITOR)
@require_POST
def memory_delete(request, workspace, store_id, memory_id):
    store = page.find_store(workspace, store_id)
    memory = page.find_memory(store, memory_id)
    try:
        stores.remove(memory, act=page.act(request), expected=request.POST.get("expected"))
    except (Conflict, Refused) as error:
        messages.error(request, f"{error} Nothing was deleted.")
    else:
        messages.success(request, f"Deleted {memory.path}. Its history stays.")
    return redirect("memory:memory", workspace.slug, store.pk, memory.pk)


# -- Going back ---------------------------------------------------------------------------


@workspace_view
@require_GET
def version(request, workspace, store_id, version_id):
    store = page.find_store(workspace, store_id)
    version = page.find_version(store, version_id)
    entry = history.entries([version])[0]
    now = store.memories.with_text().filter(pk=version.memory_id).first()
    previous = store.versions.with_text().filter(pk=version.previous or "").first()
    against = "now" if request.GET.get("against") == "now" else "previous"
    if against == "now":
        diff = side_by_side(version.content, now and now.content)
    else:
        diff = side_by_side(previous and previous.content, version.content)
    context = {
        "entry": entry,
        "version": version,
        "previous": previous,
        "memory": now,
        "is_now": bool(now and now.head_id == version.pk),
        "against": against,
        "diff": diff,
    }
    title, selected = f"Version of {version.path or 'a file'}", now.path if now else "/"
    return page.show(request, store, "version", context, title=title, selected=selected)


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


@workspace_view(role=Role.OWNER)
@require_POST
def version_redact(request, workspace, store_id, version_id):
    store = page.find_store(workspace, store_id)
    version = page.find_version(store, version_id)
    try:
        stores.redact(version, by=page.act(request).by)
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, "The text of this version is gone for good.")
    return redirect("memory:version", workspace.slug, store.pk, version.pk)
