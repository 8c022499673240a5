"""Findings: the tool that records one, and the code that checks its quote."""

import re
from functools import partial

from django.utils.dateparse import parse_datetime

from dreaming import transcripts
from dreaming.models import Finding, Transcript
from sessions.providers.http import storable
from sessions.tools.base import Result, Tool, ToolError

MAX_CHARACTERS = 4_000
SHORTEST_QUOTE = 8  # letters and digits: fewer stand in almost any text
WHY_NOT = {
    "agent": "said by the agent, not by a person",
    "memory": "recalled from memory, so it is not news",
    "tool": "came from a tool, not from a person",
}


def record_tool(transcript: Transcript) -> Tool:
    """The tool a transcript's sub-agent reports with."""
    string = {"type": "string"}
    return Tool(
        "record_finding",
        "Record one thing worth remembering. The quote must stand letter for letter in the text of"
        " the event named.",
        {
            "statement": string,
            "kind": {"type": "string", "enum": list(Finding.Kind.values)},
            "quote": string,
            "event_id": string,
        },
        ("statement", "kind", "quote", "event_id"),
        partial(record, transcript),
    )


def record(transcript: Transcript, statement: str, kind: str, quote: str, event_id: str) -> Result:
    """Keep a finding with its verdict; one that cannot be verified is kept as doubtful."""
    if kind not in Finding.Kind.values:
        raise ToolError(f"kind must be one of {', '.join(Finding.Kind.values)}.")
    statement, quote = storable(statement).strip(), storable(quote)
    if not statement:
        raise ToolError("The statement is empty.")
    if len(statement) > MAX_CHARACTERS or len(quote) > MAX_CHARACTERS:
        raise ToolError(f"Statement and quote may have {MAX_CHARACTERS:,} characters each.")
    doubt, said_at = check_quote(transcript.lines, quote, event_id)
    finding, new = Finding.objects.get_or_create(
        transcript=transcript,
        statement=statement,
        event=event_id[:40],
        defaults={
            "kind": kind,
            "quote": quote,
            "said_at": parse_datetime(said_at) if said_at else None,
            "verified": not doubt,
            "doubt": doubt,
        },
    )
    if doubt:
        return Result(f"Recorded as doubtful: {doubt}.", is_error=True)
    return Result("Recorded." if new else "Recorded already.", facts={"finding": finding.pk})


def check_quote(lines: list[transcripts.Line], quote: str, event_id: str) -> tuple[str, str]:
    """Return (why the quote is no evidence, or "" when it is; when it was said, or "")."""
    role, at, text = transcripts.text_by_event(lines).get(event_id, ("", "", ""))
    if not role:
        return "there is no such event in this transcript", ""
    quote, text = _plain(quote), _plain(text)
    if not quote or quote not in text:
        return "the quote does not stand in that event", at
    if sum(map(str.isalnum, quote)) < SHORTEST_QUOTE and quote != text:
        return "the quote is too short to be evidence", at
    return WHY_NOT.get(role, ""), at


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()
