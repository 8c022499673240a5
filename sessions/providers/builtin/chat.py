"""One step of a conversation: look, read, save, and then answer with what was found.

The model is stateless. Each call rebuilds where the turn stands from the messages alone, so the
same request always gives the same reply, and a turn takes at most eight steps.
"""

from sessions.providers.base import Reply, Request
from sessions.providers.builtin import talk
from sessions.providers.builtin.reply import build
from sessions.providers.builtin.state import State


def respond(request: Request) -> Reply:
    """The next reply of the conversation."""
    state = State(request)
    calls = state.next_calls()
    if calls:
        lead = talk.LOOKING if not state.turn.calls else ""
        return build(request, lead, calls)
    return build(request, talk.compose(state))
