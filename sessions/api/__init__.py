"""The API of the sessions app: models, agents, environments, sessions and their events."""

from ninja import Router

from sessions.api import agents, environments, events, models, sessions, threads

router = Router()
router.add_router("models", models.router)
router.add_router("agents", agents.router)
router.add_router("environments", environments.router)
router.add_router("sessions", sessions.router)
router.add_router("sessions", threads.router)
router.add_router("sessions", events.router)
