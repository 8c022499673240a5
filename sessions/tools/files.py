"""The file tools every model knows: read, write, edit, glob, grep.

Names, inputs and limits: wire contract §15.
"""

from dataclasses import dataclass
from functools import partial

from memory import globs, search, stores
from memory.paths import Invalid
from sessions.context import WORKSPACE
from sessions.tools import outputs, scratch
from sessions.tools.base import Result, Tool, ToolError, clipped
from sessions.tools.mounts import Mounts, Place

HITS = 200
QUICK = 2 << 20  # bytes of text that are searched within some ten milliseconds


def file_tools(mounts: Mounts) -> list[Tool]:
    """The five tools, bound to one session's mounts."""
    quick = [
        Tool(name, description, properties, required, partial(run, mounts))
        for name, description, properties, required, run in QUICK_TOOLS
    ]
    return [*quick, grep_tool(mounts)]


def read(mounts: Mounts, file_path: str, view_range: list | None = None) -> Result:
    place = mounts.place(file_path)
    text = mounts.text(place)
    if text is None:
        raise ToolError(f"There is no file {place.full}.")
    mounts.note(place, text)
    mounts.count_read(place)
    shown = text if view_range is None else _part(text, view_range)
    return Result(clipped(shown), facts={"lines": len(shown.splitlines())})


def write(mounts: Mounts, file_path: str, content: str) -> Result:
    place = mounts.place(file_path)
    before = mounts.text(place)
    seen = mounts.last_seen(place)
    if before not in (None, content) and not seen and place.mount:
        raise ToolError(f"{place.full} exists already. Read it first, so that nothing is lost.")
    version = mounts.put(place, content, expected=seen if before is not None else stores.ABSENT)
    said = "Created" if before is None else "Wrote"
    return Result(f"{said} {place.full}.", facts=_wrote(version, before, content))


def edit(
    mounts: Mounts, file_path: str, old_string: str, new_string: str, replace_all: bool = False
) -> Result:
    place = mounts.place(file_path)
    text = mounts.text(place)
    if text is None:
        raise ToolError(f"There is no file {place.full}; create it with write.")
    after = _replaced(text, old_string, new_string, replace_all, place)
    version = mounts.put(place, after, expected=stores.sha256(text))
    return Result(f"Edited {place.full}.", facts=_wrote(version, text, after))


def glob(mounts: Mounts, pattern: str, path: str | None = None) -> Result:
    found = []
    for place, prefix in mounts.searched(path):
        found += [prefix + hit for hit in _glob(mounts, place, pattern)]
    text = "\n".join(found[:HITS]) or "no matches"
    if len(found) >= HITS:
        text += f"\n… only the newest {HITS} files of a folder; narrow the pattern or the path."
    return Result(outputs.fitted(mounts, "glob", text), facts={"hits": len(found)})


@dataclass(frozen=True)
class Found:
    """The lines a search found, in which files of which places, and whether there are more."""

    lines: list[str]
    files: list[tuple[Place, list[str]]]
    more: bool


def search_all(mounts: Mounts, pattern: str, path: str | None = None) -> Found:
    lines, files, more = [], [], False
    for place, prefix in mounts.searched(path):
        hits = _grep(mounts, place, pattern, limit=HITS - len(lines))
        lines += [f"{prefix}{hit.path}:{hit.line_number}:{hit.line}" for hit in hits.hits]
        files.append((place, [hit.path for hit in hits.hits]))
        more = more or hits.more
        if len(lines) >= HITS:
            break
    return Found(lines, files, more)


def tell(mounts: Mounts, found: Found) -> Result:
    for place, files in found.files:
        mounts.count_found(place, files)
    text = "\n".join(found.lines) or "no matches"
    if found.more:
        text += f"\n… only the first {HITS} matches; narrow the pattern or the path."
    facts = {"hits": len(found.lines), "more": found.more}
    return Result(outputs.fitted(mounts, "grep", text), facts=facts)


def grep_tool(mounts: Mounts) -> Tool:
    """Much text is searched before the transaction: on SQLite all other writers would wait."""
    return Tool(
        "grep",
        "Search file contents with a regular expression (RE2). Answers file:line:text.",
        {"pattern": STRING, "path": STRING},
        ("pattern",),
        partial(tell, mounts),
        work=lambda _, **given: search_all(mounts, **given),
        is_quick=lambda: mounts.size <= QUICK,
    )


