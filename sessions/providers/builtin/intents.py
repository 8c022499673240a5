"""What a sentence is for: telling, asking, greeting, or wanting what the model cannot do."""

import re
from collections.abc import Iterator
from typing import Literal

from sessions.providers.builtin.language import content, one_line, words
from sessions.providers.builtin.lexicon import listed

Kind = Literal[
    "statement", "question", "overview", "recap", "help", "forget", "request", "greeting", "thanks",
    "chatter", "oversize", "heading",
]  # fmt: skip

AUXILIARY = (
    r"(?:is|are|was|were|am|do|does|did|has|have|had|can|could|will|would|shall|should|may|might|must"
    r"|isn't|aren't|wasn't|weren't|don't|doesn't|didn't|hasn't|haven't|hadn't|can't|couldn't|won't"
    r"|wouldn't|shouldn't)"
)
SUBJECT = (
    r"(?:i|you|he|she|it|we|they|the|a|an|my|our|your|his|her|its|their|this|that|these|those|there"
    r"|any|anyone|anybody|anything|everyone|someone|something|all|both)"
)
WH = r"(?:what|when|where|who|whom|whose|which|why|how)"
WH_QUESTION = re.compile(
    rf"{WH}(?:['’](?:s|re|d|ll))\b|{WH}(?:\s+\S+){{0,4}}?\s+{AUXILIARY}\s|(?:who|what|which)\s+(?!{SUBJECT}\b)\S+"
    rf"|how\s+(?:many|much|long|often|far|old|big|about|come|to)\b|what\s+about\b",
    re.IGNORECASE,
)
SUBORDINATE = re.compile(rf"{WH}\s+(?:{SUBJECT}|(?-i:[A-Z])\w+)\s", re.IGNORECASE)
RELATIVE_CLAUSE = re.compile(r"which\s+(?:means|is why|makes|made|was|is)\b", re.IGNORECASE)
INVERTED = re.compile(rf"{AUXILIARY}\s+(?:{SUBJECT}\b|(?-i:[A-Z])\w)", re.IGNORECASE)
ASKING_YOU = re.compile(r"(?:can|could|would|will|do|did) you\b", re.IGNORECASE)
INDIRECT = re.compile(
    r"(?:i(?:['’]m| am| was)? (?:wonder|wondering|want to know|need to know|['’]d like to know"
    r"|would like to know|forgot|have forgotten|can['’]?t remember|cannot remember|can['’]?t recall"
    r"|don['’]?t remember|don['’]?t recall|don['’]?t know)|i['’]d like to know|any idea|no idea|do you know|remind me"
    r"|please tell me|tell me)\b.*?\b(?:if|whether|what|when|where|who|whose|which|why|how|of|about)\b",
    re.IGNORECASE,
)
LOOKUP = re.compile(
    r"(?:please\s+)?(?:(?:can|could|would|will) you\s+(?:please\s+)?)?"
    r"(?:tell me|show me|list|find|look up|look for|search (?:for|memory|my)|give me|remind me (?:of|about|what"
    r"|when|where|who|how|which)|recall|summari[sz]e|recap|describe|what about|how about|check (?:my|the) (?:memory"
    r"|notes))\b(?!\s*:)",
    re.IGNORECASE,
)
KEEP = re.compile(
    r"(?:(?:please|kindly|can you|could you|would you|will you|i(?:['’]d| would) like you to|i want you to"
    r"|you should|also|and)[,\s]+)*"
    r"(?:remember|note|save|store|record|memori[sz]e|write down|jot down|keep in mind|bear in mind"
    r"|make a note|take note|don['’]?t forget|do not forget|add to (?:your |my |the )?memory|put in (?:your |the )?memory)"
    r"(?:\s+(?:this|the following|down))?\s*(?:[:,]\s*|\s+that\s+|\s+)(?=\S)",
    re.IGNORECASE,
)
POLITE = re.compile(r"(?:please\s+|(?:can|could|would|will) you\s+(?:please\s+)?)+", re.IGNORECASE)
KEEP_TODO = re.compile(
    r"(?:remember|remind me|don['’]?t forget|do not forget)\s+to\b", re.IGNORECASE
)
KEEP_QUESTION = re.compile(
    rf"(?:{WH}|if|whether|anything|something|me|us|our conversation)\b", re.IGNORECASE
)
LEAD_IN = re.compile(
    r"(?:(?:hi|hello|hey|thanks|thank you|ok|okay|well|so|oh|ah|yes|yeah|yep|no|right|great|cool|sure|also"
    r"|and|but|btw|by the way|fyi|note|nb|ps|for (?:the|your) (?:record|information)|just so you know|heads[- ]up"
    r"|one more thing|another thing)\b[,:!.\s]+(?:that\s+)?)+"
    r"|(?:i(?:['’]ve)? (?:already |just )?(?:told|mentioned|said)(?: to)?(?: you)?(?: already| before| earlier)?"
    r"|as i (?:already )?(?:said|mentioned|told you)(?: before| earlier)?"
    r"|like i said)[,:]?\s+(?:that\s+)?(?=\S)",
    re.IGNORECASE,
)
GREETING = re.compile(
    r"(?:hi|hello|hey|hiya|howdy|good (?:morning|afternoon|evening|day|night)|greetings|yo|bye|goodbye"
    r"|see you(?: later| soon)?|nice to meet you|have a (?:nice|good|great) \w+|how are you(?: doing)?(?: today)?"
    r"|how['’]?s it going)(?:[\s,]+(?:there|reverie|assistant|all|everyone|again|team))*[\s!.,?]*",
    re.IGNORECASE,
)
THANKS = re.compile(
    r"(?:ok(?:ay)?[,\s]+)?(?:(?:many )?thanks|thank you|thx|cheers|much appreciated|ty)\b"
    r"(?: so much| very much| a lot| again)*(?: for\b[^.!?]{1,60})?(?:[\s,]+that['’]?s \w+(?: \w+)?)?[\s!.,]*",
    re.IGNORECASE,
)
HELP = re.compile(
    r"(?:(?:please )?help(?: me)?|what can (?:you|i) do(?: here)?|what do you do|who are you|what are you"
    r"|what is this|how do you work|how does this work|are you (?:an? )?(?:ai|bot|robot|human|llm|chatgpt|claude"
    r"|language model|real|person)|what model are you|which model (?:are you|is this)|what['’]?s your name"
    r"|what is your name)(?: then| please| exactly)?[\s?.!]*",
    re.IGNORECASE,
)
FORGET = re.compile(
    r"(?:please\s+)?(?:(?:can|could|would|will) you\s+(?:please\s+)?)?(?:forget|delete|remove|erase|wipe|clear"
    r"|discard)\b(?! to\b)",
    re.IGNORECASE,
)
REQUEST = re.compile(
    r"(?:please\s+)?(?:(?:can|could|would|will) you\s+(?:please\s+)?|i(?:['’]d| would) like you to\s+|help me\s+)?"
    r"(?:write|translate|generate|create|compose|draft|rewrite|rephrase|paraphrase|explain|calculate|compute"
    r"|implement|code|debug|refactor|run|execute|open|browse|google|imagine|pretend|act as|ignore|disregard|sing"
    r"|draw|paint|convert|solve|brainstorm|suggest|recommend|proofread|answer|continue|stop|reset|restart)\b",
    re.IGNORECASE,
)
SMALL_TALK = re.compile(
    r"(?:can|could|would|will) you (?:please )?(?:remember|save|note|keep) (?:that|this|it|these)[\s?.!]*"
    r"|(?:let me (?:know|ask|think|see|check)|(?:just )?(?:wait|hold on|listen|one (?:moment|second|sec))"
    r"|i have (?:a|another|one more|some) questions?"
    r"|you(?:['’]re| are) (?:right|wrong|welcome|great|helpful|the best))\b.*",
    re.IGNORECASE,
)
DUE = re.compile(r"\b(?:by|until|before|due)\s+\w+", re.IGNORECASE)
OVERVIEW = re.compile(
    r"what(?:['’]?s| is) (?:new|up|there)\s*\?*|what (?:do|did|can|have) you (?:know|remember|have|recall|learned|learnt|stored?|saved?)(?: so far| about me| about us"
    r"| already| in (?:your |my )?memory| stored| saved)*\s*\?*|what(?:['’]?s| is| do you have)(?: stored| saved| there)? in "
    r"(?:your |my |the )?(?:memory|store|notes)\s*\?*|(?:show|list|summari[sz]e|tell me|give me|recap)(?: me)?"
    r"(?: everything| all| what)*(?: of)?(?: your| my| the| you)*(?: memory| memories| notes| files| know| remember| have)+"
    r"(?: in memory| about me)?[\s.?!]*|what (?:files|memories|notes) (?:do you have|are there|are in memory)[\s?]*",
    re.IGNORECASE,
)
RECAP = re.compile(
    r"what (?:did|have|was) (?:i|we|my|the) (?:just |last )?(?:say|said|tell you|told you|ask|asked|talk(?:ed)? about|"
    r"discuss(?:ed)?|last (?:message|question)|previous (?:message|question))(?: you)?(?: so far| just now| before| earlier"
    r"| first| last| in this (?:conversation|chat|session))*\s*\?*",
    re.IGNORECASE,
)
CHATTER_WORDS = frozenset(
    listed(
        """
agree agreed amazing awesome bad brilliant cool correct done enough exactly excellent
fair false fine glad good got great haha hahaha hello helpful hey hi hm hmm indeed
interesting it lol love lovely mind never nevermind nice no nope noted ok okay okey oops
perfect question questions right roger see sorry sound sounds super sure test testing
thank thanks true understood wonderful wow wrong yeah yep yes
"""
    )
)
LONGEST_PHRASE = 160  # characters of a greeting, a thank-you or a fixed question
CLOSERS = "\"'”’)]}»* _\u200f\u200e"


