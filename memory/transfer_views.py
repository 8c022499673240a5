"""The pages that bring files in and out of stores: import with its plan, export, copies."""

from django.contrib import messages
from django.http import StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET, require_POST

from console.access import workspace_view
from console.actors import Actor
from console.htmx import render_page, status_of
from console.models import Role, Workspace
from console.queries import whole_number
from memory import page, paths, samples, transfer, uploads
from memory.archives import Reading
from memory.diffs import side_by_side
from memory.forms import StoreForm
from memory.models import Store, Upload
from memory.paths import Invalid
from memory.stores import Refused
from memory.transfer_forms import CopyForm, ImportForm
from memory.zips import Unreadable

FILES = 100  # of a plan on a page


# -- Sending ------------------------------------------------------------------------------


@uploads.takes_folders
@workspace_view(role=Role.EDITOR)
def import_new(request, workspace):
    """A new store, made of a zip or a folder."""
    return _send(request, workspace, None)


@uploads.takes_folders
@workspace_view(role=Role.EDITOR)
def store_import(request, workspace, store_id):
    store = page.find_store(workspace, store_id)
    if not page.can_change(request, store):
        state = "a dream’s draft" if store.is_draft else "archived"
        messages.error(request, f"This store is {state}: nothing can be imported into it.")
        return redirect(store)
    return _send(request, workspace, store)


def _send(request, workspace: Workspace, store: Store | None):
    context = {"store": store, "problem": "", "max_files": paths.MAX_MEMORIES}
    if request.method != "POST":
        return render(request, "memory/import.html", context)
    try:
        upload = uploads.keep(
            workspace,
            store,
            request.user,
            request.FILES.getlist("files"),
            left_out=whole_number(request.POST.get("left_out")) or 0,
        )
    except Unreadable as unreadable:
        context["problem"] = str(unreadable)
        return render(request, "memory/import.html", context, status=422)
    return redirect("memory:import_plan", workspace.slug, upload.pk)


# -- Planning and importing ---------------------------------------------------------------


def _find(request, workspace: Workspace, upload_id: str) -> Upload:
    """What somebody sent is for their own eyes until it is imported."""
    mine = workspace.uploads.filter(user=request.user).select_related("store__workspace")
    return get_object_or_404(mine.defer("data"), pk=upload_id)


@workspace_view(role=Role.EDITOR)
def import_plan(request, workspace, upload_id):
    upload = _find(request, workspace, upload_id)
    reading = Reading.from_json(upload.reading)
    if request.method == "POST":
        return _bring_in(request, upload, reading)
    return _show_plan(
        request, upload, reading, ImportForm(request.GET, is_export=_is_export(reading))
    )


def _is_export(reading: Reading) -> bool:
    return reading.manifest is not None


def _naming(upload: Upload, reading: Reading, data=None) -> StoreForm | None:
    """What a new store is to be called; an export knows."""
    if upload.store:
        return None
    told = reading.manifest
    stem = upload.name.removesuffix(".zip") if not told else told.name
    return StoreForm(data, initial={"name": stem, "description": told.description if told else ""})


def _show_plan(request, upload, reading, form, *, naming=None, warning="", status=200):
    planned = transfer.plan(upload.store, reading, form.options())
    show = request.GET.get("show", "")
    items = [item for item in planned.items if not show or item.status == show]
    context = {
        "upload": upload,
        "store": upload.store,
        "form": form,
        "naming": naming or _naming(upload, reading),
        "plan": planned,
        "show": show,
        "page": page.paged(request, items, FILES),
        "partial": bool(reading.manifest and reading.manifest.partial),
        "warning": warning,
        "options": {name: form.data.get(name, "") for name in form.fields},
    }
    status = 422 if form.errors else status
    fragment = "memory/_import_plan.html"
    return render_page(
        request, "memory/import_plan.html", context, fragment=fragment, status=status
    )


