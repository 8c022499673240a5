"""Questions: their terms and weights, and which kind of answer they want."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from sessions.providers.builtin.dates import has_date_or_time
from sessions.providers.builtin.language import URL, Word, fillers, fold, stem, words
from sessions.providers.builtin.lexicon import CALENDAR, NUMBER_WORDS, listed

LEAD_IN = re.compile(
    r"^(?:(?:please|hey|hi|so|and|also|ok|okay|then)[,\s]+"
    r"|(?:can|could|would|will|do|did) you\s+(?:please\s+|also\s+|still\s+)*"
    r"|i(?:['’]m| am| was)? (?:wonder(?:ing)?|want to know|need to know|would like to know|forgot|can['’]?t remember"
    r"|cannot remember|can['’]?t recall|don['’]?t remember|don['’]?t recall|don['’]?t know)(?: if you (?:know|remember))?\s+"
    r"|i['’]d like to know\s+|(?:tell|show|give|remind) me\s+|(?:look up|look for|search for|find|list|recall|know|remember"
    r"|summari[sz]e|recap|describe|check)\s+|what do you (?:know|remember|have)\s+|what should i (?:know|remember)\s+"
    r"|what did (?:i|we) (?:say|tell you|mention|note|save)\s+"
    r"|(?:about|on|of|regarding|for|if|whether|everything|anything|all|me)\s+)+",
    re.IGNORECASE,
)
ABOUT = re.compile(
    r"\b(?:about|regarding|summari[sz]e|recap|everything|all|list|overview|describe|know (?:of|about)|notes? on)\b"
    r"|^what(?:['’]s| is) (?:new|up)\b|^who (?:is|was|are)\b|^how (?:do|does|to|can|should)\b",
    re.IGNORECASE,
)
TO_DO = re.compile(
    r"\b(?:to-?dos?|(?:have|need|got|left|supposed) to do|tasks?|reminders|action items|follow[- ]?ups?"
    r"|follow up(?: on| with)?|on my plate|(?:should|must) i do|remember to)\b",
    re.IGNORECASE,
)
EITHER = re.compile(r"\b((?-i:[A-Z])\w+),? (?:and|or) ((?-i:[A-Z])\w+)")
WHO_AM_I = re.compile(r"(?:do you know )?who (?:am i|i am)[\s?!.]*", re.IGNORECASE)
KIND = re.compile(r"^(?:what|which)\s+(\w+)(?=\s)", re.IGNORECASE)
MINE = re.compile(
    r"\b(?:do|did|am|was|have|should|can|will|must) i\b|\bi(?:['’]m)?\b", re.IGNORECASE
)
WANTS = (
    ("email", re.compile(r"\be-?mail address\b|\bwhat(?:['’]s| is) (?:\S+ ){1,2}e-?mail\b", re.I)),
    ("phone", re.compile(r"\b(?:phone|mobile|telephone|cell)(?: number)?\b(?=\W*$)", re.I)),
    ("number", re.compile(r"\bhow (?:many|much|long|old|tall|big|far|often)\b|\b(?:which|what) (?:\w+ )?(?:port|number|version|price|cost|amount|size)\b|\bhow (?:\w+ )?(?:cost|expensive)\b", re.I)),
    ("time", re.compile(r"\bwhen\b|\bwhat (?:time|date|day|month|year)\b|\bwhich (?:day|date|month|year|week)\b|\b(?:until|since|by) when\b|\bdeadline\b", re.I)),
    ("place", re.compile(r"\bwhere\b|\b(?:link|url|website|address|location)\b|\b(?:which|what) (?:city|country|place|room|building|address|folder|host|server|region)\b", re.I)),
    ("person", re.compile(r"\bwho(?:m|se)?\b|\bwhich (?:person|people|colleague|speaker)\b", re.I)),
    ("reason", re.compile(r"\bwhy\b|\bhow come\b|\bwhat(?:['’]s| is| was) the reason\b", re.I)),
)  # fmt: skip
PLACE = re.compile(
    r"(?<!\w)[~.]?/[\w.-]+/|\b(?:in|at|on|near|under|behind|inside|from|to|next to|above|room|gate)\s+\w",
    re.I,
)
PHONE = re.compile(r"\d(?:[\d\s()/-]{3,})\d")
REASON = re.compile(
    r"\b(?:because|since|due to|so that|in order to|reason|as a result|thanks to|to (?:avoid|keep|make|get))\b",
    re.I,
)
KIND_NOUNS = frozenset(
    stem(word) for word in listed("address link url website location phone number email mail")
)
CUE_WORDS = frozenset(
    stem(word)
    for word in listed(
        """
date day link month time url website when where who why year
"""
    )
)
POINTERS = frozenset(
    listed(
        """
