"""The review: what a dream proposes, file by file, and what a person says to it."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from django.db import transaction
from django.utils import timezone

from console.actors import Actor
from console.models import User
from dreaming import hunks
from dreaming.indexing import INDEX
from dreaming.models import (
    Decision,
    Dream,
    DreamStatus,
    Finding,
    Review,
    ReviewState,
    Verdict,
)
from memory import blobs, change_sets, paths, stores
from memory.models import Blob, Operation, Store
from memory.paths import Invalid


class Refused(Exception):
    """The review's state forbids it; the message says why."""


@dataclass(frozen=True)
class Change:
    """One file that the dream would change: what stood there, what is proposed, what was decided."""

    path: str
    before: Blob | None
    proposed: Blob | None
    decision: Decision | None

    @property
    def kind(self) -> str:
        if self.proposed is None:
            return "removed"
        return "changed" if self.before else "added"

    @property
    def verdict(self) -> str:
        """`accept`, `reject`, `edit`, or "" while nobody has decided; undecided counts as accepted."""
        return self.decision.verdict if self.decision else ""

    @property
    def outcome(self) -> Blob | None:
        """What the file will be: None when it will not be."""
        return self.before if self.verdict == Verdict.REJECT else self.shown

    @property
    def shown(self) -> Blob | None:
        """What the file will be unless it is rejected."""
        return self.decision.blob if self.verdict == Verdict.EDIT else self.proposed

    @property
    def seen(self) -> str:
        """Names the two texts a reader has before them; an edit makes it another one."""
        hashes = [blob.sha256[:12] if blob else "none" for blob in (self.before, self.shown)]
        return "-".join(hashes)

    @property
    def is_index(self) -> bool:
        return self.path == INDEX


@dataclass(frozen=True)
class Proposal:
    """All of a dream's changes against its input as it was: deletions first, the index last."""

    dream: Dream

    @cached_property
    def base(self) -> dict[str, Blob]:
        return change_sets.first_versions(self.dream.output_store)

    @cached_property
    def proposed(self) -> dict[str, Blob]:
        store = self.dream.output_store
        # Once adopted as a new store it is written to; the proposal stays what the dream left.
        return change_sets.heads(store) if store.is_draft else as_of(store, self.dream.ended_at)

    @cached_property
    def changes(self) -> list[Change]:
        decisions = {d.path: d for d in self.dream.review.decisions.select_related("blob")}
        found = [
            Change(path, self.base.get(path), self.proposed.get(path), decisions.get(path))
            for path in self.base.keys() | self.proposed.keys()
            if self.base.get(path) != self.proposed.get(path)
        ]
        order = ["removed", "changed", "added"]
        return sorted(found, key=lambda c: (c.is_index, order.index(c.kind), c.path))

    @property
    def counts(self) -> dict[str, int]:
        counts = Counter(change.kind for change in self.changes)
        return {kind: counts[kind] for kind in ("changed", "added", "removed")}

    def change(self, path: str) -> Change | None:
        return next((change for change in self.changes if change.path == path), None)

    def outcome(self) -> dict[str, Blob]:
        """The whole tree as it will be, all verdicts applied."""
        tree = dict(self.base)
        for change in self.changes:
            if change.outcome is None:
                tree.pop(change.path, None)
            else:
                tree[change.path] = change.outcome
        return tree

    def digest(self) -> str:
        """Binds a verdict to bytes: the base and the outcome, every path and hash of both."""
        return stores.sha256(change_sets.digest(self.base) + change_sets.digest(self.outcome()))


def as_of(store: Store, moment: datetime) -> dict[str, Blob]:
    """The texts that stood in the store at a moment of its past."""
    versions = store.versions.sized().filter(created_at__lte=moment).order_by("pk")
    last = {version.memory_id: version for version in versions}
    standing = (v for v in last.values() if v.operation != Operation.DELETED and v.path)
    return {version.path: version.blob for version in standing}


def reviewable(dream: Dream) -> Proposal:
    """Return what there is to review. Raises `Refused` when there is nothing."""
    if dream.status != DreamStatus.COMPLETED:
        raise Refused(
            "This dream has not completed, so there is nothing to review."
            if not dream.is_over
            else f"This dream was {dream.get_status_display().lower()}; it cannot be adopted."
        )
    if dream.output_store is None:
        raise Refused("The dream's output store has been deleted.")
    return Proposal(dream)


@transaction.atomic
def decide(dream: Dream, path: str, verdict: str, *, by: Actor, content: str | None = None) -> None:
    """Accept, reject or edit one changed file; the last word counts. Raises `Invalid`, `Refused`."""
    review = _open(dream)
    change = reviewable(dream).change(path)
    if change is None:
        raise Invalid(f"The dream does not change {path}.")
    if verdict not in Verdict.values:
        raise Invalid("The verdict must be accept, reject or edit.")
    blob = None
    if verdict == Verdict.EDIT:
        if content is None:
            raise Invalid("An edit needs the file's new content.")
        blob = blobs.keep(content)
    Decision.objects.update_or_create(
        review=review,
        path=path,
        defaults={
            "verdict": verdict,
            "blob": blob,
            "by": by.id,
            "by_name": by.name,
            "at": timezone.now(),
        },
    )


