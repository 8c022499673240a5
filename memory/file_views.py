"""The pages of one file: reading, moving, deleting. Writing: `edit_views`; what it was: `history_views`."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET, require_POST

from console.access import workspace_view
from console.htmx import status_of
from console.models import Role
from memory import page, stores
from memory.forms import PathForm
from memory.history_views import gone
from memory.links import from_memory
from memory.models import Memory
from memory.paths import Invalid
from memory.rendering import render as render_markdown
from memory.stores import Conflict, Occupied, Refused

# -- Reading ------------------------------------------------------------------------------


@workspace_view
@require_GET
def memory(request, workspace, store_id, memory_id):
    store = page.find_store(workspace, store_id)
    memory = page.living_memory(store, memory_id)
    if memory is None:
        return gone(request, store, memory_id)
    view = _view(request, memory)
    context = {"memory": memory, "view": view}
    if view == "source":
        context |= page.source(memory.content)
    elif memory.path in page.INDEXES and memory == page.index_of(store):
        context |= page.shown_index(store, memory)
    else:
        links = from_memory(store, memory.path)
        context["rendering"] = render_markdown(memory.content, links=links, anchors=True)
    return page.show_file(request, memory, "memory", context, memory.path)


def _view(request, memory: Memory) -> str:
    asked = request.GET.get("view")
    if asked in {"rendered", "source"}:
        return asked
    return "rendered" if memory.is_markdown else "source"


@workspace_view
@require_GET
def memory_download(request, workspace, store_id, memory_id):
    memory = page.find_memory(page.find_store(workspace, store_id), memory_id)
    # Never as HTML: whatever the text is, a browser must not take it for a page.
    response = HttpResponse(memory.content.encode(), content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = content_disposition_header(True, memory.name)
    return response


# -- Moving and deleting ------------------------------------------------------------------


@workspace_view(role=Role.EDITOR)
def memory_move(request, workspace, store_id, memory_id):
    store = page.find_store(workspace, store_id)
    if refused := page.refused(request, store):
        return refused
    memory = page.find_memory(store, memory_id)
    to = request.GET.get("to")
    path = to + memory.name if to else memory.path
    seen = {"path": path, "expected": memory.blob.sha256}
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
    status = status_of(form) if form.errors else status
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
