"""The pages of one file: reading, writing, moving, deleting, and going back to what it was."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET, require_POST

from console.access import workspace_view
from console.htmx import render_page
from console.models import Role
from memory import history, page, stores
from memory.diffs import side_by_side
from memory.forms import FileForm, PathForm, TextForm
from memory.links import from_memory
from memory.merge import merge_texts
from memory.models import Memory, Store
from memory.paths import MAX_CONTENT_BYTES, Invalid
from memory.rendering import render as render_markdown
from memory.rendering import reveal
from memory.stores import ABSENT, Conflict, Occupied, Refused

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
    return _show_of(request, memory, "memory", context, memory.path)


def _show_of(request, memory: Memory, pane: str, context: dict, title: str, status: int = 200):
    where = memory.path
    return page.show(
        request, memory.store, pane, context, title=title, selected=where, status=status
    )


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


@workspace_view
@require_POST
def memory_preview(request, workspace, store_id):
    store = page.find_store(workspace, store_id)
    text = request.POST.get("content", "").replace("\r\n", "\n")
    link = from_memory(store, request.POST.get("path", "/"))
    context = {"store": store, "rendering": render_markdown(text, link=link)}
    return render_page(request, "memory/preview.html", context, fragment="memory/_preview.html")


# -- Writing ------------------------------------------------------------------------------


@workspace_view(role=Role.EDITOR)
def memory_new(request, workspace, store_id):
    store = page.find_store(workspace, store_id)
    if refused := _refused(request, store):
        return refused
    initial = {"path": request.GET.get("path") or request.GET.get("folder", "/")}
    form = FileForm(request.POST if request.method == "POST" else None, initial=initial)
    if form.is_valid():
        given = form.cleaned_data
        try:
            memory = stores.write(
                store, given["path"], given["content"], act=page.act(request), expected=ABSENT
            )
        except (Conflict, Occupied, Invalid, Refused) as error:
            form.add_error(*_told(error))
        else:
            messages.success(request, f"Created {memory.path}.")
            return redirect("memory:memory", workspace.slug, store.pk, memory.pk)
    return _show_new(request, store, form)


def _show_new(request, store: Store, form: FileForm, *, lost: str = "", status: int = 0):
    context = {"form": form, "lost": lost, "max_bytes": MAX_CONTENT_BYTES}
    status = status or _status(form)
    return page.show(request, store, "new", context, title="New file", status=status)


def _told(error: Exception) -> tuple[str | None, str]:
    """The field that an error is about, and what to say there."""
    if isinstance(error, Conflict) and error.memory:
        return "path", "A file stands here already. Choose another name, or edit that file."
    if isinstance(error, Occupied):
        return "path", str(error)
    return None, str(error)


@workspace_view(role=Role.EDITOR)
def memory_edit(request, workspace, store_id, memory_id):
    store = page.find_store(workspace, store_id)
    if refused := _refused(request, store):
        return refused
    memory = store.memories.with_text().select_related("head").filter(pk=memory_id).first()
    data = request.POST if request.method == "POST" else None
    if memory is None:
        return _lost(request, store, memory_id, data)
    form = TextForm(data, like=memory.content, initial=_opened(memory))
    if form.is_valid():
        return _save(request, store, memory, form)
    return _show_edit(request, store, memory, form)


def _opened(memory: Memory) -> dict:
    return {
        "content": memory.content,
        "base": memory.head_id,
        "expected": memory.blob.sha256,
    }


def _show_edit(request, store: Store, memory: Memory, form: TextForm):
    context = {"form": form, "memory": memory, "max_bytes": MAX_CONTENT_BYTES}
    return _show_of(request, memory, "edit", context, f"Edit {memory.path}", _status(form))


def _save(request, store: Store, memory: Memory, form: TextForm):
    given = form.cleaned_data
    try:
        saved = stores.update(
            memory, content=given["content"], act=page.act(request), expected=given["expected"]
        )
    except Conflict as conflict:
        if conflict.memory is None:
            return _lost(request, store, memory.pk, request.POST)
        return _conflict(request, store, page.find_memory(store, memory.pk), given)
    except Refused as refused:
        form.add_error(None, str(refused))
        return _show_edit(request, store, memory, form)
    if saved.head_id == memory.head_id:
        messages.info(request, "Nothing to save: the text is as it was.")
    else:
        messages.success(request, f"Saved {saved.path}.")
    return redirect("memory:memory", store.workspace.slug, store.pk, memory.pk)


def _conflict(request, store: Store, now: Memory, given: dict):
    """Somebody saved first: show both texts, keep what was typed, offer the merge if there is one."""
    opened = store.versions.with_text().filter(pk=given["base"], memory=now.pk).first()
    mine = given["content"]
    if opened and opened.content == mine:
        messages.info(request, "You had changed nothing; this is the newest text.")
        return redirect("memory:memory", store.workspace.slug, store.pk, now.pk)
    merged = merge_texts(opened.content, now.content, mine) if opened and opened.blob else None
    if merged and (not merged.is_clean or merged.text in {mine, now.content}):
        merged = None
    context = {
        "memory": now,
        "form": TextForm(initial=_opened(now) | {"content": mine}),
        "diff": side_by_side(now.content, mine),
        "merged": merged and TextForm(initial=_opened(now) | {"content": merged.text}),
        "merged_diff": merged and side_by_side(now.content, merged.text),
        "max_bytes": MAX_CONTENT_BYTES,
    }
    return _show_of(request, now, "conflict", context, f"Conflict in {now.path}", 409)


def _lost(request, store: Store, memory_id: str, data: dict | None):
    """The file was deleted meanwhile: what was typed can become a new one."""
    last = store.versions.filter(memory=memory_id).exclude(path=None).first()
    if last is None or data is None:
        return redirect("memory:memory", store.workspace.slug, store.pk, memory_id)
    text = data.get("content", "").replace("\r\n", "\n")
    form = FileForm(initial={"path": last.path, "content": text})
    return _show_new(request, store, form, lost=last.path, status=409)


@workspace_view(role=Role.EDITOR)
def memory_move(request, workspace, store_id, memory_id):
    store = page.find_store(workspace, store_id)
    if refused := _refused(request, store):
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
    status = _status(form) if form.errors else status
    return _show_of(request, memory, "move", context, f"Move {memory.path}", status)


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


def _refused(request, store: Store):
    """Nobody should type into a form that cannot be saved."""
    if page.can_change(request, store):
        return None
    draft = "This is a dream’s draft: change it in the dream’s review."
    messages.error(request, draft if store.is_draft else "This store is archived; it can be read.")
    return redirect(store)


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


def _status(form) -> int:
    return 422 if form.errors else 200
