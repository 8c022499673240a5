"""Which previews one live reader can make sense of (wire contract §12.7)."""

from collections import deque
from typing import Any

REMEMBERED = 100  # stored messages whose stragglers are still recognised


class Previews:
    """Lets through, per message, one start and then the pieces that follow it without a hole.

    Whispers get lost: what would not be a prefix of the final text is held back, and so is
    everything that comes after it or after the message. A reader who joins in the middle of a
    message begins with the next recap.
    """

    def __init__(self, kinds: set[str]) -> None:
        self._kinds = kinds
        self._heard: dict[str, int] = {}  # how many pieces of each message under way were passed on
        self._over: deque[str] = deque(maxlen=REMEMBERED)

    def admit(self, whisper: dict[str, Any]) -> list[dict[str, Any]]:
        """The events to pass on."""
        event = whisper["event"]
        if event["type"] == "event_start":
            return [event] if self._starts(event["event"]) else []
        if event["type"] == "event_recap":
            return self._joins(event, whisper["number"])
        return [event] if self._follows(event["event_id"], whisper["number"]) else []

    def _joins(self, recap: dict[str, Any], number: int) -> list[dict[str, Any]]:
        message = {"type": "agent.message", "id": recap["event_id"]}
        if not self._starts(message):
            return []
        self._heard[message["id"]] = number
        deltas = [
            {"type": "content_delta", "index": index, "content": {"type": "text", "text": text}}
            for index, text in enumerate(recap["texts"])
        ]
        pieces = [
            {"type": "event_delta", "event_id": message["id"], "delta": delta} for delta in deltas
        ]
        return [{"type": "event_start", "event": message}, *pieces]

    def end(self, event_id: str) -> None:
        """The message has been stored, or something of it was lost: nothing of it may follow."""
        self._heard.pop(event_id, None)
        self._over.append(event_id)

    def _starts(self, message: dict[str, str]) -> bool:
        known = message["id"] in self._heard or message["id"] in self._over
        if known or message["type"] not in self._kinds:
            return False
        self._heard[message["id"]] = 0
        return True

    def _follows(self, event_id: str, number: int) -> bool:
        if event_id not in self._heard:
            return False
        if number != self._heard[event_id] + 1:
            self.end(event_id)
            return False
        self._heard[event_id] = number
        return True
