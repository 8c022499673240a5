"""Saving what a person states: which statements, in which files, and what came of it."""

from dataclasses import dataclass, field

from sessions.providers.builtin import filing
from sessions.providers.builtin.answering import link
from sessions.providers.builtin.facts import Fact
from sessions.providers.builtin.filing import File
from sessions.providers.builtin.kinds import has_secret
from sessions.providers.builtin.language import one_line, stems
from sessions.providers.builtin.looking import Found, overlap
from sessions.providers.builtin.notes import (
    Note,
    append_bullets,
    append_edit,
    parse,
    with_provenance,
)
from sessions.providers.builtin.reply import ToolCall
from sessions.providers.builtin.subjects import Subject, group
from sessions.providers.builtin.thread import Call, Said, Store, Turn
from sessions.providers.builtin.utterances import Unit

MOST_STATEMENTS = 50
MOST_TARGETS = 2
MOST_TRIES = 2
ALIKE = 0.5
NO_PLACE = "none of its lines stands there only once, so I found no place to add to."


@dataclass(frozen=True)
class Told:
    """A statement with the message it was part of."""

    unit: Unit
    said: Said

    @property
    def fact(self) -> Fact:
        return Fact(self.unit.text, self.said.at)

    @property
    def has_secret(self) -> bool:
        return has_secret("\n".join([self.unit.text, *self.unit.block]))

    @property
    def bullet(self) -> str:
        text = as_item(self.unit.text)
        below = [f"  {line}" for line in self.unit.block]
        return "\n".join([f"- {with_provenance(text, self.said.day)}", *below])


def as_item(text: str) -> str:
    """A statement that would open a code block or a heading inside a list stays plain text."""
    text = text.replace("```", "`").replace("~~~", "~")
    return f"\\{text}" if text[:1] in "#>|" else text


@dataclass
class Filing:
    """Statements meant for one file. `known` pairs those already in memory with where they stand."""

    path: str
    subject: Subject
    new: list[Told] = field(default_factory=list)
    known: list[tuple[Told, Note]] = field(default_factory=list)
    is_new_file: bool = False


def subjects_of(told: list[Told]) -> list[tuple[Subject, list[Told]]]:
    """Statements under their subjects; each message is grouped by itself."""
    grouped: list[tuple[Subject, list[Told]]] = []
    for said in dict.fromkeys(each.said for each in told):
        mine = {id(each.unit): each for each in told if each.said == said}
        for subject, units in group([each.unit for each in mine.values()]):
            grouped.append((subject, [mine[id(unit)] for unit in units]))
    return grouped


def candidates(told: list[Told], found: Found) -> list[str]:
    """Files worth reading before saving: those named for a subject or saying something alike."""
    chosen: list[str] = []
    for subject, members in subjects_of(told):
        rated = {}
        for path in found.files:
            lines = found.stems_of_lines(path)
            alike = max(overlap(each.unit.text, lines) for each in members)
            rated[path] = filing.fit_by_name(subject, path) + (alike if alike >= ALIKE else 0.0)
        likely = [path for path in rated if rated[path] > 0.3]
        chosen += sorted(likely, key=lambda path: (-rated[path], path))[:MOST_TARGETS]
    return list(dict.fromkeys(chosen))


def plan(told: list[Told], files: list[File], found: Found, stores: list[Store]) -> list[Filing]:
    """Which statement goes where, given the files read; the same input gives the same plan."""
    notes = [note for file in files for note in file.notes]
    filings: dict[str, Filing] = {}
    for subject, members in subjects_of(told):
        target = _target(subject, members, files, found, stores, filings)
        for each in members:
            known = filing.known_in(each.fact, notes)
            if known:
                target.known.append((each, known))
            elif not _told_before(each, filings):
                target.new.append(each)
    return [each for each in filings.values() if each.new or each.known]


def _told_before(told: Told, filings: dict[str, Filing]) -> bool:
    """Whether the same was said twice in this very turn."""
    notes = [
        Note(each.path, 0, other.unit.text, "bullet", other.said.day)
        for each in filings.values()
        for other in each.new
    ]
    return filing.known_in(told.fact, notes) is not None


