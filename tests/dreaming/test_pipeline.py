"""A dream from the doorbell to the review, with a model endpoint that speaks the real protocol."""

from datetime import timedelta

import pytest
from django.utils import timezone

from dreaming import dreams, pipeline, subagents, tasks
from dreaming.models import Dream, DreamStatus, Finding, Stage, TranscriptState
from memory import change_sets, stores
from memory.paths import Invalid
from memory.stores import Act
from sessions import agents, conversation, opening
from sessions.models import Status, Thread
from tests.dreaming.dreamer import begin, carry_out, talked
from tests.factories import TESTER, make_session
from tests.sessions.fake_models import Call, Raw, Turn

pytestmark = pytest.mark.django_db


def texts(store) -> dict[str, str]:
    return {memory.path: memory.content for memory in store.memories.with_text()}


def test_a_dream_ends_with_a_draft_and_an_open_review(dream):
    assert (dream.status, dream.stage) == (DreamStatus.COMPLETED, Stage.DONE)
    assert dream.output_store.is_draft
    assert dream.review.state == "open"
    found = texts(dream.output_store)
    assert found["/people/bob.md"] == "Bob is the new host.\n"
    assert "/old.md" not in found
    assert "[Talk](talk.md)" in found["/index.md"]
    assert dream.summary == "I tidied up."


def test_a_dream_never_touches_its_input(dreamer, store):
    before = change_sets.digest(change_sets.heads(store))
    versions = store.versions.count()
    dream = carry_out(begin(store, [talked("The talk is at two o'clock now.")]))
    store.refresh_from_db()
    assert change_sets.digest(change_sets.heads(store)) == before == dream.input_digest
    assert store.versions.count() == versions


def test_no_session_can_attach_the_draft(dream, workspace):
    session = make_session()
    with pytest.raises(conversation.Refused, match=dream.pk):
        opening.attach(session, [opening.Mount(dream.output_store)])


def test_every_transcript_has_a_thread_of_its_own(dreamer, store):
    dream = carry_out(begin(store, [talked("One is enough."), talked("Two is company.")]))
    threads = [transcript.thread for transcript in dream.transcripts.all()]
    assert len({thread.pk for thread in threads}) == 2
    assert {thread.parent_id for thread in threads} == {dream.session.primary.pk}
    assert Finding.objects.filter(transcript__dream=dream, verified=True).count() == 2


def test_the_consolidation_is_told_only_what_was_verified(dreamer, store):
    false = {"statement": "Bob left.", "kind": "fact", "quote": "Bob has left the company"}
    session = talked("Bob is the new host.")
    event = session.events.get().pk
    dreamer.script(Turn(Call("record_finding", {**false, "event_id": event})), Turn("Done."))
    dream = carry_out(begin(store, [session]))
    assert Finding.objects.get(transcript__dream=dream).doubt
    asked = dreamer.requests[-1].json["messages"][1]["content"]
    assert "<findings>" in asked
    assert "Bob left." not in asked


def test_its_session_ends_archived(dream):
    assert dream.session.archived_at
    assert dream.session.status == Status.TERMINATED
    assert not Dream.objects.unsettled().exists()


def test_a_model_that_cannot_answer_fails_the_dream_loudly(dreamer, store, settings):
    settings.MODEL_MAX_RETRIES = 0
    dreamer.script(Raw(401, {"error": {"message": "Bad key."}}))
    dream = carry_out(begin(store, [talked("Remember the milk.", title="Shopping")]))
    assert dream.status == DreamStatus.FAILED
    assert "1 of 1 transcripts could not be read. Shopping" in dream.error_message
    assert dream.session.archived_at
    assert not hasattr(dream, "review")


def test_a_consolidation_that_fails_is_never_completed(dreamer, store, settings):
    settings.MODEL_MAX_RETRIES = 0
    dreamer.script(Turn("Nothing here."), Raw(400, {"error": {"message": "No."}}))
    dream = carry_out(begin(store, [talked("Remember the milk.")]))
    assert dream.status == DreamStatus.FAILED
    assert dream.error_message.startswith("The consolidation failed.")


def test_a_dream_that_removes_everything_fails(dreamer, store):
    dreamer.writes = dict.fromkeys(texts(store))
    dream = carry_out(begin(store, [talked("Forget it all.")]))
    assert dream.status == DreamStatus.FAILED
    assert "removed every file" in dream.error_message


def test_an_archived_input_fails_the_dream_with_its_own_error_type(dreamer, store):
    dream = begin(store, [talked("Remember the milk.")])
    stores.archive(store)
    carry_out(dream)
    assert dream.error_type == "input_memory_store_unavailable"


def test_an_index_that_cannot_be_written_fails_the_dream_in_words(dreamer, store):
    act = Act(TESTER)
    stores.write(store, "/index.md/trap.md", "Not a file, a folder.\n", act=act)
    dream = carry_out(begin(store, [talked("Remember the milk.")]))
    assert dream.error_message.startswith("The index could not be written. /index.md/trap.md")


def test_deleting_an_input_session_takes_nothing_from_the_dream(dreamer, store):
    session = talked("Bob is the new host.", title="Planning")
    dream = begin(store, [session])
    conversation.delete(session)
    carry_out(dream)
    assert dream.status == DreamStatus.COMPLETED
    assert dream.transcripts.get().title == "Planning"


# -- Cancelling ---------------------------------------------------------------------------


def test_a_dream_that_waits_is_cancelled_at_once(dreamer, store):
    dream = dreams.cancel(begin(store, [talked("Remember the milk.")]))
    assert dream.status == DreamStatus.CANCELED
    carry_out(dream)
    assert dream.output_store is None
    assert not dreamer.requests


