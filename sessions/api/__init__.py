"""The API of the sessions app: models, agents, environments, sessions and their events."""

from ninja import Router

from console.openapi import BY_HAND
from sessions.api import agents, environments, events, models, sessions, streams, threads

BY_HAND.update(streams.PATHS)
router = Router()
router.add_router("models", models.router)
router.add_router("agents", agents.router)
router.add_router("environments", environments.router)
router.add_router("sessions", sessions.router)
router.add_router("sessions", threads.router)
router.add_router("sessions", events.router)
