"""One step of a conversation: do what was ordered, look, read, save, and then answer with what was found.

The model is stateless. Each call rebuilds where the turn stands from the messages alone, so the
same request always gives the same reply, and a turn takes at most eight steps.
"""

from sessions.providers.base import Reply, Request
from sessions.providers.builtin import orders, talk
from sessions.providers.builtin.reply import build
from sessions.providers.builtin.state import State


def respond(request: Request) -> Reply:
    """The next reply of the conversation."""
    ordered = orders.read(request)
    # Where nothing but orders was said, there is nothing to look for or to save.
    state = State(ordered.request) if ordered.has_more else None
    calls = [*ordered.next_calls(), *(state.next_calls() if state else [])]
    if calls:
        made = state.turn.calls if state else ordered.made
        return build(request, "" if made else talk.lead(calls), calls)
    answer = talk.compose(state) if state else ""
    return build(request, "\n\n".join(filter(None, [ordered.report(), answer])))
