"""Noun phrases without a grammar: good enough to name a file by.

Capitals, determiners and the place of the first auxiliary say where a phrase starts and ends.
"""

import re
from dataclasses import dataclass

from sessions.providers.builtin.language import Word, is_common
from sessions.providers.builtin.lexicon import CALENDAR, IRREGULAR_VERBS, THIRD_PERSON, listed

DETERMINERS = frozenset(
    ["the", "a", "an", "my", "our", "this", "that", "his", "her", "their", "your"]
)
HOLDERS = frozenset(
    listed(
        "deadline budget goal date time plan agenda notes status cost price name link address owner scope"
    )
)
LEADING = frozenset(["for", "in", "at", "on", "with", "about", "during", "regarding", "re"])
SPEAKERS = frozenset(
    listed(
        """
he i i'd i'm i've it she there they we we'd we're we've you
"""
    )
)
VERBS_TO_BE = frozenset(
    listed(
        """
are aren't be can can't cannot could did didn't do does doesn't don't had has hasn't
have haven't is isn't may might must should shouldn't was wasn't were weren't will won't
would
"""
    )
)
MOST_HEADS = 3


@dataclass(frozen=True)
class Phrase:
    """Words that stand together; `is_named` when one of them is a name, `has_head` when a plain
    noun follows the name ("CMA talk")."""

    words: tuple[Word, ...]
    is_named: bool
    has_head: bool


def main_phrase(text: str, tokens: list[Word]) -> Phrase | None:
    """What the sentence is about: its grammatical subject, or what "I" and "we" talk about."""
    if not tokens:
        return None
    if tokens[0].plain in SPEAKERS:
        return _told_about(text, tokens)
    return _leading_phrase(text, tokens) or _told_about(text, tokens)


def written(text: str, phrase: tuple[Word, ...]) -> str:
    """The phrase as it stands in the text, without a possessive ending."""
    last = phrase[-1]
    run = text[phrase[0].start : last.start + len(last.surface)]
    return re.sub(r"['’]s$", "", " ".join(run.split()))


def is_name(word: Word, tokens: list[Word]) -> bool:
    """A capital inside the sentence, an acronym, or a first word that another name follows."""
    if word.is_function or word.plain in CALENDAR or not (word.is_capitalised or word.is_acronym):
        return False
    if word is not tokens[0] or word.is_acronym:
        return True
    following = tokens[1] if len(tokens) > 1 else None
    return bool(following and following.is_capitalised and not _is_stop(following))


def _is_stop(word: Word) -> bool:
    return word.is_function or word.plain in CALENDAR


def _told_about(text: str, tokens: list[Word]) -> Phrase | None:
    """The best phrase anywhere: a name with its noun, then a name, then a thing."""
    found = [phrase for index in range(len(tokens)) if (phrase := _phrase_at(text, tokens, index))]
    headed = [phrase for phrase in found if phrase.has_head]
    named = [phrase for phrase in found if phrase.is_named]
    things = [phrase for phrase in found if any(not word.is_common for word in phrase.words)]
    for choice in (headed, named, things):
        if choice:
            return choice[0]
    return None


def _leading_phrase(text: str, tokens: list[Word]) -> Phrase | None:
    """The phrase a sentence opens with, up to its verb."""
    start = 1 if tokens[0].plain in DETERMINERS | LEADING else 0
    if start and len(tokens) > 1 and tokens[1].plain in DETERMINERS:
        start = 2
    run = _run(text, tokens, start)
    end = start + len(run)
    if run and not _ends_before_verb(text, tokens, end, lead=tokens[start - 1] if start else None):
        run = run[:-1]
    run = _cut_at_verb(run)
    if not run or all(word.is_common for word in run) and not start:
        return None
    held = _held(text, tokens, end) if run[-1].plain in HOLDERS else None
    return held or _as_phrase(run, tokens)


