"""The built-in model: extractive, no language model, no key and no network.

It goes through the same loop and the same tools as any other model. Every answer is made of
sentences found in memory or in the conversation and a few fixed phrases; the same request always
gives the same reply. Tokens are estimated at four characters each over the whole request.
"""

from collections.abc import Iterator

from sessions.providers.base import Reply, Request, TextDelta
from sessions.providers.builtin import chat, consolidate, extract
from sessions.providers.builtin.reply import deltas

JOBS = {"chat": chat.respond, "extract": extract.respond, "consolidate": consolidate.respond}


class Builtin:
    """The provider of the model id `builtin`; it keeps no state and never fails."""

    def stream(self, request: Request) -> Iterator[TextDelta | Reply]:
        """The reply's text in word-sized pieces, then the whole `Reply`."""
        reply = JOBS[request.purpose](request)
        yield from deltas(reply)
        yield reply
