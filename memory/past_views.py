"""The pages of a store as it was at some moment, to read and to go back to."""

from datetime import datetime, time
from urllib.parse import quote

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.views.decorators.http import require_GET

from console.access import workspace_view
from console.models import Role
from memory import diffs, history, links, page, past, trees
from memory.change_sets import NeedsPerson
from memory.merge import FileMerge
from memory.models import Store, Version, is_markdown
from memory.paths import Invalid
from memory.rendering import render as render_markdown
from memory.stores import Conflict, Occupied, Refused

FILES = 100  # rows on a page
PLANNED, SHOWN = 200, 20  # files of a plan on a page, differences shown there
MEANWHILE = 20  # changes shown that overtook a plan


# -- As it was ----------------------------------------------------------------------------


@workspace_view
@require_GET
def store_asof(request, workspace, store_id):
    store = page.find_store(workspace, store_id)
    when = _when(request.GET.get("at", ""))
    moment = _moment(store, request.GET, when)
    if moment is None:
        return _show(request, store, "asof_empty", {"when": when})
    versions = past.standing(store, moment)
    context = {"moment": moment, "when": when, **_neighbours(store, moment)}
    path = request.GET.get("path", "/").replace("\0", "")
    if not path.endswith("/"):
        return _file(request, store, versions, context, path)
    return _folder(request, store, versions, context, path)


def _when(asked: str) -> datetime | None:
    """A time as the page's own field, a link or a person writes it; a day or second means its end."""
    try:
        found = parse_datetime(asked)
        day = None if found else parse_date(asked)
        found = datetime.combine(day, time.max) if day else found
        if found and not found.microsecond:
            found = found.replace(microsecond=999_999)
        return timezone.make_aware(found) if found and timezone.is_naive(found) else found
    except (ValueError, OverflowError):
        return None


def _moment(store: Store, asked: QueryDict, when: datetime | None) -> Version | None:
    if "version" in asked:
        return get_object_or_404(store.versions, pk=asked["version"])
    if "change" in asked:
        change_set = get_object_or_404(store.change_sets, pk=asked["change"])
        return past.after(store, change_set)
    return past.at(store, when) if when else store.versions.first()


def _neighbours(store: Store, moment: Version) -> dict:
    """The changes before and after the moment, to step from one to the next."""
    return {
        "earlier": store.versions.filter(pk__lt=moment.pk).order_by("-pk").first(),
        "later": store.versions.filter(pk__gt=moment.pk).order_by("pk").first(),
        "newest": store.versions.first(),
    }


def _folder(request, store: Store, versions, context: dict, path: str):
    rows = list(versions.order_by().values_list("path", "blob__size", "pk"))
    root = trees.build(row for row in rows if row[0] is not None)
    folder = root.find(path)
    if folder is None:
        raise Http404("No such folder at that moment")
    files = page.paged(request, folder.pinned + folder.others, FILES)
    known = versions.sized().in_bulk([file.id for file in files])
    context |= {
        "folder": folder,
        "page": files,
        "versions": [known[file.id] for file in files if file.id in known],
        "redacted": len(rows) - root.count,
    }
    return _show(request, store, "asof", context)


def _file(request, store: Store, versions, context: dict, path: str):
    version = versions.with_text().filter(path=path).first()
    if version is None:
        return redirect(_url(store, context["moment"], f"{path}/"))
    now = store.memories.sized().filter(pk=version.memory_id).first()
    context |= {"version": version, "now": now}
    if is_markdown(path):
        base = _url(store, context["moment"], "")
        # The text is of another time, so its links lead there too.
        lead = links.from_past(
            path, base, lambda: filter(None, versions.values_list("path", flat=True))
        )
        context["rendering"] = render_markdown(version.content, links=lead)
    else:
        context |= page.source(version.content)
    return _show(request, store, "asof_file", context)


def _url(store: Store, moment: Version, path: str = "/") -> str:
    where = reverse("memory:store_asof", args=[store.workspace.slug, store.pk])
    return f"{where}?version={moment.pk}&path={quote(path)}"


def _show(request, store: Store, pane: str, context: dict, status: int = 200):
    context |= {
        "store": store,
        "title": f"As it was · {store}",
        "can_change": page.can_change(request, store),
        "pane": f"memory/_{pane}.html",
    }
    if moment := context.get("moment"):
        context["asof_base"] = _url(store, moment, "")
    return render(request, "memory/asof.html", context, status=status)


# -- Back to there ------------------------------------------------------------------------


@workspace_view(role=Role.EDITOR)
def store_rollback(request, workspace, store_id):
    store = page.find_store(workspace, store_id)
    if refused := page.refused(request, store):
        return refused
    asked = request.POST if request.method == "POST" else request.GET
    moment = get_object_or_404(store.versions, pk=asked.get("version", ""))
    if request.method == "POST":
        return _roll_back(request, store, moment)
    return _plan(request, store, moment)


def _roll_back(request, store: Store, moment: Version):
    seen = get_object_or_404(store.versions, pk=request.POST.get("seen", ""))
    try:
        done = past.roll_back(store, moment, seen=seen, by=page.act(request).by)
    except (NeedsPerson, Conflict, Occupied, Invalid) as error:
        problem = f"{error} Nothing was restored. This is what would happen now:"
        return _plan(request, store, moment, problem=problem, since=seen, status=409)
    except Refused as refused:
        messages.info(request, str(refused))
        return redirect(store)
    words = "The store is as it was then. What stood since is in its history."
    if meanwhile := _later(store, seen).exclude(change_set=done.change_set).count():
        change = "The change" if meanwhile == 1 else f"The {meanwhile} changes"
        words += f" {change} made while you looked at the plan stayed."
    messages.success(request, words)
    where = reverse("memory:store_history", args=[store.workspace.slug, store.pk])
    return redirect(f"{where}?change={done.change_set.pk}")


def _later(store: Store, moment: Version) -> QuerySet[Version]:
    return store.versions.filter(pk__gt=moment.pk)


def _plan(
    request,
    store: Store,
    moment: Version,
    *,
    problem: str = "",
    since: Version | None = None,
    status: int = 200,
):
    """What going back would do; `since` is the moment whose plan somebody else overtook."""
    seen = store.versions.first()
    overtakers = _later(store, since) if since else store.versions.none()
    try:
        plan = past.roll_back(store, moment, seen=seen, by=page.act(request).by, dry_run=True)
    except Refused as refused:
        messages.info(request, str(refused))
        return redirect(_url(store, moment))
    files = page.paged(request, [merge for merge in plan.merges if _changes(merge)], PLANNED)
    context = {
        "moment": moment,
        "seen": seen,
        "page": files,
        "rows": [_planned(merge, at < SHOWN) for at, merge in enumerate(files)],
        "problem": problem,
        "meanwhile": history.entries(history.of(overtakers)[:MEANWHILE]),
        "overtakers": overtakers.count(),
        "since": _later(store, moment).count(),
    }
    return _show(request, store, "rollback", context, status)


def _changes(merge: FileMerge) -> bool:
    return merge.before != merge.after or merge.is_conflict


def _planned(merge: FileMerge, in_full: bool) -> dict:
    letter = "A" if merge.before is None else "D" if merge.after is None else "M"
    diff = diffs.side_by_side(merge.before, merge.after) if in_full else None
    return {"path": merge.path, "letter": letter, "diff": diff}
