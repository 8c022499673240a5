"""Taking back what one act changed: first what that would do, then doing it."""

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse

from console.access import require, workspace_view
from console.actors import Actor
from console.models import Role
from memory import change_sets, page
from memory.change_sets import NeedsPerson
from memory.choices import Choices
from memory.models import ChangeSet, Store
from memory.paths import Invalid
from memory.stores import Conflict, Occupied, Refused


@workspace_view(role=Role.EDITOR)
def change_undo(request, workspace, store_id, change_set_id):
    store = page.find_store(workspace, store_id)
    change_set = get_object_or_404(
        store.change_sets.select_related("store__workspace"), pk=change_set_id
    )
    # What somebody did alone, they may take back; what others did or agreed to, a reviewer.
    if change_set.actor != request.user.pk:
        require(request, Role.REVIEWER)
    if request.method == "POST":
        return _undo(request, store, change_set)
    return _show(request, store, change_set, Choices())


def _undo(request, store: Store, change_set: ChangeSet):
    choices = Choices.typed(request.POST)
    by = Actor.user(request.user)
    try:
        undone = change_sets.undo(change_set, by=by, resolutions=choices.resolutions)
    except NeedsPerson as needed:
        return _show(request, store, change_set, choices, problem=str(needed), status=409)
    except (Invalid, Conflict, Occupied) as error:
        problem = f"{error} Nothing was undone."
        return _show(request, store, change_set, choices, problem=problem, status=409)
    except Refused as refused:
        return _refuse(request, store, change_set, refused)
    messages.success(request, "Undone. What was written since then stays.")
    return redirect(_url(store, undone.change_set))


def _refuse(request, store: Store, change_set: ChangeSet, refused: Refused):
    messages.error(request, str(refused))
    return redirect(_url(store, change_set))


def _url(store: Store, change_set: ChangeSet) -> str:
    history = reverse("memory:store_history", args=[store.workspace.slug, store.pk])
    return f"{history}?change={change_set.pk}"


def _show(request, store, change_set, choices, *, problem="", status=200):
    try:
        preview = change_sets.undo(change_set, by=Actor.user(request.user), dry_run=True)
    except Refused as refused:
        return _refuse(request, store, change_set, refused)
    conflicts = [merge for merge in preview.merges if merge.is_conflict]
    settled = [merge for merge in preview.merges if not merge.is_conflict]
    context = {
        "change_set": change_set,
        "files": page.paged(request, settled, 200),
        "conflicts": choices.rows(conflicts),
        "problem": problem,
        "url": _url(store, change_set),
    }
    title = f"Undo {change_set.summary}"
    return page.show(request, store, "undo", context, title=title, status=status)
