"""A small Celery app on the embedded broker, for tests that need real workers to kill.

`QUEUE` names the folder of the broker, `NOTES` the one where tasks leave a file when they start and
one when they are done. As a program it publishes:

    python -m tests.console.queue_app PREFIX COUNT [SECONDS [COUNTDOWN]]
"""

import os
import sys
import time
from pathlib import Path

from celery import Celery

import console.celery  # noqa: F401  (registers the transport)

app = Celery("queue_app", broker="embedded://", fixups=[])
app.conf.update(
    broker_transport_options={"path": os.environ.get("QUEUE", "")},
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=1,
    worker_enable_remote_control=False,
)


@app.task(name="note")
def note(name, padding, seconds):
    notes = Path(os.environ["NOTES"])
    (notes / f"{name}.started.{os.getpid()}").touch()
    time.sleep(seconds)
    (notes / f"{name}.done.{os.getpid()}").touch()


def main(prefix, count, seconds="0", countdown="0"):
    for number in range(int(count)):
        padding = "x" * (4_000 + 4_000 * (number % 10))
        arguments = [f"{prefix}{number}", padding, float(seconds)]
        note.apply_async(arguments, countdown=float(countdown) or None)


if __name__ == "__main__":
    main(*sys.argv[1:])
