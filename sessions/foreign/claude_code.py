"""Claude Code: a line per message; several sessions may share a file."""

from typing import Any

from sessions.foreign import blocks, branches
from sessions.foreign.messages import (
    NO_MESSAGES,
    NOTES,
    LeftOut,
    Transcript,
    first_words,
    time,
)

FORMAT = "Claude Code"
REWOUND = "messages of abandoned branches"
SUMMARIES = "summaries of what was said before"
# What the program puts into a person's mouth: outputs of their commands, reminders to the model.
PUT_IN = (
    *("<local-command-stdout>", "<local-command-stderr>", "<local-command-caveat>"),
    *("<bash-stdout>", "<bash-stderr>", "<system-reminder>", "<task-notification>"),
)


def is_row(row: dict[str, Any]) -> bool:
    return "type" in row and ("sessionId" in row or "leafUuid" in row or "parentUuid" in row)


def read(stem: str, rows: list[dict[str, Any]]) -> list[Transcript]:
    """The sessions of a file, in the order in which they begin; without any, what was left out."""
    summaries = [row.get("summary") for row in rows if row.get("type") == "summary"]
    titles = [str(each) for each in summaries if each]
    sessions: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        sessions.setdefault(str(row.get("sessionId") or ""), []).append(row)
    found = {key: _session(stem, each) for key, each in sessions.items()}
    told = [each for each in found.values() if each.messages]
    for each in told:
        each.title = titles[-1] if titles and len(told) == 1 else first_words(each)
    told = told or list(found.values())[:1]
    # What belongs to no session that says anything is told with the first that does.
    for each in found.values():
        if not each.messages and each is not told[0]:
            for what, count in each.left_out.items():
                told[0].left_out.note(what, count)
    return told


def _session(stem: str, rows: list[dict[str, Any]]) -> Transcript:
    transcript = Transcript(stem, FORMAT)
    gone = branches.abandoned(rows, lambda row: row.get("type") != "summary" and not _left_out(row))
    for place, row in enumerate(rows):
        if place in gone:
            transcript.left_out.note(REWOUND)
        else:
            _take(row, transcript)
    return transcript


def _take(row: dict[str, Any], transcript: Transcript) -> None:
    if what := _left_out(row):
        transcript.left_out.note(what)
    elif row.get("type") != "summary":
        role = "agent" if row["type"] == "assistant" else "user"
        content, at = row["message"].get("content"), time(row.get("timestamp"))
        if role == "user":
            content = _own_words(content, transcript.left_out)
        transcript.messages += blocks.read(role, content, at, transcript.left_out)


def _left_out(row: dict[str, Any]) -> str:
    """What a row is that is no message of the conversation."""
    kind = row.get("type")
    if kind == "summary":
        return ""
    if kind not in ("user", "assistant"):
        return NOTES
    if not isinstance(row.get("message"), dict):
        return NO_MESSAGES
    if row.get("isSidechain"):
        return "messages of sub-agents"
    if row.get("isCompactSummary"):
        return SUMMARIES
    return NOTES if row.get("isMeta") or row.get("isApiErrorMessage") else ""


def _own_words(content: Any, left_out: LeftOut) -> Any:
    if not isinstance(content, list):
        content = [content or ""]
    kept = [block for block in content if not _text(block).lstrip().startswith(PUT_IN)]
    left_out.note(NOTES, len(content) - len(kept))
    return kept


def _text(block: Any) -> str:
    if isinstance(block, dict) and block.get("type") == "text":
        block = block.get("text")
    return block if isinstance(block, str) else ""
