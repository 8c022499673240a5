"""How a session begins: a snapshot of its agent, and the stores it mounts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone

from console.models import Workspace
from memory import paths
from memory.models import Store
from memory.paths import Invalid
from sessions import agents, budgets, spending
from sessions.context import MOUNT_ROOT
from sessions.conversation import Refused
from sessions.models import Access, Agent, Attachment, Environment, Session, Thread

MAX_STORES = 8
MAX_INSTRUCTIONS = 4096


@dataclass(frozen=True)
class Mount:
    """A store to attach, and how."""

    store: Store
    access: str = Access.READ_WRITE
    instructions: str | None = None


@transaction.atomic
def start(
    workspace: Workspace,
    agent: Agent,
    environment: Environment,
    *,
    config: dict[str, Any] | None = None,
    agent_version: int | None = None,
    mounts: Sequence[Mount] = (),
    title: str | None = None,
    metadata: dict | None = None,
    budget_cents: int | None = None,
) -> Session:
    """Open a session on a snapshot of the agent. Raises `Invalid` and `Refused`.

    `config` replaces the agent's own configuration (overrides); `mounts` are what is attached, the
    agent's default stores are the caller's to add.
    """
    if agent.archived_at:
        raise Refused(f"The agent {agent.name!r} is archived; choose another one.")
    if environment.archived_at:
        raise Refused(f"The environment {environment.name!r} is archived; choose another one.")
    config = agents.check_config(config or agent.latest.config)
    if budget_cents is not None:
        check_budget(workspace, config["model"]["id"], budget_cents)
    now = timezone.now()
    session = Session.objects.create(
        workspace=workspace,
        agent=agent,
        agent_version=agent_version or agent.version,
        agent_config=config,
        environment=environment,
        title=check_title(title),
        metadata=paths.check_metadata(metadata or {}),
        budget_cents=budget_cents,
        created_at=now,
        updated_at=now,
    )
    attach(session, mounts)
    times = {"created_at": now, "updated_at": now}
    Thread.objects.create(session=session, name=session.agent_config["name"], **times)
    return session


def check_title(title: str | None) -> str | None:
    if title and len(title) > 256:
        raise Invalid("The title must have at most 256 characters.")
    if title and "\0" in title:
        raise Invalid("The title may not contain a NUL character.")
    return title or None


def check_budget(workspace: Workspace, model: str, cents: int) -> None:
    """Raise `Invalid` unless this many cents can be a budget for the model."""
    if not 0 < cents <= spending.MOST_CENTS:
        raise Invalid("A budget must be a whole number of cents, more than 0.")
    if budgets.price_of(workspace, model) is None:
        raise Invalid(
            f"model_not_budgetable: nobody knows what the model {model!r} costs."
            " An owner can set its price under Settings, Models."
        )


@transaction.atomic
def attach(session: Session, mounts: Sequence[Mount], *, drafts: bool = False) -> None:
    """Mount stores into a new session. Raises `Invalid` and `Refused`."""
    if len(mounts) > MAX_STORES:
        raise Invalid(f"A session can attach at most {MAX_STORES} stores.")
    if len({mount.store.pk for mount in mounts}) < len(mounts):
        raise Invalid("A store can be attached only once.")
    # All in the order of their keys, or two sessions that begin at once would wait for each other.
    rows = Store.objects.select_for_update(no_key=True).order_by("pk")
    held = {store.pk: store for store in rows.filter(pk__in=[mount.store.pk for mount in mounts])}
    taken: set[str] = set()
    for mount in mounts:
        store = held.get(mount.store.pk)
        if store is None:
            raise Refused(f"The store {mount.store.name!r} has been deleted.")
        _check_mountable(store, mount, drafts)
        path = _free_path(store, taken)
        Attachment.objects.create(
            session=session,
            store=store,
            store_key=store.pk,
            access=Access(mount.access),
            instructions=mount.instructions or None,
            name=store.name,
            description=store.description,
            mount_path=path,
        )


def _check_mountable(store: Store, mount: Mount, drafts: bool) -> None:
    if store.is_draft and not drafts:
        dream = getattr(store, "dream", None)
        where = f" of {dream.pk}; review it at {dream.get_absolute_url()}review" if dream else ""
        raise Refused(
            f"The store {store.name!r} is a draft{where}. Adopt the dream before attaching it."
        )
    if store.is_archived:
        raise Refused(f"The store {store.name!r} is archived; new sessions cannot attach it.")
    if len(mount.instructions or "") > MAX_INSTRUCTIONS:
        raise Invalid(f"Instructions must have at most {MAX_INSTRUCTIONS:,} characters.")
    if "\0" in (mount.instructions or ""):
        raise Invalid("Instructions may not contain a NUL character.")


def _free_path(store: Store, taken: set[str]) -> str:
    base = name = paths.slug(store.name)
    number = 2
    while name in taken:
        name, number = f"{base}-{number}", number + 1
    taken.add(name)
    return f"{MOUNT_ROOT}/{name}"