he her him his it its one she that their them there these they this those
"""
    )
)
BEFORE_NOUNS = frozenset(
    listed("about for on of in with to at by the a an my our your his her their")
)
VERB_PLACE = frozenset(["do", "does", "did", "to"])


@dataclass(frozen=True)
class Question:
    """One part of what was asked, with the weight of each stem that an answer should cover.

    `inherited` holds stems taken over from what was said before; they rank but are not required.
    `kinds` are nouns that name the kind of answer ("which *region*"), so that an answer may lack
    them. `is_mine`: the person asks about themselves ("where do I live?"). Of the names in
    `either` ("Bo and Ingrid") one is enough.
    """

    text: str
    terms: dict[str, float]
    wants: str
    is_about: bool
    inherited: dict[str, float] = field(default_factory=dict)
    kinds: frozenset[str] = frozenset()
    is_mine: bool = False
    either: frozenset[str] = frozenset()

    @property
    def all_terms(self) -> dict[str, float]:
        return {**self.inherited, **self.terms}

    @property
    def essential(self) -> list[str]:
        """The terms without which a sentence is about something else."""
        return [t for t, weight in self.terms.items() if weight >= 0.8 and t not in self.kinds]


def ask(text: str, before: str = "") -> Question:
    """A question with its terms; one that only points ("when is it?") takes over those before it."""
    asked = _meant(text)
    empty = fillers(asked)
    found = [word for word in words(asked) if not word.is_function and word.plain not in empty]
    terms = {word.stem: weight for word in found if (weight := _weight(word, asked)) > 0}
    inherited = _inherit(before)
    points = any(word.plain in POINTERS for word in words(asked))
    is_vague = not terms or (points and not any(weight >= 0.6 for weight in terms.values()))
    if inherited and is_vague:
        terms, inherited = {**{t: w * 0.8 for t, w in inherited.items()}, **terms}, {}
    return Question(
        text,
        terms,
        wants=next((kind for kind, pattern in WANTS if pattern.search(text)), ""),
        is_about=bool(ABOUT.search(text) or TO_DO.search(text)),
        inherited={term: weight * 0.2 for term, weight in inherited.items()},
        kinds=KIND_NOUNS | {stem(fold(noun)) for noun in KIND.findall(asked)},
        either=frozenset(stem(fold(name)) for pair in EITHER.findall(text) for name in pair),
        is_mine=bool(MINE.search(asked)),
    )


def _meant(text: str) -> str:
    """The question without its lead-in; the usual ways to ask for tasks or for one's name."""
    if TO_DO.search(text):
        return TO_DO.sub("follow", text)
    return "my name" if WHO_AM_I.fullmatch(text) else LEAD_IN.sub("", text) or text


def _inherit(before: str) -> dict[str, float]:
    found = [word for word in words(before) if not word.is_common]
    return {word.stem: _weight(word, before) for word in found[:12] if word.plain not in CALENDAR}


def _weight(word: Word, text: str) -> float:
    """How much of the question hangs on a word: names most, verbs less, common words little."""
    if word.stem in CUE_WORDS:
        return 0.15
    first = word.start == 0 or text[: word.start].rstrip().endswith((".", "!", "?"))
    if word.has_digit or word.is_acronym or (word.is_capitalised and not first):
        return 1.4
    if word.surface.endswith(("'s", "’s")):
        return 1.4
    if word.is_common:
        return 0.35
    return 0.6 if _is_verb(word, text) else 1.0


def _is_verb(word: Word, text: str) -> bool:
    """ "launched" and "launching", but not "about pricing"."""
    if word.plain.endswith("ing"):
        before = words(text[: word.start])[-1:]
        return not (before and before[0].plain in BEFORE_NOUNS)
    return word.plain.endswith("ed") or _follows_auxiliary(word, text)


def _follows_auxiliary(word: Word, text: str) -> bool:
    """ "did Priya *choose*": the last word of "did …" is the verb."""
    tail = text[word.start + len(word.surface) :].strip(" ?.!")
    return not tail and any(each.plain in VERB_PLACE for each in words(text[: word.start]))


def _names_beyond(text: str, question: Question) -> bool:
    found = words(text)
    return any(
        word.is_capitalised and not word.is_function and word.stem not in question.terms
        and word.plain not in CALENDAR and (index or not word.is_common)
        for index, word in enumerate(found)
    )  # fmt: skip


def _has_number(text: str, question: Question) -> bool:
    return any(
        (word.has_digit or word.plain in NUMBER_WORDS) and word.stem not in question.terms
        for word in words(text)
    )


FITTING: dict[str, Callable[[str, Question], bool]] = {
    "time": lambda text, question: has_date_or_time(text),
    "place": lambda text, question: bool(URL.search(text) or PLACE.search(text)),
    "person": _names_beyond,
    "number": _has_number,
    "email": lambda text, question: "@" in text,
    "phone": lambda text, question: bool(PHONE.search(text)),
    "reason": lambda text, question: bool(REASON.search(text)),
}


def fits_kind(wants: str, text: str, question: Question) -> bool:
    """Whether a text can hold the kind of answer that is wanted."""
    return FITTING[wants](text, question) if wants else True
