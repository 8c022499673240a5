"""How a thread's model is asked: what it is shown, and when that is too much for it."""

from collections.abc import Callable, Sequence
from functools import cached_property

from django.utils import timezone

from console.actors import Actor
from sessions import compaction, context, listening
from sessions.models import Event, Thread
from sessions.providers import catalogue
from sessions.providers.base import Reply, Request
from sessions.tools.mounts import attached
from sessions.trades import Trade


class Asking:
    """One thread's way to its model."""

    def __init__(self, thread: Thread, trade: Trade) -> None:
        self.thread, self.trade = thread, trade
        self.session = thread.session
        self.choose_model()

    def hear(
        self, request: Request, preview: listening.Preview, is_stopped: Callable[[], bool]
    ) -> Reply | None:
        """The model's reply; None when the turn was stopped meanwhile. Raises `ProviderError`."""
        return listening.hear(self.choice.provider(), request, preview, is_stopped)

    def choose_model(self) -> None:
        """Look the model up anew: whatever an owner has mended meanwhile works at once."""
        self.choice = catalogue.choose(self.session.model, self.session.workspace)

    def request(self, log: Sequence[Event]) -> Request:
        config, now = self.session.agent_config, timezone.now()
        keys = ("name", "description", "input_schema")
        custom = [
            {key: tool[key] for key in keys}
            for tool in config["tools"]
            if tool["type"] == "custom" and self.thread.parent_id is None
        ]
        return Request(
            model=self.session.model,
            system=context.system_prompt(
                self.trade.system or config["system"], attached(self.session), now
            ),
            messages=compaction.shown(self._shown(log)),
            tools=[*self.specs, *custom],
            now=now,
            purpose=self.thread.purpose,
            max_tokens=self._longest_reply(),
        )

    @cached_property
    def specs(self) -> list[dict]:
        """The built-in tools that the model is offered."""
        nobody = Actor(self.session.pk, self.session.agent_config["name"])
        return self.trade.toolbox(self.session, nobody).specs

    def _shown(self, log: Sequence[Event]) -> Sequence[Event]:
        if not self.trade.forgets:
            return log
        said = [place for place, event in enumerate(log) if event.type == "user.message"]
        return log[said[-1] :] if said else log

    def _longest_reply(self) -> int:
        """In tokens; at most half the window: vLLM refuses what would not fit with its answer."""
        most, model = catalogue.LONGEST_REPLY, self.choice.model
        return min(most, model.max_input_tokens // 2) if model else most

    # -- What is too much ---------------------------------------------------------------

    def full(self, log: Sequence[Event]) -> compaction.Cut | None:
        """Where to cut the conversation, when the model's window is nearly full."""
        model = self.choice.model
        if not model or not self._can_compact:
            return None
        is_full = compaction.is_full(log, model.max_input_tokens, model.max_tokens)
        return compaction.cut(log, model.max_input_tokens) if is_full else None

    def smaller(self, log: Sequence[Event]) -> compaction.Cut | None:
        """Where to cut when the model found the conversation too long, whatever we thought."""
        return compaction.cut(log, compaction.tokens(log)) if self._can_compact else None

    @property
    def _can_compact(self) -> bool:
        # A dream's threads get what fits, and the built-in model has no window.
        return self.thread.purpose == "chat" and self.session.model != catalogue.BUILTIN.id
