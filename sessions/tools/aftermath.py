"""Pure: what a command left behind, compared with what it found."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from console.sandbox.runner import Change
from memory.paths import ancestors
from sessions.tools.scratch import sha256_of

REASONS = {
    "link": "it is a symbolic link",
    "deep": "its path is too long",
    "special": "it is neither a file nor a folder",
}


@dataclass
class Aftermath:
    """By path in the folder (`/a/b.md`).

    `written` are new and changed files, `moved` leads from old paths to new ones with the same
    bytes, `gone` are files that were removed. `odd` says why something is not taken.
    """

    written: dict[str, Change] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)
    odd: dict[str, str] = field(default_factory=dict)
    sources: dict[str, Change] = field(default_factory=dict)  # all files, by new path

    def __len__(self) -> int:
        return len(self.written) + len(self.moved) + len(self.gone)


def text(file: Change) -> str:
    return sha256_of(file.content)


def aftermath(
    before: Mapping[str, str], changes: Iterable[Change], named: Callable[[Change], str] = text
) -> Aftermath:
    """Sort out the changes of one folder that held `before`: what `named` says, by path."""
    found = {f"/{change.path}": change for change in changes}
    after = Aftermath()
    for path, change in found.items():
        if change.kind in REASONS:
            after.odd[path] = REASONS[change.kind]
        elif change.kind == "file" and named(change) != before.get(path):
            after.written[path] = after.sources[path] = change
    after.gone = [path for path in before if _is_gone(path, found)]
    _pair(before, after, named)
    return after


def _is_gone(path: str, found: Mapping[str, Change]) -> bool:
    """Whether a file that was there is not any more: itself, or with the folder it was in."""
    own = found.get(path)
    if own:
        return own.kind in {"gone", "folder", "emptied"}
    above = (found.get(folder) for folder in ancestors(path))
    return any(change and change.kind in {"gone", "file", "emptied"} for change in above)


def _pair(before: Mapping[str, str], after: Aftermath, named: Callable[[Change], str]) -> None:
    """Bytes that vanished at one path and came up at another have moved."""
    lost = {before[path]: path for path in reversed(after.gone)}
    for path, change in list(after.written.items()):
        digest = named(change)
        if path not in before and digest in lost:
            after.moved[lost.pop(digest)] = path
            del after.written[path]
    after.gone = [path for path in after.gone if path not in after.moved]
