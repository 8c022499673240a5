"""The scheduler rings for a sweep when there is something to sweep, and only then."""

from datetime import timedelta

import pytest
from celery import signals
from django.db import OperationalError
from django.utils import timezone

from console.celery import app
from console.scheduler import Scheduler
from memory import indexing
from sessions import conversation
from sessions.models import BUDGET_REACHED, Session, Status, Thread
from tests.factories import finish, make_dream, make_session, make_store

pytestmark = pytest.mark.django_db(transaction=True)
TURNS, DREAMS, ENDS = "sessions.tasks.sweep", "dreaming.tasks.sweep", "dreaming.tasks.sweep_ends"
TEXTS = "memory.tasks.sweep"
MONTHS_AGO = timezone.now() - timedelta(days=90)


@pytest.fixture
def scheduler():
    app.loader.import_default_modules()
    scheduler = Scheduler(app)
    yield scheduler
    scheduler.close()


@pytest.fixture
def rung(scheduler, settings):
    """One round of the scheduler; returns the sweeps it sent."""

    def round() -> set[str]:
        sent = set()

        def note(sender: str, **message) -> None:
            sent.add(sender)

        with_note = signals.before_task_publish.connect(note, weak=False)
        for entry in scheduler.schedule.values():
            entry.last_run_at = MONTHS_AGO
        scheduler.populate_heap()
        while scheduler.tick() <= 0:
            pass
        signals.before_task_publish.disconnect(with_note)
        return sent & set(settings.SWEEPS)

    return round


def test_where_nothing_waits_no_sweep_is_sent(workspace, rung):
    make_session(stores=[make_store(files={"/few.md": "Too few to be indexed.\n"})])
    finish(make_dream())
    assert rung() == set()
    assert rung() == set()


@pytest.mark.parametrize("status", [Status.RUNNING, Status.RESCHEDULING])
def test_a_turn_that_is_not_over_is_swept(workspace, rung, status):
    session = make_session()
    conversation.say(session, "Hello")
    Thread.objects.update(status=status)
    assert rung() == {TURNS}


def test_a_turn_that_a_budget_has_stopped_is_swept_until_its_session_is_archived(workspace, rung):
    session = make_session()
    Thread.objects.update(idle_reason=BUDGET_REACHED)
    assert rung() == {TURNS}
    conversation.archive(session)
    assert rung() == set()


def test_a_dream_is_swept_until_it_is_over(workspace, rung):
    dream = make_dream()
    assert rung() == {DREAMS}
    finish(dream)
    assert rung() == set()


def test_a_session_is_swept_once_its_time_to_be_saved_has_come(workspace, rung):
    make_session()
    Session.objects.update(save_at=timezone.now() + timedelta(minutes=1))
    assert rung() == set()
    Session.objects.update(save_at=MONTHS_AGO)
    assert rung() == {ENDS}


def test_texts_are_swept_once_there_are_enough(workspace, rung, monkeypatch):
    make_store(files={"/a.md": "One.\n", "/b.md": "Two.\n"})
    monkeypatch.setattr(indexing, "FEWEST", 2)
    assert rung() == {TEXTS}


def test_a_database_that_is_away_stops_no_other_sweep(workspace, rung, settings):
    make_dream()
    settings.SWEEPS = {**settings.SWEEPS, TURNS: f"{__name__}.away"}
    assert rung() == {DREAMS}


def away() -> bool:
    raise OperationalError("server closed the connection unexpectedly")


def test_the_scheduler_sleeps_until_a_sweep_is_due(workspace, rung, scheduler, settings):
    rung()
    assert settings.SWEEP_SECONDS - 1 < scheduler.tick() <= settings.SWEEP_SECONDS


def test_a_clock_that_was_set_back_silences_no_sweep(workspace, rung, scheduler, settings):
    rung()
    for entry in scheduler.schedule.values():
        entry.last_run_at += timedelta(hours=1)
    scheduler.populate_heap()
    assert scheduler.tick() <= settings.SWEEP_SECONDS


def test_a_scheduler_that_starts_sends_what_is_due_each_hour_too(scheduler, settings):
    hourly = {name: scheduler.schedule[name] for name in ("sweep uploads", "sweep sign-ins")}
    assert all(scheduler.is_due(entry).is_due for entry in hourly.values())
    assert set(scheduler.schedule) == set(settings.CELERY_BEAT_SCHEDULE)
