"""The pages that move and delete several files at once, each with a look at what is meant first."""

from urllib.parse import quote

from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html

from console.access import workspace_view
from console.htmx import status_of
from console.models import Role
from console.templatetags.ui import visible
from memory import folders, page
from memory.folder_forms import MoveForm
from memory.models import ChangeSet, Memory, Store
from memory.paths import Invalid, check_folder
from memory.stores import Conflict, Occupied, Refused

SHOWN = 200  # files of a list


@workspace_view(role=Role.EDITOR)
def files_move(request, workspace, store_id):
    store = page.find_store(workspace, store_id)
    if refused := page.refused(request, store):
        return refused
    names, memories = _meant(request, store)
    if not memories:
        return _nothing(request, store, names)
    if len(names) == 1 and memories[0].path == names[0]:
        where = reverse("memory:memory_move", args=[workspace.slug, store.pk, memories[0].pk])
        to = request.GET.get("to", "")
        return redirect(f"{where}?to={quote(to)}" if to else where)
    form = _move_form(request, names, memories)
    if form.is_valid():
        try:
            change_set, folder = _move(request, store, names, form.cleaned_data)
            return _done(request, store, change_set, folder)
        except Conflict as conflict:
            return _show_move(request, store, names, form, changed=str(conflict), status=409)
        except (Invalid, Occupied, Refused) as error:
            form.add_error("to", str(error))
    return _show_move(request, store, names, form, status=status_of(form))


def _move_form(request, names: list[str], memories: list[Memory]) -> MoveForm:
    is_folder, to = len(names) == 1, request.GET.get("to", "")
    if is_folder:
        to = to + folders.basename(names[0]) if to else names[0]
    form = MoveForm(
        request.POST if request.method == "POST" else None,
        initial={"to": to or "/", "seen": folders.digest(memories)},
    )
    if is_folder:
        form.fields["to"].label = "New path of the folder"
    return form


def _move(request, store: Store, names: list[str], given: dict) -> tuple[ChangeSet, str]:
    """Move them; also says which folder to show afterwards."""
    verb, what = (folders.rename, names[0]) if len(names) == 1 else (folders.move, names)
    done = verb(store, what, given["to"], by=page.act(request).by, seen=given["seen"])
    return done, check_folder(given["to"])


def _show_move(request, store, names, form, *, changed="", status=200):
    context = {"form": form, **_list(store, names, changed)}
    return page.show(request, store, "files_move", context, title="Move", status=status)


@workspace_view(role=Role.EDITOR)
def files_remove(request, workspace, store_id):
    store = page.find_store(workspace, store_id)
    if refused := page.refused(request, store):
        return refused
    names, memories = _meant(request, store)
    if not memories:
        return _nothing(request, store, names)
    changed = ""
    if request.method == "POST":
        by, seen = page.act(request).by, request.POST.get("seen", "")
        try:
            change_set = folders.remove(store, names, by=by, seen=seen)
            return _done(request, store, change_set, folders.around(store, names[0]))
        except (Conflict, Refused) as error:
            changed = f"{error} Nothing was deleted."
    context = _list(store, names, changed)
    status = 409 if changed else 200
    return page.show(request, store, "files_remove", context, title="Delete", status=status)


def _meant(request, store: Store) -> tuple[list[str], list[Memory]]:
    given = request.POST if request.method == "POST" else request.GET
    names = list(dict.fromkeys(given.getlist("path")))
    if any("\0" in name for name in names):
        raise Http404("No such file")
    return names, folders.chosen(store, names)


def _list(store: Store, names: list[str], changed: str) -> dict:
    """What the page shows of the files, as they are now."""
    memories = folders.chosen(store, names)
    return {
        "names": names,
        "memories": memories[:SHOWN],
        "count": len(memories),
        "more": max(0, len(memories) - SHOWN),
        "size": sum(memory.blob.size for memory in memories),
        "seen": folders.digest(memories),
        "changed": changed,
        "around": folders.around(store, names[0]),
    }


def _nothing(request, store: Store, names: list[str]):
    messages.warning(request, "No file was chosen. Tick some in a folder first.")
    return _show_folder(store, folders.around(store, names[0]) if names else "/")


def _done(request, store: Store, change_set: ChangeSet, folder: str):
    where = [store.workspace.slug, store.pk, change_set.pk]
    undo = reverse("memory:change_undo", args=where)
    words = '{}. <a href="{}">Undo</a>'
    messages.success(request, format_html(words, visible(change_set.summary), undo))
    return _show_folder(store, folder)


def _show_folder(store: Store, folder: str):
    return redirect(f"{store.get_absolute_url()}?folder={quote(folder)}")
