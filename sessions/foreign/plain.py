"""Plain text: "Name: what they said", and further lines until the next name."""

import re

from sessions.foreign.messages import LeftOut, Message, Transcript, Unreadable, cut

FORMAT = "Plain text"
SPEAKER = re.compile(
    r"(?:\[?(\d{1,2}:\d\d(?::\d\d)?)\]?\s+)?\**([^\W\d_][\w .'’-]{0,39}?)\**:\**\s+(.*)"
)
LINE_ENDS = re.compile(r"\r\n|\r|\n")


def read(stem: str, text: str) -> Transcript:
    """The conversation of a text. Raises `Unreadable` when it seems to be none."""
    transcript = Transcript(stem, FORMAT)
    said = _speeches(text, transcript.left_out)
    for name, lines in said:
        if words := cut("\n".join(lines).strip(), transcript.left_out):
            transcript.messages.append(Message("said", words, name=name))
    if len(transcript.speakers) > len(said) // 2 + 1:
        raise Unreadable("No conversation was recognised: lines should begin like “Name: words”.")
    return transcript


def _speeches(text: str, left_out: LeftOut) -> list[tuple[str, list[str]]]:
    said: list[tuple[str, list[str]]] = []
    for line in LINE_ENDS.split(text):
        if match := SPEAKER.fullmatch(line.strip()):
            said.append((match[2].strip(), [match[3]]))
        elif said:
            said[-1][1].append(line)
        elif line.strip():
            left_out.note("lines before the first speaker")
    return said
