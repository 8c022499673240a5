"""The pages of a review and of what follows it: verdicts, approval, adoption, receipt, undo."""

from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from console.access import RoleNeeded, workspace_view
from console.actors import Actor
from console.htmx import wants_fragment
from console.models import Role
from dreaming import adoption, hunks, review
from dreaming.cards import Card, Cards
from dreaming.forms import Choices
from dreaming.models import Adoption, Dream, ReviewState, Verdict
from dreaming.progress import sentence
from dreaming.review import Proposal
from dreaming.views import find_dream
from memory import stores
from memory.change_sets import NeedsPerson
from memory.models import Store
from memory.paths import MAX_CONTENT_BYTES, Invalid
from sessions.models import Session

REFUSALS = (review.Refused, stores.Refused, stores.Conflict, stores.Occupied)


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
        return _editor(request, dream, card, card.shown or "")
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
    response = render(request, "dreaming/_file.html", context, status=status)
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
    page = "dreaming/_editor.html" if wants_fragment(request) else "dreaming/edit.html"
    return render(request, page, context, status=status)


@workspace_view(role="reviewer")
@require_POST
def decide(request, workspace, pk):
    dream, cards = _reviewable(workspace, pk)
    given = request.POST
    card = _card(cards, given.get("path", ""))
    verdict, text = given.get("verdict", ""), _text(card, given.get("content"))
    try:
        if verdict == "clear":
            review.clear(dream, card.path)
        elif number := given.get("hunk"):
            _leave_out(dream, card, number, given.get("seen"), Actor.user(request.user))
        else:
            by = Actor.user(request.user)
            review.decide(dream, card.path, verdict, by=by, content=text)
    except Invalid as error:
        if verdict == Verdict.EDIT:
            return _editor(request, dream, card, text or "", error=str(error), status=422)
        return _file(request, dream, cards, card, error=str(error), status=422)
    except review.Refused as refusal:
        return _file(request, dream, cards, card, error=str(refusal), status=409)
    return _decided(request, dream, card)


def _decided(request, dream, card):
    if not wants_fragment(request):
        return redirect(f"{dream.get_absolute_url()}review#file-{card.key}")
    cards = Cards(Proposal(dream))
    return _file(request, dream, cards, _card(cards, card.path), news=True)


def _leave_out(dream, card: Card, number: str, seen: str | None, by: Actor) -> None:
    """Reject one of a file's changes: the file is then adopted without it."""
    if seen != card.seen:
        raise review.Refused("This file's verdict changed since you loaded it. Look at it again.")
    if card.before is None or card.shown is None or not number.isdecimal():
        raise Invalid("Accept or reject this file as a whole.")
    text = hunks.without(card.before, card.shown, int(number))
    if text == card.before:
        review.decide(dream, card.path, Verdict.REJECT, by=by)
    else:
        review.decide(dream, card.path, Verdict.EDIT, by=by, content=text)


def _text(card: Card, typed: str | None) -> str | None:
    """What was typed, with the line ends the file has: browsers send CRLF whatever they showed."""
    if typed is None or "\r\n" in (card.shown or card.before or ""):
        return typed
    return typed.replace("\r\n", "\n")


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


# -- Adoption -----------------------------------------------------------------------------


@workspace_view
def adopt(request, workspace, pk):
    dream = find_dream(workspace, pk)
    if request.method == "POST":
        return _adopt(request, dream)
    if adoption.latest(dream):
        return redirect("dreaming:receipt", workspace.slug, dream.pk)
    return _show_plan(request, dream)


def _adopt(request, dream):
    reviewers_only(request)
    choices = Choices.typed(request.POST)
    try:
        adoption.adopt(
            dream,
            request.POST.get("mode", ""),
            by=Actor.user(request.user),
            resolutions=choices.resolutions,
            archive_old=bool(request.POST.get("archive_old")),
        )
    except NeedsPerson as needed:
        return _show_plan(request, dream, choices=choices, problem=str(needed), status=409)
    except (Invalid, *REFUSALS) as refusal:
        return _show_plan(request, dream, choices=choices, problem=str(refusal), status=422)
    return redirect("dreaming:receipt", dream.workspace.slug, dream.pk)


def _show_plan(request, dream, *, choices=None, problem="", status=200):
    try:
        plan = adoption.preview(dream)
    except review.Refused as refusal:
        messages.info(request, str(refusal))
        return redirect(dream)
    live = dream.input_store
    reasons = {mode: adoption.why_not(dream, mode) for mode in Adoption.Mode.values}
    possible = [mode for mode, reason in reasons.items() if not reason]
    context = {
        "dream": dream,
        "plan": plan,
        "conflicts": (choices or Choices()).rows(plan.conflicts),
        "problem": problem,
        "reasons": reasons,
        "mode": request.POST.get("mode") or (possible[0] if len(possible) else ""),
        "archive_old": bool(request.POST.get("archive_old")),
        "agents": live.default_for.count() if live else 0,
        "sessions": _sessions_using(live).count() if live else 0,
    }
    return render(request, "dreaming/adopt.html", context, status=status)


def reviewers_only(request) -> None:
    if not request.role.includes(Role.REVIEWER):
        raise RoleNeeded(Role.REVIEWER, request.role)


def _sessions_using(store: Store):
    sessions = Session.objects.filter(attachments__store=store, is_dream=False, archived_at=None)
    return sessions.select_related("workspace").distinct()


@workspace_view
@require_GET
def receipt(request, workspace, pk):
    dream = find_dream(workspace, pk)
    if not dream.adoptions.exists():
        return redirect(dream)
    return _show_receipt(request, dream)


def _show_receipt(request, dream, *, conflicts=(), problem="", status=200):
    latest, *earlier = dream.adoptions.select_related("store", "change_set", "undo_change_set")
    change_set = latest.change_set
    elsewhere = change_set and not latest.undone_at and change_set.undone_by.first()
    context = {
        "dream": dream,
        "adoption": latest,
        "earlier": earlier,
        "undone_elsewhere": elsewhere,
        "versions": change_set.versions.count() if change_set else 0,
        "sessions": _sessions_using(latest.store)[:6] if latest.store else [],
        "agents": latest.store.default_for.count() if latest.store else 0,
        "conflicts": conflicts,
        "problem": problem,
    }
    return render(request, "dreaming/receipt.html", context, status=status)


@workspace_view(role="reviewer")
@require_POST
def undo(request, workspace, pk):
    dream = find_dream(workspace, pk)
    done = adoption.latest(dream)
    if done is None:
        messages.info(request, "There is no adoption to undo.")
        return redirect(dream)
    choices = Choices.typed(request.POST)
    try:
        adoption.undo(done, by=Actor.user(request.user), resolutions=choices.resolutions)
    except NeedsPerson as needed:
        rows = choices.rows(needed.conflicts)
        return _show_receipt(request, dream, conflicts=rows, problem=str(needed), status=409)
    except (Invalid, *REFUSALS) as refusal:
        return _show_receipt(request, dream, problem=str(refusal), status=422)
    messages.success(request, "The adoption is undone. What was written since stays.")
    return redirect("dreaming:receipt", workspace.slug, dream.pk)
