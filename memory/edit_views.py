"""Writing one file: a new one, a changed one, and what to do when somebody else was faster."""

from django.contrib import messages
from django.forms import Form
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import HttpResponseClientRedirect, reswap, retarget

from console.access import workspace_view
from console.htmx import render_page, status_of, wants_fragment
from console.models import Role
from memory import conflicts, page, paths, stores
from memory.diffs import side_by_side
from memory.forms import ConflictForm, FileForm, TextForm
from memory.links import from_memory
from memory.merge import pieces
from memory.models import Memory, Store, Version
from memory.paths import MAX_CONTENT_BYTES, Invalid
from memory.rendering import render as render_markdown
from memory.stores import ABSENT, Conflict, Occupied, Refused

STANDS_THERE = "A file stands here already. Choose another name, or edit that file."


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
            _say_saved(request, f"Created {memory.path}.", given["draft"])
            return redirect("memory:memory", workspace.slug, store.pk, memory.pk)
    return _show_new(request, store, form)


def _show_new(request, store: Store, form: FileForm, *, lost: str = "", status: int = 0):
    _check_while_typing(form, reverse("memory:path_check", args=[store.workspace.slug, store.pk]))
    context = {"form": form, "lost": lost, "max_bytes": MAX_CONTENT_BYTES}
    status = status or status_of(form)
    return page.show(request, store, "new", context, title="New file", status=status)


def _check_while_typing(form: Form, url: str) -> None:
    form.fields["path"].widget.attrs |= {
        "hx-get": url,
        "hx-trigger": "input changed delay:250ms",
        "hx-target": "#path-check",
        "hx-swap": "outerHTML",
        "hx-push-url": "false",
        "hx-sync": "this:replace",
        "aria-describedby": "path-check",
    }


@workspace_view
@require_GET
def path_check(request, workspace, store_id):
    """Say, while somebody types a path, whether a file can stand there."""
    store = page.find_store(workspace, store_id)
    path = request.GET.get("path", "").strip()
    try:
        stores.check_free(store, paths.check_path(path))
    except Occupied as occupied:
        reason = STANDS_THERE if occupied.memory.path == path else str(occupied)
    except Invalid as invalid:
        reason = str(invalid)
    else:
        reason = ""
    folder = path.rpartition("/")[0]
    is_new = not reason and folder and not store.memories.under(f"{folder}/").exists()
    context = {"reason": reason, "folder": folder if is_new else ""}
    return render(request, "memory/_path_check.html", context)


def _told(error: Exception) -> tuple[str | None, str]:
    """The field that an error is about, and what to say there."""
    if isinstance(error, Conflict) and error.memory:
        return "path", STANDS_THERE
    if isinstance(error, Occupied):
        return "path", str(error)
    return None, str(error)


@workspace_view(role=Role.EDITOR)
def memory_edit(request, workspace, store_id, memory_id):
    response = _edit(request, page.find_store(workspace, store_id), memory_id)
    stays = "stay" in request.POST and wants_fragment(request)
    return _beside_the_editor(response) if stays else response


def _beside_the_editor(response):
    """Whoever saves and goes on writing leaves only when there is something to decide."""
    if response.status_code == 302:
        return HttpResponseClientRedirect(response.url)
    if response.status_code != 200:
        response = reswap(retarget(response, "#pane"), "outerHTML")
    return response


def _edit(request, store: Store, memory_id: str):
    if refused := page.refused(request, store):
        return refused
    memory = page.living_memory(store, memory_id)
    data = request.POST if request.method == "POST" else None
    if memory is None:
        return _lost(request, store, memory_id, data)
    kind = ConflictForm if data and "opened" in data else TextForm
    form = kind(data, like=memory.content, initial=_opened(memory))
    if not form.is_valid():
        return _show_edit(request, store, memory, form)
    return _unsettled(request, memory, form) or _save(request, store, memory, form)


def _opened(memory: Memory) -> dict:
    return {
        "content": memory.content,
        "base": memory.head_id,
        "expected": memory.blob.sha256,
    }


def _show_edit(request, store: Store, memory: Memory, form: TextForm):
    context = {"form": form, "memory": memory, "max_bytes": MAX_CONTENT_BYTES}
    return page.show_file(request, memory, "edit", context, f"Edit {memory.path}", status_of(form))