def _target(
    subject: Subject,
    members: list[Told],
    files: list[File],
    found: Found,
    stores: list[Store],
    filings: dict[str, Filing],
) -> Filing:
    writable = tuple(f"{store.mount}/" for store in stores)
    room = sum(len(each.bullet.encode("utf-8", "replace")) + 1 for each in members)
    open_files = [
        file
        for file in files
        if file.path.startswith(writable) and file.size + room < filing.LARGEST_FILE
    ]
    for each in filings.values():
        if each.subject.key == subject.key:
            return each
    chosen = filing.choose(subject, [each.unit for each in members], open_files)
    if chosen:
        return filings.setdefault(chosen.path, Filing(chosen.path, subject))
    folder = best_store(subject, members, stores).mount
    path = filing.new_path(folder, subject, [*found.paths, *found.lines, *filings])
    return filings.setdefault(path, Filing(path, subject, is_new_file=True))


def best_store(subject: Subject, members: list[Told], stores: list[Store]) -> Store:
    """The store whose name, description or instructions speak of the subject; else the first."""
    about = subject.key.union(*(stems(each.unit.text) for each in members))

    def shared(store: Store) -> int:
        return len(about & stems(f"{store.name} {store.purpose}".replace("-", " ")))

    return max(stores, key=lambda store: (shared(store), -stores.index(store)))


def next_calls(filings: list[Filing], turn: Turn) -> list[ToolCall]:
    """The writes still to be made; after a failed one the file is read again before the next."""
    calls: list[ToolCall] = []
    for each in filings:
        if each.new and (call := _next_call(each, turn)):
            calls.append(call)
    return calls


def _next_call(filing_: Filing, turn: Turn) -> ToolCall | None:
    tries = attempts(filing_, turn)
    if not tries:
        fresh = turn.last_read(filing_.path)
        return _write(filing_, fresh.result if fresh else "", is_new=filing_.is_new_file)
    if not tries[-1].is_error or len(tries) >= MOST_TRIES:
        return None
    read_since = [
        c for c in turn.of("read") if _path(c) == filing_.path and c.step > tries[-1].step
    ]
    if not read_since:
        return "read", {"file_path": filing_.path}
    if read_since[-1].is_error:
        return None
    return _write(filing_, read_since[-1].result, is_new=False)


def attempts(filing_: Filing, turn: Turn) -> list[Call]:
    return [call for call in turn.of("write", "edit") if _path(call) == filing_.path]


def _path(call: Call) -> str:
    return str(call.input.get("file_path", ""))


def _write(filing_: Filing, text: str, *, is_new: bool) -> ToolCall | None:
    notes = parse(filing_.path, text)
    missing = [each for each in filing_.new if not filing.known_in(each.fact, notes)]
    bullets = [each.bullet for each in missing]
    if not bullets:
        return None
    if is_new:
        content = append_bullets(f"# {filing_.subject.title}\n", bullets)
        return "write", {"file_path": filing_.path, "content": content}
    edit = append_edit(text, bullets)
    if edit is None and len(text) < filing.LARGEST_FILE:
        return "write", {"file_path": filing_.path, "content": append_bullets(text, bullets)}
    if edit is None:
        return None
    old, new = edit
    return "edit", {"file_path": filing_.path, "old_string": old, "new_string": new}


def report(filings: list[Filing], turn: Turn) -> list[str]:
    """What was saved, what was there already, and what went wrong, in plain lines."""
    lines: list[str] = []
    for each in filings:
        lines += _outcome(each, turn)
    for told, note in [pair for each in filings for pair in each.known]:
        said = f", said {note.said}" if note.said else ""
        lines.append(f"Already in memory: “{told.unit.text}” — {link(note.path)}{said}.")
    return lines


def _echo(told: Told) -> list[str]:
    return [f"- “{told.unit.text}”", *(f"  {line}" for line in told.unit.block)]


def _outcome(filing_: Filing, turn: Turn) -> list[str]:
    if not filing_.new:
        return []
    quotes = [line for each in filing_.new for line in _echo(each)]
    tries = attempts(filing_, turn)
    if not tries or tries[-1].is_error:
        reason = one_line(tries[-1].result) if tries else NO_PLACE
        return [f"I could not save to {link(filing_.path)}: {reason}", "", *quotes, ""]
    return [f"Saved to {link(filing_.path)}:", "", *quotes, ""]
