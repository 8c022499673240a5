"""Doorbells of memory: the search's index catches up, and what nobody imported is thrown away."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from memory import indexing
from memory.models import Upload

AT_A_TIME = 30.0  # seconds; then others may have the worker
UPLOAD_LIFETIME = timedelta(days=1)


@shared_task
def sweep() -> None:
    """Index the texts that wait. Without it searches are slower, never wrong."""
    indexing.catch_up(AT_A_TIME)


@shared_task
def sweep_uploads() -> None:
    """Throw away what was sent a day ago and never imported."""
    Upload.objects.filter(created_at__lt=timezone.now() - UPLOAD_LIFETIME).delete()
