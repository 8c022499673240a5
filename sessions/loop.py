"""The worker's side of a turn: ask, act, repeat, until the model asks for nothing.

The state of a turn is its thread's log. Whatever instant a worker dies at, the next one reads the
log and goes on: an unanswered tool call is run, an unanswered message is sent to the model again.
A tool's effect and its result commit together, so that no effect is lost or doubled.
"""

import logging
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, astuple
from functools import partial

from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Q
from django.utils import timezone

from console import rows
from console.actors import Actor
from sessions import (
    budgets,
    compaction,
    counting,
    leases,
    listening,
    permissions,
    telling,
    transcript,
)
from sessions.asking import Asking
from sessions.events import Entry
from sessions.held import Held
from sessions.leases import LeaseLost
from sessions.models import BUDGET_REACHED, Event, Status, Thread
from sessions.providers.base import ProviderError, Reply
from sessions.tools import Toolbox
from sessions.trades import Trade

logger = logging.getLogger(__name__)
MAX_REQUESTS = 100
HOLD_SECONDS = 0.1  # after so long, tools that run within one transaction let others write
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


def run(thread_id: str, trade: Trade) -> None:
    """Work on the thread until its turn ends; return at once when it is not ours to run."""
    lease = leases.claim(Thread, thread_id, DUE, rows.moment(timezone.now()))
    if lease is None:
        return
    try:
        turn = Turn(lease, trade)
        while turn.step():
            pass
        turn.held.remember()
    except LeaseLost:
        logger.info("Thread %s was taken over by another worker.", thread_id)
    finally:
        lease.release()


# Threads whose turn somebody should be working on at a time; a stop waits for no retry.
DUE = "status = 'running' OR status = 'rescheduling' AND (retry_at <= %s OR stop_requested)"


def due() -> Q:
    """What `DUE` says of now."""
    soon = Q(retry_at__lte=timezone.now()) | Q(stop_requested=True)
    return Q(status=Status.RUNNING) | Q(status=Status.RESCHEDULING) & soon


Then = Callable[[], "Then | None"]
"""What a turn does next, and returns what comes after it; None when the turn is over or put off."""


