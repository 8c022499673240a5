"""The worker's side of a turn: ask, act, repeat, until the model asks for nothing.

The state of a turn is its thread's log. Whatever instant a worker dies at, the next one reads the
log and goes on: an unanswered tool call is run, an unanswered message is sent to the model again.
A tool's effect and its result commit together, so that no effect is lost or doubled.
"""

import logging
import random
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import cached_property

from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Q
from django.utils import timezone

from console.actors import Actor
from sessions import (
    budgets,
    compaction,
    context,
    counting,
    events,
    leases,
    listening,
    memo,
    permissions,
    telling,
    transcript,
)
from sessions.events import Entry
from sessions.leases import LeaseLost
from sessions.models import BUDGET_REACHED, Event, Session, Status, Thread
from sessions.providers import catalogue
from sessions.providers.base import ProviderError, Reply, Request
from sessions.tools import Toolbox

logger = logging.getLogger(__name__)
MAX_REQUESTS = 100
TOO_LONG = (
    "tool_use_limit_reached_error",
    f"The turn was stopped after {MAX_REQUESTS} model requests.",
)
LIMIT_REACHED = "compaction_limit_reached_error"
TOO_LARGE = (
    "The conversation does not fit into the model's window, and cannot be condensed any further:"
    " start a new session, or choose a model with a larger window."
)
END_TURN = {"type": "end_turn"}


@dataclass(frozen=True)
class Trade:
    """What differs between kinds of threads: their tools, and how to ring for them again.

    `toolbox(session, actor)` makes the tools for one call; `ring(thread_id, seconds)` queues the
    thread to be worked on again after that time. `system` replaces the agent's own prompt. With
    `forgets` the model sees each user message without those before it.
    """

    toolbox: Callable[[Session, Actor], Toolbox]
    ring: Callable[[str, float], None]
    system: str | None = None
    forgets: bool = False


def run(thread_id: str, trade: Trade) -> None:
    """Work on the thread until its turn ends; return at once when it is not ours to run."""
    lease = leases.claim(Thread, thread_id, due())
    if lease is None:
        return
    try:
        turn = Turn(lease, trade)
        while turn.step():
            pass
        turn.remember()
    except LeaseLost:
        logger.info("Thread %s was taken over by another worker.", thread_id)
    finally:
        lease.release()


def due() -> Q:
    """Threads whose turn somebody should be working on now; a stop waits for no retry."""
    soon = Q(retry_at__lte=timezone.now()) | Q(stop_requested=True)
    return Q(status=Status.RUNNING) | Q(status=Status.RESCHEDULING) & soon


