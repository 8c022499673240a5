"""What the document says about the live streams; `sessions.stream` serves them."""

from typing import Any

from console.openapi import answers

FRAMES = {"text/event-stream": {"schema": {"type": "string"}}}
DELTAS = {
    "in": "query",
    "name": "event_deltas[]",
    "required": False,
    "description": "Stream these as they are written, too: `event_start`, then `event_delta`.",
    "schema": {"type": "array", "items": {"enum": ["agent.message", "agent.thinking"]}},
}
LAST = {
    "in": "header",
    "name": "Last-Event-ID",
    "required": False,
    "description": (
        "Go on after this frame, by its `id`, which says of a queued message whether it was still waiting."
        " An event's own id does as well, and brings again what came between its two places. Without it,"
        " from now on."
    ),
    "schema": {"type": "string"},
}
HOW = (
    "Server-sent events: each is named by its type and holds the event in one line of JSON. The"
    " stream stays open between turns, with a `ping` every 15 seconds, and ends with the session."
    "\n\nRole: viewer."
)


def _stream(operation: str, summary: str, *nouns: str) -> dict[str, Any]:
    path = [
        {
            "in": "path",
            "name": f"{noun}_id",
            "required": True,
            "schema": {"type": "string"},
            "description": f"The id of the {noun}.",
        }
        for noun in nouns
    ]
    return {
        "get": {
            "operationId": operation,
            "summary": summary,
            "description": HOW,
            "tags": ["Events"],
            "parameters": [*path, DELTAS, LAST],
            "responses": answers("400", "401", "404", "default", content=FRAMES),
        }
    }


PATHS = {
    "/sessions/{session_id}/events/stream": _stream(
        "stream_events", "Stream a session's events", "session"
    ),
    "/sessions/{session_id}/threads/{thread_id}/stream": _stream(
        "stream_thread_events", "Stream a thread's events", "session", "thread"
    ),
}
