"""The API of the sessions app: models, agents, environments, sessions and their events."""

from django.http import HttpRequest, HttpResponse
from ninja import Router

from console.api import api, conflict, envelope, invalid
from console.openapi import BY_HAND
from sessions.agents import Stale
from sessions.api import agents, environments, events, models, sessions, streams, threads
from sessions.conversation import Refused

BY_HAND.update(streams.PATHS)
router = Router()
router.add_router("models", models.router)
router.add_router("agents", agents.router)
router.add_router("environments", environments.router)
router.add_router("sessions", sessions.router)
router.add_router("sessions", threads.router)
router.add_router("sessions", events.router)


# What the verbs raise, said in the words of the wire; `Invalid` is memory's to say.


@api.exception_handler(Refused)
def _refused(request: HttpRequest, error: Refused) -> HttpResponse:
    return envelope(request, invalid(str(error)))


@api.exception_handler(Stale)
def _stale(request: HttpRequest, error: Stale) -> HttpResponse:
    return envelope(request, conflict(str(error)))
