"""What Celery does around a task."""

import pytest
from celery import signals
from celery.fixups.django import DjangoWorkerFixup
from django.db import connection

from console.celery import app

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def run():
    """What a worker does before and after a task."""
    fixup = DjangoWorkerFixup(app).install()
    task = next(iter(app.tasks.values()))

    def run() -> None:
        signals.task_prerun.send(sender=task)
        signals.task_postrun.send(sender=task)

    yield run
    signals.task_prerun.disconnect(fixup.on_task_prerun)
    signals.task_postrun.disconnect(fixup.on_task_postrun)


def test_a_connection_lasts_from_task_to_task(run):
    connection.ensure_connection()
    opened = connection.connection
    run()
    assert connection.connection is opened


def test_a_connection_that_is_too_old_is_closed_before_a_task(run):
    connection.ensure_connection()
    connection.close_at = 0
    run()
    assert connection.connection is None


def test_a_connection_that_the_server_has_dropped_is_closed_before_a_task(run):
    if connection.vendor == "sqlite":
        pytest.skip("there is no server")
    connection.ensure_connection()
    connection.connection.close()
    connection.errors_occurred = True  # as the task that met it leaves it
    run()
    assert connection.connection is None
