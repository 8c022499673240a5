"""What an index could do better: links that lead nowhere, files it leaves out, endless lines. Pure."""

import re
from collections.abc import Collection
from dataclasses import dataclass

from memory.links import resolved

LONG = 500  # letters of a line that nobody reads to its end
SHOWN = 3  # names of each kind in a note
WIDTH = 80  # letters of a name that it shows; the middle of longer ones is left out
NAME = re.compile(r"(?<![\w./-])[\w./-]*\w")


@dataclass(frozen=True)
class Check:
    """`missing` are paths linked to, `unmentioned` paths that stand, `long` numbers of lines."""

    missing: tuple[str, ...] = ()
    unmentioned: tuple[str, ...] = ()
    long: tuple[int, ...] = ()

    @property
    def notes(self) -> list[str]:
        """What to tell a person, a sentence each; nothing when all is well."""
        missing, left_out = len(self.missing), len(self.unmentioned)
        said = [
            missing and f"{missing:,} {_links(missing)} to no file: {_some(self.missing)}.",
            left_out
            and f"{left_out:,} {_files(left_out)} not mentioned: {_some(self.unmentioned)}.",
            self.long and f"Over {LONG} letters long: line {_some([str(at) for at in self.long])}.",
        ]
        return [each for each in said if each]


def check(path: str, text: str, urls: Collection[str], paths: Collection[str]) -> Check:
    """Compare the index at `path`, and the relative `urls` it links to, with all the store's paths.

    A file is mentioned when it, or a folder above it, is linked, or its name or path is written out.
    """
    files = set(paths)
    targets = resolved(urls, path, files)
    goals = {target.rstrip("/") for target in targets.values()}
    words = {word.lstrip("./") for word in NAME.findall(text)}
    folders = {above for file in files for above in _above(file)}
    return Check(
        missing=tuple(sorted(goals - files - folders)),
        unmentioned=tuple(sorted(f for f in files if f != path and not _is_in(f, goals, words))),
        long=tuple(at for at, line in enumerate(text.split("\n"), 1) if len(line) > LONG),
    )


def _is_in(file: str, goals: set[str], words: set[str]) -> bool:
    named = file[1:] in words or file.rpartition("/")[2] in words
    return named or file in goals or any(above in goals for above in _above(file) if above)


def _above(file: str) -> list[str]:
    """The folders a file is in, without the slash at their end; the top is empty."""
    parts = file.split("/")[:-1]
    return ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]


def _links(count: int) -> str:
    return "link leads" if count == 1 else "links lead"


def _files(count: int) -> str:
    return "file is" if count == 1 else "files are"


def _some(names: Collection[str]) -> str:
    names = list(names)
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(map(_short, names[:SHOWN])) + more


def _short(name: str) -> str:
    half = WIDTH // 2
    return name if len(name) <= WIDTH else f"{name[:half]}…{name[-half:]}"