def fixed_kind(text: str) -> Kind | None:
    patterns: tuple[tuple[Kind, re.Pattern], ...] = (
        ("greeting", GREETING),
        ("thanks", THANKS),
        ("help", HELP),
        ("overview", OVERVIEW),
        ("recap", RECAP),
        ("chatter", SMALL_TALK),
    )
    if len(text) <= LONGEST_PHRASE:
        for kind, pattern in patterns:
            if pattern.fullmatch(text):
                return kind
    return None


def kept_or_asked(raw: str) -> Kind | Literal["keep", "to do"] | None:
    keep = KEEP.match(raw)
    if KEEP_TODO.match(POLITE.sub("", raw, count=1)):
        return "to do"
    if keep and not KEEP_QUESTION.match(raw[keep.end() :]) and not _asks_to_recall(raw, keep):
        return "keep"
    if FORGET.match(raw):
        return "forget"
    if REQUEST.match(raw) and not DUE.search(raw):
        return "request"
    return "question" if LOOKUP.match(raw) or is_question(raw) else None


def _asks_to_recall(raw: str, keep: re.Match) -> bool:
    """ "Can you remember my name?" asks; "can you remember that my name is Ana?" tells."""
    return raw.rstrip(CLOSERS).endswith(("?", "？", "؟")) and " that " not in keep.group().lower()


