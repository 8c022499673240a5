"""A worker that dies before any single statement: the next one loses and doubles nothing."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from dreaming import pipeline, subagents
from dreaming import tasks as dream_tasks
from dreaming.models import Dream, Finding
from sessions import conversation, events, loop, tasks
from sessions.events import Entry
from sessions.models import Session, Thread
from tests.dreaming.dreamer import Dreamer, begin, carry_out, talked
from tests.factories import make_agent, make_session, make_store
from tests.sessions.fake_models import Call, FakeModels, Turn

pytestmark = pytest.mark.django_db(transaction=True)
NOTE = {"file_path": "/mnt/memory/notes/new.md", "content": "New.\n"}


# A tenth of a second for each death: SQLite's run meets them all, PostgreSQL's some of every kind.
EACH = 1 if connection.vendor == "sqlite" else 3


class Killed(BaseException):
    """Nothing catches it, as nothing catches SIGKILL."""


@contextmanager
def killed_at(number: int) -> Iterator[None]:
    """Let this many statements pass; from then on none does. Raises nothing itself."""
    left = number

    def guard(execute, *query):
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed
        return execute(*query)

    with connection.execute_wrapper(guard), suppress(Killed):
        yield


def bury(rows) -> None:
    """What time does to a dead worker's leases."""
    long_ago = timezone.now() - timedelta(minutes=1)
    rows.exclude(lease_until=None).update(lease_until=long_ago, lease_owner="dead")


def taking_notes(request: dict) -> Turn:
    """Two tools in one reply, then the answer."""
    if request["messages"][-1]["role"] == "tool":
        return Turn("Noted.")
    return Turn("Wait.", Call("write", NOTE), Call("glob", {"pattern": "**"}))


COMMAND = "cd /mnt/memory/notes; echo New. > new.md; mkdir /workspace/d; cp new.md /workspace/d"


def running_commands(request: dict) -> Turn:
    if request["messages"][-1]["role"] == "tool":
        return Turn("Noted.")
    return Turn("Wait.", Call("bash", {"command": COMMAND}), Call("glob", {"pattern": "**"}))


@pytest.fixture
def agent(workspace, settings, request):
    with FakeModels(request.param) as fake:
        settings.OPENAI_BASE_URL, settings.OPENAI_MODELS = fake.openai_url, ["fake-model"]
        model = {"id": "fake-model", "effort": None, "speed": "standard", "inference_geo": None}
        yield make_agent(model=model)


def dies_and_goes_on(session: Session, number: int) -> bool:
    """Work on the session in a worker that dies at the statement, then in another; False if it lived."""
    is_over = False
    with killed_at(number):
        loop.run(session.primary.pk, tasks.CHAT)
        is_over = True
    bury(Thread.objects)
    loop.run(session.primary.pk, tasks.CHAT)
    return not is_over


@pytest.mark.parametrize(
    ("agent", "stride"), [(taking_notes, EACH), (running_commands, 4)], indirect=["agent"]
)
def test_a_turn_survives_a_death_before_any_of_its_statements(agent, stride):
    number, has_died = 0, True
    while has_died:
        session = make_session(agent=agent, stores=[make_store(name="Notes")])
        conversation.say(session, "Note this")
        has_died = dies_and_goes_on(session, number)
        check(session)
        number += stride
    assert number > 20


def check(session: Session) -> None:
    session.refresh_from_db()
    log = list(events.in_order(session.events.all()))
    counts = Counter(event.type for event in log)
    assert session.status == "idle" and log[-1].type == "session.status_idle"
    assert counts["agent.message"] == counts["agent.tool_use"] == counts["agent.tool_result"] == 2
    assert counts["session.status_idle"] == counts["user.message"] == 1
    assert counts["span.model_request_start"] == counts["span.model_request_end"]
    assert session.attachments.get().store.versions.count() == 1
    places = session.events.values_list("seq", "processed_seq")
    found = sorted(place for pair in places for place in pair if place)
    assert found == list(range(1, session.last_seq + 1))


def condensing(request: dict) -> Turn:
    asks_for_summary = "You condense the earlier part" in str(request["messages"][0])
    return Turn("They spoke of herons.") if asks_for_summary else Turn("It is noted.")


@pytest.mark.parametrize("agent", [condensing], indirect=True)
def test_condensing_survives_a_death_before_any_of_its_statements(agent):
    number, has_died = 0, True
    while has_died:
        session = make_session(agent=agent)
        for said in range(6):
            content = [{"type": "text", "text": f"{said} {'herons and reeds ' * 1_200}"}]
            kinds = ("user.message", "agent.message", "session.thread_status_idle")
            events.append(session.primary, *(Entry(kind, {"content": content}) for kind in kinds))
        conversation.say(session, "Note this")
        has_died = dies_and_goes_on(session, number)
        log = [event.type for event in events.in_order(session.events.all())]
        assert log.count("agent.thread_context_compacted") == 1
        assert log.count("agent.message") == 7 and log[-1] == "session.status_idle"
        assert log.count("span.model_request_start") == log.count("span.model_request_end")
        number += 4 * EACH
    assert number > 20


# -- Dreams -------------------------------------------------------------------------------

STRIDE = 13 * EACH  # a dream makes a few hundred statements; these meet every stage of it


def test_a_dream_survives_a_death_in_any_of_its_stages(workspace, settings):
    store = make_store(name="Notes", files={"/talk.md": "The talk is at noon.\n"})
    said = [talked("The talk is at two o'clock now."), talked("Bob is the new host.")]
    number, is_over = 0, False
    with Dreamer({"/talk.md": "The talk is at two o'clock now.\n"}) as dreamer:
        dreamer.settle_in(settings)
        while not is_over:
            dream = begin(store, said)
            with killed_at(number):
                work_on(dream)
                is_over = True
            bury(Thread.objects)
            bury(Dream.objects)
            check_dream(carry_out(dream))
            number += STRIDE
    assert number > 200


def work_on(dream: Dream) -> None:
    pipeline.advance(dream.pk)
    while waiting := subagents.waiting(dream.pk):
        for thread in waiting:
            dream_tasks.work(thread)
        pipeline.advance(dream.pk)


def check_dream(dream: Dream) -> None:
    assert dream.status == "completed", dream.error_message
    assert dream.session.archived_at and dream.session.threads.count() == 3
    assert Finding.objects.filter(transcript__dream=dream).count() == 2
    assert dream.output_store.versions.count() == 3  # the copy, the new text, the index
    assert dream.review.state == "open"
    results = Counter(dream.session.events.values_list("type", flat=True))
    assert results["agent.tool_use"] == results["agent.tool_result"]
    assert not Dream.objects.unsettled().exists()
