"""The Celery app: `celery -A console …`; its settings are the `CELERY_…` ones of Django."""

import os

from celery import Celery, signals
from django.db import close_old_connections
from kombu.transport import TRANSPORT_ALIASES

from console import broker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
TRANSPORT_ALIASES["embedded"] = "console.broker:Transport"

app = Celery("reverie")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@signals.setup_logging.connect
def leave_logging_alone(**options) -> None:
    """Keep Django's LOGGING: Celery adds no handlers of its own while this is connected."""


@signals.task_prerun.connect
@signals.task_postrun.connect
def keep_connections(**options) -> None:
    """Let a thread keep its database connection from task to task, as Django does with requests.

    Opening one anew takes 2 ms beside SQLite and more beside PostgreSQL, before any turn begins.
    """
    close_old_connections()


@signals.worker_shutting_down.connect
def stop_at_once(**options) -> None:
    broker.hurry()
