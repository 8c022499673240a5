"""Relative dates: finding them in a sentence and making them absolute.

Dates are worked out in UTC from the moment a thing was said. Only phrases with one certain reading
are touched: "every Friday", "on Fridays" or a bare "Friday" stay as they are.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

import dateparser

from sessions.providers.builtin.lexicon import DAYS, MONTHS

DAY = "|".join(sorted(DAYS))
COUNT = r"(?:\d{1,3}|an?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)"
LINK = r"(?:(?P<link>on|by|to|until|till|before|after|since|from|for|as\s+of|due|starting)\s+)?"
MONTH = "|".join(sorted(MONTHS - {"may", "march"}) + ["May", "March"])
MONTH_ABBREVIATION = r"(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\.?"
ANY_MONTH = rf"(?:(?i:{MONTH})|{MONTH_ABBREVIATION})"
RELATIVE = re.compile(
    rf"""(?<![\w-]){LINK}(?P<phrase>
        (?:the\s+)?day\s+(?:before\s+yesterday|after\s+tomorrow)
      | (?:yesterday|tomorrow)(?:\s+(?P<part>morning|afternoon|evening|night))?
      | today | tonight | last\s+night
      | this\s+(?P<this_part>morning|afternoon|evening)
      | (?P<which>next|last|this|this\s+coming)\s+(?P<weekday>{DAY})
      | (?P<bare_day>{DAY})
      | in\s+{COUNT}\s+(?P<ahead>day|week|month|year)s?(?:'\s+time)?
      | {COUNT}\s+(?P<past>day|week|month|year)s?\s+ago
      | (?:next|last|this)\s+(?P<span>week|month|year)
    )(?:(?:,?\s+at)?\s+(?P<clock>noon|midnight))?
    (?![\w-]|['’]\w|,?\s+(?:the\s+)?\d{{1,2}}(?:st|nd|rd|th)|,?\s+\d{{1,2}}\s+{ANY_MONTH}
      |,?\s+{ANY_MONTH}\s+\d|,?\s+\d{{4}})""",
    re.IGNORECASE | re.VERBOSE,
)
RECURRING = re.compile(r"\b(?:every|each|most|some|usually|always|often|never)\b", re.IGNORECASE)
AHEAD = ("by", "to", "until", "till", "due", "starting")
PAST = re.compile(
    r"(?<!\bis )(?<!\bare )(?<!\bbe )\b(?!speed|indeed|exceed|proceed|succeed|hundred)(?:was|were|did|had|met|went|saw|gave|came|got|told|said|sent|spoke|bought|made|took|left"
    r"|lost|won|paid|ran|held|began|wrote|\w{3,}ed)\b",
    re.IGNORECASE,
)
TIME = re.compile(
    r"\b(?:[01]?\d|2[0-3])[:.][0-5]\d(?:\s?[ap]\.?m\b\.?)?|\b(?:1[0-2]|0?[1-9])\s?[ap]\.?m\b\.?"
    r"|\bnoon\b|\bmidnight\b",
    re.IGNORECASE,
)
DATE = re.compile(
    rf"\b\d{{4}}-\d{{2}}(?:-\d{{2}})?\b|\b{ANY_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?(?:,?\s+\d{{4}})?\b"
    rf"|\b\d{{1,2}}(?:st|nd|rd|th)?\s+(?:of\s+)?{ANY_MONTH}(?:,?\s+\d{{4}})?\b"
    rf"|(?:\b(?i:in|of|by|since|until|early|late|mid|last|next)[\s-])(?i:{MONTH})\b|\b\d{{1,2}}/\d{{1,2}}(?:/\d{{2,4}})?\b|\b(?:19|20)\d{{2}}\b"
)
CALENDAR_WORD = re.compile(
    rf"\b(?:today|tomorrow|yesterday|tonight|(?:{DAY})s?|weekends?|weekly|daily|monthly|mornings?"
    r"|afternoons?|evenings?|(?:next|last|this) (?:week|month|year)|(?:days|weeks|months|years) ago)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Relative:
    """A relative phrase in a text: its span, the words themselves, and what they stand for."""

    start: int
    end: int
    phrase: str
    absolute: str
    replacement: str


def find_relative(text: str, at: datetime | None) -> list[Relative]:
    """Every relative date in the text that has one certain reading, given when it was said."""
    return list(_relatives(text, at)) if at and len(text) <= 5000 else []


def _relatives(text: str, at: datetime) -> Iterator[Relative]:
    for match in RELATIVE.finditer(text):
        absolute = _resolve(match, text, at)
        if absolute:
            yield Relative(
                match.start(),
                match.end(),
                match.group("phrase"),
                absolute,
                _replacement(match, absolute, text),
            )


def absolute(text: str, at: datetime | None) -> str:
    """The text with its relative dates made absolute: "yesterday at noon" → "on 2026-11-19 at 12:00"."""
    pieces, position = [], 0
    for found in find_relative(text, at):
        pieces += [text[position : found.start], found.replacement]
        position = found.end
    return "".join([*pieces, text[position:]])


def _resolve(match: re.Match, text: str, at: datetime) -> str:
    try:
        return _worked_out(match, text, at)
    except (ValueError, OverflowError):  # before the calendar's first day, or after its last
        return ""


def _worked_out(match: re.Match, text: str, at: datetime) -> str:
    if match.group("span"):
        return _span(match, at)
    if match.group("bare_day") and not _is_certain_day(match, text):
        return ""
    link = (match.group("link") or "").lower()
    past = link not in AHEAD and _tells_of_the_past(text)
    found = _parse(_plain_phrase(match), at.date(), past)
    return _as_precise_as_said(match, found) if found else ""


@lru_cache(maxsize=64)
def _tells_of_the_past(text: str) -> bool:
    return PAST.search(text) is not None


def _as_precise_as_said(match: re.Match, found: date) -> str:
    """ "Three years ago" names a year, not a day."""
    unit = (match.group("ahead") or match.group("past") or "day").lower()
    return {"year": found.isoformat()[:4], "month": found.isoformat()[:7]}.get(
        unit, found.isoformat()
    )


def _plain_phrase(match: re.Match) -> str:
    """The phrase as dateparser knows it."""
    phrase = " ".join(match.group("phrase").lower().replace("'", " ").split())
    phrase = phrase.removeprefix("the ").removesuffix(" time")
    if phrase == "tonight":
        return "today"
    if match.group("part"):
        return phrase.split()[0]
    if match.group("this_part"):
        return "today"
    if match.group("which"):
        return phrase.replace("this coming ", "next ").replace("this ", "next ")
    return phrase


def _is_certain_day(match: re.Match, text: str) -> bool:
    """A weekday is one day only where a preposition says so and nothing says "every"."""
    if RECURRING.search(text[: match.start()]):
        return False
    link = (match.group("link") or "").lower()
    if link == "to" and re.search(rf"\bfrom\s+(?:{DAY})\s+$", text[: match.start()], re.IGNORECASE):
        return False
    return link not in ("", "for", "from")


@lru_cache(maxsize=4096)
def _parse(phrase: str, day: date, past: bool) -> date | None:
    settings = {
        "RELATIVE_BASE": datetime(day.year, day.month, day.day, 12),  # noqa: DTZ001 - UTC by contract
        "PREFER_DATES_FROM": "past" if past else "future",
    }
    found = dateparser.parse(phrase, languages=["en"], settings=settings)
    return found.date() if found else None


def _span(match: re.Match, at: datetime) -> str:
    """A month as 2026-12, a year as 2027, a week as the Monday it starts with."""
    shift = {"next": 1, "last": -1, "this": 0}[match.group("phrase").split()[0].lower()]
    span = match.group("span").lower()
    if span == "year":
        return str(at.year + shift)
    if span == "month":
        months = at.year * 12 + at.month - 1 + shift
        return f"{months // 12}-{months % 12 + 1:02d}"
    monday = date.fromordinal(at.date().toordinal() - at.weekday() + 7 * shift)
    return f"week of {monday.isoformat()}"


def _replacement(match: re.Match, absolute: str, text: str) -> str:
    link = match.group("link")
    if not link:
        words = f"{_preposition(match)}{absolute}"
    elif link.lower() in ("due", "starting"):
        words = f"{link} {_preposition(match)}{absolute}"
    else:
        words = f"{link} {_article(match)}{absolute}"
    if match.group("clock"):
        words += " at " + {"noon": "12:00", "midnight": "00:00"}[match.group("clock").lower()]
    first = text[match.start()]
    return words[0].upper() + words[1:] if first.isupper() and words[0].isalpha() else words


def _article(match: re.Match) -> str:
    return "the " if (match.group("span") or "").lower() == "week" else ""


def _preposition(match: re.Match) -> str:
    phrase = match.group("phrase").lower()
    part = match.group("part") or match.group("this_part")
    if phrase in ("tonight", "last night"):
        part = "evening" if phrase == "tonight" else "night"
    if part:
        return f"on the {part.lower()} of "
    if match.group("span"):
        return "in the " if match.group("span").lower() == "week" else "in "
    unit = (match.group("ahead") or match.group("past") or "day").lower()
    return {"week": "around ", "month": "in ", "year": "in "}.get(unit, "on ")


def has_date_or_time(text: str) -> bool:
    """Whether the text says when."""
    return bool(TIME.search(text) or DATE.search(text) or CALENDAR_WORD.search(text))


def clock(written: str) -> str:
    """A time of day as HH:MM: "noon" → "12:00", "2.30 pm" → "14:30"; other text as it is."""
    plain = written.lower().replace(" ", "").replace("m.", "m").replace("p.m", "pm")
    plain = plain.replace("a.m", "am")
    if plain in ("noon", "midnight"):
        return "12:00" if plain == "noon" else "00:00"
    match = re.fullmatch(r"(\d{1,2})(?:[:.](\d\d))?(am|pm)?", plain)
    if not match:
        return written
    hour, minute, half = int(match[1]), match[2] or "00", match[3]
    if half:
        hour = hour % 12 + (12 if half == "pm" else 0)
    return f"{hour:02d}:{minute}"


def read_moment(value: object) -> datetime | None:
    """An ISO time or date as a datetime; None when it is neither."""
    try:
        return datetime.fromisoformat(str(value).replace("Z", "+00:00")) if value else None
    except ValueError:
        return None
