"""The review: verdicts file by file, and an approval bound to the bytes that were seen."""

import pytest

from console.actors import Actor
from dreaming import review
from dreaming.models import ReviewState, Verdict
from dreaming.review import Proposal, Refused
from memory import redaction, stores
from memory.models import Blob
from memory.paths import Invalid
from tests.dreaming.dreamer import begin, carry_out, talked
from tests.factories import TESTER, make_dream

pytestmark = pytest.mark.django_db


def decide(dream, path, verdict, content=None):
    review.decide(dream, path, verdict, by=TESTER, content=content)


def outcome(dream) -> dict[str, str]:
    return {
        path: Blob.objects.get(pk=blob.pk).content
        for path, blob in Proposal(dream).outcome().items()
    }


def test_deletions_come_first_and_the_index_last(dream):
    changes = Proposal(dream).changes
    assert [(change.path, change.kind) for change in changes] == [
        ("/old.md", "removed"),
        ("/talk.md", "changed"),
        ("/people/bob.md", "added"),
        ("/index.md", "added"),
    ]
    assert Proposal(dream).counts == {"changed": 1, "added": 2, "removed": 1}


def test_what_nobody_decided_is_accepted(dream):
    found = outcome(dream)
    assert "/old.md" not in found
    assert found["/people/bob.md"] == "Bob is the new host.\n"
    assert found["/people/alice.md"] == "Alice likes tea.\n"


def test_a_rejected_file_stays_as_it_was(dream):
    decide(dream, "/old.md", Verdict.REJECT)
    decide(dream, "/people/bob.md", Verdict.REJECT)
    found = outcome(dream)
    assert found["/old.md"] == "The office has a blue door.\n"
    assert "/people/bob.md" not in found


def test_an_edited_file_gets_the_editors_text(dream):
    decide(dream, "/talk.md", Verdict.EDIT, "The talk is at two.\n")
    assert outcome(dream)["/talk.md"] == "The talk is at two.\n"


def test_the_last_word_counts(dream):
    decide(dream, "/old.md", Verdict.REJECT)
    decide(dream, "/old.md", Verdict.ACCEPT)
    assert dream.review.decisions.count() == 1
    review.clear(dream, "/old.md")
    assert not dream.review.decisions.exists()


@pytest.mark.parametrize(
    ("path", "verdict", "content"),
    [
        ("/people/alice.md", "accept", None),
        ("/talk.md", "maybe", None),
        ("/talk.md", "edit", None),
        ("/talk.md", "edit", "x" * 102_401),
    ],
)
def test_a_verdict_that_makes_no_sense_is_refused(dream, path, verdict, content):
    with pytest.raises(Invalid):
        decide(dream, path, verdict, content)
    assert not dream.review.decisions.exists()


def test_an_approval_holds_for_the_bytes_that_were_seen(dream):
    seen = Proposal(dream).digest()
    decide(dream, "/old.md", Verdict.REJECT)
    with pytest.raises(Refused, match="changed since you loaded it"):
        review.approve(dream, by=TESTER, seen=seen)
    review.approve(dream, by=TESTER, seen=Proposal(dream).digest())
    dream.refresh_from_db()
    assert review.approved(dream).outcome()["/old.md"]


def test_who_approved_is_remembered(dream, alice):
    review.approve(dream, by=Actor.user(alice))
    dream.review.refresh_from_db()
    assert (dream.review.decided_by, dream.review.decided_by_name) == (alice, alice.name)


def test_after_the_approval_no_verdict_changes_until_it_is_reopened(dream):
    review.approve(dream, by=TESTER)
    with pytest.raises(Refused, match="reopen"):
        decide(dream, "/old.md", Verdict.REJECT)
    review.reopen(dream)
    decide(dream, "/old.md", Verdict.REJECT)


def test_a_rejected_dream_cannot_be_adopted(dream):
    review.reject(dream, by=TESTER)
    dream.refresh_from_db()
    with pytest.raises(Refused, match="not been approved"):
        review.approved(dream)


def test_a_draft_that_changed_behind_the_approval_is_not_adopted(dream):
    review.approve(dream, by=TESTER)
    act = stores.Act(TESTER, into_draft=True)
    stores.write(dream.output_store, "/smuggled.md", "Not reviewed.\n", act=act)
    dream.refresh_from_db()
    with pytest.raises(Refused, match="not what was approved"):
        review.approved(dream)


def test_verdicts_that_make_a_file_a_folder_cannot_be_approved(dreamer, store):
    dreamer.writes = {"/old.md": None, "/old.md/note.md": "A folder now.\n"}
    dream = carry_out(begin(store, [talked("Tidy up.")]))
    decide(dream, "/old.md", Verdict.REJECT)
    with pytest.raises(Refused, match="file and a folder"):
        review.approve(dream, by=TESTER)


def test_a_dream_that_changed_nothing_has_nothing_to_approve(dreamer, store):
    dreamer.writes = {}
    first = carry_out(begin(store, [talked("Nothing new.")]))
    review.approve(first, by=TESTER)  # the index is new
    act = stores.Act(TESTER)
    stores.write(store, "/index.md", Proposal(first).outcome()["/index.md"].content, act=act)
    second = carry_out(begin(store, [talked("Nothing new.")]))
    assert Proposal(second).changes == []
    with pytest.raises(Refused, match="changed nothing"):
        review.approve(second, by=TESTER)


@pytest.mark.parametrize("status", ["pending", "running", "failed", "canceled"])
def test_only_a_completed_dream_can_be_reviewed(workspace, status):
    with pytest.raises(Refused):
        review.reviewable(make_dream(status=status))


def test_the_summary_counts_files_and_findings(dream):
    assert review.wire_summary(dream) == {
        "changed": 1,
        "added": 2,
        "removed": 1,
        "findings": 2,
        "verified": 2,
    }


def test_a_text_a_verdict_holds_survives_the_sweep_of_unused_texts(dream, store):
    """Redacting the version that shares its text must neither fail nor take the verdict's copy."""
    memory = stores.write(store, "/x.md", "Shared words.\n", act=stores.Act(TESTER))
    decide(dream, "/talk.md", Verdict.EDIT, "Shared words.\n")
    version = memory.head
    stores.remove(memory, act=stores.Act(TESTER))
    redaction.redact(version, by=TESTER)
    assert outcome(dream)["/talk.md"] == "Shared words.\n"
    assert review.reopen(dream).state == ReviewState.OPEN
