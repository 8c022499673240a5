"""Where the paths in a conversation lead: which store, which file, which page."""

import posixpath
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from urllib.parse import unquote

from sessions.context import WORKSPACE
from sessions.models import Attachment

SCRATCH = "the scratch folder"
FileUrl = Callable[[Attachment, str], str]


@dataclass(frozen=True)
class Place:
    """A file or folder as a person names it: `path` inside `store`; `url` shows it, if any does.

    `mount` is where the store is mounted, which two stores of one name do not share.
    """

    store: str
    path: str
    url: str = ""
    mount: str = ""


class Places:
    """The mounts of one session. `file_url(attachment, path)` makes the address of a file's page."""

    def __init__(self, attachments: Iterable[Attachment], file_url: FileUrl) -> None:
        self._attachments = list(attachments)
        self._file_url = file_url

    @property
    def are_many(self) -> bool:
        return len(self._attachments) > 1

    def find(self, path: str) -> Place | None:
        """Name the place an agent means; None when it is in none of the session's folders."""
        full = posixpath.normpath(posixpath.join(WORKSPACE, path))
        for attachment in self._attachments:
            if rest := _below(attachment.mount_path, full):
                url = self._url(attachment, rest)
                return Place(attachment.name, rest, url, attachment.mount_path)
        if rest := _below(WORKSPACE, full):
            return Place(SCRATCH, rest, mount=WORKSPACE)
        return None

    def links(self, targets: Collection[str]) -> dict[str, str]:
        """Lead the links the agent wrote to pages here; those that are none of ours are left out."""
        return {target: url for target in targets if (url := self.link(target))}

    def link(self, target: str) -> str | None:
        """Turn a link the agent wrote into one that works here; None when it is none of ours."""
        place = self.find(unquote(target.partition("#")[0])) if target.startswith("/") else None
        return place.url or None if place else None

    def _url(self, attachment: Attachment, path: str) -> str:
        return self._file_url(attachment, path) if attachment.store_id else ""


def _below(root: str, path: str) -> str:
    """The part of `path` inside `root`, "/" for the root itself, "" when it is elsewhere."""
    if path == root:
        return "/"
    return path.removeprefix(root) if path.startswith(f"{root}/") else ""