def test_cancelling_while_it_reads_stops_every_thread(dreamer, store):
    dream = begin(store, [talked("Remember the milk.")])
    pipeline.advance(dream.pk)
    dreams.cancel(dream)
    carry_out(dream)
    assert dream.status == DreamStatus.CANCELED
    assert dream.session.archived_at
    transcript = dream.transcripts.get()
    assert (transcript.state, transcript.error) == (TranscriptState.FAILED, "It was stopped.")
    assert transcript.events_read == 0


def test_cancelling_twice_changes_nothing(dreamer, store):
    dream = dreams.cancel(begin(store, [talked("Remember the milk.")]))
    assert dreams.cancel(dream).ended_at == dream.ended_at


def test_a_completed_dream_cannot_be_cancelled(dream):
    with pytest.raises(dreams.Refused, match="already completed"):
        dreams.cancel(dream)


def test_a_final_status_never_changes_whatever_goes_wrong_later(dreamer, store):
    dream = begin(store, [talked("Remember the milk.")])
    pipeline.advance(dream.pk)
    dreams.cancel(dream)
    dream.refresh_from_db()
    # A second primary thread: its session can no longer be put away.
    Thread.objects.create(session=dream.session, name="Stray")
    carry_out(dream)
    assert dream.status == DreamStatus.CANCELED


# -- Workers that die, doors that ring twice ------------------------------------------------


def test_ringing_twice_does_nothing_twice(dreamer, store):
    dream = begin(store, [talked("Bob is the new host.")])
    for _ in range(3):
        pipeline.advance(dream.pk)
    assert dream.session is None
    dream.refresh_from_db()
    assert dream.session.threads.count() == 2
    thread = dream.transcripts.get().thread.pk
    tasks.work(thread)
    tasks.work(thread)
    assert Finding.objects.filter(transcript__dream=dream).count() == 1


def test_a_dream_whose_worker_died_is_found_and_taken_further(dreamer, store):
    dream = begin(store, [talked("Bob is the new host.")])
    gone = {"lease_owner": "dead", "lease_until": timezone.now() + timedelta(minutes=1)}
    Dream.objects.filter(pk=dream.pk).update(**gone)
    pipeline.advance(dream.pk)
    dream.refresh_from_db()
    assert dream.status == DreamStatus.PENDING
    Dream.objects.filter(pk=dream.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert carry_out(dream).status == DreamStatus.COMPLETED


def test_a_thread_whose_worker_died_waits_for_the_next_one(dreamer, store):
    dream = begin(store, [talked("Bob is the new host.")])
    pipeline.advance(dream.pk)
    (thread,) = subagents.waiting(dream.pk)
    gone = {"lease_owner": "dead", "lease_until": timezone.now() + timedelta(minutes=1)}
    Thread.objects.filter(pk=thread).update(**gone)
    assert subagents.waiting(dream.pk) == []
    Thread.objects.filter(pk=thread).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert subagents.waiting(dream.pk) == [thread]


def test_nobody_can_archive_the_session_of_a_dream_under_way(dreamer, store):
    dream = begin(store, [talked("Bob is the new host.")])
    pipeline.advance(dream.pk)
    dream.refresh_from_db()
    for verb in (conversation.archive, conversation.delete):
        with pytest.raises(conversation.Refused, match="running"):
            verb(dream.session)


# -- What may be dreamt over ----------------------------------------------------------------


def test_starting_copies_the_transcripts(dreamer, store):
    dream = begin(store, [talked("Remember the milk.", title="Shopping")])
    transcript = dream.transcripts.get()
    assert transcript.events_total == 1
    assert transcript.lines[0]["text"] == "Remember the milk."
    assert transcript.lines[0]["role"] == "user"


@pytest.mark.parametrize(
    ("count", "words"), [(0, "Choose 1 to 100 sessions"), (101, "101 were chosen")]
)
def test_a_dream_takes_1_to_100_sessions(dreamer, store, count, words):
    agent = make_session().agent
    sessions = [make_session(agent=agent) for _ in range(count)]
    with pytest.raises(Invalid, match=words):
        begin(store, sessions)


def test_a_session_counts_once(dreamer, store):
    session = talked("Remember the milk.")
    with pytest.raises(Invalid, match="twice"):
        begin(store, [session, session])


def test_a_dream_does_not_dream_of_dreams(dream, store):
    with pytest.raises(Invalid, match="own session"):
        begin(store, [dream.session])


def test_drafts_and_archived_stores_are_no_input(dream, store):
    with pytest.raises(Invalid, match="draft"):
        begin(dream.output_store, [make_session()])
    with pytest.raises(Invalid, match="archived"):
        begin(stores.archive(store), [make_session()])


@pytest.mark.parametrize(
    "wrong",
    [{"model": "claude-nobody-set-up"}, {"model": ""}, {"instructions": "x" * 4097}],
)
def test_what_cannot_run_is_refused_before_it_starts(dreamer, store, wrong):
    with pytest.raises(Invalid):
        begin(store, [make_session()], **wrong)
    assert not Dream.objects.exists()


def test_all_dreams_of_a_workspace_share_one_archived_agent(dreamer, store):
    for _ in range(2):
        carry_out(begin(store, [talked("Remember the milk.")]))
    (agent,) = {dream.session.agent for dream in Dream.objects.all()}
    assert agent.archived_at
    assert agents.Agent.objects.filter(name="Dream").count() == 1


def test_long_transcripts_are_read_in_parts_and_counted_by_code(dreamer, store):
    words = [f"Fact number {number} is worth keeping. " * 200 for number in range(10)]
    dream = carry_out(begin(store, [talked(*words)]))
    transcript = dream.transcripts.get()
    parts = transcript.thread.events.filter(type="user.message").count()
    assert parts > 2
    assert transcript.events_read == transcript.events_total == 10
    assert transcript.findings.count() == 10
