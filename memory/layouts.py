"""What kind of files an archive holds, and where each of them goes in a store."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from memory.archives import Found, Reading

KINDS = {
    "export": "An export of a Reverie store",
    "memory": "Memory folders of Claude Code",
    "claude": "The CLAUDE.md files of a project",
    "checkout": "A repository: its Markdown and plain text",
    "files": "Files and folders, as they are",
}
TEXT = {"md", "markdown", "mdown", "mdx", "mdc", "txt", "text", "rst", "org", "adoc"}
REPOSITORY = {".gitignore", ".gitattributes", ".github", ".gitmodules"}
PROJECT = 3  # files of code for each one of text: more make it a project, not a folder of notes


@dataclass(frozen=True)
class Layout:
    """Where files go: (file, path below the target folder). `top` is the folder all of them share.

    `skipped` counts the files that are not of this kind, by reason.
    """

    files: list[tuple[Found, str]]
    top: str = ""
    skipped: dict[str, int] = field(default_factory=dict)


def detect(reading: Reading) -> str:
    """Guess the kind from the names alone; a person may know better."""
    if reading.manifest:
        return "export"
    parts = [file.name.split("/") for file in reading.files]
    if any(p[-2:] == ["memory", "MEMORY.md"] or _in_projects(p) for p in parts):
        return "memory"
    code = sum(not _is_text(p[-1]) for p in parts)
    if any(_is_claude(p) for p in parts) and code >= PROJECT * (len(parts) - code):
        return "claude"
    repository = any(REPOSITORY & set(p[:2]) for p in parts)
    return "checkout" if repository or "version control" in reading.skipped else "files"


def lay_out(reading: Reading, kind: str, *, strip: bool = True) -> Layout:
    """Say where each file goes. `strip` leaves out the folder that holds everything."""
    if kind == "export":
        return Layout([(file, file.path or file.name) for file in reading.files])
    why_not, place = _RULES[kind]
    reasons = {file.name: why_not(file.name.split("/")) for file in reading.files}
    taken = [file for file in reading.files if not reasons[file.name]]
    skipped = Counter(reason for reason in reasons.values() if reason)
    if place:
        return Layout(place(taken), skipped=dict(skipped))
    top = _top([file for file in taken if not file.reason])
    placed = [(f, f.name.removeprefix(f"{top}/") if top and strip else f.name) for f in taken]
    return Layout(placed, top, dict(skipped))


def _top(files: Sequence[Found]) -> str:
    tops = {file.name.partition("/")[0] if "/" in file.name else "" for file in files}
    return tops.pop() if len(tops) == 1 else ""


# -- Kinds --------------------------------------------------------------------------------


def _is_text(name: str) -> bool:
    return "." not in name or name.rpartition(".")[2].lower() in TEXT


def _is_claude(parts: list[str]) -> bool:
    if parts[-1] in {"CLAUDE.md", "CLAUDE.local.md"}:
        return True
    return any(
        parts[at : at + 2] == [".claude", "rules"] and parts[-1].endswith(".md")
        for at in range(len(parts) - 2)
    )


def _in_projects(parts: list[str]) -> bool:
    """`projects/<project>/memory/<file>`, however deep it stands."""
    return any(
        parts[at] == "projects" and parts[at + 2] == "memory" for at in range(len(parts) - 3)
    )


def _memory_at(parts: list[str]) -> int | None:
    at = parts.index("memory") if "memory" in parts else len(parts)
    return at if at < len(parts) - 1 else None


def _place_memories(files: list[Found]) -> list[tuple[Found, str]]:
    """`…/<project>/memory/<file>` goes to `<project>/<file>`, or to `<file>` if there is only one."""
    split = []
    for file in files:
        parts = file.name.split("/")
        at = _memory_at(parts)
        split.append((file, parts[at - 1] if at else "", "/".join(parts[at + 1 :])))
    several = len({project for _, project, _ in split}) > 1
    return [(f, f"{project}/{rest}" if several and project else rest) for f, project, rest in split]


def _any(parts: list[str]) -> str:
    return ""


def _only_text(parts: list[str]) -> str:
    return "" if _is_text(parts[-1]) else "neither Markdown nor plain text"


def _only_claude(parts: list[str]) -> str:
    return "" if _is_claude(parts) else "not CLAUDE.md, CLAUDE.local.md or .claude/rules/*.md"


def _only_memory(parts: list[str]) -> str:
    return "" if _memory_at(parts) is not None else "not in a memory folder"


_RULES: dict[str, tuple[Callable, Callable | None]] = {
    "memory": (_only_memory, _place_memories),
    "claude": (_only_claude, None),
    "checkout": (_only_text, None),
    "files": (_any, None),
}
