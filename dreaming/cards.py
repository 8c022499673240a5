"""What the review shows of each file: counts, differences, evidence. Reads much, writes nothing."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from dreaming import evidence
from dreaming.evidence import Source, bare, new_lines
from dreaming.losses import Gone, gone
from dreaming.models import Finding
from dreaming.review import Change, Proposal
from memory import change_sets, diffs
from memory.models import Blob

LETTERS = {"removed": "D", "changed": "M", "added": "A"}
OPEN_FILES = 10
OPEN_ROWS = 1_500


@dataclass(frozen=True)
class Card:
    """One changed file of a proposal. `added` and `removed` count lines."""

    change: Change
    added: int
    removed: int
    twin: str = ""
    is_open: bool = False

    @property
    def path(self) -> str:
        return self.change.path

    @property
    def key(self) -> str:
        return evidence.key_of(self.path)

    @property
    def is_marked(self) -> bool:
        """Whether its header says more than path and counts."""
        return bool(self.change.kind != "changed" or self.change.verdict or self.change.is_index)

    @property
    def letter(self) -> str:
        return LETTERS[self.change.kind]

    @property
    def before(self) -> str | None:
        return _content(self.change.before)

    @property
    def shown(self) -> str | None:
        """The text that would stand there if it is not rejected."""
        return _content(self.change.shown)

    @property
    def seen(self) -> str:
        """Changes whenever what the card shows does: "viewed" holds for this."""
        return self.change.seen

    @cached_property
    def diff(self) -> diffs.Diff:
        return diffs.side_by_side(self.before, self.shown)


def _content(blob: Blob | None) -> str | None:
    return blob.content if blob else None


@dataclass(frozen=True)
class Evidence:
    """What the new lines of a file rest on; `unsupported` are those that rest on nothing found."""

    sources: list[Source]
    unsupported: dict[int, str]


class Cards:
    """The cards of a proposal, in the order of the review."""

    def __init__(self, proposal: Proposal) -> None:
        self.proposal = proposal

    @cached_property
    def all(self) -> list[Card]:
        changes = self.proposal.changes
        change_sets.load(
            blob for change in changes for blob in (change.before, change.shown) if blob
        )
        twins = _twins(changes)
        return self._opened([self._card(change, twins.get(change.path, "")) for change in changes])

    def one(self, path: str) -> Card | None:
        change = self.proposal.change(path)
        if change is None:
            return None
        change_sets.load(blob for blob in (change.before, change.shown) if blob)
        return self._card(change, _twins(self.proposal.changes).get(path, ""))

    def _card(self, change: Change, twin: str) -> Card:
        stat = diffs.stat(_content(change.before), _content(change.shown))
        return Card(change, *stat, twin=twin)

    def _opened(self, cards: list[Card]) -> list[Card]:
        """Open the first few: what is far down the page is fetched when somebody gets there."""
        left, opened = OPEN_ROWS, []
        for card in cards[:OPEN_FILES]:
            left -= card.added + card.removed
            opened.append(Card(card.change, card.added, card.removed, card.twin, left >= 0))
        return [*opened, *cards[OPEN_FILES:]]

    @property
    def decided(self) -> int:
        return sum(bool(change.verdict) for change in self.proposal.changes)

    def evidence(self, card: Card) -> Evidence:
        """What speaks for the new lines of one file."""
        lines = new_lines(card.before, card.shown)
        if not lines or card.change.is_index:  # the index only repeats what the files say
            return Evidence([], {})
        sources = evidence.sources(lines, self._findings)
        return Evidence(sources, evidence.unsupported(lines, sources, self._stood))

    @cached_property
    def _findings(self) -> list[Finding]:
        found = Finding.objects.filter(transcript__dream=self.proposal.dream)
        found = found.select_related("transcript__session").defer("transcript__lines")
        return list(found.order_by("-verified", "pk"))

    @cached_property
    def _stood(self) -> set[str]:
        """All lines that the changed files held before, in whichever of them."""
        before = [change.before for change in self.proposal.changes if change.before]
        change_sets.load(before)
        return {bare(line) for blob in before for line in blob.content.split("\n")}

    def gone(self) -> list[Gone]:
        """What stood in the input and would stand nowhere, with the verdicts as they are now."""
        changes = [change for change in self.proposal.changes if not change.is_index]
        old = {change.path: change.before for change in changes if change.before}
        after = {change.path: change.outcome for change in changes if change.outcome}
        return gone(change_sets.contents(old), change_sets.contents(after), self._untouched)

    def _untouched(self) -> Iterable[str]:
        """The texts of the files that the dream left as they were."""
        changed = {change.path for change in self.proposal.changes}
        base = self.proposal.base
        return change_sets.contents({path: base[path] for path in base.keys() - changed}).values()


def _twins(changes: list[Change]) -> dict[str, str]:
    """Files that only went elsewhere, byte for byte: each path with the other one."""
    gone = {c.before.pk: c.path for c in changes if c.kind == "removed"}
    come = {c.proposed.pk: c.path for c in changes if c.kind == "added"}
    both = [(gone[key], come[key]) for key in gone.keys() & come.keys()]
    return dict([*both, *((new, old) for old, new in both)])
