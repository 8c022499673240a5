"""The page that takes a text out of the history for good, and says what that reaches."""

from django.contrib import messages
from django.db import connection
from django.shortcuts import redirect

from console.access import workspace_view
from console.htmx import status_of
from console.models import Role
from memory import page, redaction
from memory.history_forms import RedactForm
from memory.models import Store, Version
from memory.stores import Refused

SHOWN = 20  # other versions named; the rest is counted


@workspace_view(role=Role.OWNER)
def version_redact(request, workspace, store_id, version_id):
    store = page.find_store(workspace, store_id)
    version = page.find_version(store, version_id)
    if version.redacted_at:
        messages.info(request, "This version is redacted already.")
        return redirect("memory:version", workspace.slug, store.pk, version.pk)
    form = RedactForm(request.POST if request.method == "POST" else None, initial={"scope": "all"})
    if form.is_valid():
        try:
            return _redact(request, store, version, form)
        except Refused as refused:
            form.add_error(None, str(refused))
    return _show(request, store, version, form)


def _redact(request, store: Store, version: Version, form: RedactForm):
    by, reason = page.act(request).by, form.cleaned_data["reason"]
    if form.everywhere:
        count = len(redaction.redact_everywhere(version, by=by, reason=reason))
        messages.success(request, f"The text is gone for good, from {count} version(s).")
    else:
        redaction.redact(version, by=by, reason=reason)
        messages.success(request, "The text of this version is gone for good.")
    return redirect("memory:version", store.workspace.slug, store.pk, version.pk)


def _show(request, store: Store, version: Version, form: RedactForm):
    others = redaction.same_text(version)
    now = store.memories.filter(pk=version.memory_id).first()
    context = {
        "form": form,
        "version": version,
        "memory": now,
        "is_now": bool(now and now.head_id == version.pk),
        "others": others[:SHOWN],
        "other_count": others.count(),
        "standing": redaction.standing(version)[:SHOWN],
        "vendor": connection.vendor,
    }
    title, selected = f"Redact {version.path or 'a version'}", now.path if now else "/"
    status = status_of(form)
    return page.show(
        request, store, "redact", context, title=title, selected=selected, status=status
    )
