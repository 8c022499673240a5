"""What differs between kinds of threads."""

from collections.abc import Callable
from dataclasses import dataclass

from console.actors import Actor
from sessions.models import Session
from sessions.tools import Toolbox


@dataclass(frozen=True)
class Trade:
    """A kind of thread: its tools, and how to ring for it again.

    `toolbox(session, actor)` makes the tools for one call; `ring(thread_id, seconds)` queues the
    thread to be worked on again after that time. `system` replaces the agent's own prompt. With
    `forgets` the model sees each user message without those before it.
    """

    toolbox: Callable[[Session, Actor], Toolbox]
    ring: Callable[[str, float], None]
    system: str | None = None
    forgets: bool = False
