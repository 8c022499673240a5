"""Consolidating a store in a dream: read everything, tidy it, write what changed, say what was done.

Statements are written where they belong before they leave where they were, in two steps; when a
write of the first step fails, nothing is taken away in the second.
"""

import re
import string
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from sessions.providers.base import Reply, Request
from sessions.providers.builtin.dates import read_moment
from sessions.providers.builtin.extract import read_object
from sessions.providers.builtin.items import Finding
from sessions.providers.builtin.language import one_line, sentence_spans
from sessions.providers.builtin.looking import ALL_FILES, is_index, read_found
from sessions.providers.builtin.reply import ToolCall, build
from sessions.providers.builtin.thread import read_stores, read_turn
from sessions.providers.builtin.tidying import Outcome, tidy

FINDINGS = re.compile(r"<findings\b[^>]*>(.*)</findings>", re.DOTALL)
INSTRUCTIONS = re.compile(r"<instructions\b[^>]*>(.*?)</instructions>", re.DOTALL)
PROTECT = re.compile(
    r"\b(?:never|not|don['’]?t|leave|keep|preserve|protect|untouched|unchanged|except)\b", re.I
)
CALLS_AT_ONCE = 100
MOST_TEXT = 5_000_000  # characters read; what lies beyond stays as it is, and the summary says so
MOST_LISTED = 20
LONGEST_READ = 100_000  # characters
DEEPEST = 12  # letters
FIRST_LETTERS = [*(f"[{c}{c.upper()}]" for c in string.ascii_lowercase), *string.digits]
OTHER_LETTERS = "[!a-zA-Z0-9]"


def respond(request: Request) -> Reply:
    """The next step, or the summary when all is done."""
    work = _Work(request)
    if not work.mount:
        return build(request, "There is no store that I may write to, so I changed nothing.")
    for step in (work.look, work.read, work.give, work.take):
        if calls := step():
            return build(request, "", calls)
    return build(request, work.summary())


@dataclass(frozen=True)
class Given:
    """What the request asks to work in: findings, and how many of their lines were unreadable."""

    findings: list[Finding]
    unreadable: int
    instructions: str


class _Work:
    """One consolidation, as far as its messages tell."""

    def __init__(self, request: Request) -> None:
        self.turn = read_turn(request)
        stores = [store for store in read_stores(request.system) if store.is_writable]
        self.mount = stores[0].mount if stores else ""
        self.given = read_given("\n".join(said.text for said in self.turn.said))

    def look(self) -> list[ToolCall]:
        """A listing; one that may have been cut is taken again in parts, by first letters."""
        asked = {call.input.get("pattern") for call in self.turn.of("glob")}
        wanted = [p for call in self.turn.cut_globs for p in narrower(str(call.input["pattern"]))]
        wanted = wanted if asked else [ALL_FILES]
        calls = [("glob", {"pattern": p, "path": self.mount}) for p in wanted if p not in asked]
        return calls[:CALLS_AT_ONCE]

    @property
    def is_listed_whole(self) -> bool:
        return all(narrower(str(call.input["pattern"])) for call in self.turn.cut_globs)

    @cached_property
    def paths(self) -> list[str]:
        return [path for path in read_found(self.turn).paths if not is_index(path)]

    @cached_property
    def unread(self) -> list[str]:
        tried = {call.input.get("file_path") for call in self.turn.of("read")}
        return [path for path in self.paths if path not in tried]

    def read(self) -> list[ToolCall]:
        if self.turn.of("write", "remove"):
            return []
        size = sum(len(call.result) for call in self.turn.of("read"))
        if size > MOST_TEXT:
            return []
        return [("read", {"file_path": path}) for path in self.unread[:CALLS_AT_ONCE]]

    @cached_property
    def texts(self) -> dict[str, str]:
        return {
            str(call.input["file_path"]): call.result
            for call in self.turn.of("read")
            if not call.is_error
        }

    @cached_property
    def outcome(self) -> Outcome:
        protected = _protected(self.given.instructions, self.paths) | self.too_long
        texts = tuple(sorted(self.texts.items()))
        return tidy(texts, tuple(self.given.findings), self.mount, protected)

    @cached_property
    def too_long(self) -> frozenset[str]:
        """Files whose text the read tool may have cut; writing them back would lose the rest."""
        return frozenset(path for path, text in self.texts.items() if len(text) >= LONGEST_READ)

    def give(self) -> list[ToolCall]:
        """The writes of files that receive or rewrite statements."""
        return self._pending(sorted(self.outcome.gaining))

    def take(self) -> list[ToolCall]:
        """The writes and removals of files that only lose statements, once those are safe."""
        if self.failures:
            return []
        return self._pending(sorted(set(self.outcome.texts) - self.outcome.gaining))

    def _pending(self, paths: list[str]) -> list[ToolCall]:
        done = {call.input.get("file_path") for call in self.turn.of("write", "remove")}
        return [self._call(path) for path in paths if path not in done]

    def _call(self, path: str) -> ToolCall:
        text = self.outcome.texts[path]
        if text is None:
            return "remove", {"file_path": path}
        return "write", {"file_path": path, "content": text}

    @cached_property
    def failures(self) -> list[str]:
        return [
            f"{call.input.get('file_path')}: {one_line(call.result)}"
            for call in self.turn.of("glob", "read", "write", "remove")
            if call.is_error
        ]

    def summary(self) -> str:
        """What was done, in numbers first, then each merge and replacement."""
        done = self.outcome
        lines = [
            f"Read {_count(len(self.texts), 'file')} and {_count(len(self.given.findings), 'finding')}: "
            f"{len(done.added)} added, {len(done.known)} already there."
            + _sentence(self._deeds())
            + _sentence(self._files())
        ]
        lines += self._troubles()
        lines += _listed("Merged", done.merged, "into")
        lines += _listed("Superseded", done.replaced, "by")
        lines += _listed("Corrected", done.corrected, "to")
        lines += _listed("Joined", done.joined, "into")
        return "\n".join(lines)

    def _deeds(self) -> Iterator[str]:
        done = self.outcome
        for verb, pairs, what, rest in (
            ("merged", done.merged, "duplicate", ""),
            ("superseded", [*done.replaced, *done.corrected], "statement", ""),
            ("made", done.dated, "date", " absolute"),
            ("joined", done.joined, "file", ""),
        ):
            if pairs:
                yield f"{verb} {_count(len(pairs), what)}{rest}"

    def _files(self) -> Iterator[str]:
        # How many changed is counted where the index is there too, which is written afterwards.
        if not self.outcome.texts:
            yield "no file changed"

    def _troubles(self) -> list[str]:
        lines = [f"Failed: {failure}" for failure in self.failures]
        if self.given.unreadable:
            lines.append(f"{_count(self.given.unreadable, 'finding')} could not be read.")
        if self.unread:
            lines.append(f"{_count(len(self.unread), 'file')} not read: the store is too large.")
        if not self.is_listed_whole:
            lines.append("The store holds more files than could be listed; some were not read.")
        if self.too_long:
            lines.append(
                f"{_count(len(self.too_long), 'file')} left alone: too long to be read whole."
            )
        if self.given.instructions:
            lines.append(
                "Of your instructions I follow only which files to leave alone; the rest needs a "
                "language model."
            )
        return ["", *lines] if lines else []