class Turn:
    """One worker's run over one thread, from the claim until it goes idle or is put off.

    `log` is what the thread's log held when it was last read.
    """

    def __init__(self, lease: leases.Lease, trade: Trade) -> None:
        self.lease, self.trade = lease, trade
        threads = Thread.objects.select_related("session__workspace", "session__agent")
        self.thread = threads.get(pk=lease.pk)
        self.session = self.thread.session
        self.is_primary = self.thread.parent_id is None
        self.known = memo.take(self.thread.pk)
        self.has_failed = False
        self._catch_up()  # a long log is read before the thread is locked

    @property
    def log(self) -> list[Event]:
        return self.known.events

    def _read_anew(self) -> None:
        """After a failure: some of what was read may have been rolled back with it."""
        self.known, self.has_failed = memo.Log(), True

    def remember(self) -> None:
        """Keep what was read for the next turn, unless this one failed."""
        if not self.has_failed:
            memo.keep(self.thread.pk, self.known)

    def step(self) -> bool:
        """Do the next thing the log asks for; False when the turn is over or put off."""
        try:
            return self._step()
        except (LeaseLost, OperationalError, InterfaceError):
            raise  # someone else has it, or the database is away: the sweep will ring again
        except Exception:
            logger.exception("Thread %s: the turn failed.", self.thread.pk)
            self._read_anew()
            return self._give_up(
                "unknown_error", "Something went wrong inside Reverie; the server's log says what."
            )

    def _step(self) -> bool:
        with self.lease.transaction() as thread:
            state = self._hear_decisions(self._catch_up())
            self._wake_up(thread)
            if state.open_request:
                self._append(telling.span_end(state.open_request, is_error=True))
            if thread.stop_requested:
                return self._interrupt(state)
            calls = state.ready_calls
            if not calls and not self._may_ask(state):
                return self._go_on(state)
            # Here, and not in a transaction of its own: each costs as much as an event.
            asks = not calls and state.requests < MAX_REQUESTS
            full = self._full() if asks else None
            start = self._append(telling.span_start()) if asks else []
        if full:
            return self._compact(*start, full)
        for call in calls:
            self._run_tool(call, state.decisions.get(call.pk))
        if calls:
            return True
        return self._ask(*start) if start else self._give_up(*TOO_LONG)

    # -- What a step can be -------------------------------------------------------------

    def _ask(self, start: Event) -> bool:
        preview = listening.Preview(self.session.pk, self.thread.pk)
        try:
            provider = catalogue.provider_for(self.session.model, self.session.workspace)
            reply = listening.hear(provider, self._request(), preview, self._is_stopped)
            if reply and telling.is_empty(reply):
                raise telling.empty(reply)
        except ProviderError as error:
            return self._too_long(start, error) if error.too_long else self._put_off(start, error)
        if reply is None:
            return True  # stopped while listening; the next step sees the request
        return self._heard(start, reply, preview)

    def _too_long(self, start: Event, error: ProviderError) -> bool:
        smaller = self._smaller()
        if smaller is None:
            message = f"{TOO_LARGE} {error.message}"
            return self._put_off(start, ProviderError(LIMIT_REACHED, message, retryable=False))
        with self.lease.transaction():
            [_, again] = self._append(telling.span_end(start, is_error=True), telling.span_start())
        return self._compact(again, smaller)

    def _full(self) -> compaction.Cut | None:
        """Where to cut the conversation, when the model's window is nearly full."""
        model = catalogue.find(self.session.model, self.session.workspace)
        if not self._can_compact or model is None:
            return None
        if not compaction.is_full(self.log, model.max_input_tokens, model.max_tokens):
            return None
        return compaction.cut(self.log, model.max_input_tokens)

    def _smaller(self) -> compaction.Cut | None:
        """Where to cut when the model found the conversation too long, whatever we thought."""
        return compaction.cut(self.log, compaction.tokens(self.log)) if self._can_compact else None

    @property
    def _can_compact(self) -> bool:
        # A dream's threads get what fits, and the built-in model has no window.
        return self.thread.purpose == "chat" and self.session.model != catalogue.BUILTIN.id

    def _compact(self, start: Event, where: compaction.Cut) -> bool:
        """Tell what is older than the cut in short: by the model, or without it when it fails."""
        asked = compaction.request(self.log, where, self.session.model, timezone.now())
        reply, silence = None, listening.Silence(self.session.pk, self.thread.pk)
        try:
            provider = catalogue.provider_for(self.session.model, self.session.workspace)
            reply = listening.hear(provider, asked, silence, self._is_stopped)
        except ProviderError as error:
            logger.warning("Thread %s is condensed without its model: %s", self.thread.pk, error)
        else:
            if reply is None:
                return True  # stopped while listening; the next step sees the request
        summary = reply.text.strip() if reply else ""
        kept = compaction.private(self.log, where, summary or compaction.by_code(where.older))
        usage = asdict(reply.usage) if reply else None
        end = telling.span_end(start, is_error=reply is None, usage=usage, condenses=True)
        with self.lease.transaction() as thread:
            self._append(end, Entry(compaction.TYPE, private=kept))
            if reply:
                counting.add_reply(self.session, thread, reply)
        return True

    def _heard(self, start: Event, reply: Reply, preview: listening.Preview) -> bool:
        refused = reply.stop_reason == "refusal"
        entries = telling.heard(
            start, reply, thinking=preview.thinking_id, message=preview.event_id
        )
        # A refusal ends the turn: nobody would answer its calls.
        entries += [self._call(block) for block in reply.tool_calls if not refused]
        with self.lease.transaction() as thread:
            self._append(*entries)
            counting.add_reply(self.session, thread, reply)
            if refused:
                return self._idle({"type": "refusal"}, explanation=reply.explanation)
        return True

    def _hear_decisions(self, state: transcript.Turn) -> transcript.Turn:
        """Take up what people decided about calls that wait for their permission."""
        if not state.held_calls:
            return state
        for decision in events.queued(self.thread).filter(type=transcript.CONFIRMATION):
            events.take_up(decision)
        return self._catch_up()

    def _run_tool(self, call: Event, decision: Event | None) -> None:
        actor = Actor(self.session.pk, self.session.agent_config["name"], event=call.pk)
        toolbox, asked = self.trade.toolbox(self.session, actor), call.payload
        work = None
        if not permissions.is_denied(decision):
            # It may take minutes, but changes nothing of ours: whoever resumes the turn repeats it.
            work = toolbox.work(asked["name"], asked["input"], self._is_stopped)
        with self.lease.transaction() as thread:
            if thread.stop_requested:
                return
            if work is None:
                text, facts = permissions.refusal(decision), {"denied": True}
                self._append(telling.result(call, text, True, facts))
                return
            result = toolbox.run(asked["name"], asked["input"], work)
            self._append(telling.result(call, result.text, result.is_error, result.facts))

    def _may_ask(self, state: transcript.Turn) -> bool:
        return state.needs_reply and not state.open_calls and not budgets.is_spent(self.session)

    def _go_on(self, state: transcript.Turn) -> bool:
        """Begin the next turn, or go idle; under the lock, so that no message is stranded."""
        if state.open_calls:
            waiting = [call.pk for call in state.open_calls]
            return self._idle({"type": "requires_action", "event_ids": waiting})
        if state.needs_reply:
            return self._idle({"type": BUDGET_REACHED}, facts=self._whose_budget())
        if message := events.queued(self.thread).first():
            events.take_up(message)
            return True
        return self._idle(END_TURN)

    def _interrupt(self, state: transcript.Turn) -> bool:
        queued = events.queued(self.thread)
        # A message that still waits for its turn to begin is what was stopped.
        unheard = queued.filter(type="user.message")[: 0 if state.has_begun else 1]
        overtaken = queued.filter(type__in=("user.interrupt", transcript.CONFIRMATION))
        for event in [*unheard, *overtaken]:
            events.take_up(event)
        stopped = "Stopped by the user; nothing of this was done."
        self._append(*(telling.result(call, stopped, True) for call in state.open_calls))
        Thread.objects.filter(pk=self.thread.pk).update(stop_requested=False)
        return self._idle(END_TURN)

    def _put_off(self, start: Event, error: ProviderError) -> bool:
        with self.lease.transaction() as thread:
            self._append(telling.span_end(start, is_error=True))
            if thread.stop_requested:
                return True
            if error.retryable and thread.retries < settings.MODEL_MAX_RETRIES:
                return self._reschedule(thread, error)
        return self._give_up(error.type, error.message)

    def _reschedule(self, thread: Thread, error: ProviderError) -> bool:
        seconds = _backoff(thread.retries, error.retry_after)
        counting.add_time(self.thread)
        self._append(
            telling.error(error.type, error.message, "retrying"),
            *self._status_entries("rescheduled"),
        )
        self._set_status(
            Status.RESCHEDULING,
            retries=thread.retries + 1,
            retry_at=timezone.now() + timedelta(seconds=seconds),
            **RELEASED,
        )
        transaction.on_commit(lambda: self.trade.ring(self.thread.pk, seconds), robust=True)
        return False

    def _give_up(self, type: str, message: str) -> bool:
        with self.lease.transaction():
            state = self._catch_up()
            if state.open_request:
                self._append(telling.span_end(state.open_request, is_error=True))
            self._append(*(telling.result(call, message, True) for call in state.open_calls))
            for waiting in self._flushed():
                events.take_up(waiting)
            self._append(telling.error(type, message, "exhausted"))
            return self._idle({"type": "retries_exhausted"})

    # -- The parts they share -----------------------------------------------------------

    def _catch_up(self) -> transcript.Turn:
        """Read on in the log: results of custom tools come from outside, at any time."""
        read_to = self.known.read_to
        later = Q(seq__gt=read_to) | Q(processed_seq__gt=read_to)
        fresh = self.session.events.filter(later, thread=self.thread).exclude(processed_at=None)
        self.known.events += [each for each in events.in_order(fresh) if not each.is_withdrawn]
        if self.log:
            self.known.read_to = self.log[-1].position
        return transcript.where(self.log)

    def _flushed(self) -> Iterable[Event]:
        """What a turn that gives up takes with it; a dream's unread parts stay unread."""
        return [] if self.session.is_dream else events.queued(self.thread)

    def _append(self, *entries: Entry) -> list[Event]:
        return events.append(self.thread, *entries) if entries else []

    def _wake_up(self, thread: Thread) -> None:
        if thread.status == Status.RESCHEDULING:
            self._append(*self._status_entries("running"))
            self._set_status(Status.RUNNING, retry_at=None)

    def _whose_budget(self) -> dict:
        return {"of": "session" if budgets.is_own_spent(self.session) else "workspace"}

    def _idle(self, stop_reason: dict, *, explanation: str = "", facts: dict | None = None) -> bool:
        """Close the turn; True when messages already wait for the next one."""
        details = {"type": "refusal", "category": None, "explanation": explanation or None}
        shown = {"stop_reason": stop_reason, "stop_details": details if explanation else None}
        idle = Entry("session.thread_status_idle", {**self._named(), **shown}, private=facts)
        entries = [idle]
        if self.is_primary:
            counting.add_time(self.thread)
            entries.append(Entry("session.usage", counting.so_far(self.session)))
            entries.append(Entry("session.status_idle", shown))
        self._append(*entries)
        if self._goes_on(stop_reason):
            self._append(*self._status_entries("running"))
            return True
        rest = {"stop_requested": False, "retries": 0, "retry_at": None, **RELEASED}
        self._set_status(Status.IDLE, reason=stop_reason["type"], **rest)
        return False

    def _goes_on(self, stop_reason: dict) -> bool:
        # Whoever stops a dream means all of it; and what holds the turn has to be settled first.
        if self.session.is_dream or stop_reason["type"] in {"requires_action", BUDGET_REACHED}:
            return False
        return events.queued(self.thread).exists()

    def _set_status(self, status: str, *, reason: str = "", **changes) -> None:
        told = {"status": status, "idle_reason": reason, "updated_at": timezone.now()}
        Thread.objects.filter(pk=self.thread.pk).update(**told, **changes)
        if self.is_primary:
            save_at = self._save_at() if reason else None
            Session.objects.filter(pk=self.session.pk).update(**told, save_at=save_at)

    def _save_at(self) -> datetime | None:
        minutes = None if self.session.is_dream else self.session.agent.saves_after
        return None if minutes is None else timezone.now() + timedelta(minutes=minutes)

    def _status_entries(self, status: str) -> list[Entry]:
        return telling.status_entries(self.thread, status)

    def _named(self) -> dict:
        return {"session_thread_id": self.thread.pk, "agent_name": self.thread.name}

    def _call(self, block: dict) -> Entry:
        call = {"name": block["name"], "input": block["input"]}
        tools = self.session.agent_config["tools"]
        if self.is_primary and call["name"] in {t["name"] for t in tools if t["type"] == "custom"}:
            return Entry("agent.custom_tool_use", call)
        if self.session.is_dream:
            return Entry("agent.tool_use", {**call, "evaluated_permission": "allow"})
        verdict = permissions.judge(tools, {spec["name"] for spec in self._specs}, call)
        return Entry("agent.tool_use", {**call, **verdict})

    def _request(self) -> Request:
        attachments = self.session.attachments.all()
        now = timezone.now()
        config = self.session.agent_config
        custom = [t for t in config["tools"] if t["type"] == "custom" and self.is_primary]
        keys = ("name", "description", "input_schema")
        return Request(
            model=self.session.model,
            system=context.system_prompt(self.trade.system or config["system"], attachments, now),
            messages=compaction.shown(self._shown()),
            tools=[*self._specs, *({key: tool[key] for key in keys} for tool in custom)],
            now=now,
            purpose=self.thread.purpose,
            max_tokens=self._longest_reply(),
        )

    def _longest_reply(self) -> int:
        """In tokens; at most half the window: vLLM refuses what would not fit with its answer."""
        model = catalogue.find(self.session.model, self.session.workspace)
        most = catalogue.LONGEST_REPLY
        return min(most, model.max_input_tokens // 2) if model else most

    @cached_property
    def _specs(self) -> list[dict]:
        nobody = Actor(self.session.pk, self.session.agent_config["name"])
        return self.trade.toolbox(self.session, nobody).specs

    def _shown(self) -> list[Event]:
        said = [place for place, event in enumerate(self.log) if event.type == "user.message"]
        return self.log[said[-1] :] if self.trade.forgets and said else self.log

    def _is_stopped(self) -> bool:
        return Thread.objects.filter(pk=self.thread.pk, stop_requested=True).exists()


RELEASED = {"lease_owner": "", "lease_until": None}


def _backoff(retries: int, retry_after: float | None) -> float:
    """Seconds to wait: what the endpoint asked for, else 1, 2, 4, … with jitter."""
    if retry_after is not None:
        return min(retry_after, 300)
    return min(2**retries, 60) * random.uniform(0.75, 1.25)  # noqa: S311 - no secret
