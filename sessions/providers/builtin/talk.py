"""The few fixed phrases of the built-in model, and how a whole answer is put together."""

import re

from sessions.providers.builtin import saving
from sessions.providers.builtin.answering import Answer, by_source, link, present, quoted
from sessions.providers.builtin.language import one_line
from sessions.providers.builtin.notes import title_of
from sessions.providers.builtin.reply import ToolCall
from sessions.providers.builtin.state import LOOKING_TOOLS, State
from sessions.providers.builtin.utterances import LONGEST_STATEMENT

LOOKING = "Looking in memory."
GREETING = "Hello. Tell me something to keep, or ask about something you told me before."
WELCOME = "You are welcome."
NOTHING_TO_DO = "All right. I found nothing in that to save or to look up."
EMPTY = "Your message was empty. Tell me something to keep, or ask about something in memory."
HELP = (
    "I am the built-in model: extractive, no language model. I save what you state and answer with "
    "sentences found in memory or in this conversation, naming the file they came from. When I "
    "find nothing, I say so. Name a tool and I call it: “use get_weather for Paris”. I cannot write, "
    "translate, calculate or delete."
)
FORGET = (
    "I cannot remove anything from memory. Edit or delete the file on the store's page; or state "
    "the correction here, and the newer statement will win when I answer."
)
REQUEST = "I cannot do “{0}”: I have no language model; I keep what you state and find it again."
NO_STORE = "No memory is attached to this session"
NO_TOOLS = "Memory is attached, but this agent's file tools are off, so I can neither look nor save"
MOST_LISTED = 30
MOST_RECALLED = 5
LONGEST_ECHO = 120


def lead(calls: list[ToolCall]) -> str:
    """What is said before the first calls of a turn."""
    names = {name for name, _ in calls}
    return LOOKING if names <= LOOKING_TOOLS else f"Calling {', '.join(sorted(names))}."


def compose(state: State) -> str:
    """The final text of the turn."""
    sections = [
        *_troubles(state),
        *_answers(state),
        *_overview(state),
        *_recap(state),
        *_saved(state),
        *_left_out(state),
        *_small_talk(state),
    ]
    return "\n\n".join(section for section in sections if section.strip()) or _nothing(state)


def _nothing(state: State) -> str:
    return NOTHING_TO_DO if state.heard else EMPTY


def _troubles(state: State) -> list[str]:
    lines = []
    for call in state.failed_looks():
        reason = one_line(call.result)
        if call.name == "read":
            lines.append(f"I could not read {link(str(call.input.get('file_path')))}: {reason}")
        else:
            lines.append(f"Looking in memory failed: {reason}")
    return ["\n".join(dict.fromkeys(lines))]


def _answers(state: State) -> list[str]:
    answers = state.answers() if state.questions else []
    if answers and not any(each.current or each.nearest for each in answers):
        return [_found_nothing(state, answers)]
    sections: list[str] = []
    for each in answers:
        if len(answers) > 1:
            sections.append(f"**{_as_question(each.question.text)}**")
        sections.append("\n".join(_lines_of(state, each)))
    return sections