def _save(request, store: Store, memory: Memory, form: TextForm):
    given = form.cleaned_data
    try:
        saved = stores.update(
            memory, content=given["content"], act=page.act(request), expected=given["expected"]
        )
    except Conflict as conflict:
        if conflict.memory is None:
            return _lost(request, store, memory.pk, request.POST)
        return _conflict(request, page.find_memory(store, memory.pk), given)
    except Refused as refused:
        form.add_error(None, str(refused))
        return _show_edit(request, store, memory, form)
    is_new = saved.head_id != memory.head_id
    if "stay" in request.POST:
        return _saved(request, saved, form, is_new)
    if is_new:
        was = request.POST.get("path") or saved.path
        moved = "" if was == saved.path else f" The file was renamed meanwhile from {was}."
        _say_saved(request, f"Saved {saved.path}{_as_version(saved)}.{moved}", given["draft"])
    else:
        _say_saved(request, "Nothing to save: the text is as it was.", given["draft"])
    return redirect("memory:memory", store.workspace.slug, store.pk, memory.pk)


def _as_version(memory: Memory) -> str:
    return f" as version {memory.versions.count():,}, by you"


def _say_saved(request, text: str, draft: str) -> None:
    """The message also tells the browser which of its drafts is saved now."""
    messages.success(request, text, extra_tags=f"draft-{draft}" if draft else "")


def _saved(request, memory: Memory, form: TextForm, is_new: bool):
    """What the editor goes on with, when one saves and stays."""
    told = f"Saved{_as_version(memory)}" if is_new else "Nothing to save: this is what stands there"
    draft = form.cleaned_data["draft"]
    context = {"form": TextForm(initial=_opened(memory) | {"draft": draft}), "saved": told}
    return render(request, "memory/_editor_state.html", context)


# -- Somebody was faster ------------------------------------------------------------------


def _conflict(request, now: Memory, given: dict):
    """Merge what fits, ask for the rest; what was typed stays until one of them is saved."""
    opened, mine = _version(now, given["base"]), given["content"]
    if opened and opened.content == mine:
        _say_saved(request, "You had changed nothing; this is the newest text.", given["draft"])
        return redirect("memory:memory", now.store.workspace.slug, now.store.pk, now.pk)
    result = conflicts.combine(pieces(opened and opened.content, now.content, mine), {})
    kept = {"opened": given["base"], "mine": mine, "draft": given["draft"]}
    return _show_conflict(request, now, kept, result, result.text)


def _version(memory: Memory, key: str) -> Version | None:
    """The version a text was written upon; None when its text is redacted."""
    versions = memory.store.versions.with_text().filter(pk=key, memory=memory.pk)
    return versions.exclude(blob=None).first()


def _unsettled(request, now: Memory, form: TextForm):
    """The conflict page again, as long as a choice is open or is not in the text yet."""
    given = form.cleaned_data
    if "opened" not in given or given["base"] != now.head_id:
        return None
    opened = _version(now, given["opened"])
    parts = pieces(opened and opened.content, now.content, given["mine"])
    result = conflicts.combine(parts, request.POST)
    after = form.as_it_was(result.text.replace("\r\n", "\n"))
    if after == given["built"] and not result.open and "combine" not in request.POST:
        return None
    content = conflicts.rebuilt(given["built"], given["content"], after)
    tried = "combine" not in request.POST
    return _show_conflict(request, now, given, result, content, built=after, tried=tried)


def _show_conflict(request, now, kept, result, content, *, built=None, tried=False):
    text = {"content": content, "built": result.text if built is None else built}
    fields = {name: kept[name] for name in ("opened", "mine", "draft")}
    context = {
        "memory": now,
        "form": ConflictForm(initial=_opened(now) | fields | text),
        "result": result,
        "tried": tried,
        "was": request.POST.get("path") or now.path,
        "diff": side_by_side(now.content, kept["mine"]),
        "changes": side_by_side(now.content, content),
        "max_bytes": MAX_CONTENT_BYTES,
    }
    return page.show_file(request, now, "conflict", context, f"Conflict in {now.path}", 409)


def _lost(request, store: Store, memory_id: str, data: dict | None):
    """The file was deleted meanwhile: what was typed can become a new one."""
    last = store.versions.filter(memory=memory_id).exclude(path=None).first()
    if last is None or data is None:
        return redirect("memory:memory", store.workspace.slug, store.pk, memory_id)
    text = data.get("content", "").replace("\r\n", "\n")
    draft = data.get("draft", "")
    form = FileForm(initial={"path": last.path, "content": text, "draft": draft})
    return _show_new(request, store, form, lost=last.path, status=409)


@workspace_view
@require_POST
def memory_preview(request, workspace, store_id):
    store = page.find_store(workspace, store_id)
    text = request.POST.get("content", "").replace("\r\n", "\n")
    links = from_memory(store, request.POST.get("path", "/"))
    context = {"store": store, "rendering": render_markdown(text, links=links, anchors=True)}
    return render_page(request, "memory/preview.html", context, fragment="memory/_preview.html")
