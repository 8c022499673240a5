"""Dreams whose workers die, that are cancelled at any moment, and that meet others at the door."""

import threading
import time
from collections import Counter
from contextlib import suppress

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from dreaming import adoption, dreams, pipeline, review, subagents, tasks
from dreaming.models import Dream, DreamStatus, Finding, TranscriptState
from memory import change_sets, stores
from memory.models import Memory
from memory.stores import Act, Conflict
from sessions import events, loop
from sessions.models import Status, Thread
from tests.dreaming.dreamer import begin, carry_out, talked
from tests.factories import TESTER, make_dream
from tests.sessions.fake_models import Call, Raw, Turn
from tests.together import together

pytestmark = pytest.mark.django_db(transaction=True)
LONG = ["The same thing is said once more. " * 400] * 3  # three parts


# -- Cancelling ---------------------------------------------------------------------------


@pytest.fixture
def long_dream(dreamer, store):
    return begin(store, [talked(*LONG), talked("The talk is at two o'clock now.")])


def check_over(dream: Dream, store) -> None:
    """Nothing is at work any more, and nothing was touched."""
    assert not Dream.objects.unsettled().exists()
    assert not dream.transcripts.filter(ended_at=None).exclude(thread=None).exists()
    threads = Thread.objects.filter(session=dream.session)
    assert set(threads.values_list("status", flat=True)) == {Status.TERMINATED}
    for thread in threads:
        assert events.in_order(thread.events.all()).last().type.endswith("_terminated")
    assert change_sets.digest(change_sets.heads(store)) == dream.input_digest


@pytest.mark.parametrize("number", [1, 2, 4, 6, 8, 9])
def test_cancelling_during_any_request_asks_nothing_more(dreamer, store, long_dream, number):
    """Reading asks eight times here, the consolidation comes after that."""
    answer = dreamer.respond

    def respond(request):
        if len(dreamer.requests) == number:
            dreams.cancel(long_dream)
            connection.close()
        return answer(request)

    dreamer.respond = respond
    dream = carry_out(long_dream)
    assert dream.status == DreamStatus.CANCELED
    assert len(dreamer.requests) == number
    check_over(dream, store)


def test_cancelling_before_anybody_began_to_read_asks_nothing(dreamer, store, long_dream):
    pipeline.advance(long_dream.pk)
    dreams.cancel(long_dream)
    dream = carry_out(long_dream)
    assert not dreamer.requests
    check_over(dream, store)


def test_cancelling_before_the_consolidation_began_asks_nothing_more(dreamer, store, long_dream):
    pipeline.advance(long_dream.pk)
    for thread in subagents.waiting(long_dream.pk):
        tasks.work(thread)
    pipeline.advance(long_dream.pk)
    asked = len(dreamer.requests)
    dreams.cancel(long_dream)
    dream = carry_out(long_dream)
    assert dream.stage == "consolidate"
    assert len(dreamer.requests) == asked
    check_over(dream, store)


# -- Workers that die, and what went wrong told as it was ----------------------------------


@pytest.mark.parametrize("cancelled", [False, True])
def test_a_worker_that_dies_before_it_said_that_it_was_done_is_not_waited_for(
    dreamer, store, cancelled
):
    dream = begin(store, [talked("Bob is the new host.")])
    pipeline.advance(dream.pk)
    (thread,) = subagents.waiting(dream.pk)
    subagents.begin(thread)
    loop.run(thread, tasks.TRADES["extract"])
    if cancelled:
        dreams.cancel(dream)
    dream = carry_out(dream)
    assert dream.is_over
    assert dream.transcripts.get().ended_at
    assert cancelled or dream.status == DreamStatus.COMPLETED


def test_what_was_never_read_does_not_count_as_read(dreamer, store, settings):
    settings.MODEL_MAX_RETRIES = 0
    dreamer.script(Turn("Nothing."), Raw(400, {"error": {"message": "No."}}))
    dream = carry_out(begin(store, [talked(*LONG)]))
    transcript = dream.transcripts.get()
    assert transcript.state == TranscriptState.FAILED
    assert (transcript.events_read, transcript.events_total) == (1, 3)


