"""Pure: agents, environments, sessions and threads as the API shows them (wire contract §8–§13)."""

from typing import Any

from django.utils import timezone

from console.api import stamp
from sessions import budgets, shells
from sessions.models import Agent, Attachment, Environment, Session, Thread
from sessions.providers.catalogue import Model


def model(model: Model) -> dict[str, Any]:
    return {
        "type": "model",
        "id": model.id,
        "display_name": model.display_name,
        "created_at": stamp(model.created_at),
        "lifecycle": "active",
        "line": None,
        "max_input_tokens": model.max_input_tokens,
        "max_tokens": model.max_tokens,
        "deprecated_at": None,
        "retires_at": None,
        "capabilities": None,
    }


def agent(agent: Agent, version: Any = None) -> dict[str, Any]:
    version = version or agent.latest
    return {
        "type": "agent",
        "id": agent.pk,
        "version": version.number,
        **version.config,
        "metadata": version.metadata,
        "created_at": stamp(agent.created_at),
        "updated_at": stamp(version.created_at),
        "archived_at": stamp(agent.archived_at),
    }


def environment(environment: Environment) -> dict[str, Any]:
    return {
        "type": "environment",
        "id": environment.pk,
        "name": environment.name,
        "description": environment.description,
        "config": {**environment.config, "bash": shells.of(environment.config)},
        "metadata": environment.metadata,
        "scope": "organization",
        "created_at": stamp(environment.created_at),
        "updated_at": stamp(environment.updated_at),
        "archived_at": stamp(environment.archived_at),
    }


def session(session: Session) -> dict[str, Any]:
    return {
        "type": "session",
        "id": session.pk,
        "status": session.status,
        "title": session.title,
        "agent": session.snapshot,
        "environment_id": session.environment_id,
        "resources": [resource(attachment) for attachment in session.attachments.all()],
        "vault_ids": [],
        "metadata": session.metadata,
        "outcome_evaluations": [],
        "stats": _stats(session),
        "usage": budgets.wire_usage(session),
        "budget": budgets.wire_budget(session.budget_cents),
        "deployment_id": None,
        "created_at": stamp(session.created_at),
        "updated_at": stamp(session.updated_at),
        "archived_at": stamp(session.archived_at),
    }


def _stats(session: Session) -> dict[str, float]:
    ended = session.archived_at or timezone.now()
    return {
        "active_seconds": round(session.active_seconds, 3),
        "duration_seconds": round((ended - session.created_at).total_seconds(), 3),
    }


def resource(attachment: Attachment) -> dict[str, Any]:
    return {
        "type": "memory_store",
        "memory_store_id": attachment.store_key,
        "access": attachment.access,
        "instructions": attachment.instructions,
        "name": attachment.name,
        "description": attachment.description,
        "mount_path": attachment.mount_path,
    }


def thread(thread: Thread) -> dict[str, Any]:
    session, is_primary = thread.session, thread.parent_id is None
    snapshot = session.snapshot
    snapshot.pop("multiagent")
    return {
        "type": "session_thread",
        "id": thread.pk,
        "session_id": thread.session_id,
        "parent_thread_id": thread.parent_id,
        "agent": {**snapshot, "name": thread.name},
        "status": thread.status,
        # A single agent's thread is its session; for a dream's sub-agents no time is kept.
        "stats": {**_stats(session), "startup_seconds": None} if is_primary else None,
        "usage": budgets.wire_usage(session) if is_primary else _own_usage(thread),
        "workflow_run_id": None,
        "created_at": stamp(thread.created_at),
        "updated_at": stamp(thread.updated_at),
        "archived_at": stamp(thread.archived_at or session.archived_at),
    }


def _own_usage(thread: Thread) -> dict[str, Any]:
    return {"input_tokens": thread.input_tokens, "output_tokens": thread.output_tokens}
