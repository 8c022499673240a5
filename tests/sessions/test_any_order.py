"""Whatever happens in whatever order, before, in and between turns: what a worker knows is the log.

Each run is a seed's: it says, stops, answers, decides, takes back, renames, raises and tries again
at random, while models answer at random, and workers die and are robbed of their leases.
"""

import json
import random
from contextlib import suppress

import pytest
from django.db import connection
from django.utils import timezone

from console import live
from console.live import RING
from memory.paths import Invalid
from sessions import (
    afterthoughts,
    budgets,
    conversation,
    events,
    leases,
    loop,
    memo,
    tasks,
    tidings,
    updates,
)
from sessions.conversation import Refused
from sessions.events import Entry
from sessions.models import Session, Status, Thread
from tests.factories import make_agent, make_session, make_store
from tests.sessions.fake_models import KEY, Call, FakeModels, Raw, Turn
from tests.sessions.test_budgets import DEAR
from tests.sessions.test_crashes import killed_at
from tests.sessions.test_turns_under_fire import ALICE, WEATHER, answer, check_invariants

pytestmark = pytest.mark.django_db(transaction=True)
ASKING = {
    "type": "agent_toolset_20260401",
    "default_config": {"enabled": True, "permission_policy": {"type": "always_allow"}},
    "configs": [
        {"name": "edit", "enabled": True, "permission_policy": {"type": "always_ask"}},
        {"name": "bash", "enabled": False, "permission_policy": {"type": "always_ask"}},
    ],
}
LAWFUL = (Refused, Invalid)
ROUNDS, NEVER = 15, 1_000_000


@pytest.fixture
def fake(settings):
    with FakeModels() as fake:
        settings.ANTHROPIC_BASE_URL, settings.ANTHROPIC_API_KEY = fake.url, KEY
        settings.MODEL_MAX_RETRIES = 1
        yield fake


@pytest.fixture
def rings(monkeypatch):
    """The lines of all rings, as they would travel."""
    sent = []
    monkeypatch.setattr(live.carrier(), "send", lambda text, *, patient: sent.append(text))
    return sent


