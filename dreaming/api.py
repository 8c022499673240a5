"""The API of dreams: wire contract §14, and §20's review and adoption."""

from typing import Annotated, Any, Literal

from django.db.models import Prefetch, QuerySet
from ninja import Router
from pydantic import Field, StringConstraints

from console.actors import Actor
from console.api import (
    ApiError,
    conflict,
    find,
    invalid,
    limit_of,
    needs,
    not_found,
    page,
    within,
)
from dreaming import adoption, dreams, hunks, review, wire
from dreaming.cards import Cards
from dreaming.dreams import MAX_INSTRUCTIONS, MAX_SESSIONS
from dreaming.models import Dream, DreamStatus, Transcript, Verdict
from memory import stores
from memory.change_sets import NeedsPerson
from memory.paths import Invalid
from sessions.api.bodies import Body
from sessions.models import Session

router = Router()
STATES = (review.Refused, stores.Refused, stores.Conflict, stores.Occupied)


class StoreInput(Body):
    type: Literal["memory_store"]
    memory_store_id: str


class SessionsInput(Body):
    type: Literal["sessions"]
    session_ids: Annotated[list[str], Field(min_length=1, max_length=MAX_SESSIONS)]


class ModelChoice(Body):
    id: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    speed: Literal["standard", "fast"] | None = None


class OutputBehavior(Body):
    type: Literal["create_new", "update_existing"]
    memory_store_id: str | None = None


class DreamCreate(Body):
    inputs: list[Annotated[StoreInput | SessionsInput, Field(discriminator="type")]]
    model: Annotated[str, StringConstraints(min_length=1, max_length=256)] | ModelChoice
    instructions: (
        Annotated[str, StringConstraints(min_length=1, max_length=MAX_INSTRUCTIONS)] | None
    ) = None
    output_behavior: OutputBehavior | None = None


class Decide(Body):
    path: str
    verdict: Literal["accept", "reject", "edit"]
    hunk_id: str | None = None
    content: str | None = None


class Approve(Body):
    waive: list[str] | None = None
    digest: str | None = None


class Content(Body):
    content: str | None


Resolutions = dict[str, Literal["ours", "theirs"] | Content]


class Adopt(Body):
    mode: Literal["same_store", "new_store"]
    archive_old: bool = False
    dry_run: bool = False
    resolutions: Resolutions | None = None


class Undo(Body):
    resolutions: Resolutions | None = None


# -- Dreams -------------------------------------------------------------------------------


def _rows(request) -> QuerySet[Dream]:
    keys = Transcript.objects.only("dream_id", "session_key")
    rows = request.workspace.dreams.select_related("session", "workspace")
    return rows.prefetch_related(Prefetch("transcripts", keys))


def find_dream(request, dream_id: str) -> Dream:
    return find(_rows(request), dream_id, "The dream")


@router.post("")
@needs("editor")
def create(request, body: DreamCreate):
    stores_given = [each for each in body.inputs if each.type == "memory_store"]
    sessions_given = [each for each in body.inputs if each.type == "sessions"]
    if len(stores_given) != 1 or len(sessions_given) != 1:
        raise invalid("`inputs` needs exactly one memory_store entry and one sessions entry.")
    if body.output_behavior and body.output_behavior.type == "update_existing":
        raise invalid(
            "`output_behavior` update_existing is not offered by this server: a dream writes to a"
            " new store, which is reviewed and then adopted into the same one. Use create_new."
        )
    store = find(request.workspace.stores, stores_given[0].memory_store_id, "The memory store")
    chosen = _sessions(request, sessions_given[0].session_ids)
    options = {"model": _model(body.model), "instructions": body.instructions, "by": request.actor}
    try:
        dream = dreams.start(request.workspace, store, chosen, **options)
    except Invalid as error:
        raise invalid(str(error)) from None
    return wire.dream(find_dream(request, dream.pk))


def _model(given: str | ModelChoice) -> str:
    if isinstance(given, str):
        return given
    if given.speed == "fast":
        raise invalid("`model.speed`: dreams run at standard speed only.")
    return given.id


def _sessions(request, given: list[str]) -> list[Session]:
    ids = [
        f"sesn_{each.removeprefix('session_')}" if each.startswith("session_") else each
        for each in given
    ]
    if len(set(ids)) < len(ids):
        raise invalid("`session_ids` names a session twice.")
    found = {session.pk: session for session in request.workspace.sessions.filter(pk__in=ids)}
    if missing := [each for each in ids if each not in found]:
        raise not_found("The session", missing[0])
    return list(found.values())