def narrower(pattern: str) -> list[str]:
    """Patterns that together match what one does, each by one more letter of the file's name."""
    start = pattern.removeprefix("**/").removesuffix("*.md")
    if start.count("[") + sum(map(str.isdigit, start)) >= DEEPEST:
        return []
    longer = [f"**/{start}{letter}*.md" for letter in [*FIRST_LETTERS, OTHER_LETTERS]]
    return [f"**/{start}.md", *longer]


def _listed(title: str, pairs: list[tuple[str, str]], link: str) -> list[str]:
    if not pairs:
        return []
    pairs = list(dict.fromkeys(pairs))
    lines = [f"- “{before}” {link} “{after}”" for before, after in pairs[:MOST_LISTED]]
    more = len(pairs) - MOST_LISTED
    return ["", f"{title}:", "", *lines, *([f"- and {more} more"] if more > 0 else [])]


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _sentence(parts: Iterable[str]) -> str:
    """The parts as a sentence that follows another one; nothing when there are none."""
    told = ", ".join(parts)
    return f" {told[0].upper()}{told[1:]}." if told else ""


def read_given(text: str) -> Given:
    """The findings and instructions inside the request's text."""
    findings, unreadable = [], 0
    for body in FINDINGS.findall(text):
        for raw in filter(str.strip, body.splitlines()):
            row = read_object(raw)
            if isinstance(row.get("statement"), str) and row["statement"].strip():
                findings.append(_finding(row))
            else:
                unreadable += 1
    instructions = " ".join(each.strip() for each in INSTRUCTIONS.findall(text))
    return Given(findings, unreadable, instructions)


def _finding(row: dict[str, object]) -> Finding:
    said = read_moment(row.get("said_at"))
    source = f"{row.get('session')}:{row.get('event')}"
    return Finding(one_line(str(row["statement"])), said.date().isoformat() if said else "", source)


def _protected(instructions: str, paths: list[str]) -> frozenset[str]:
    """The files that a sentence of the instructions names and asks to leave alone."""
    sentences = [instructions[start:end] for start, end in sentence_spans(instructions)]
    asked = [sentence for sentence in sentences if PROTECT.search(sentence)]
    names = {path: path.rsplit("/", 1)[-1] for path in paths}
    return frozenset(
        path for path, name in names.items() if any(name in sentence for sentence in asked)
    )
