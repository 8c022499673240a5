"""What the review shows of each file: counts, differences, evidence. Reads much, writes nothing."""

from dataclasses import dataclass
from functools import cached_property

from dreaming import evidence
from dreaming.evidence import Gone, Source, new_lines, plain
from dreaming.models import Dream, Finding
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
        sources = evidence.sources(lines, _findings(self.proposal.dream))
        return Evidence(sources, evidence.unsupported(lines, sources, self._stood()))

    def _stood(self) -> set[str]:
        """All that the changed files said before, in whichever of them."""
        before = [change.before for change in self.proposal.changes if change.before]
        change_sets.load(before)
        return {plain(line) for blob in before for line in blob.content.split("\n")}

    def gone(self) -> list[Gone]:
        """What stood in the input and would stand nowhere, with the verdicts as they are now."""
        changes = [change for change in self.proposal.changes if not change.is_index]
        old = {change.path: change.before for change in changes if change.before}
        after = {change.path: change.outcome for change in changes if change.outcome}
        # What is missing there may still stand in a file that the dream did not touch.
        return _gone(old, after) and _gone(old, self.proposal.outcome())


def _gone(old: dict[str, Blob], after: dict[str, Blob]) -> list[Gone]:
    change_sets.load([*old.values(), *after.values()])
    texts = [{path: blob.content for path, blob in tree.items()} for tree in (old, after)]
    return evidence.gone(*texts)


def _findings(dream: Dream) -> list[Finding]:
    found = Finding.objects.filter(transcript__dream=dream).select_related("transcript__session")
    return list(found.defer("transcript__lines").order_by("-verified", "pk"))


def _twins(changes: list[Change]) -> dict[str, str]:
    """Files that only went elsewhere, byte for byte: each path with the other one."""
    gone = {c.before.pk: c.path for c in changes if c.kind == "removed"}
    come = {c.proposed.pk: c.path for c in changes if c.kind == "added"}
    both = [(gone[key], come[key]) for key in gone.keys() & come.keys()]
    return dict([*both, *((new, old) for old, new in both)])
