"""Tidying a store: which lines are one fact, which are outdated, and where new findings belong.

Pure: files and findings in, new texts out. Every statement that goes in comes out again, in its
own words or in those of the statement it was merged with or replaced by. Only list items on one
line are ever moved or taken out; headings, prose, tables and code stay where they are.
"""

import posixpath
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import lru_cache

from sessions.providers.builtin import filing
from sessions.providers.builtin.changes import corrected, reach, read_change
from sessions.providers.builtin.comparing import (
    amount,
    is_older,
    may_be_same,
    rank,
    rare_stems,
    says_more,
    within_reach,
)
from sessions.providers.builtin.dates import absolute
from sessions.providers.builtin.facts import same
from sessions.providers.builtin.filing import File
from sessions.providers.builtin.items import (
    Finding,
    Item,
    can_be_marked,
    is_plain_list,
    items_of,
    rewrite,
)
from sessions.providers.builtin.language import stems
from sessions.providers.builtin.notes import day_as_moment, parse, path_key, title_of
from sessions.providers.builtin.subjects import Subject, group
from sessions.providers.builtin.utterances import Unit

MOST_COMPARED = 200
MOST_FILES_RATED = 20
MOST_ROUNDS = 5

Pair = tuple[str, str]
Meeting = tuple[str, tuple[str, ...]]
"""Where statements that may be the same are put together: a stem and the values they name."""


@dataclass
class Outcome:
    """What tidying came to.

    `texts`: the new text of each changed file, None where the file goes; `gaining`: files that
    receive statements and so must be written before others lose them. The lists pair what was
    with what stands now: `added`, `known` and `joined` pair with a path, the others with a statement.
    """

    texts: dict[str, str | None] = field(default_factory=dict)
    gaining: set[str] = field(default_factory=set)
    added: list[Pair] = field(default_factory=list)
    known: list[Pair] = field(default_factory=list)
    merged: list[Pair] = field(default_factory=list)
    replaced: list[Pair] = field(default_factory=list)
    corrected: list[Pair] = field(default_factory=list)
    dated: list[Pair] = field(default_factory=list)
    joined: list[Pair] = field(default_factory=list)


@lru_cache(maxsize=1)
def tidy(
    texts: tuple[Pair, ...],
    findings: tuple[Finding, ...],
    mount: str,
    protected: frozenset[str] = frozenset(),
) -> Outcome:
    """Merge, correct, date and file the (path, text) pairs; `protected` paths must not change.

    The last outcome is kept: the steps of one consolidation ask for it again and again.
    """
    files = [File(path, text, tuple(parse(path, text))) for path, text in texts]
    return _Tidying(files, list(findings), mount, protected).run()


