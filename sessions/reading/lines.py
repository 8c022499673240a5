"""A tool call in one readable line: “Searched ‘cma’ in notes → 3 hits”."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from console.templatetags.ui import filesize
from sessions.reading.endings import outcome as command_outcome
from sessions.reading.places import SCRATCH, Places

LONGEST = 160


@dataclass(frozen=True)
class Line:
    """`doing` stands there while the call runs, `done` afterwards."""

    icon: str
    doing: str
    done: str
    subject: str = ""
    place: str = ""
    outcome: str = ""
    is_quoted: bool = False
    is_write: bool = False


VERBS = {
    "read": ("file-text", "Reading", "Read"),
    "write": ("file-plus", "Writing", "Wrote"),
    "edit": ("file-pen", "Editing", "Edited"),
    "remove": ("file-x", "Removing", "Removed"),
    "glob": ("folder-search", "Listing", "Listed"),
    "grep": ("text-search", "Searching", "Searched"),
    "bash": ("terminal", "$", "$"),
    "record_finding": ("bookmark", "Noting", "Noted"),
}
FAILED = {
    "read": "Could not read",
    "write": "Could not write",
    "edit": "Could not edit",
    "remove": "Could not remove",
    "glob": "Could not list",
    "grep": "Could not search",
}
WRITES = {"write", "edit", "remove"}
FILES = {"read", *WRITES}
SEARCHES = {"glob": "pattern", "grep": "pattern"}
SUBJECTS = {"bash": "command", "record_finding": "statement", **SEARCHES}


@dataclass(frozen=True)
class Answer:
    """A tool's result, as far as a line needs it."""

    text: str
    is_error: bool
    facts: dict[str, Any]

    @property
    def was_skipped(self) -> bool:
        """Whether the tool never ran: the turn was stopped, or it failed before."""
        return self.is_error and not self.facts

    @property
    def was_denied(self) -> bool:
        return bool(self.facts.get("denied"))


def line(name: str, given: dict[str, Any], answer: Answer | None, places: Places) -> Line:
    """Say what a call does or did."""
    icon, doing, done = VERBS.get(name, ("wrench", "Calling", "Called"))
    if answer and (answer.was_skipped or answer.was_denied):
        icon, done = "ban", f"{'Denied' if answer.was_denied else 'Skipped'}: {name}"
    elif answer and answer.is_error and "how" not in answer.facts:
        icon, done = "octagon-alert", FAILED.get(name, done)
    return Line(
        icon=icon,
        doing=doing,
        done=done,
        subject=_short(_subject(name, given, places)),
        place=_place(name, given, places),
        outcome=_outcome(name, answer) if answer else "",
        is_quoted=name in {"grep", "record_finding"},
        is_write=name in WRITES or bool(answer and answer.facts.get("changes")),
    )


def _subject(name: str, given: dict[str, Any], places: Places) -> str:
    if name in FILES:
        path = str(given.get("file_path") or "a file without a name")
        place = places.find(path)
        return place.path.lstrip("/") or place.store if place else path
    if name == "grep":
        return _words(str(given.get("pattern") or ""))
    if name in SUBJECTS:
        return str(given.get(SUBJECTS[name]) or "")
    # Of a tool that we do not know, the first words it was given say most.
    words = next((value for value in given.values() if value and isinstance(value, str)), "")
    return f"{name}: {words}" if words else name


def _words(pattern: str) -> str:
    """Spare the reader what only says "these words, in any case"; other patterns stay as they are."""
    words = ONLY_WORDS.fullmatch(pattern)
    return ESCAPED.sub(r"\1", words[1].replace("|", " | ")) if words else pattern


ESCAPED = re.compile(r"\\([^\w\s])")
ONLY_WORDS = re.compile(
    r"(?:\(\?i\))?(?:\\b)?(?:\(\?:)?((?:[^()\[\]{}\\^$*+?.]|\\[^\w\s|])+)\)?(?:\\b)?"
)


def _place(name: str, given: dict[str, Any], places: Places) -> str:
    if name in FILES:
        path = str(given.get("file_path") or "")
        place = places.find(path) if path else None
        return f"in {place.store}" if place and _is_worth_naming(place.store, places) else ""
    if name not in SEARCHES:
        return ""
    if not (path := str(given.get("path") or "")):
        return ""
    place = places.find(path)
    if place is None:
        return "" if path.rstrip("/") in {"", "/mnt", "/mnt/memory"} else f"in {path}"
    folder = place.path.strip("/")
    return f"in {place.store}" + (f"/{folder}" if folder else "")


def _is_worth_naming(store: str, places: Places) -> bool:
    # With one store attached, every file is in it unless it says otherwise.
    return places.are_many or store == SCRATCH


def _outcome(name: str, answer: Answer) -> str:
    if name == "bash" and (ended := command_outcome(answer.facts)):
        return ended
    if answer.is_error:
        return _short(answer.text.strip().partition("\n")[0])
    saying = OUTCOMES.get(name)
    return saying(answer.facts) if saying else ""


def _hits(facts: dict[str, Any]) -> str:
    if not (hits := facts.get("hits")):
        return "nothing"
    return _count(hits, "hit") + (" and more" if facts.get("more") else "")


def _files(facts: dict[str, Any]) -> str:
    return _count(facts["hits"], "file") if facts.get("hits") else "nothing yet"


def _lines(facts: dict[str, Any]) -> str:
    return _count(facts["lines"], "line") if "lines" in facts else ""


def _sizes(facts: dict[str, Any]) -> str:
    if "after" not in facts:
        return ""
    if facts.get("created"):
        return f"new, {filesize(facts['after'])}"
    grown = facts["after"] - facts["before"]
    sign = "+" if grown >= 0 else "−"
    return f"{filesize(facts['after'])} ({sign}{filesize(abs(grown))})"


OUTCOMES: dict[str, Callable[[dict[str, Any]], str]] = {
    "grep": _hits,
    "glob": _files,
    "read": _lines,
    "write": _sizes,
    "edit": _sizes,
}


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _short(text: str) -> str:
    text = " ".join(text[: LONGEST * 4].split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
