"""Pure: findings of one session into the files of a store, each fact once, each with its source.

Nothing that stands there is changed or moved: a finding that no line says yet becomes a line below
the others of its subject, or the first of a new file. Tidying is what dreams are for.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from dreaming.indexing import INDEX
from dreaming.models import Finding
from sessions.providers.builtin import filing
from sessions.providers.builtin.facts import Fact, fact
from sessions.providers.builtin.filing import File
from sessions.providers.builtin.language import one_line, stems
from sessions.providers.builtin.notes import Note, append_bullets, parse
from sessions.providers.builtin.saving import as_item
from sessions.providers.builtin.subjects import Subject, group
from sessions.providers.builtin.utterances import Unit

NEAR = 0.5  # how many of a statement's words a line must share to be compared with it
MOST_COMPARED = 200


@dataclass
class Plan:
    """What saving comes to: new texts by path, and for each finding the path where it stands.

    `first` is, for each changed path, the first finding put there.
    """

    texts: dict[str, str] = field(default_factory=dict)
    new: dict[str, str] = field(default_factory=dict)
    known: dict[str, str] = field(default_factory=dict)
    first: dict[str, Finding] = field(default_factory=dict)


def plan(
    findings: Iterable[Finding], texts: Mapping[str, str], taken: Iterable[str], link: str
) -> Plan:
    """File the findings among `texts` (by path), or at paths that are not `taken`.

    `link` leads to an event, which stands in it as `{event}`.
    """
    return _Filing(texts, taken, link).run(list(findings))


class _Known:
    """All that the store says, line by line, found by the words that lines share."""

    def __init__(self, notes: Iterable[Note]) -> None:
        self.notes: list[Note] = []
        self.by_stem: dict[str, list[int]] = defaultdict(list)
        for note in notes:
            self.add(note)

    def add(self, note: Note) -> None:
        for stem in stems(note.text):
            self.by_stem[stem].append(len(self.notes))
        self.notes.append(note)

    def path_of(self, said: Fact, text: str) -> str | None:
        """Where all of a statement stands already."""
        shared = Counter(at for stem in stems(text) for at in self.by_stem.get(stem, ()))
        enough = NEAR * len(stems(text))
        near = [self.notes[at] for at, n in shared.most_common(MOST_COMPARED) if n >= enough]
        note = filing.known_in(said, near)
        return note.path if note else None


class _Filing:
    def __init__(self, texts: Mapping[str, str], taken: Iterable[str], link: str) -> None:
        self.texts, self.taken, self.link = dict(texts), set(taken), link
        self.files = {path: _file(path, text) for path, text in texts.items() if path != INDEX}
        self.known = _Known(note for file in self.files.values() for note in file.notes)
        self.made: dict[frozenset[str], str] = {}
        self.plan = Plan()

    def run(self, findings: list[Finding]) -> Plan:
        for event in dict.fromkeys(finding.event for finding in findings):
            mine = [finding for finding in findings if finding.event == event]
            units = {id(unit): (unit, each) for unit, each in ((_unit(f), f) for f in mine)}
            for subject, members in group([unit for unit, _ in units.values()]):
                self._file(subject, [units[id(unit)] for unit in members])
        return self.plan

    def _file(self, subject: Subject, members: list[tuple[Unit, Finding]]) -> None:
        for unit, finding in members:
            said = fact(unit.text, finding.said_at)
            if path := self.known.path_of(said, unit.text):
                self.plan.known[finding.pk] = path
            else:
                self._put(subject, unit, finding)

    def _put(self, subject: Subject, unit: Unit, finding: Finding) -> None:
        bullet = self._bullet(unit.text, finding)
        path = self._path(subject, unit, len(bullet.encode()) + 2)
        text = self.texts.get(path, f"# {subject.title}\n")
        self.texts[path] = self.plan.texts[path] = append_bullets(text, [bullet])
        self.files[path] = _file(path, self.texts[path])
        day = finding.said_at.date().isoformat() if finding.said_at else ""
        self.known.add(Note(path, 0, unit.text, "bullet", day))
        self.plan.new[finding.pk] = path
        self.plan.first.setdefault(path, finding)

    def _path(self, subject: Subject, unit: Unit, room: int) -> str:
        """The file that suits best and has room, else a new one."""
        if (made := self.made.get(subject.key)) and self._has_room(self.files[made], room):
            return made
        fitting = [file for file in self.files.values() if self._has_room(file, room)]
        if chosen := filing.choose(subject, [unit], fitting):
            return chosen.path
        path = filing.new_path("", subject, self.taken)
        self.taken.add(path)
        self.made[subject.key] = path
        return path

    @staticmethod
    def _has_room(file: File, room: int) -> bool:
        return file.path.endswith(".md") and file.size + room < filing.LARGEST_FILE

    def _bullet(self, text: str, finding: Finding) -> str:
        day = f"said {finding.said_at:%Y-%m-%d}" if finding.said_at else "said"
        return f"- {as_item(text)} ([{day}]({self.link.format(event=finding.event)}))"


def _unit(finding: Finding) -> Unit:
    return Unit("statement", one_line(finding.statement), 0, 0)


def _file(path: str, text: str) -> File:
    return File(path, text, tuple(parse(path, text)))
