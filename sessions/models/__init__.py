"""Agents, environments, and sessions with their log."""

from sessions.models.agents import Access, Agent, Agents, AgentVersion, DefaultStore, Environment
from sessions.models.files import Glimpse, ScratchFile
from sessions.models.money import ModelPrice, MonthSpent, SpendingLimit
from sessions.models.sessions import (
    BUDGET_REACHED,
    FAILED,
    FORMAT,
    IMPORTED,
    REQUIRES_ACTION,
    WITHDRAWN,
    Attachment,
    Event,
    Import,
    Session,
    Sessions,
    Status,
    Thread,
)

__all__ = [
    "Access",
    "Agent",
    "Agents",
    "AgentVersion",
    "DefaultStore",
    "Environment",
    "BUDGET_REACHED",
    "FAILED",
    "FORMAT",
    "IMPORTED",
    "REQUIRES_ACTION",
    "WITHDRAWN",
    "Attachment",
    "Event",
    "Import",
    "Session",
    "Sessions",
    "Status",
    "Thread",
    "ModelPrice",
    "MonthSpent",
    "SpendingLimit",
    "Glimpse",
    "ScratchFile",
]
