"""Pure: transcripts that other programs wrote, as messages; one module per format.

What cannot be read is counted by what it is, and never stops the rest. Formats are recognised by
what stands in them, not by the file's name.
"""

import codecs
import re
from collections import Counter

from sessions.foreign import documents, plain
from sessions.foreign.messages import MOST_MESSAGES, Message, Transcript, Unreadable
from sessions.foreign.pairs import paired

__all__ = ["SUFFIXES", "Message", "Transcript", "Unreadable", "read"]

SUFFIXES = (".jsonl", ".json", ".txt", ".md", ".log")
UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
HOW = "Save it as UTF-8 and send it again."


def read(name: str, data: bytes) -> list[Transcript]:
    """The conversations in a file. Raises `Unreadable`."""
    text = _decoded(data)
    try:
        return _read(name, text)
    except RecursionError:
        raise Unreadable("It is nested too deeply for a transcript.") from None


def _read(name: str, text: str) -> list[Transcript]:
    stem = re.sub(r"\.(jsonl?|txt|md|log)$", "", name.rsplit("/", 1)[-1], flags=re.IGNORECASE)
    is_json = text.lstrip().startswith(("{", "["))
    told = documents.read(stem, text) if is_json else [plain.read(stem, text)]
    for transcript in told:
        _limit(transcript)
        transcript.messages = paired(transcript.messages, transcript.left_out)
    found = [each for each in told if each.messages]
    if not found:
        raise Unreadable(_nothing(told))
    found[0].left_out.note("conversations without messages", len(told) - len(found))
    return found


def _nothing(told: list[Transcript]) -> str:
    only = sum((each.left_out for each in told), Counter())
    counts = ", ".join(f"{count:,} × {what}" for what, count in list(only.items())[:5])
    return (
        f"No messages were found in it, only {counts}." if only else "No messages were found in it."
    )


def _limit(transcript: Transcript) -> None:
    extra = len(transcript.messages) - MOST_MESSAGES
    if extra > 0:
        del transcript.messages[MOST_MESSAGES:]
        transcript.left_out[f"messages after the first {MOST_MESSAGES:,}"] = extra


def _decoded(data: bytes) -> str:
    is_utf16 = data.startswith(UTF16)
    if not is_utf16 and b"\0" in data:
        raise Unreadable(
            f"It holds NUL bytes, so it is no text, or it is UTF-16 without its mark. {HOW}"
        )
    try:
        text = data.decode("utf-16" if is_utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        kind = "UTF-16" if is_utf16 else "UTF-8"
        raise Unreadable(f"It is no {kind} text (byte {error.start + 1:,}). {HOW}") from None
    if "\0" in text:
        raise Unreadable("It holds a NUL character, so it is no text.")
    return text