def _held(text: str, tokens: list[Word], end: int) -> Phrase | None:
    """ "The deadline for the Helios beta" is about the beta; None when nothing follows."""
    if end >= len(tokens) or tokens[end].plain not in ("for", "of"):
        return None
    following = range(end + 1, min(end + 3, len(tokens)))
    found = (_phrase_at(text, tokens, index) for index in following)
    return next((phrase for phrase in found if phrase), None)


def _run(text: str, tokens: list[Word], start: int) -> list[Word]:
    run: list[Word] = []
    for word in tokens[start : start + MOST_HEADS + 2]:
        if _is_stop(word) or (run and not _touches(text, run[-1], word)):
            break
        run.append(word)
        if word.surface.endswith(("'s", "’s")):
            break
    return run


def _ends_before_verb(text: str, tokens: list[Word], end: int, *, lead: Word | None) -> bool:
    """Whether the run is all noun: an auxiliary, a clause or punctuation follows it."""
    run_end = tokens[end - 1]
    if end >= len(tokens) or run_end.surface.endswith(("'s", "’s")):
        return True
    following = tokens[end]
    if following.plain in VERBS_TO_BE or following.plain in SPEAKERS | {"that", "which", "who"}:
        return True
    if lead is not None and following.plain in ("for", "of"):
        return True
    return (
        not _touches(text, run_end, following)
        or end - 1 == 0
        or lead is not None
        and not _verbal(run_end)
    )


def _verbal(word: Word) -> bool:
    """Whether a word looks like a verb: "moved", "runs", "quickly moving"."""
    plain = word.plain
    if re.search(r"(?:ed|ly)$", plain) or plain in THIRD_PERSON or plain in IRREGULAR_VERBS:
        return True
    return plain.endswith("s") and not plain.endswith("ss") and is_common(plain[:-1])


def _cut_at_verb(run: list[Word]) -> list[Word]:
    for index, word in enumerate(run):
        if index and _verbal(word) and not word.is_capitalised:
            return run[:index]
        if (
            index
            and run[0].is_capitalised
            and index == 1
            and _is_third_person(word)
            and len(run) > 1
        ):
            return run[:1]
    return run[:MOST_HEADS]


def _is_third_person(word: Word) -> bool:
    """ "prefers" after a name; "notes" would pass too, and a shorter name does no harm."""
    return not word.is_capitalised and word.plain.endswith("s") and not word.plain.endswith("ss")


def _phrase_at(text: str, tokens: list[Word], index: int) -> Phrase | None:
    """The phrase starting at a word, if one does: after a determiner, or with a name."""
    led = index > 0 and tokens[index - 1].plain in DETERMINERS
    if not led and not _starts_name(text, tokens, index):
        return None
    run: list[Word] = []
    for word in _run(text, tokens, index):
        if not _joins(word, run, tokens, led):
            break
        run.append(word)
    return _as_phrase(run, tokens) if run else None


def _starts_name(text: str, tokens: list[Word], index: int) -> bool:
    if not is_name(tokens[index], tokens):
        return False
    previous = tokens[index - 1] if index else None
    return not (previous and is_name(previous, tokens) and _touches(text, previous, tokens[index]))


def _joins(word: Word, run: list[Word], tokens: list[Word], led: bool) -> bool:
    if is_name(word, tokens):
        return all(is_name(each, tokens) for each in run)
    if run and (_verbal(word) or word.plain.isdigit()):
        return False
    heads = [each for each in run if not is_name(each, tokens)]
    has_name = len(heads) < len(run)
    return len(heads) < (2 if has_name else MOST_HEADS) and (led or not has_name)


def _as_phrase(run: list[Word], tokens: list[Word]) -> Phrase:
    named = [is_name(word, tokens) for word in run]
    return Phrase(tuple(run), any(named), any(named) and not named[-1])


def _touches(text: str, first: Word, second: Word) -> bool:
    gap = text[first.start + len(first.surface) : second.start]
    return gap in (" ", "-", "  ", "_")
