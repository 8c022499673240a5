"""Writing one file: a new one, a changed one, and what to do when somebody else was faster."""

from django.contrib import messages
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from console.access import workspace_view
from console.htmx import render_page
from console.models import Role
from memory import page, stores
from memory.diffs import side_by_side
from memory.forms import FileForm, TextForm
from memory.links import from_memory
from memory.merge import merge_texts
from memory.models import Memory, Store
from memory.paths import MAX_CONTENT_BYTES, Invalid
from memory.rendering import render as render_markdown
from memory.stores import ABSENT, Conflict, Occupied, Refused


@workspace_view(role=Role.EDITOR)
def memory_new(request, workspace, store_id):
    store = page.find_store(workspace, store_id)
    if refused := page.refused(request, store):
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
    status = status or page.status_of(form)
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
    if refused := page.refused(request, store):
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
    return page.show_file(
        request, memory, "edit", context, f"Edit {memory.path}", page.status_of(form)
    )


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
    return page.show_file(request, now, "conflict", context, f"Conflict in {now.path}", 409)


def _lost(request, store: Store, memory_id: str, data: dict | None):
    """The file was deleted meanwhile: what was typed can become a new one."""
    last = store.versions.filter(memory=memory_id).exclude(path=None).first()
    if last is None or data is None:
        return redirect("memory:memory", store.workspace.slug, store.pk, memory_id)
    text = data.get("content", "").replace("\r\n", "\n")
    form = FileForm(initial={"path": last.path, "content": text})
    return _show_new(request, store, form, lost=last.path, status=409)


@workspace_view
@require_POST
def memory_preview(request, workspace, store_id):
    store = page.find_store(workspace, store_id)
    text = request.POST.get("content", "").replace("\r\n", "\n")
    links = from_memory(store, request.POST.get("path", "/"))
    context = {"store": store, "rendering": render_markdown(text, links=links, anchors=True)}
    return render_page(request, "memory/preview.html", context, fragment="memory/_preview.html")
