"""Corrections: which older statement a newer one replaces, wholly or in one value.

"The CMA talk moved from 12:00 to 14:30" replaces "The CMA talk is at 12:00" wholly; of "I attended
the CMA talk at 12:00" it only corrects the time. Without a word that signals a change, a newer
value replaces an older one only for the time or date of one and the same thing.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from sessions.providers.builtin.dates import DATE, TIME, clock, has_date_or_time, read_moment
from sessions.providers.builtin.facts import Fact
from sessions.providers.builtin.language import URL, stem, words
from sessions.providers.builtin.lexicon import FUNCTION_WORDS, listed

Reach = Literal["", "part", "whole"]

MOVED = (
    r"(?:moved|changed|rescheduled|postponed|pushed(?:\s+back)?|brought\s+forward|shifted|switched|renamed|updated"
    r"|bumped|raised|lowered|increased|decreased|relocated|migrated|upgraded|downgraded|delayed|corrected|went|extended)"
)
HELPERS = r"(?:(?:has|have|had|was|were|is|are|got|been|being|just|now|also|will\s+be)\s+)*"
FROM_TO = r"(?:\s+from\s+(?P<old>.+?))?\s+(?:over\s+)?to\s+(?P<new>.+)"
SUBJECT_MOVED = re.compile(rf"(?P<subject>.+?)\s+{HELPERS}{MOVED}{FROM_TO}", re.IGNORECASE)
MOVED_SO = re.compile(
    rf"(?P<subject>.+?)\s+{HELPERS}{MOVED}(?:\s+from\s+(?P<old>.+?))?(?:\s*[:;,.–—-]\s*|\s+)(?:and\s+)?"
    r"(?:it|they)(?:['’](?:s|re)|\s+(?:is|are|will\s+be|starts?|begins?|takes?\s+place))\s+(?:now\s+)?"
    r"(?:(?:at|on|in)\s+)?(?P<new>.+)",
    re.IGNORECASE,
)
SOMEONE_MOVED = re.compile(
    rf"(?:we|i|they|he|she|(?-i:[A-Z])\w+)(?:['’]ve)?\s+{HELPERS}{MOVED}\s+(?P<subject>(?!to\b|from\b).+?){FROM_TO}",
    re.IGNORECASE,
)
STATE = re.compile(
    r"(?P<subject>.+?)\s+(?:is|are|was|were|will\s+be|starts?|begins?|takes\s+place|happens?|runs|lives|listens"
    r"|closes|opens|ends?)\s+(?P<cue>(?:now|actually|currently)\s+)?(?P<over>no\s+longer\s+)?"
    r"(?:(?P<link>at|on|in|by|from|due)\s+)?(?P<new>.+)",
    re.IGNORECASE,
)
STOPPED = re.compile(
    r"(?P<who>i|we|they|he|she|(?-i:[A-Z])[\w-]+)\s+(?:no\s+longer|never|don['’]?t|doesn['’]?t)\s+(?P<what>.+?)"
    r"(?:\s+any\s?more)?",
    re.IGNORECASE,
)
MOVED_HOME = re.compile(
    rf"(?P<who>i|we|(?-i:[A-Z])[\w-]+)(?:['’]ve)?\s+{HELPERS}(?:moved|relocated){FROM_TO}",
    re.IGNORECASE,
)
LIVE = frozenset({stem("live")})
STOP_CUE = re.compile(r"\b(?:no\s+longer|any\s?more)\b", re.IGNORECASE)
CUE = re.compile(
    r"^(?:actually|correction|update|sorry|wait|no|oops|edit)\b[,:.!\s]+(?:(?:i was wrong|my mistake)[,:.\s]+)?",
    re.IGNORECASE,
)
NOW = re.compile(r"\b(?:now|currently|actually)$", re.IGNORECASE)
END_CUE = re.compile(
    r"[,\s]+(?:now|instead|after all|from now on|these days)\s*[.!]?$", re.IGNORECASE
)
NOT_OLD = re.compile(
    r"[,\s]+(?:and\s+)?(?:not|instead\s+of|rather\s+than)\s+(?:(?:at|on|in|by)\s+)?(?P<old>[^,.;]+?)\s*[.!]?$",
    re.IGNORECASE,
)
LONGEST = 500  # characters; a longer statement says more than what has changed
ISO_DAY = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
NUMBER = re.compile(r"\S*\d\S*")
PLANNED = frozenset(stem(word) for word in listed("planned scheduled set expected due now"))


@dataclass(frozen=True)
class Change:
    """A statement read as "subject: old → new". `is_explicit` when a word says that it changed.

    `is_over`: the state, or what `who` did, has ended.
    """

    subject: frozenset[str]
    old: str
    new: str
    is_explicit: bool
    is_over: bool = False
    who: str = ""

    def goes_on_from(self, before: "Change") -> bool:
        """Whether this change starts from the value that another one ended with."""
        return bool(self.old) and normal(self.old) <= normal(before.new)

    @property
    def may_replace(self) -> bool:
        """Whether it can make an older statement outdated at all."""
        return self.is_explicit or kind_of_value(self.new) in ("time", "date")


@lru_cache(maxsize=16384)
def read_change(fact: Fact) -> Change | None:
    """The change or state that a statement gives of one subject."""
    text = fact.absolute.strip().rstrip(".!")
    if len(text) > LONGEST:
        return None
    body = CUE.sub("", text)
    cued = body != text or bool(END_CUE.search(body))
    body = END_CUE.sub("", body)
    for pattern in (SOMEONE_MOVED, SUBJECT_MOVED, MOVED_SO):
        match = pattern.fullmatch(body)
        if match and (subject := _subject(match["subject"])):
            return Change(subject, match["old"] or "", _value(match["new"]), True)
    return _moved_home(body) or _stopped(body) or _state(body, cued)


def _moved_home(body: str) -> Change | None:
    """ "I moved to Bergen" tells where somebody lives now."""
    match = MOVED_HOME.fullmatch(body)
    if not match:
        return None
    return Change(LIVE, match["old"] or "", _value(match["new"]), True, who=match["who"].lower())


def _stopped(body: str) -> Change | None:
    """ "I no longer drink coffee": what the same person did before is over."""
    match = STOPPED.fullmatch(body) if STOP_CUE.search(body) else None
    subject = _subject(match["what"]) if match else None
    return (
        Change(subject, "", "", True, is_over=True, who=match["who"].lower()) if subject else None
    )


def _state(body: str, cued: bool) -> Change | None:
    replaced = NOT_OLD.search(body)
    old = replaced["old"] if replaced else ""
    match = STATE.fullmatch(body[: replaced.start()] if replaced else body)
    subject = _subject(match["subject"]) if match else None
    if not subject:
        return None
    if match["over"]:
        return Change(subject, match["new"], "", True, is_over=True)
    cued = cued or bool(match["cue"]) or bool(old) or bool(NOW.search(match["subject"]))
    return Change(subject, old, match["new"], cued)


def _subject(text: str) -> frozenset[str] | None:
    """The stems of a definite subject; None when it is only a pronoun or a whole clause."""
    found = words(text)
    stems = frozenset(word.stem for word in found if word.plain not in FUNCTION_WORDS)
    clause = any(word.plain in ("that", "which", "if", "when", "because") for word in found[1:])
    return stems if stems and len(found) <= 8 and not clause else None


def _value(text: str) -> str:
    """The new value without what follows it: "14:30 because of rain" is 14:30."""
    return re.split(r"\s+(?:because|since|due to|so that|as)\b|[,;]", text)[0]


def kind_of_value(text: str) -> str:
    """What sort of value a phrase is: only like replaces like."""
    for kind, pattern in (("link", URL), ("time", TIME), ("date", DATE)):
        if pattern.search(text):
            return kind
    if has_date_or_time(text):
        return "date"
    return "number" if re.search(r"\d", text) else "word"


def normal(text: str) -> frozenset[str]:
    """A value in one spelling: its times as HH:MM, its other words as stems."""
    times = {clock(match.group()) for match in TIME.finditer(text)}
    rest = {word.stem for word in words(TIME.sub(" ", text)) if word.plain not in FUNCTION_WORDS}
    return frozenset(times | rest)


def reach(newer: Fact, older: Fact) -> Reach:
    """How far a newer statement replaces an older one: not at all, in part, or wholly."""
    change = read_change(newer)
    if change is None or not change.subject <= older.stems or newer.day < older.day:
        return ""
    if not newer.day and not change.old:
        return ""
    if older.corrected_to is not None:
        is_later = newer.day >= older.corrected_on
        return "part" if is_later and _moves_on(change, older.corrected_to) else ""
    before = read_change(older)
    if before and before.subject == change.subject:
        return _replaces_state(change, before, newer, older)
    return _replaces_value(change, older) if change.is_explicit else ""


def _moves_on(change: Change, value: str) -> bool:
    """Whether a value that was already corrected once has changed again."""
    if normal(change.new) == normal(value) or not change.is_explicit:
        return False
    if change.old:
        return bool(_gone(change.old, value))
    return kind_of_value(change.new) == kind_of_value(value) == "time"


def _replaces_state(change: Change, before: Change, newer: Fact, older: Fact) -> Reach:
    """Two statements of one subject: is the older value the one that changed?"""
    if normal(change.new) == normal(before.new) or before.is_over:
        return ""
    if change.old:
        gone = _gone(change.old, before.new)
        return _extent(before, gone) if gone else ""
    if not _alike(change.new, before.new) or newer.is_negated != older.is_negated:
        return ""
    if change.is_explicit:
        return _extent(before, _outdated(before.new, change.new))
    dated = (
        kind_of_value(change.new) in ("time", "date") and bool(older.day) and newer.day > older.day
    )
    return "whole" if dated and _same_frame(newer, older) else ""


def _gone(old: str, text: str) -> str:
    """The part of a text that holds the old value; "Monday" is also the date of a Monday."""
    value = normal(old)
    if value and value <= normal(text):
        return old
    days = [date for date in ISO_DAY.findall(text) if {_weekday(date)} == value]
    return days[0] if days else ""


def _weekday(day: str) -> str:
    moment = read_moment(day)
    return stem(moment.strftime("%A").lower()) if moment else ""


def _alike(new: str, old: str) -> bool:
    """A time replaces a time and a date a date; names, numbers and links replace one another."""
    kinds = kind_of_value(new), kind_of_value(old)
    return kinds[0] == kinds[1] or not {"time", "date"} & set(kinds)


def _outdated(old: str, new: str) -> str:
    """The part of an old value that a new one takes the place of."""
    for pattern in (TIME, DATE, URL, NUMBER):
        if match := pattern.search(old):
            return f"{match.group()} {new}"
    return old if len(words(old)) <= max(2, len(words(new))) else ""


def _extent(before: Change, outdated: str) -> Reach:
    """An old value that says more than what changed is corrected, not dropped."""
    left = normal(before.new) - normal(outdated) - PLANNED
    return "part" if left else "whole"


def _same_frame(newer: Fact, older: Fact) -> bool:
    return newer.bag == older.bag and newer.limits == older.limits


def _replaces_value(change: Change, older: Fact) -> Reach:
    """An older statement that says more than the state: only its outdated value is corrected."""
    if change.who:
        is_news = change.is_over or not normal(change.new) <= older.stems
        return "part" if is_news and _did(change, older) else ""
    if change.old:
        return "part" if _gone(change.old, older.absolute) else ""
    kind = kind_of_value(change.new)
    if kind != "time":
        return ""
    times = {clock(match.group()) for match in TIME.finditer(older.absolute)}
    return "part" if len(times) == 1 and not times <= normal(change.new) else ""


def names_its_subject(newer: Fact) -> bool:
    """Whether a change says of what by itself: "the CMA talk" does, "the talk" needs its file."""
    change = read_change(newer)
    return change is not None and len(change.subject) > 1


def _did(change: Change, older: Fact) -> bool:
    """Whether an older statement says that the same person did it."""
    first = older.tokens[0].plain if older.tokens else ""
    return first == change.who and not older.is_negated


def corrected(older: Fact, newer: Fact) -> str:
    """The older statement with its outdated value marked, keeping everything else it says."""
    change = read_change(newer)
    day = f" on {newer.day}" if newer.day else ""
    note = f"(corrected to {_value(change.new)}{day})" if change.new else f"(no longer so{day})"
    body = older.absolute.rstrip()
    stop = body[-1] if body[-1:] in ".!" else ""
    return f"{body.removesuffix(stop) if stop else body} {note}{stop}"