class Turn:
    """One worker's run over one thread, from the claim until it goes idle or is put off."""

    def __init__(self, lease: leases.Lease, trade: Trade) -> None:
        self.held, self.trade = Held(lease), trade
        self.thread, self.session = self.held.thread, self.held.session
        self.asking = Asking(self.thread, trade)
        self._then: Then | None = self._resume

    def step(self) -> bool:
        """Do the next thing the log asks for; False when the turn is over or put off."""
        try:
            self._then = self._then()
        except (LeaseLost, OperationalError, InterfaceError):
            raise  # someone else has it, or the database is away: the sweep will ring again
        except Exception:
            logger.exception("Thread %s: the turn failed.", self.thread.pk)
            self.held.doubt()
            self._then = self._give_up(
                "unknown_error", "Something went wrong inside Reverie; the server's log says what."
            )
        return self._then is not None

    def _resume(self) -> Then | None:
        with self.held.transaction() as thread:
            return self._advance(thread)

    def _advance(self, thread: Thread, *, has_just_heard: bool = False) -> Then | None:
        """Do all that the log asks for within one transaction; return what needs to be outside.

        Each transaction costs as much as several events, and its end is what readers are rung for.
        """
        goes_on = True
        while goes_on:
            state = self._take_stock(thread)
            if thread.stop_requested:
                thread.stop_requested, goes_on = False, self._interrupt(state)
            elif state.ready_calls and has_just_heard:
                return self._resume  # what was asked for is kept before any of it is done
            elif state.ready_calls:
                if then := self._run_tools(state):
                    return then
            elif self._may_ask(state):
                return self._begin_request(state)
            else:
                goes_on = self._go_on(state)
        return None

    def _take_stock(self, thread: Thread) -> transcript.Turn:
        """Where the turn stands, with a request closed that a dead worker left open."""
        state = self._hear_decisions(self.held.turn())
        if thread.status == Status.RESCHEDULING:
            self.held.wake_up()
            thread.status = Status.RUNNING
        if state.open_request:
            self.held.append(telling.span_end(state.open_request, is_error=True))
        return state

    # -- What happens outside of a transaction --------------------------------------------

    def _ask(self, start: Event) -> Then | None:
        preview = listening.Preview(self.session.pk, self.thread.pk)
        try:
            request = self.asking.request(self.held.log)
            reply = self.asking.hear(request, preview, self._is_stopped)
            if reply and telling.is_empty(reply):
                raise telling.empty(reply)
        except ProviderError as error:
            return self._too_long(start, error) if error.too_long else self._put_off(start, error)
        if reply is None:
            return self._resume  # stopped while listening: what comes next sees the request
        return self._heard(start, reply, preview)

    def _compact(self, start: Event, where: compaction.Cut) -> Then:
        """Tell what is older than the cut in short: by the model, or without it when it fails."""
        asked = compaction.request(self.held.log, where, self.session.model, timezone.now())
        reply, silence = None, listening.Silence(self.session.pk, self.thread.pk)
        try:
            reply = self.asking.hear(asked, silence, self._is_stopped)
        except ProviderError as error:
            logger.warning("Thread %s is condensed without its model: %s", self.thread.pk, error)
        else:
            if reply is None:
                return self._resume  # stopped while listening: what comes next sees the request
        summary = reply.text.strip() if reply else ""
        kept = compaction.private(self.held.log, where, summary or compaction.by_code(where.older))
        usage = asdict(reply.usage) if reply else None
        end = telling.span_end(start, is_error=reply is None, usage=usage, condenses=True)
        with self.held.transaction() as thread:
            self.held.append(end, Entry(compaction.TYPE, private=kept))
            if reply:
                counting.add_reply(self.session, thread, reply)
        return self._resume

    def _run_slowly(self, call: Event) -> Then:
        """Run a call that may take minutes, but changes nothing of ours before its transaction."""
        toolbox, asked = self._toolbox(call), call.payload
        work = toolbox.work(asked["name"], asked["input"], self._is_stopped)
        with self.held.transaction() as thread:
            if not thread.stop_requested:
                result = toolbox.run(asked["name"], asked["input"], work)
                self.held.append(telling.result(call, result.text, result.is_error, result.facts))
        return self._resume

    # -- What comes of a request ------------------------------------------------------------

    def _heard(self, start: Event, reply: Reply, preview: listening.Preview) -> Then | None:
        refused = reply.stop_reason == "refusal"
        entries = telling.heard(
            start, reply, thinking=preview.thinking_id, message=preview.event_id
        )
        # A refusal ends the turn: nobody would answer its calls.
        entries += [self._call(block) for block in reply.tool_calls if not refused]
        with self.held.transaction() as thread:
            self.held.append(*entries)
            counting.add_reply(self.session, thread, reply)
            if thread.stop_requested or not refused:
                return self._advance(thread, has_just_heard=True)
            goes_on = self.held.idle({"type": "refusal"}, explanation=reply.explanation)
        return self._resume if goes_on else None

    def _too_long(self, start: Event, error: ProviderError) -> Then | None:
        smaller = self.asking.smaller(self.held.log)
        if smaller is None:
            message = f"{TOO_LARGE} {error.message}"
            return self._put_off(start, ProviderError(LIMIT_REACHED, message, retryable=False))
        with self.held.transaction():
            [_, again] = self.held.append(
                telling.span_end(start, is_error=True), telling.span_start()
            )
        return partial(self._compact, again, smaller)

    def _put_off(self, start: Event, error: ProviderError) -> Then | None:
        with self.held.transaction() as thread:
            self.held.append(telling.span_end(start, is_error=True))
            if thread.stop_requested:
                return self._resume
            if error.retryable and thread.retries < settings.MODEL_MAX_RETRIES:
                seconds = _backoff(thread.retries, error.retry_after)
                told = telling.error(error.type, error.message, "retrying")
                self.held.put_off(told, retries=thread.retries + 1, seconds=seconds)
                ring = partial(self.trade.ring, self.thread.pk, seconds)
                transaction.on_commit(ring, robust=True)
                return None
        return self._give_up(error.type, error.message)

    def _give_up(self, type: str, message: str) -> Then | None:
        with self.held.transaction():
            state = self.held.turn()
            if state.open_request:
                self.held.append(telling.span_end(state.open_request, is_error=True))
            self.held.append(*(telling.result(call, message, True) for call in state.open_calls))
            for waiting in self._flushed():
                self.held.take_up(waiting)
            self.held.append(telling.error(type, message, "exhausted"))
            return self._resume if self.held.idle({"type": "retries_exhausted"}) else None

    # -- What happens within a transaction --------------------------------------------------

    def _hear_decisions(self, state: transcript.Turn) -> transcript.Turn:
        """Take up what people decided about calls that wait for their permission."""
        if not state.held_calls:
            return state
        for queued in self.held.queued():
            if queued.type == transcript.CONFIRMATION:
                self.held.take_up(queued)
        return self.held.turn()

    def _run_tools(self, state: transcript.Turn) -> Then | None:
        """Run what takes no time of its own; return what has to happen outside for the rest."""
        then, results, is_over = None, [], False
        until = time.monotonic() + HOLD_SECONDS
        toolbox = self._toolbox(state.ready_calls[0])
        for call in state.ready_calls:
            decision, asked = state.decisions.get(call.pk), call.payload
            if permissions.is_denied(decision):
                refusal = permissions.refusal(decision)
                results.append(telling.result(call, refusal, True, {"denied": True}))
            elif toolbox.takes_long(asked["name"]):
                then = partial(self._run_slowly, call)
                break
            elif is_over:
                then = self._resume
                break
            else:
                toolbox.act_for(call.pk)
                result = toolbox.run(asked["name"], asked["input"])
                results.append(telling.result(call, *astuple(result)))
                # Whoever changes two stores at once waits for who changes them the other way round.
                is_over = "version" in result.facts or time.monotonic() > until
        self.held.append(*results)
        return then

    def _begin_request(self, state: transcript.Turn) -> Then:
        if state.requests >= MAX_REQUESTS:
            return partial(self._give_up, *TOO_LONG)
        self.asking.choose_model()
        full = self.asking.full(self.held.log)
        [start] = self.held.append(telling.span_start())
        return partial(self._compact, start, full) if full else partial(self._ask, start)

    def _may_ask(self, state: transcript.Turn) -> bool:
        return state.needs_reply and not state.open_calls and not budgets.is_spent(self.session)

    def _go_on(self, state: transcript.Turn) -> bool:
        """Begin the next turn, or go idle; under the lock, so that no message is stranded."""
        if state.open_calls:
            waiting = [call.pk for call in state.open_calls]
            return self.held.idle({"type": "requires_action", "event_ids": waiting})
        if state.needs_reply:
            return self.held.idle({"type": BUDGET_REACHED})
        if waiting := self.held.queued():
            self.held.take_up(waiting[0])
            return True
        return self.held.idle(END_TURN)

    def _interrupt(self, state: transcript.Turn) -> bool:
        queued = self.held.queued()
        # A message that still waits for its turn to begin is what was stopped.
        messages = [event for event in queued if event.type == "user.message"]
        unheard = messages[: 0 if state.has_begun else 1]
        overtaken = {"user.interrupt", transcript.CONFIRMATION}
        for event in [*unheard, *(event for event in queued if event.type in overtaken)]:
            self.held.take_up(event)
        stopped = "Stopped by the user; nothing of this was done."
        self.held.append(*(telling.result(call, stopped, True) for call in state.open_calls))
        rows.change(self.thread, stop_requested=False)
        return self.held.idle(END_TURN)

    # -- The parts they share -----------------------------------------------------------

    def _toolbox(self, call: Event) -> Toolbox:
        actor = Actor(self.session.pk, self.session.agent_config["name"], event=call.pk)
        return self.trade.toolbox(self.session, actor)

    def _flushed(self) -> Iterable[Event]:
        """What a turn that gives up takes with it; a dream's unread parts stay unread."""
        return [] if self.session.is_dream else self.held.queued()

    def _call(self, block: dict) -> Entry:
        call = {"name": block["name"], "input": block["input"]}
        tools = self.session.agent_config["tools"]
        if self.held.is_primary and call["name"] in {
            t["name"] for t in tools if t["type"] == "custom"
        }:
            return Entry("agent.custom_tool_use", call)
        if self.session.is_dream:
            return Entry("agent.tool_use", {**call, "evaluated_permission": "allow"})
        verdict = permissions.judge(tools, {spec["name"] for spec in self.asking.specs}, call)
        return Entry("agent.tool_use", {**call, **verdict})

    def _is_stopped(self) -> bool:
        return Thread.objects.filter(pk=self.thread.pk, stop_requested=True).exists()


def _backoff(retries: int, retry_after: float | None) -> float:
    """Seconds to wait: what the endpoint asked for, else 1, 2, 4, … with jitter."""
    if retry_after is not None:
        return min(retry_after, 300)
    return min(2**retries, 60) * random.uniform(0.75, 1.25)  # noqa: S311 - no secret