def is_question(raw: str) -> bool:
    """Whether the sentence asks something, with or without a question mark."""
    text = one_line(raw)
    bare = text.rstrip(CLOSERS)
    if bare.endswith(("?", "？", "؟", "?!", "⁇")):
        return True
    if INDIRECT.match(bare):
        return True
    if WH_QUESTION.match(bare):
        return not (
            SUBORDINATE.match(bare) and not _asks_anyway(bare)
        ) and not RELATIVE_CLAUSE.match(bare)
    if ASKING_YOU.match(bare):
        return True
    return (
        bool(INVERTED.match(bare))
        and not bare.endswith(".")
        and not bare.lower().startswith("may ")
    )


def _asks_anyway(text: str) -> bool:
    """ "What time is it" asks though "what I need is it" does not."""
    second = text.split(" ")[1:2]
    return bool(second) and re.fullmatch(AUXILIARY, second[0], re.IGNORECASE) is not None


def is_chatter(text: str) -> bool:
    """Whether a sentence says nothing that could be asked for later."""
    if "://" in text:
        return False
    told = [word for word in words(text) if not word.is_function]
    telling = [word for word in told if word.plain not in CHATTER_WORDS]
    if not telling:
        return True
    return len(told) < 2 and not _is_about_me(text) and not any(word.has_digit for word in told)


def _is_about_me(text: str) -> bool:
    return bool(re.match(r"(?:i|i['’]m|my|we|we['’]re)\b", text, re.IGNORECASE)) and any(
        not word.is_common for word in content(text)
    )


PART = re.compile(
    rf"(?:,\s*|;\s*|\s+)(?:and|or|but|also|and also|plus)\s+(?={WH}\b|{AUXILIARY}\s+{SUBJECT}\b)"
    rf"|;\s+|(?<=[?？؟])\s+|,\s+(?={WH}\s+{AUXILIARY}\b)",
    re.IGNORECASE,
)


def parts(question: str) -> Iterator[str]:
    """The single questions in "What was said, and where are my notes?"."""
    for part in PART.split(question):
        part = part.strip(" ,;")
        if part:
            yield part
