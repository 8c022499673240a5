"""Doorbells of the console: sign-ins that have expired are thrown away."""

from importlib import import_module

from celery import shared_task
from django.conf import settings


@shared_task
def sweep_sign_ins() -> None:
    """Django only ignores them; the table would grow for ever."""
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