def _as_question(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith(("?", "？", "؟")) else text.rstrip(".!,") + "?"


def _lines_of(state: State, found: Answer) -> list[str]:
    if found.current or found.outdated:
        return present(found, state.children)
    if found.nearest:
        near = by_source([found.nearest], state.children)
        return [f"I found nothing that says so{_where(state)}. The closest I have:", "", *near]
    return [f"I found nothing about this{_where(state)}."]


def _found_nothing(state: State, answers: list[Answer]) -> str:
    asked = " and ".join(f"“{one_line(each.question.text)[:LONGEST_ECHO]}”" for each in answers[:3])
    if state.stores:
        return f"I found nothing{_where(state)} that answers {asked}."
    reason = NO_TOOLS if state.all_stores else NO_STORE
    return f"I know nothing about that. {reason}, and nothing said in it answers {asked}."


def _where(state: State) -> str:
    names = ", ".join(store.name for store in state.stores)
    return f" in memory (I looked in {names}) or in this conversation" if names else " here"


def _overview(state: State) -> list[str]:
    if not state.wants_overview:
        return []
    if not state.stores:
        reason = NO_TOOLS if state.all_stores else NO_STORE
        quotes = [f"- {quoted(note)}" for note in state.said_before[-MOST_RECALLED:]]
        return [f"{reason}, so I know only what is said here.", "\n".join(quotes)]
    return [_contents(state, store.name, store.mount) for store in state.stores]


def _contents(state: State, name: str, mount: str) -> str:
    paths = sorted(path for path in state.found.files if path.startswith(f"{mount}/"))
    if not paths:
        return f"The store {name} is empty."
    lines = [f"The store {name} holds {_count(len(paths), 'file')}:", ""]
    texts = {file.path: file for file in state.files}
    for path in paths[:MOST_LISTED]:
        file = texts.get(path)
        lines.append(f"- {link(path)}" + (f": {title_of(path, file.text)}" if file else ""))
        lines += [f"  - “{note.text}”" for note in (file.notes if file else ()) if note.text][:3]
    if len(paths) > MOST_LISTED:
        lines.append(f"- and {len(paths) - MOST_LISTED} more")
    return "\n".join(lines)


def _recap(state: State) -> list[str]:
    asked = [each.unit.text for each in state.heard if each.unit.kind == "recap"]
    if not asked:
        return []
    if not state.turn.earlier:
        return ["This is the beginning of our conversation."]
    wants_first = re.search(r"\bfirst\b", asked[0], re.IGNORECASE)
    wants_last = re.search(r"\b(?:just|last|previous)\b", asked[0], re.IGNORECASE)
    return _recalled(state, 1 if wants_first or wants_last else MOST_RECALLED, bool(wants_first))


def _recalled(state: State, most: int, from_start: bool = False) -> list[str]:
    earlier = [said for said in state.turn.earlier if said.text.strip()]
    chosen = earlier[:most] if from_start else earlier[-most:]
    quotes = [f"- “{one_line(said.text)[:600]}”" for said in chosen]
    return ["You said:\n\n" + "\n".join(quotes)] if quotes else []


def _saved(state: State) -> list[str]:
    if not state.told:
        return []
    if not state.all_stores:
        return [f"I heard you. {NO_STORE}, so I will forget this when it ends."]
    if not state.stores:
        return [f"{NO_TOOLS}. I will forget this when the session ends."]
    if not state.writable:
        return [_may_not_save(state)]
    return ["\n".join(saving.report(state.filings, state.turn)).strip()]


def _may_not_save(state: State) -> str:
    names = ", ".join(store.name for store in state.stores)
    if any(store.is_writable for store in state.stores):
        return "I did not save this: this agent's tools for writing are switched off."
    return (
        f"I did not save this: {names} is attached read-only, and I may not change it. "
        "I will forget this when the session ends."
    )


def _left_out(state: State) -> list[str]:
    lines = []
    if state.is_cut and state.writable:
        lines.append(
            f"That was a lot at once: I took the first {len(state.told)} statements and left the "
            "rest out. Send those again in smaller messages."
        )
    if state.secrets:
        lines.append(
            f"I kept back {_count(state.secrets, 'statement')} that may hold a password or a key: "
            "those do not belong in memory."
        )
    oversize = sum(1 for each in state.heard if each.unit.kind == "oversize")
    if oversize:
        lines.append(
            f"I skipped {_count(oversize, 'passage')} of more than {LONGEST_STATEMENT:,} "
            "characters without the end of a sentence."
        )
    return lines


def _small_talk(state: State) -> list[str]:
    kinds = state.kinds()
    said = []
    if "help" in kinds:
        said += [HELP, _attached(state)]
    if "forget" in kinds:
        said.append(FORGET)
    if "request" in kinds:
        asked = next(each.unit.text for each in state.heard if each.unit.kind == "request")
        said.append(REQUEST.format(asked[:LONGEST_ECHO].rstrip(".!?")))
    if said or kinds - {"greeting", "thanks", "chatter"}:
        return said
    if "thanks" in kinds:
        return [WELCOME]
    return [GREETING] if "greeting" in kinds else []


def _attached(state: State) -> str:
    if not state.all_stores:
        return f"{NO_STORE}: what you tell me is gone when it ends."
    stores = [
        f"{store.name} ({'read & write' if store.is_writable else 'read-only'})"
        for store in state.all_stores
    ]
    return f"Memory attached to this session: {', '.join(stores)}."


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