def _bring_in(request, upload: Upload, reading: Reading):
    form = ImportForm(request.POST, is_export=_is_export(reading))
    naming = _naming(upload, reading, request.POST)
    if not form.is_valid() or (naming and not naming.is_valid()):
        return _show_plan(request, upload, reading, form, naming=naming, status=422)
    given = {
        "by": Actor.user(request.user),
        "source": upload.name,
        "seen": request.POST.get("seen", ""),
    }
    archive, options = uploads.archive_of(upload), form.options()
    try:
        if naming:
            made = transfer.bring_new(
                upload.workspace, archive, reading, options, **naming.cleaned_data, **given
            )
        else:
            outcome = transfer.bring_in(upload.store, archive, reading, options, **given)
            made = upload.store, outcome
    except transfer.Moved as moved:
        warning = f"{moved} Look at the new plan, and import again."
        return _show_plan(request, upload, reading, form, warning=warning, status=409)
    except Refused as refused:
        messages.error(request, str(refused))
        return redirect(upload.store)
    upload.delete()
    return _told_outcome(request, *made)


def _told_outcome(request, store: Store, outcome: transfer.Outcome):
    if outcome.change_set is None:
        messages.info(request, "Nothing had to be imported: all of it stands there already.")
        return redirect(store)
    files = len(outcome.plan.writes)
    slug, change = store.workspace.slug, outcome.change_set.pk
    undo = reverse("memory:change_undo", args=[slug, store.pk, change])
    said = f"Imported {files:,} file{'' if files == 1 else 's'}."
    messages.success(request, format_html('{} <a href="{}">Undo</a>', said, undo))
    return redirect(f"{reverse('memory:store_history', args=[slug, store.pk])}?change={change}")


@workspace_view(role=Role.EDITOR)
@require_GET
def import_text(request, workspace, upload_id):
    """One file of a plan, beside what stands in the store now."""
    upload = _find(request, workspace, upload_id)
    files = Reading.from_json(upload.reading).files
    name = request.GET.get("name", "")
    found = next((file for file in files if file.name == name and file.sha256), None)
    there = upload.store and upload.store.memories.with_text().filter(
        path=request.GET.get("path", "").replace("\0", "")
    )
    before = there.first() if there else None
    text = uploads.archive_of(upload).text(found) if found else None
    context = {"diff": side_by_side(before and before.content, text), "found": found}
    return render_page(
        request, "memory/import_text.html", context, fragment="components/_diff.html"
    )


# -- Out, and copies ----------------------------------------------------------------------


@workspace_view
@require_GET
def store_export(request, workspace, store_id):
    """The store as a zip, or what `path` names of it: files, and folders that end with a slash."""
    store = page.find_store(workspace, store_id)
    try:
        pieces = transfer.export(store, request.GET.getlist("path"))
    except Invalid as invalid:
        messages.error(request, str(invalid))
        return redirect(store)
    response = StreamingHttpResponse(pieces, content_type="application/zip")
    response["Content-Disposition"] = content_disposition_header(True, transfer.file_name(store))
    return response


@workspace_view(role=Role.EDITOR)
def store_duplicate(request, workspace, store_id):
    store = page.find_store(workspace, store_id)
    initial = {"name": f"Copy of {store.name}"[:255]}
    form = CopyForm(request.POST if request.method == "POST" else None, initial=initial)
    if form.is_valid():
        try:
            copy = transfer.duplicate(
                store, name=form.cleaned_data["name"], by=Actor.user(request.user)
            )
        except Refused as refused:
            messages.error(request, str(refused))
            return redirect(store)
        messages.success(request, f"“{copy}” is ready: a copy of its own.")
        return redirect(copy)
    context = {"form": form, "store": store}
    return render(request, "memory/store_duplicate.html", context, status=status_of(form))


@workspace_view(role=Role.EDITOR)
@require_POST
def store_sample(request, workspace):
    store = samples.lay_out(workspace, request.user)
    messages.success(request, "Here is a sample to look around in. Delete it whenever you like.")
    return redirect(store)
