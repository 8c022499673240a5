"""The ground everyone stands on, and the assembly."""

from console.celery import app as celery_app

__all__ = ["celery_app"]
