"""The page of a review: what a dream proposes, a verdict on each file, approval."""

from django.contrib import messages
from django.http import Http404, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from console.access import workspace_view
from console.actors import Actor
from console.htmx import render_page, wants_fragment
from console.queries import whole_number
from dreaming import adoption, review
from dreaming.cards import Card, Cards
from dreaming.models import Dream, ReviewState
from dreaming.progress import sentence
from dreaming.review import Proposal
from dreaming.views import find_dream
from memory.paths import MAX_CONTENT_BYTES, Invalid


def _reviewable(workspace, pk: str) -> tuple[Dream, Cards]:
    dream = find_dream(workspace, pk)
    try:
        return dream, Cards(review.reviewable(dream))
    except review.Refused as refusal:
        raise Http404(str(refusal)) from None


# -- The review ---------------------------------------------------------------------------


@workspace_view
@require_GET
def review_page(request, workspace, pk):
    dream = find_dream(workspace, pk)
    try:
        cards = Cards(review.reviewable(dream))
    except review.Refused as refusal:
        messages.info(request, str(refusal))
        return redirect(dream)
    return _show(request, dream, cards)


def _show(request, dream, cards, *, status=200, **more):
    context = {
        "dream": dream,
        "cards": cards.all,
        # Without its evidence a card is shown closed, and fetched when it is opened.
        "files": [(card, card.is_open and cards.evidence(card)) for card in cards.all],
        **_bar(dream, cards),
        **more,
    }
    return render(request, "dreaming/review.html", context, status=status)


def _bar(dream, cards) -> dict:
    """What the top of the page says, and changes with every verdict."""
    return {
        "review": dream.review,
        "is_open": dream.review.state == ReviewState.OPEN,
        "adopted": adoption.latest(dream),
        "summary": sentence(review.wire_summary(dream)),
        "decided": cards.decided,
        "total": len(cards.proposal.changes),
        "seen": cards.proposal.digest(),
        "blockers": review.blockers(cards.proposal),
    }


@workspace_view
@require_GET
def review_file(request, workspace, pk):
    dream, cards = _reviewable(workspace, pk)
    card = _card(cards, request.GET.get("path", ""))
    if request.GET.get("edit"):
        # Whoever edits a file that would go begins with what it says.
        return _editor(request, dream, card, card.before if card.shown is None else card.shown)
    return _file(request, dream, cards, card)


@workspace_view
@require_GET
def review_gone(request, workspace, pk):
    """What stood in the store and would stand nowhere: read apart, for it takes a while."""
    dream, cards = _reviewable(workspace, pk)
    gone = cards.gone()
    context = {
        "dream": dream,
        "lost": [each for each in gone if each.fate == "lost"],
        "merged": [each for each in gone if each.fate == "merged"],
        "reworded": [each for each in gone if each.fate == "reworded"],
        "total": len(cards.proposal.changes),
    }
    return render(request, "dreaming/_gone.html", context)


def _card(cards: Cards, path: str) -> Card:
    card = cards.one(path)
    if card is None:
        raise Http404("The dream does not change this file.")
    return card


def _file(request, dream, cards, card, *, status=200, error="", news=False):
    context = {
        "dream": dream,
        "card": card,
        "found": cards.evidence(card),
        "error": error,
        "news": news,
        **_bar(dream, cards),
    }
    response = render_page(
        request, "dreaming/file.html", context, fragment="dreaming/_file.html", status=status
    )
    if news:
        response["HX-Trigger"] = "decided"
    return response


def _editor(request, dream, card, text, *, error="", status=200):
    context = {
        "dream": dream,
        "card": card,
        "text": text,
        "error": error,
        "max": MAX_CONTENT_BYTES,
    }
    return render_page(
        request, "dreaming/file.html", context, fragment="dreaming/_editor.html", status=status
    )


@workspace_view(role="reviewer")
@require_POST
def decide(request, workspace, pk):
    dream, cards = _reviewable(workspace, pk)
    card = _card(cards, request.POST.get("path", ""))
    try:
        _carry_out(dream, card, request.POST, Actor.user(request.user))
    except Invalid as error:
        if typed := _typed(card, request.POST):
            return _editor(request, dream, card, typed, error=str(error), status=422)
        return _file(request, dream, cards, card, error=str(error), status=422)
    except review.Refused as refusal:
        return _file(request, dream, cards, card, error=str(refusal), status=409)
    return _decided(request, dream, card)


def _carry_out(dream: Dream, card: Card, given: QueryDict, by: Actor) -> None:
    verdict = given.get("verdict", "")
    if verdict == "clear":
        review.clear(dream, card.path)
    elif "hunk" in given:
        number, seen = whole_number(given["hunk"]) or 0, given.get("seen", "")
        review.decide_part(dream, card.path, number, seen=seen, by=by)
    else:
        review.decide(dream, card.path, verdict, by=by, content=_typed(card, given))


def _typed(card: Card, given: QueryDict) -> str | None:
    """What was typed, with the line ends the file has: browsers send CRLF whatever they showed."""
    typed = given.get("content")
    if typed is None or "\r\n" in (card.shown or card.before or ""):
        return typed
    return typed.replace("\r\n", "\n")


def _decided(request, dream, card):
    if not wants_fragment(request):
        return redirect(f"{dream.get_absolute_url()}review#file-{card.key}")
    cards = Cards(Proposal(dream))
    return _file(request, dream, cards, _card(cards, card.path), news=True)


@workspace_view(role="reviewer")
@require_POST
def approve(request, workspace, pk):
    dream, cards = _reviewable(workspace, pk)
    try:
        review.approve(dream, by=Actor.user(request.user), seen=request.POST.get("seen", ""))
    except review.Refused as refusal:
        return _show(request, dream, cards, problem=str(refusal), status=409)
    return redirect("dreaming:adopt", workspace.slug, dream.pk)


@workspace_view(role="reviewer")
@require_POST
def reject(request, workspace, pk):
    dream, cards = _reviewable(workspace, pk)
    try:
        review.reject(dream, by=Actor.user(request.user))
    except review.Refused as refusal:
        return _show(request, dream, cards, problem=str(refusal), status=409)
    messages.success(request, "The dream is rejected. The store stays as it was.")
    return redirect(dream)


@workspace_view(role="reviewer")
@require_POST
def reopen(request, workspace, pk):
    dream, cards = _reviewable(workspace, pk)
    try:
        review.reopen(dream)
    except review.Refused as refusal:
        return _show(request, dream, cards, problem=str(refusal), status=409)
    return redirect("dreaming:review", workspace.slug, dream.pk)