class _Tidying:
    def __init__(
        self, files: list[File], findings: list[Finding], mount: str, protected: frozenset[str]
    ) -> None:
        self.files = {file.path: file for file in files}
        self.mount = mount
        self.protected = protected
        self.outcome = Outcome()
        self.items = [i for f in files for i in items_of(f, is_protected=f.path in protected)]
        self.items += [
            Item(0, "", 0, finding.statement, finding.said, source=finding.source)
            for finding in sorted(findings, key=lambda finding: finding.said)
        ]
        self._number()
        self.new_files: dict[str, Subject] = {}

    def run(self) -> Outcome:
        self._join_files()
        self._make_dates_absolute()
        self._merge_duplicates()
        self._settle_changes()
        self._file_findings()
        self._write()
        return self.outcome

    def _make_dates_absolute(self) -> None:
        for item in self.items:
            if item.said and not item.is_fixed:
                text = absolute(item.text, day_as_moment(item.said))
                if item.path and text != item.text:
                    self.outcome.dated.append((item.text, text))
                item.text = text

    def _merge_duplicates(self) -> None:
        """One item per fact; only statements with the same values and a rarer word in common meet."""
        counts = Counter(stem for item in self.items for stem in item.fact.bag)
        seen: dict[Meeting, list[Item]] = defaultdict(list)
        for item in self.items:
            meetings = [(stem, item.fact.values) for stem in rare_stems(item.fact, counts)]
            near = [other for meeting in meetings for other in seen[meeting][-MOST_COMPARED:]]
            for other in dict.fromkeys(near):
                if may_be_same(item, other) and same(item.fact, other.fact):
                    self._merge(item, other)
                if item.is_gone:
                    break
            if not item.is_gone:
                for meeting in meetings:
                    seen[meeting].append(item)

    def _merge(self, item: Item, twin: Item) -> None:
        """Keep the statement that says more, where one of the two stands in the store."""
        keep, drop = (item, twin) if rank(item) > rank(twin) else (twin, item)
        if drop.is_fixed or (drop.path and not keep.path):
            keep, drop = drop, keep
        if drop.is_fixed or (keep.is_fixed and says_more(drop, keep)):
            return
        if drop.path or drop.fact.letters != keep.fact.letters:
            self.outcome.merged.append((drop.text, max(keep, drop, key=amount).text))
        else:
            self.outcome.known.append((drop.text, keep.path))
        if not keep.is_fixed:
            keep.text = drop.text if says_more(drop, keep) else keep.text
            keep.said = max(keep.said, drop.said)
        drop.is_gone = True

    def _settle_changes(self) -> None:
        """Changes of one day come in no certain order: look again until nothing more changes."""
        for _ in range(MOST_ROUNDS):
            before = len(self.outcome.replaced) + len(self.outcome.corrected)
            self._apply_changes()
            if len(self.outcome.replaced) + len(self.outcome.corrected) == before:
                return

    def _apply_changes(self) -> None:
        """Newer values replace older ones, oldest change first, so that a chain ends at its last."""
        by_stem: dict[str, list[Item]] = defaultdict(list)
        for item in self.items:
            if not item.is_gone:
                for stem in item.fact.stems:
                    by_stem[stem].append(item)
        for newer in sorted(self.items, key=lambda item: item.age):
            change = None if newer.is_gone else read_change(newer.fact)
            if change and change.may_replace:
                rarest = min(change.subject, key=lambda stem: len(by_stem[stem]))
                self._replace_older(newer, by_stem[rarest][-MOST_COMPARED:])

    def _replace_older(self, newer: Item, others: list[Item]) -> None:
        found = [
            (other, how)
            for other in others
            if not other.is_gone and other.path not in self.protected and is_older(other, newer)
            if (how := reach(newer.fact, other.fact))
        ]
        for item, how in within_reach(newer, found):
            if how == "whole" and not item.is_fixed:
                item.is_gone = True
                self.outcome.replaced.append((item.text, newer.text))
            elif can_be_marked(item, self.files.get(item.path)):
                text = corrected(item.fact, newer.fact)
                self.outcome.corrected.append((item.text, text))
                item.text = text

    def _join_files(self) -> None:
        """Files of one folder with one name ("cma-talk.md", "cma_talk.md") become one."""
        families: dict[tuple[str, frozenset[str]], list[File]] = defaultdict(list)
        for path, file in self.files.items():
            if path_key(path) and path not in self.protected:
                families[posixpath.dirname(path), path_key(path)].append(file)
        for family in families.values():
            target, *sources = sorted(family, key=lambda file: (-len(file.notes), file.path))
            for source in sources:
                if is_plain_list(source) and target.size + source.size < filing.LARGEST_FILE:
                    self.outcome.joined.append((source.path, target.path))
        homes = dict(self.outcome.joined)
        for item in self.items:
            if target := homes.get(item.path):
                item.moved_to = target
                item.context = (title_of(target, self.files[target].text),)
        self._number()

    def _number(self) -> None:
        """The order in which statements stand, or will: joined ones come last, then findings."""
        self.items.sort(key=lambda item: (not item.path, bool(item.moved_to), item.order))
        for order, item in enumerate(self.items):
            item.order = order

    def _file_findings(self) -> None:
        """Each new finding under its subject; what was said together stays together."""
        together: dict[str, list[Item]] = defaultdict(list)
        for item in self.items:
            if not item.path and not item.is_gone:
                together[item.source].append(item)
        by_stem = self._files_by_stem() if together else {}
        for members in together.values():
            pairs = [(Unit("statement", item.text, 0, 0), item) for item in members]
            items = {id(unit): item for unit, item in pairs}
            for subject, units in group([unit for unit, _ in pairs]):
                path = self._path_for(subject, units, by_stem)
                for unit in units:
                    items[id(unit)].moved_to = path
                    self.outcome.added.append((unit.text, path))

    def _files_by_stem(self) -> dict[str, list[File]]:
        by_stem: dict[str, list[File]] = defaultdict(list)
        joined = {source for source, _ in self.outcome.joined}
        for path, file in self.files.items():
            if path not in self.protected and path not in joined:
                for stem in file.key.union(path_key(path), *file.lines):
                    by_stem[stem].append(file)
        return by_stem

    def _path_for(self, subject: Subject, units: list[Unit], by_stem: dict[str, list[File]]) -> str:
        for path, known in self.new_files.items():
            if known.key == subject.key:
                return path
        wanted = subject.key.union(*(stems(unit.text) for unit in units))
        rated = Counter[str]()
        for stem in wanted:
            sharing = by_stem.get(stem, [])
            for file in sharing:
                rated[file.path] += 1 / len(sharing)
        likely = sorted(rated, key=lambda path: (-rated[path], path))[:MOST_FILES_RATED]
        room = [self.files[p] for p in likely if self.files[p].size < filing.LARGEST_FILE * 0.9]
        chosen = filing.choose(subject, units, room)
        if chosen:
            return chosen.path
        path = filing.new_path(self.mount, subject, [*self.files, *self.new_files])
        self.new_files[path] = subject
        return path

    def _write(self) -> None:
        standing: dict[str, list[Item]] = defaultdict(list)
        arriving: dict[str, list[Item]] = defaultdict(list)
        for item in self.items:
            standing[item.path].append(item)
            if item.moved_to and not item.is_gone:
                arriving[item.moved_to].append(item)
        for path, file in self.files.items():
            text = rewrite(file, standing[path], arriving[path])
            if text != file.text:
                self.outcome.texts[path] = text
        for path, subject in self.new_files.items():
            file = File(path, f"# {subject.title}\n", ())
            self.outcome.texts[path] = rewrite(file, [], arriving[path])
        self.outcome.gaining = self._gaining(arriving)

    def _gaining(self, arriving: dict[str, list[Item]]) -> set[str]:
        grown = {
            item.path
            for item in self.items
            if item.path and not item.is_gone and not item.moved_to and item.is_rewritten
        }
        return (grown | {path for path, items in arriving.items() if items}) & set(
            self.outcome.texts
        )