STRING, BOOLEAN = {"type": "string"}, {"type": "boolean"}
SPAN = {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2}
QUICK_TOOLS = (
    (
        "read",
        "Read a text file. view_range [first, last] picks lines, counted from 1;"
        " a last line of 0 or less means to the end.",
        {"file_path": STRING, "view_range": SPAN},
        ("file_path",),
        read,
    ),
    (
        "write",
        "Write a whole text file; folders come by themselves. Read an existing file first.",
        {"file_path": STRING, "content": STRING},
        ("file_path", "content"),
        write,
    ),
    (
        "edit",
        "Replace old_string by new_string in a file. old_string must stand there exactly once,"
        " unless replace_all is true.",
        {
            "file_path": STRING,
            "old_string": STRING,
            "new_string": STRING,
            "replace_all": BOOLEAN,
        },
        ("file_path", "old_string", "new_string"),
        edit,
    ),
    (
        "glob",
        "List files whose path matches a pattern such as **/*.md, newest first.",
        {"pattern": STRING, "path": STRING},
        ("pattern",),
        glob,
    ),
)


def remove_tool(mounts: Mounts) -> Tool:
    """Only a dream's consolidation may take files away, and only from its draft."""

    return Tool(
        "remove",
        "Remove a file whose content now stands elsewhere.",
        {"file_path": STRING},
        ("file_path",),
        partial(remove, mounts),
    )


def remove(mounts: Mounts, file_path: str) -> Result:
    place = mounts.place(file_path)
    if place.mount is None:
        raise ToolError("Only files in a memory store can be removed.")
    before = mounts.text(place)
    version = mounts.drop(place)
    return Result(f"Removed {place.full}.", facts=_wrote(version, before, None))


def _part(text: str, view_range: list) -> str:
    if len(view_range) != 2 or not all(isinstance(number, int) for number in view_range):
        raise ToolError("view_range must be two whole numbers: [first, last].")
    first, last = view_range
    lines = text.splitlines(keepends=True)
    if first < 1 or first > len(lines):
        raise ToolError(f"The file has {len(lines)} lines; view_range starts at {first}.")
    return "".join(lines[first - 1 : last if last > 0 else None])


def _replaced(text: str, old: str, new: str, everywhere: bool, place: Place) -> str:
    count = text.count(old) if old else 0
    if count == 0:
        raise ToolError(f"old_string does not stand in {place.full}. Read the file and try again.")
    if count > 1 and not everywhere:
        raise ToolError(
            f"old_string stands {count} times in {place.full}. Give more of the text around it,"
            " or set replace_all."
        )
    return text.replace(old, new)


def _wrote(version: str, before: str | None, after: str | None) -> dict:
    sizes = {"before": len((before or "").encode()), "after": len((after or "").encode())}
    return {"version": version, "created": before is None, **sizes}


def _glob(mounts: Mounts, place: Place, pattern: str) -> list[str]:
    prefix = place.path.rstrip("/") + "/"
    # Models name whole paths as well: a pattern that begins above the store must find what is in it.
    root = place.root if pattern.startswith(("/mnt/", f"{WORKSPACE}/")) else ""
    pattern = pattern if root else pattern.lstrip("/")
    try:
        if place.mount:
            return search.glob(mounts.store(place), pattern, prefix=prefix, root=root)
        matcher = globs.matcher(pattern if root else prefix + pattern)
    except Invalid as error:
        raise ToolError(str(error)) from None
    newest = mounts.session.scratch.order_by("-updated_at").values_list("path", flat=True)
    return [path for path in newest if path.startswith(prefix) and matcher(root + path)]


def _grep(mounts: Mounts, place: Place, pattern: str, *, limit: int) -> search.Hits:
    try:
        if place.mount is None:
            return search.grep_texts(
                scratch.texts(mounts.session), pattern, prefix=place.path, limit=limit
            )
        return search.grep(mounts.store(place), pattern, prefix=place.path, limit=limit)
    except Invalid as error:
        raise ToolError(str(error)) from None