def test_many_parts_are_no_runaway(dreamer, store, monkeypatch):
    monkeypatch.setattr(loop, "MAX_REQUESTS", 3)
    dream = carry_out(begin(store, [talked(*LONG, *LONG)]))
    assert dream.status == DreamStatus.COMPLETED


def test_a_draft_that_was_deleted_meanwhile_fails_the_dream_in_words(dreamer, store):
    dream = begin(store, [talked("Bob is the new host.")])
    pipeline.advance(dream.pk)
    dream.refresh_from_db()
    stores.delete_store(dream.output_store)
    assert "draft was deleted" in carry_out(dream).error_message


def test_the_consolidation_does_not_load_the_transcripts(dreamer, store):
    dream = begin(store, [talked("Bob is the new host.")])
    pipeline.advance(dream.pk)
    for thread in subagents.waiting(dream.pk):
        tasks.work(thread)
    with CaptureQueriesContext(connection) as queries:
        pipeline.advance(dream.pk)
    assert Thread.objects.get(purpose="consolidate").status == Status.RUNNING
    assert not any("lines" in query["sql"] for query in queries)


# -- Others at the door -------------------------------------------------------------------


def test_the_first_two_dreams_at_once_share_one_agent(dreamer, store):
    first, second = (begin(store, [talked("Bob is the new host.")]) for _ in range(2))
    together(lambda: pipeline.advance(first.pk), lambda: pipeline.advance(second.pk))
    assert len({dream.session.agent_id for dream in Dream.objects.all()}) == 1


def test_two_workers_take_a_stage_once(dreamer, store):
    dream = begin(store, [talked("Bob is the new host.")])
    together(*[lambda: pipeline.advance(dream.pk)] * 3)
    dream.refresh_from_db()
    assert dream.session.threads.count() == 2
    assert store.workspace.stores.filter(state="draft").count() == 1


@pytest.mark.parametrize("cancelled", [False, True])
def test_many_workers_share_a_dream_and_do_nothing_twice(dreamer, store, cancelled):
    told = [f"Fact number {number} is worth keeping." for number in range(6)]
    dream = begin(store, [talked(*told, *LONG), *(talked(text) for text in told)])

    def drive():
        while Dream.objects.unsettled().exists():
            pipeline.advance(dream.pk)
            for thread in subagents.waiting(dream.pk):
                tasks.work(thread)

    def cancel():
        time.sleep(0.3)
        with suppress(dreams.Refused):  # they were faster
            dreams.cancel(dream)

    together(*[drive] * 4, *[cancel] * cancelled)
    dream.refresh_from_db()
    assert cancelled or dream.status == DreamStatus.COMPLETED, dream.error_message
    check_over(dream, store)
    check_log(dream.session)
    if not cancelled:
        assert dream.review.state == "open"
        assert Finding.objects.filter(verified=True).count() == 6 + 3 + 6


def check_log(session) -> None:
    """Gap-free, and every call answered once."""
    pairs = session.events.values_list("seq", "processed_seq")
    places = sorted(place for pair in pairs for place in pair if place)
    assert places == list(range(1, session.last_seq + 1))
    calls = session.events.filter(type="agent.tool_use").values_list("pk", flat=True)
    results = session.events.filter(type="agent.tool_result")
    assert Counter(calls) == Counter(result.payload["tool_use_id"] for result in results)


def test_deleting_the_store_that_a_dream_is_about_to_copy_ends_the_dream(dreamer, store):
    dream = begin(store, [talked("Bob is the new host.")])
    locked = threading.Event()

    def delete():
        with transaction.atomic():
            stores.writable(store, Act(TESTER))
            locked.set()
            time.sleep(0.3)
            stores.delete_store(store)

    def advance():
        assert locked.wait(10)
        pipeline.advance(dream.pk)

    together(delete, advance)
    dream.refresh_from_db()
    assert dream.error_type == "input_memory_store_unavailable"