@router.get("")
def list_dreams(request, limit: int | None = None, include_archived: bool = False):
    rows = _rows(request)
    if not include_archived:
        rows = rows.filter(archived_at=None)
    if statuses := request.GET.getlist("statuses"):
        if unknown := set(statuses) - set(DreamStatus.values):
            raise invalid(f"`statuses[]` knows no {min(unknown)!r}.")
        rows = rows.filter(status__in=statuses)
    rows = within(rows, request.GET, "created_at", "created_at")
    cursor = request.GET.get("page")
    return page(rows, limit=limit_of(limit), cursor=cursor, wire=wire.dream, kind="dreams")


@router.get("/{dream_id}")
def retrieve(request, dream_id: str):
    return wire.dream(find_dream(request, dream_id))


@router.post("/{dream_id}/cancel")
@needs("editor")
def cancel(request, dream_id: str):
    with _answers():
        dreams.cancel(find_dream(request, dream_id))
    return wire.dream(find_dream(request, dream_id))


@router.post("/{dream_id}/archive")
@needs("editor")
def archive(request, dream_id: str):
    with _answers():
        dreams.archive(find_dream(request, dream_id))
    return wire.dream(find_dream(request, dream_id))


class _answers:
    """Turn what a verb refuses into an answer: 409 where review or store stand against it."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind, error, trace) -> None:
        if isinstance(error, NeedsPerson):
            conflicts = [wire.conflict(merge) for merge in error.conflicts]
            raise conflict(str(error), conflicts=conflicts) from None
        if isinstance(error, STATES):
            raise conflict(str(error)) from None
        if isinstance(error, (Invalid, dreams.Refused)):
            raise invalid(str(error)) from None


# -- Review -------------------------------------------------------------------------------


def _cards(request, dream_id: str) -> Cards:
    dream = find_dream(request, dream_id)
    try:
        return Cards(review.reviewable(dream))
    except review.Refused as refusal:
        raise invalid(str(refusal)) from None


@router.get("/{dream_id}/review")
def retrieve_review(request, dream_id: str):
    return wire.review_of(_cards(request, dream_id))


@router.post("/{dream_id}/review/decisions")
@needs("reviewer")
def decide(request, dream_id: str, body: Decide):
    dream = _cards(request, dream_id).proposal.dream
    with _answers():
        if body.hunk_id is None:
            content = body.content
            review.decide(dream, body.path, body.verdict, by=request.actor, content=content)
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
    review.decide_part(dream, body.path, hunks.number_of(number), **part)


@router.post("/{dream_id}/review/approve")
@needs("reviewer")
def approve(request, dream_id: str, body: Approve | None = None):
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
def reject(request, dream_id: str):
    with _answers():
        review.reject(_cards(request, dream_id).proposal.dream, by=request.actor)
    return wire.review_of(_cards(request, dream_id))


# -- Adoption -----------------------------------------------------------------------------


def _resolutions(given: Resolutions | None) -> dict[str, Any]:
    return {
        path: choice.model_dump() if isinstance(choice, Content) else choice
        for path, choice in (given or {}).items()
    }


@router.post("/{dream_id}/adopt")
@needs("reviewer")
def adopt(request, dream_id: str, body: Adopt):
    dream = find_dream(request, dream_id)
    with _answers():
        if body.dry_run:
            return _dry_run(dream, body)
        done = adoption.adopt(
            dream,
            body.mode,
            by=request.actor,
            resolutions=_resolutions(body.resolutions),
            archive_old=body.archive_old,
        )
    return wire.adopted(done)


def _dry_run(dream: Dream, body: Adopt) -> dict[str, Any]:
    plan = adoption.preview(dream, _resolutions(body.resolutions))
    if reason := adoption.why_not(dream, body.mode):
        raise review.Refused(reason)
    return wire.plan(dream, body.mode, plan)


@router.post("/{dream_id}/adopt/undo")
@needs("reviewer")
def undo(request, dream_id: str, body: Undo | None = None):
    done = adoption.latest(find_dream(request, dream_id))
    if done is None:
        raise conflict("This dream is not adopted, so there is nothing to undo.")
    resolutions = _resolutions(body.resolutions if body else None)
    with _answers():
        return wire.adopted(adoption.undo(done, by=request.actor, resolutions=resolutions))
