"""The review of a dream (wire contract §20)."""

from ninja import Router

from console.actors import Actor
from console.api import ApiError, conflict, invalid, needs
from console.queries import whole_number
from dreaming import review, shapes, wire
from dreaming.api.bodies import Approve, Decide
from dreaming.api.finding import find_dream
from dreaming.cards import Cards
from dreaming.models import Dream, Verdict
from memory.paths import Invalid

router = Router(tags=["Reviews"])


def _cards(request, dream_id: str) -> Cards:
    dream = find_dream(request, dream_id)
    try:
        return Cards(review.reviewable(dream))
    except review.Refused as refusal:
        raise invalid(str(refusal)) from None


@router.get("/{dream_id}/review")
def retrieve_review(request, dream_id: str) -> shapes.DreamReview:
    """Retrieve a review

    Every file that the dream would change, what speaks for it, what would get lost, and what was decided.
    """
    return wire.review_of(_cards(request, dream_id))


@router.post("/{dream_id}/review/decisions")
@needs("reviewer")
def decide(request, dream_id: str, body: Decide) -> shapes.MadeDecision:
    """Decide on a file

    Or with `hunk_id` on one of its changes, which can be rejected or edited.
    """
    dream = _cards(request, dream_id).proposal.dream
    if body.hunk_id is None:
        review.decide(dream, body.path, body.verdict, by=request.actor, content=body.content)
    else:
        _decide_hunk(dream, body, request.actor)
    made = dream.review.decisions.filter(path=body.path).select_related("blob").first()
    return {"type": "dream_review_decision", **wire.decision(made)}


def _decide_hunk(dream: Dream, body: Decide, by: Actor) -> None:
    seen, _, number = body.hunk_id.rpartition(".")
    if body.verdict == Verdict.ACCEPT:
        raise Invalid("A change counts as accepted until it is rejected or edited.")
    if body.verdict == Verdict.EDIT and body.content is None:
        raise Invalid("An edit needs the change's new content.")
    instead = body.content if body.verdict == Verdict.EDIT else None
    part = {"seen": seen, "by": by, "instead": instead}
    review.decide_part(dream, body.path, whole_number(number) or 0, **part)


@router.post("/{dream_id}/review/approve")
@needs("reviewer")
def approve_review(request, dream_id: str, body: Approve | None = None) -> shapes.DreamReview:
    """Approve a review

    With `digest`, the review's own, only if it still proposes what was seen. Answers 409 with `blockers` while
    something stands against it.
    """
    cards = _cards(request, dream_id)
    if body and body.waive:
        raise invalid("`waive`: nothing has to be waived on this server; leave it out.")
    try:
        review.approve(cards.proposal.dream, by=request.actor, seen=body and body.digest)
    except review.Refused as refusal:
        raise _blocked(cards, refusal) from None
    return wire.review_of(_cards(request, dream_id))


def _blocked(cards: Cards, refusal: review.Refused) -> ApiError:
    reasons = review.blockers(cards.proposal) or [str(refusal)]
    return conflict(str(refusal), blockers=[wire.blocker(reason) for reason in reasons])


@router.post("/{dream_id}/review/reject")
@needs("reviewer")
def reject_review(request, dream_id: str) -> shapes.DreamReview:
    """Reject a review

    Nothing of the dream will be adopted.
    """
    review.reject(_cards(request, dream_id).proposal.dream, by=request.actor)
    return wire.review_of(_cards(request, dream_id))
