"""Pure: the index a later agent reads first, generated from the files themselves."""

import re

INDEX = "/index.md"
GIST_CHARACTERS = 140

_FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$")
_MARKUP = re.compile(r"^[-*+>\s]+|^\d+[.)]\s+")
_SAID = re.compile(r"\s*\(said [^)]*\)")


def index_of(files: dict[str, str]) -> str:
    """Write index.md: one line per file, with its title and the first thing it says."""
    rows = [_row(path, text) for path, text in sorted(files.items()) if path != INDEX]
    head = "# Index\n\nWhat is kept here, one line per file.\n"
    return "\n".join([head, *rows, ""]) if rows else head


def _row(path: str, text: str) -> str:
    title, gist = title_and_gist(path, text)
    target = re.sub(r"[()\s]", lambda match: f"%{ord(match[0]):02X}", path.lstrip("/"))
    return f"- [{title}]({target})" + (f": {gist}" if gist else "")


def title_and_gist(path: str, text: str) -> tuple[str, str]:
    """A file's first heading (else its name) and its first sentence that is no heading."""
    title = gist = ""
    for line in _FRONT_MATTER.sub("", text).splitlines():
        heading = _HEADING.match(line)
        if heading and not title:
            title = heading[1]
        elif line.strip() and not heading and not gist:
            gist = _SAID.sub("", _MARKUP.sub("", line)).strip()
    name = path.rpartition("/")[2].removesuffix(".md").replace("-", " ")
    return _inline(title or name), _short(gist)


def _inline(title: str) -> str:
    return re.sub(r"[\[\]]", "", title)


def _short(gist: str) -> str:
    if len(gist) <= GIST_CHARACTERS:
        return gist
    return gist[:GIST_CHARACTERS].rsplit(" ", 1)[0] + " …"