def test_a_dream_that_has_not_completed_cannot_be_adopted(workspace):
    with pytest.raises(review.Refused, match="has not completed"):
        adoption.adopt(make_dream(), "same_store", by=TESTER)


@pytest.mark.parametrize("mode", ["same_store", "new_store"])
def test_nothing_written_while_a_dream_is_adopted_is_lost(dream, store, mode):
    review.approve(dream, by=TESTER)
    started = threading.Event()

    def write():
        for number in range(12):
            append(store, "/people/alice.md", f"Line {number}.\n")
            stores.write(store, f"/day/{number}.md", "New.\n", act=Act(TESTER))
            started.set()

    def adopt():
        assert started.wait(10)
        return adoption.adopt(dream, mode, by=TESTER)

    _, done = together(write, adopt)
    live = {memory.path: memory.content for memory in store.memories.with_text()}
    assert live["/people/alice.md"].count("Line") == 12
    assert sum(path.startswith("/day/") for path in live) == 12
    adopted = done.store.memories.get(path="/talk.md")
    assert "two o'clock" in adopted.content
    # A new store has what stood in the old one when it was adopted, and that is a beginning of it.
    taken = done.store.memories.filter(path__startswith="/day/").values_list("path", flat=True)
    assert {f"/day/{number}.md" for number in range(len(taken))} == set(taken)


def append(store, path: str, line: str) -> None:
    while True:
        memory = Memory.objects.with_text().get(store=store, path=path)
        seen = stores.sha256(memory.content)
        try:
            stores.write(store, path, memory.content + line, act=Act(TESTER), expected=seen)
        except Conflict:
            continue
        return


def test_of_two_who_adopt_at_once_one_succeeds(dream, store):
    review.approve(dream, by=TESTER)

    def adopt():
        try:
            return adoption.adopt(dream, "same_store", by=TESTER)
        except review.Refused:
            return None

    done = together(adopt, adopt, adopt)
    assert sum(each is not None for each in done) == 1
    assert store.change_sets.count() == 1


def test_of_two_reviewers_of_one_file_the_second_has_to_look_again(dreamer, store):
    act = Act(TESTER)
    stores.write(store, "/days.md", "Monday\n\nTuesday\n\nFriday\n", act=act)
    dreamer.writes = {"/days.md": "Monday!\n\nTuesday\n\nFriday!\n"}
    dream = carry_out(begin(store, [talked("The days matter a lot.")]))
    seen = review.Proposal(dream).change("/days.md").seen
    begun = threading.Event()

    def first():
        with transaction.atomic():
            review.decide_part(dream, "/days.md", 1, seen=seen, by=TESTER)
            begun.set()
            time.sleep(0.3)

    def second():
        assert begun.wait(10)
        with pytest.raises(review.Refused, match="Look at it again"):
            review.decide_part(dream, "/days.md", 2, seen=seen, by=TESTER)

    together(first, second)
    assert dream.review.decisions.get().blob.content == "Monday\n\nTuesday\n\nFriday!\n"


def test_a_refusal_after_a_retry_is_told_as_a_refusal(dreamer, store, settings):
    settings.ANTHROPIC_BASE_URL, settings.ANTHROPIC_API_KEY = dreamer.url, "sk-test"
    busy = Raw(529, {"error": {"type": "overloaded_error", "message": "busy"}})
    dreamer.script(busy, Turn(Call("glob", {"pattern": "*"}), stop_reason="refusal"))
    dream = begin(store, [talked("Bob is the new host.")], model="claude-fake")
    pipeline.advance(dream.pk)
    for thread in subagents.waiting(dream.pk):
        tasks.work(thread)
    Thread.objects.filter(status=Status.RESCHEDULING).update(retry_at=dream.created_at)
    assert carry_out(dream).error_message.endswith("The model refused.")
