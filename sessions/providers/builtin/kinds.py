"""What sort of statement a sentence is: a preference, a follow-up, a decision, and so on."""

import re
from typing import Literal

from sessions.providers.builtin.language import URL
from sessions.providers.builtin.lexicon import listed

FindingKind = Literal["fact", "preference", "correction", "decision", "follow_up", "resource"]

FOLLOW_UP = re.compile(
    r"(?:todo|to-do|action item|follow[- ]?ups?|reminder|next steps?)\b[:\s]"
    r"|(?:please\s+)?(?:follow up|remind me to|remember to|don['’]?t forget to|do not forget to|check (?:in )?with|get back to"
    r"|reach out to|call|phone|ring|email|e-mail|mail|text|message|ping|send|ask|tell|book|buy|order|pay|submit|finish"
    r"|prepare|schedule|review|renew|return|cancel|register|sign up|pick up|drop off|bring|write|draft|chase|confirm"
    r"|update|fix|reply to|respond to|meet)\b(?!\s*[:#\d]|\s+(?:me|of)\b|(?:\s+\S+){0,2}\s+(?:is|are|was|were)\b)"
    r"|i (?:need|have|must|should|ought|want|still need|still have) (?:to )?(?:follow|call|email|send|ask|book|buy|pay|finish"
    r"|prepare|renew|return|submit|check|reply|get back|pick|write)\b"
    r"|(?:i|we)(?:['’]ve)? (?:promised|agreed) to (?:follow|call|email|send|get back)\b",
    re.IGNORECASE,
)
PREFERENCE = re.compile(
    r"(?:my|our) (?:absolute |all-time )?(?:fav\w*|preferred|preference|least favou?rite)\b"
    r"|(?:i|we) (?:really |also |always |usually |generally |much |strongly |absolutely |no longer |don['’]?t |do not |never )*"
    r"(?:like|love|prefer|enjoy|hate|dislike|adore|avoid|can['’]?t stand|am (?:a )?(?:big )?fans? of|favou?r)\b"
    r"|i(?:['’]m| am) (?:a (?:big |huge )?fan of|fond of|not fond of|into)\b|i(?:['’]d| would) rather\b"
    r"|(?:please )?(?:always|never|don['’]?t|do not) (?:use|call|send|write|deploy|schedule|book|add|start|answer|reply"
    r"|push|merge|commit)\b",
    re.IGNORECASE,
)
PROFILE = re.compile(
    r"my (?:full |first |last |middle |nick|sur)?(?:name|age|birthday|birthplace|address|email|e-mail|phone|phone number"
    r"|number|job|job title|title|role|pronouns|hometown|nationality|time ?zone|timezone|blood type|shoe size|height"
    r"|weight|allergy|allergies|diet|native language|salary|desk|office)\b(?! (?:of|for)\b)"
    r"|call me\b|i(?:['’]m| am) (?:an? |the |allergic|vegetarian|vegan|from|based|born|married|single|left-handed|\d)"
    r"|i (?:live|work|grew up|was born|moved to|come from|study|studied|speak|am called|have (?:a |an |two |three |\d )?"
    r"(?:kids?|children|daughters?|sons?|siblings?|allerg\w+))\b",
    re.IGNORECASE,
)
RELATION = (
    r"(?:wife|husband|partner|spouse|girlfriend|boyfriend|fianc[eé]e?|mother|mum|mom|father|dad|sister|brother|son|daughter"
    r"|child|kid|aunt|uncle|cousin|niece|nephew|grandmother|grandfather|grandma|grandpa|friend|neighbou?r|boss|manager"
    r"|lead|supervisor|mentor|colleague|coworker|co-worker|teammate|assistant|landlord|landlady|doctor|dentist|therapist"
    r"|accountant|lawyer|teacher|coach|vet|plumber|roommate|flatmate|in-laws?|parents?)"
)
BELONGING = r"(?:birthday|name|phone|number|email|address|job|husband|wife|partner|kids?|children|office|house|flat|car)\b"
PEOPLE = re.compile(
    rf"(?:my|our) (?:\w+ )?{RELATION}\b(?!['’]s\s+(?!{BELONGING}))|(?-i:[A-Z])[\w-]+(?: (?-i:[A-Z])[\w-]+)? is (?:my|our) (?:\w+ )?{RELATION}\b",
    re.IGNORECASE,
)
DECISION = re.compile(
    r"\b(?:we|i|they|the team|team)(?:['’]ve| have| has)? (?:have )?(?:decided|agreed|chose|chosen|picked|settled on"
    r"|selected|approved|concluded|committed)\b|\b(?:decision|decided|agreed):|\bgoing with\b|\bwe(?:['’]ll| will) (?:use|go"
    r"|ship|adopt|drop)\b|\bit was (?:decided|agreed)\b",
    re.IGNORECASE,
)
CORRECTION = re.compile(
    r"\b(?:actually|correction|no longer|any ?more|instead of|rather than|not .{1,40} but|i was wrong|my mistake|turns out)\b"
    r"|\b(?:moved|changed|rescheduled|postponed|pushed(?: back)?|shifted|switched|renamed|updated|relocated|migrated"
    r"|delayed|corrected|brought forward)\b.{0,60}\bto\b|\b(?:is|are) now\b|\bnow (?:at|on|in|is|runs|lives)\b",
    re.IGNORECASE,
)
SECRET = re.compile(
    r"\b(?:pass(?:word|phrase|code|wd)|pin(?: code)?|api[- ]?key|secret(?: key)?|(?:access|auth|bearer)[- ]?token"
    r"|private key|recovery code|credentials?)s?\b[^.!?\n]{0,40}?(?:\bis\b|\bare\b|\bto\b|[:=])\s*[`\"'“]?(?P<value>\S{3,})"
    r"|\b(?:sk-[\w-]{12,}|ghp_\w{20,}|github_pat_\w{20,}|xox[abprs]-[\w-]{10,}|AKIA[0-9A-Z]{16}|AIza[\w-]{30,}"
    r"|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*)|-----BEGIN [A-Z ]*PRIVATE KEY",
    re.IGNORECASE,
)
NO_SECRET = frozenset(
    listed(
        """in at on with from via kept stored saved changed the a an not required needed expired"""
    )
)
PATH = re.compile(r"(?<!\w)(?:~?/|\./|[A-Za-z]:\\)[\w.-]+(?:[/\\][\w.-]+)+")


def has_secret(text: str) -> bool:
    """Whether a text gives away a password or a key; "the password is in the vault" does not."""
    for match in SECRET.finditer(text):
        value = match["value"]
        if value is None or value.lower().strip(".,;") not in NO_SECRET:
            return True
    return False


def finding_kind(text: str) -> FindingKind:
    """Which kind of finding a statement is."""
    if FOLLOW_UP.match(text):
        return "follow_up"
    if CORRECTION.search(text):
        return "correction"
    if DECISION.search(text):
        return "decision"
    if PREFERENCE.match(text):
        return "preference"
    return "resource" if URL.search(text) or PATH.search(text) else "fact"