@transaction.atomic
def decide_part(
    dream: Dream, path: str, number: int, *, seen: str, by: Actor, instead: str | None = None
) -> None:
    """Leave one of a file's changes out, or put it differently: that edits, or rejects, the file.

    Changes count from 1, between the two texts that `seen` names (`Change.seen`). Raises `Invalid`,
    and `Refused` when these are no longer the texts.
    """
    _open(dream)  # held from here on: of two reviewers the second has to see what the first did
    change = reviewable(dream).change(path)
    if change is None or not (change.before and change.shown):
        raise Invalid(f"{path} has no changes to decide on one by one.")
    if change.seen != seen:
        raise Refused("This file's verdict changed since you loaded it. Look at it again.")
    before, after = change.before.content, change.shown.content
    text = hunks.without(before, after, number, instead)
    if text == before:
        decide(dream, path, Verdict.REJECT, by=by)
    else:
        decide(dream, path, Verdict.EDIT, by=by, content=text)


@transaction.atomic
def clear(dream: Dream, path: str) -> None:
    """Take a verdict back. Raises `Refused`."""
    _open(dream).decisions.filter(path=path).delete()


@transaction.atomic
def approve(dream: Dream, *, by: Actor, seen: str | None = None) -> Review:
    """Approve what is proposed, with all verdicts applied; adoption will use exactly these bytes.

    `seen` is the digest the person looked at; when the verdicts have changed since, `Refused`.
    """
    review = _open(dream)
    proposal = reviewable(dream)
    digest = proposal.digest()
    if seen is not None and seen != digest:
        raise Refused("The review changed since you loaded it. Look at it again, then approve.")
    if reasons := blockers(proposal):
        raise Refused(" ".join(reasons))
    return _conclude(review, ReviewState.APPROVED, by, digest)


def blockers(proposal: Proposal) -> list[str]:
    """Why the proposal cannot be approved as it is decided now."""
    if not proposal.changes:
        return ["This dream changed nothing, so there is nothing to approve."]
    # Verdicts may have brought back a file where the dream made a folder, or the other way.
    tree = proposal.outcome()
    return [
        f"{folder} would be a file and a folder ({path}). Change one of the verdicts."
        for path in sorted(tree)
        for folder in paths.ancestors(path)
        if folder in tree
    ]


@transaction.atomic
def reject(dream: Dream, *, by: Actor) -> Review:
    """Turn the whole dream down; its input stays as it is. Raises `Refused`."""
    return _conclude(_open(dream), ReviewState.REJECTED, by, "")


@transaction.atomic
def reopen(dream: Dream) -> Review:
    """Go back to deciding, after an approval or a rejection. Raises `Refused` once adopted."""
    review = Review.objects.select_for_update(no_key=True).get(dream=dream)
    if review.state == ReviewState.ADOPTED:
        raise Refused("This dream has been adopted. Undo the adoption first.")
    review.state, review.digest = ReviewState.OPEN, ""
    review.save(update_fields=["state", "digest"])
    return review


def approved(dream: Dream) -> Proposal:
    """Return what was approved. Raises `Refused` when it was not, or is no longer the same bytes."""
    proposal = reviewable(dream)
    if dream.review.state == ReviewState.ADOPTED:
        raise Refused("This dream has been adopted already.")
    if dream.review.state != ReviewState.APPROVED:
        raise Refused("This dream has not been approved yet. Finish its review first.")
    if proposal.digest() != dream.review.digest:
        raise Refused("The proposal is not what was approved. Review and approve it again.")
    return proposal


def wire_summary(dream: Dream) -> dict:
    """Counts for one sentence: files, findings, and how many of those could be verified."""
    findings = Finding.objects.filter(transcript__dream=dream)
    return {
        **Proposal(dream).counts,
        "findings": findings.count(),
        "verified": findings.filter(verified=True).count(),
    }


def _open(dream: Dream) -> Review:
    review = Review.objects.select_for_update(no_key=True).filter(dream=dream).first()
    if review is None:
        reviewable(dream)
        raise Refused("This dream has no review.")
    if review.state != ReviewState.OPEN:
        raise Refused(
            f"The review is {review.get_state_display().lower()}; reopen it to change a verdict."
        )
    return review


def _conclude(review: Review, state: str, by: Actor, digest: str) -> Review:
    review.state, review.digest = state, digest
    review.decided_by = User.objects.filter(pk=by.id).first()
    review.decided_by_name, review.decided_at = by.name, timezone.now()
    review.save()
    return review
