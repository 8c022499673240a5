"""Where the links inside memories lead: to the pages of the files they name."""

import posixpath
from urllib.parse import quote, unquote

from django.urls import reverse

from memory.models import Store
from memory.rendering import Link

MOUNTS = "/mnt/memory/"
"""What agents write before a store's name when they name its files."""


def from_memory(store: Store, path: str) -> Link:
    """For a text at `path`: its relative links mean files of the same store."""
    slug = store.workspace.slug
    within = reverse("memory:at", args=[slug, store.pk])
    folder = posixpath.dirname(path)

    def link(url: str) -> str | None:
        target, _, anchor = url.partition("#")
        if not target:
            return url
        target = unquote(target.partition("?")[0])
        if target.startswith(MOUNTS):
            return _at(reverse("memory:mounted", args=[slug]), target, anchor)
        full = posixpath.normpath(posixpath.join(folder, target))
        return _at(within, "/" + full.lstrip("/"), anchor)

    return link


def from_outside(slug: str) -> Link:
    """For a text that is no memory, in the workspace `slug`: only full paths mean files."""
    mounted = reverse("memory:mounted", args=[slug])

    def link(url: str) -> str | None:
        target, _, anchor = url.partition("#")
        target = unquote(target)
        return _at(mounted, target, anchor) if target.startswith(MOUNTS) else None

    return link


def _at(url: str, path: str, anchor: str) -> str:
    return f"{url}?path={quote(path)}" + (f"#{quote(anchor)}" if anchor else "")