class Life:
    """A session to which a seed lets things happen."""

    def __init__(self, session: Session, seed: int) -> None:
        self.session, self.dice = session, random.Random(seed)
        self.thread = session.primary
        self.other = Thread.objects.create(session=session, parent=self.thread, name="Other")
        self.cents = 2

    # -- What people, programs and other threads do ---------------------------------------

    def happen(self, most: int) -> None:
        for _ in range(self.dice.randrange(most + 1)):
            deed = self.dice.choice(DEEDS)
            with suppress(*LAWFUL):
                deed(self)

    def say(self) -> None:
        conversation.say(self.session, f"And {self.dice.random()}? 🌱\u2028")

    def stop(self) -> None:
        conversation.stop(self.session)

    def answer(self) -> None:
        if calls := list(self.session.events.filter(type="agent.custom_tool_use").order_by("seq")):
            answer(self.session, self.dice.choice(calls))

    def decide(self) -> None:
        asked = self.session.events.filter(payload__evaluated_permission="ask").order_by("seq")
        if calls := list(asked.values_list("pk", flat=True)):
            allow = self.dice.random() < 0.5
            conversation.decide(self.session, self.dice.choice(calls), allow=allow, by=ALICE)

    def withdraw(self) -> None:
        if waiting := self.session.events.filter(type="user.message").order_by("-seq")[:3]:
            afterthoughts.withdraw(self.session, self.dice.choice(waiting).pk, by=ALICE)

    def try_again(self) -> None:
        afterthoughts.try_again(self.session, by=ALICE)

    def rename(self) -> None:
        updates.update(self.session, title=f"Talk {self.dice.random()}")

    def spend(self) -> None:
        self.cents += 1
        updates.update(self.session, budget_cents=self.cents)

    def work_elsewhere(self) -> None:
        events.append(self.other, Entry("session.thread_status_running"))

    # -- What models do -------------------------------------------------------------------

    def respond(self, request: dict) -> Turn | Raw:
        self.happen(2)
        connection.close()
        dice = self.dice.random()
        if dice < 0.12:
            return Raw(529, {"error": {"type": "overloaded_error", "message": "busy"}})
        if dice < 0.17:
            return Raw(401, {"error": {"type": "authentication_error", "message": "no"}})
        if dice < 0.2:
            return Turn("No.", stop_reason="refusal")
        calls = [self.call() for _ in range(self.dice.randrange(4))]
        return Turn("Well.", *calls)

    def call(self) -> Call:
        name = f"/{self.dice.choice(['workspace', 'mnt/memory/notes'])}/{self.dice.randrange(3)}.md"
        return self.dice.choice(
            [
                Call("glob", {"pattern": "**"}),
                Call("read", {"file_path": name}),
                Call("grep", {"pattern": "a"}),
                Call("write", {"file_path": name, "content": f"{self.dice.random()}\n"}),
                Call("edit", {"file_path": name, "old_string": "0", "new_string": "1"}),
                Call("weather", {"city": "Bern"}),
                Call("nonsense", {"city": "Bern"}),
            ]
        )

    # -- What workers do ------------------------------------------------------------------

    def work(self) -> None:
        Thread.objects.filter(status=Status.RESCHEDULING).update(retry_at=timezone.now())
        lease = leases.claim(Thread, self.thread.pk, loop.DUE, timezone.now())
        if lease is None:
            return
        turn = loop.Turn(lease, tasks.CHAT)
        with suppress(leases.LeaseLost), killed_at(self.last_statement()):
            while turn.step():
                self.check(turn.held._known)
                self.happen(1)
                if self.dice.random() < 0.03:
                    Thread.objects.update(lease_owner="", lease_until=None)  # as if too late
            self.check(turn.held._known)
            turn.held.remember()
        Thread.objects.update(lease_owner=lease.owner)
        lease.release()  # as a dead worker's runs out

    def last_statement(self) -> int:
        return self.dice.choice([NEVER, NEVER, self.dice.randrange(120)])

    def check(self, known: memo.Log) -> None:
        """Whatever was known, going on from it leads to the same as reading everything."""
        known.read_on(self.thread)
        fresh = memo.Log()
        fresh.read_on(self.thread)
        assert list(map(told, known.events)) == list(map(told, fresh.events))
        assert known.length == fresh.length and known.turn() == fresh.turn()

    def settle(self) -> None:
        """What the sweep and people do once it is quiet."""
        updates.update(self.session, budget_cents=None)
        conversation.stop(self.session)
        while Thread.objects.get(pk=self.thread.pk).status != Status.IDLE:
            self.work()


DEEDS = [
    *[Life.say] * 3,
    *[Life.stop, Life.answer, Life.answer, Life.decide, Life.decide, Life.withdraw],
    *[Life.try_again, Life.rename, Life.spend, Life.work_elsewhere],
]


def told(event) -> tuple:
    shown = json.dumps([event.payload, event.private], sort_keys=True)
    return event.position, event.pk, event.type, event.processed_at, shown


@pytest.mark.parametrize("seed", range(4))
def test_what_a_worker_knows_is_the_log_whatever_happened(workspace, fake, rings, seed):
    budgets.set_price(workspace, "claude-fake", DEAR)
    model = {"id": "claude-fake", "effort": None, "speed": "standard", "inference_geo": None}
    agent = make_agent(model=model, tools=[ASKING, WEATHER])
    session = make_session(agent=agent, stores=[make_store(name="Notes", files={"/0.md": "0a\n"})])
    Session.objects.update(budget_cents=2)
    session.refresh_from_db()
    life = Life(session, seed)
    fake.script(Turn("Let me look.", Call("glob", {"pattern": "**"})))
    fake.respond = life.respond
    for _ in range(ROUNDS):
        life.happen(3)
        life.work()
    fake.respond = lambda request: Turn("That is all.")
    life.settle()
    check_invariants(session)
    check_rings(session, rings)


def check_rings(session: Session, rings: list[str]) -> None:
    """What was told of each place in the log, and is not read, is what stands there."""
    start = f"{RING} {session.pk} "
    news = [
        event
        for ring in rings
        if ring.startswith(start)
        for event in tidings.read(ring.removeprefix(start))
    ]
    log = [sighting.told() for sighting in events.since(session.pk, 0)]
    assert [event.position for event in log] == list(range(1, session.last_seq + 1))
    assert news and all(comparable(event) == comparable(log[event.position - 1]) for event in news)


def comparable(event: tidings.Told) -> tuple:
    return event._replace(data=json.dumps(json.loads(event.data), sort_keys=True))
