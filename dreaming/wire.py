"""Dreams, reviews and adoptions as the API shows them (wire contract §14 and §20)."""

from typing import Any

from console import actors
from console.api import stamp
from dreaming import adoption, hunks, review
from dreaming.cards import Card, Cards
from dreaming.models import Adoption, Decision, Dream, DreamStatus, Finding
from dreaming.progress import findings, sentence
from memory.merge import FileMerge
from sessions.telling import USAGE_KEYS


def dream(dream: Dream) -> dict[str, Any]:
    session_ids = sorted(transcript.session_key for transcript in dream.transcripts.all())
    return {
        "type": "dream",
        "id": dream.pk,
        "status": dream.status,
        "inputs": [
            {"type": "memory_store", "memory_store_id": dream.input_key},
            {"type": "sessions", "session_ids": session_ids},
        ],
        "outputs": _outputs(dream),
        "model": {"id": dream.model, "speed": "standard"},
        "instructions": dream.instructions,
        "output_behavior": {"type": "create_new"},
        "session_id": dream.session_id,
        "usage": {name: getattr(dream.session, name, 0) for name in USAGE_KEYS},
        "error": _error(dream),
        "created_at": stamp(dream.created_at),
        "ended_at": stamp(dream.ended_at),
        "archived_at": stamp(dream.archived_at),
    }


def _outputs(dream: Dream) -> list[dict[str, str]]:
    store = dream.output_store_id
    return [{"type": "memory_store", "memory_store_id": store}] if store else []


def _error(dream: Dream) -> dict[str, str] | None:
    if dream.status != DreamStatus.FAILED:
        return None
    return {"type": dream.error_type, "message": dream.error_message}


# -- The review ---------------------------------------------------------------------------


def review_of(cards: Cards) -> dict[str, Any]:
    """The whole review: every file with its changes, what speaks for them, what would get lost."""
    dream = cards.proposal.dream
    held, summary = dream.review, review.wire_summary(dream)
    return {
        "type": "dream_review",
        "id": held.pk,
        "dream_id": dream.pk,
        "state": held.state,
        "digest": cards.proposal.digest(),
        "summary": {**summary, "text": sentence(summary)},
        "files": [_file(card) for card in cards.all],
        "decisions": [decision(each) for each in held.decisions.select_related("blob")],
        "ledger": [
            {
                "path": g.path,
                "line": g.line,
                "statement": g.text,
                "fate": g.fate,
                "now": g.now or None,
            }
            for g in cards.gone()
        ],
        "sources": [finding(each) for each in findings(dream)],
        "blockers": [blocker(reason) for reason in review.blockers(cards.proposal)],
        "decided_by": held.decided_by_name or None,
        "decided_at": stamp(held.decided_at),
        "created_at": stamp(held.created_at),
    }


def _file(card: Card) -> dict[str, Any]:
    change = card.change
    return {
        "path": card.path,
        "change": change.kind,
        "before_sha256": change.before.sha256 if change.before else None,
        "proposed_sha256": change.proposed.sha256 if change.proposed else None,
        "verdict": change.verdict or None,
        "lines_added": card.added,
        "lines_removed": card.removed,
        "moved": card.twin or None,
        "hunks": _hunks(card),
    }


def _hunks(card: Card) -> list[dict[str, Any]]:
    """A file's changes, if they can be decided on one by one. Lines count from 1."""
    if card.before is None or card.shown is None:
        return []
    return [
        {
            "id": hunk_id(card, number),
            "before_start": hunk.old.start + 1,
            "before_lines": hunk.old.stop - hunk.old.start,
            "after_start": hunk.new.start + 1,
            "after_lines": hunk.new.stop - hunk.new.start,
        }
        for number, hunk in enumerate(hunks.hunks(card.before, card.shown), 1)
    ]


def hunk_id(card: Card, number: int) -> str:
    """Names a change of the texts as they are now: another verdict on the file makes new ids."""
    return f"{card.seen}.{number}"


def decision(decision: Decision) -> dict[str, Any]:
    return {
        "path": decision.path,
        "verdict": decision.verdict,
        "content": decision.blob.content if decision.blob else None,
        "by": actors.wire(decision.by),
        "at": stamp(decision.at),
    }


def finding(finding: Finding) -> dict[str, Any]:
    return {
        "type": "finding",
        "id": finding.pk,
        "statement": finding.statement,
        "kind": finding.kind,
        "quote": finding.quote,
        "session_id": finding.transcript.session_key,
        "event_id": finding.event,
        "said_at": stamp(finding.said_at),
        "verified": finding.verified,
        "doubt": finding.doubt or None,
    }


def blocker(reason: str) -> dict[str, str]:
    return {"message": reason}


# -- Adoption -----------------------------------------------------------------------------


def adopted(done: Adoption) -> dict[str, Any]:
    return {
        "type": "adoption",
        "id": done.pk,
        "dream_id": done.dream_id,
        "mode": done.mode,
        "memory_store_id": done.store_id,
        "change_set_id": done.change_set_id,
        "counts": done.counts,
        "digest": done.digest,
        "archived_old": done.archived_old,
        "switched_agent_ids": done.switched,
        "by": actors.wire(done.by),
        "created_at": stamp(done.at),
        "undone_by": actors.wire(done.undone_by),
        "undone_at": stamp(done.undone_at),
        "undo_change_set_id": done.undo_change_set_id,
    }


def plan(dream: Dream, mode: str, plan: adoption.Plan) -> dict[str, Any]:
    """What an adoption would do."""
    return {
        "type": "adoption_preview",
        "dream_id": dream.pk,
        "mode": mode,
        "counts": plan.counts,
        "files": [{"path": merge.path, "change": merge.change} for merge in plan.merges],
        "conflicts": [conflict(merge) for merge in plan.conflicts],
    }


def conflict(merge: FileMerge) -> dict[str, Any]:
    """A file both sides changed; null where a side has no such file."""
    return {
        "path": merge.path,
        "ours": merge.before,
        "theirs": merge.theirs,
        "overlaps": [
            {"base": each.base, "ours": each.ours, "theirs": each.theirs} for each in merge.overlaps
        ],
        "in_the_way": list(merge.in_the_way),
    }
