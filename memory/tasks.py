"""Doorbells of memory: the search's index catches up with what was written."""

from celery import shared_task

from memory import indexing

AT_A_TIME = 30.0  # seconds; then others may have the worker


@shared_task
def sweep() -> None:
    """Index the texts that wait. Without it searches are slower, never wrong."""
    indexing.catch_up(AT_A_TIME)
