"""Where the links inside memories lead: to the pages of the files they name."""

import posixpath
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import reduce
from operator import or_
from urllib.parse import quote, unquote

from django.db.models import Q
from django.urls import reverse

from console.rows import batches
from memory.markup import WIKI, anchor
from memory.models import Store
from memory.rendering import MISSING, Links

MOUNTS = "/mnt/memory/"
"""What agents write before a store's name when they name its files."""

BATCH = 200  # paths in one question
SUFFIXES = ("", ".md", ".markdown")


@dataclass(frozen=True)
class _Target:
    """What an address means: a path in the store, or (`is_name`) a name as wikis write it."""

    path: str
    anchor: str = ""
    is_name: bool = False


def from_memory(store: Store, path: str) -> Links:
    """For a text at `path`: its relative links mean files of the same store."""
    slug = store.workspace.slug
    within = reverse("memory:at", args=[slug, store.pk])
    mounted = reverse("memory:mounted", args=[slug])
    folder = posixpath.dirname(path)

    def lead(urls: Collection[str]) -> dict[str, str]:
        targets = {url: _target(url, folder) for url in urls}
        names = _names(store, [each.path for each in targets.values() if each.is_name], folder)
        targets = {url: _named(each, names) for url, each in targets.items()}
        asked = {each.path for each in targets.values() if not each.path.startswith(MOUNTS)}
        known = _known(store, asked)
        return {
            url: _at(mounted, each)
            if each.path.startswith(MOUNTS)
            else _at(within, each) + ("" if each.path in known else MISSING)
            for url, each in targets.items()
        }

    return lead


def from_past(path: str, base: str, paths: Callable[[], Iterable[str]]) -> Links:
    """For a text that stood at `path` when `paths` stood in its store: to what stood there then.

    `base` is an address that a path can be put behind. Links into other stores lead nowhere.
    """
    folder = posixpath.dirname(path)

    def lead(urls: Collection[str]) -> dict[str, str]:
        files = set(paths()) if urls else set()
        places = files | {file[:end] or "/" for file in files for end in _slashes(file)}
        targets = {url: _target(url, folder) for url in urls}
        names = _meant([each.path for each in targets.values() if each.is_name], folder, files)
        targets = {url: _named(each, names) for url, each in targets.items()}
        return {
            url: f"{base}{quote(each.path)}{_fragment(each)}"
            + ("" if each.path in places else MISSING)
            for url, each in targets.items()
            if not each.path.startswith(MOUNTS)
        }

    return lead


def resolved(urls: Collection[str], path: str, paths: Collection[str]) -> dict[str, str]:
    """The path in the store that each link of the text at `path` means, given all `paths` there.

    Links into other stores, by their full paths, are left out. Pure.
    """
    folder, known = posixpath.dirname(path), set(paths)
    targets = {url: _target(url, folder) for url in urls}
    names = _meant([each.path for each in targets.values() if each.is_name], folder, known)
    led = {url: _named(each, names).path for url, each in targets.items()}
    return {url: path for url, path in led.items() if not path.startswith(MOUNTS)}


def _target(url: str, folder: str) -> _Target:
    address, _, fragment = url.partition("#")
    if address.startswith(WIKI):
        return _Target(unquote(address.removeprefix(WIKI)), fragment, is_name=True)
    path = unquote(address.partition("?")[0]).replace("\0", "")
    if path.startswith(MOUNTS):
        return _Target(path, fragment)
    return _Target(_joined(folder, path), fragment)


def _joined(folder: str, path: str) -> str:
    return "/" + posixpath.normpath(posixpath.join(folder, path)).lstrip("/")


def _at(url: str, target: _Target) -> str:
    return f"{url}?path={quote(target.path)}{_fragment(target)}"


def _fragment(target: _Target) -> str:
    return f"#{quote(anchor(target.anchor))}" if target.anchor else ""


# -- What stands there --------------------------------------------------------------------


def _known(store: Store, asked: Iterable[str]) -> set[str]:
    """Those of the paths where a file or a folder stands."""
    files = _each(asked, lambda paths: store.memories.filter(path__in=paths))
    left = sorted(set(asked) - files)
    below = _each(left, lambda paths: store.memories.filter(reduce(or_, map(_below, paths))))
    folders = {path[:end] for path in below for end in _slashes(path)}
    return files | {path for path in left if path == "/" or path in folders}


def _each(asked: Iterable[str], question: Callable) -> set[str]:
    found: set[str] = set()
    for batch in batches(asked, BATCH):
        found.update(question(batch).order_by().values_list("path", flat=True))
    return found


def _below(path: str) -> Q:
    return Q(path__gte=f"{path}/", path__lt=f"{path}0")


def _slashes(path: str) -> list[int]:
    return [at for at, letter in enumerate(path) if letter == "/"]


# -- Names as wikis write them ------------------------------------------------------------


def _names(store: Store, names: list[str], folder: str) -> dict[str, str]:
    if not names:
        return {}
    paths = set(store.memories.order_by("path").values_list("path", flat=True))
    return _meant(names, folder, paths)


def _meant(names: list[str], folder: str, paths: set[str]) -> dict[str, str]:
    """The paths that the names mean: from this folder, from the top, or any file of that name."""
    by_name: dict[str, str] = {}
    for path in sorted(paths) if names else ():
        by_name.setdefault(path.rpartition("/")[2].lower(), path)
    return {name: path for name in names if (path := _found(name, folder, paths, by_name))}


def _found(name: str, folder: str, paths: set[str], by_name: dict[str, str]) -> str | None:
    tries = [_joined(base, name + suffix) for base in (folder, "/") for suffix in SUFFIXES]
    exact = next((path for path in tries if path in paths), None)
    loose = (by_name.get(f"{name.lower()}{suffix}") for suffix in SUFFIXES)
    return exact or next(filter(None, loose), None)


def _named(target: _Target, names: dict[str, str]) -> _Target:
    if not target.is_name:
        return target
    unknown = target.path if "." in target.path else f"{target.path}.md"
    return _Target(names.get(target.path) or _joined("/", unknown), target.anchor)
