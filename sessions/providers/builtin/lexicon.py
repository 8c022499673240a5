"""Closed lists of English words that the built-in model leans on, beside the stop-word library.

The library's list is broad: it also holds words such as "name", "room" and "port" that people ask
about. So it only makes a word *weak*; the function words below carry no content at all.
"""


def listed(text: str) -> list[str]:
    """The words of a text block."""
    return text.split()


FUNCTION_WORDS = frozenset(
    listed(
        """
        a about above after again against also am an and are aren aren't as at be been before being
        below between both but by can can't cannot could couldn couldn't d did didn didn't do does
        doesn doesn't don don't down during each for from had hadn hadn't has hasn hasn't have haven
        haven't having he he's her here hers him his how how's i i'd i'll i'm i've if in into is isn
        isn't it it's its just let's ll m may me might mine must my myself nor now of off on only or
        ought our ours out over own please re s same shall she she's should shouldn shouldn't so t
        than that that's the their theirs them then there there's these they they'd they'll they're
        they've this those through to too under up us ve very was wasn wasn't we we'd we'll we're
        we've were weren weren't what what's when when's where where's which who who's whom whose
        why will with won won't would wouldn wouldn't you you'd you'll you're you've your yours
        """
    )
)

NEGATIONS = frozenset(
    listed(
        """
        aren't arent can't cannot cant couldn't couldnt didn't didnt doesn't doesnt don't dont
        hadn't hasn't haven't isn't isnt neither never no nobody none nor not nothing refuse refused
        refuses shouldn't shouldnt unable wasn't wasnt weren't werent without won't wont wouldn't
        wouldnt
        """
    )
)

# Words that narrow or widen a claim: two sentences that differ in one of them say two things.
LIMITS = frozenset(
    listed(
        """
        above after all almost always any before below both can could down every except first former
        formerly half if last least less may maybe might more most must nearly new newer next off
        often old older only out over perhaps previous probably rarely second seldom should some
        sometimes than third under unless until up usually without would
        """
    )
)

# Relations that read backwards when their two ends change places.
DIRECTED = frozenset(listed("above after before from instead into over than to under versus vs"))

PRONOUNS = frozenset(
    listed(
        """
        he her him his it its one she that their them there they this those
        """
    )
)

# Verbs that say little by themselves; "gave the keynote" and "the keynote was given" are one fact.
LIGHT_VERBS = frozenset(
    listed(
        """
        did doing done gave getting give given gives giving going gone got having held holding made
        making said saying speaking spoke spoken talked talking telling told went
        """
    )
)

# What a subject does, in the form that could also be a plural noun.
THIRD_PERSON = frozenset(
    listed(
        """
        arrives belongs breaks brings builds charges closes comes contains costs covers departs
        depends expires fails flies gets gives handles holds hosts includes keeps lands lasts
        launches leads leaves likes listens lives loves maintains makes manages meets moves needs
        offers opens owns pays points prefers produces provides reads releases reports requires
        returns runs says sells sends serves ships shows sits sleeps speaks spends starts stays
        stops stores supports takes talks teaches tells thinks uses wants weighs wins works writes
        """
    )
)

DAYS = frozenset(listed("monday tuesday wednesday thursday friday saturday sunday"))
MONTHS = frozenset(
    listed("january february march april may june july august september october november december")
)
CALENDAR = (
    DAYS
    | MONTHS
    | frozenset(
        listed(
            """
            afternoon am day days evening fridays hour hours last midnight minute minutes mondays month
            months morning next night noon pm saturdays sundays thursdays today tomorrow tonight
            tuesdays utc wednesdays week weekend weeks year years yesterday
            """
        )
    )
)

NUMBER_WORDS = {
    word: str(value)
    for value, word in enumerate(
        listed("zero one two three four five six seven eight nine ten eleven twelve")
    )
}

# Base forms that the stemmer cannot know.
IRREGULAR_VERBS = dict(
    pair.split(":")
    for pair in listed(
        """
        bought:buy brought:bring built:build came:come chose:choose chosen:choose drank:drink
        drunk:drink drove:drive driven:drive ate:eat eaten:eat fell:fall flew:fly flown:fly
        found:find forgot:forget forgotten:forget gave:give given:give went:go gone:go grew:grow
        grown:grow held:hold kept:keep knew:know known:know led:lead left:leave lent:lend
        lost:lose made:make met:meet paid:pay ran:run sang:sing sat:sit sold:sell sent:send
        spent:spend spoke:speak spoken:speak swam:swim took:take taken:take taught:teach
        told:tell thought:think wore:wear worn:wear won:win wrote:write written:write
        began:begin begun:begin broke:break broken:break said:say saw:see seen:see slept:sleep
        """
    )
)
# One spelling for what is spelt, shortened or said in several ways.
SPELLINGS = dict(
    pair.split(":")
    for pair in listed(
        """
        colour:color colours:color favourite:favorite favourites:favorite flavour:flavor
        neighbour:neighbor behaviour:behavior labour:labor honour:honor centre:center
        metre:meter theatre:theater programme:program grey:gray catalogue:catalog
        licence:license cheque:check organisation:organization organise:organize
        organised:organize mum:mother mom:mother dad:father fav:favorite fave:favorite
        mtg:meeting appt:appointment bday:birthday photos:photo pics:photo db:database
        dbs:database repos:repository repo:repository e-mail:email emails:email children:child
        kids:child wives:wife people:person allergies:allergy allergic:allergy
        booking:reservation bookings:reservation
        """
    )
)
BASE_FORMS = IRREGULAR_VERBS | SPELLINGS

# Words that stand for each other in a question and its answer. A match through this table counts
# less than the word itself and never makes two statements the same.
SYNONYMS = tuple(
    tuple(listed(group))
    for group in (
        "announce launch release introduce unveil reveal publish",
        "live reside home move address based",
        "job work employ employer company profession",
        "boss manager lead supervisor",
        "own lead responsible charge owner maintain manage",
        "buy purchase get order",
        "cost price pay charge budget",
        "like love prefer enjoy favorite fond preference",
        "hate dislike avoid",
        "begin start kick",
        "end finish stop close",
        "ship launch release deliver deploy",
        "meeting call sync appointment standup",
        "meet see talk",
        "email mail address",
        "phone number telephone mobile",
        "link url address website page",
        "document doc file notes slides paper",
        "deadline due by until",
        "follow todo task action remind",
        "speaker present presenter give speak keynote",
        "talk presentation session lecture keynote speech",
        "fix solve resolve repair patch",
        "broken fail failure down outage bug error",
        "database postgres postgresql mysql sqlite",
        "car vehicle",
        "wife husband spouse partner married",
        "child son daughter baby",
        "mother father parent",
        "birthday born birth",
        "allergy intolerant avoid",
        "vacation holiday trip leave travel",
        "password passphrase secret credential login",
        "recipe cook bake ingredient",
        "use run rely",
        "decide choose agree pick select settle",
        "need require want",
        "attend visit join",
        "learn study",
        "eat food meal diet",
        "dinner supper",
        "run listen host serve",
        "name call",
        "team group squad",
        "customer client",
        "plan schedule agenda roadmap",
        "move reschedule postpone shift change",
        "hotel stay accommodation airbnb",
        "flight fly plane airline",
    )
)
