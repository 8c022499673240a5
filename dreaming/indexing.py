"""Pure: the index a later agent reads first, generated from the files themselves."""

import re
from collections import Counter
from urllib.parse import quote

from memory.paths import MAX_CONTENT_BYTES
from sessions.providers.builtin.notes import heading

INDEX = "/index.md"
GIST_CHARACTERS = 140

_FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
_MARKUP = re.compile(r"^[-*+>\s]+|^\d+[.)]\s+|^(?:`{3,}|~{3,}).*")
_LINK = re.compile(r"!?\[\[(?:[^\[\]|]*\|)?([^\[\]|]*)\]\]|!?\[([^\[\]]*)\]\([^()]*\)")
SAID = re.compile(r"(?<!\s)\s*\((?:said [^()]*|\[said [^\[\]]*\]\([^()\s]*\))\)")
"""When a line was said, perhaps with a link to where."""


def index_of(files: dict[str, str]) -> str:
    """Write index.md: one line per file, with its title and the first thing it says.

    Where that would not fit into a memory: without the latter, else one line per folder.
    """
    files = {path: text for path, text in sorted(files.items()) if path != INDEX}
    for rows, unit in ((_full, "file"), (_titles, "file"), (_folders, "folder")):
        index = f"# Index\n\nWhat is kept here, one line per {unit}.\n\n"
        index += "".join(f"- {row}\n" for row in rows(files))
        if len(index.encode()) <= MAX_CONTENT_BYTES:
            break
    return index


def _full(files: dict[str, str]) -> list[str]:
    said = ((path, *title_and_gist(path, text)) for path, text in files.items())
    return [_link(path, title) + (f": {gist}" if gist else "") for path, title, gist in said]


def _titles(files: dict[str, str]) -> list[str]:
    return [_link(path, title_and_gist(path, text)[0]) for path, text in files.items()]


def _folders(files: dict[str, str]) -> list[str]:
    tops = Counter(path.split("/")[1] + "/" if path.count("/") > 1 else "" for path in files)
    return [f"{top or 'here'}: {count:,} file{'s' * (count > 1)}" for top, count in tops.items()]


def _link(path: str, title: str) -> str:
    target = re.sub(r"""[()\s%#?<>"'\\]""", lambda match: quote(match[0]), path.lstrip("/"))
    return f"[{title}]({target})"


def title_and_gist(path: str, text: str) -> tuple[str, str]:
    """A file's first heading (else its name) and its first sentence that is no heading."""
    title = gist = ""
    for line in _FRONT_MATTER.sub("", text).splitlines():
        found = heading(line)
        if found and not title:
            title = _unlinked(found[1])
        elif line.strip() and not found and not gist:
            gist = _unlinked(SAID.sub("", _MARKUP.sub("", line))).strip()
    name = path.rpartition("/")[2].removesuffix(".md").replace("-", " ")
    return _inline(title or name), _short(gist)


def _unlinked(line: str) -> str:
    """Links become their words: where they lead to is said from another folder, and may be gone."""
    return _LINK.sub(lambda link: link[1] or link[2] or "", line)


def _inline(title: str) -> str:
    return re.sub(r"[\[\]]", "", title)


def _short(gist: str) -> str:
    if len(gist) <= GIST_CHARACTERS:
        return gist
    return gist[:GIST_CHARACTERS].rsplit(" ", 1)[0] + " …"
