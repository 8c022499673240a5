"""Where a turn stands, worked out from the messages alone."""

import posixpath
from dataclasses import dataclass
from functools import cached_property

from sessions.providers.base import Request
from sessions.providers.builtin import looking, saving
from sessions.providers.builtin.answering import Answer, Children, answer, fact_of
from sessions.providers.builtin.filing import File, known_in
from sessions.providers.builtin.intents import parts
from sessions.providers.builtin.language import words
from sessions.providers.builtin.looking import INDEX, Found, is_for_index
from sessions.providers.builtin.notes import Note, parse
from sessions.providers.builtin.questions import Question, ask
from sessions.providers.builtin.ranking import Index
from sessions.providers.builtin.reply import ToolCall
from sessions.providers.builtin.saving import MOST_STATEMENTS, Filing, Told
from sessions.providers.builtin.subjects import subject_of
from sessions.providers.builtin.thread import Call, Said, Store, Turn, read_stores, read_turn
from sessions.providers.builtin.utterances import Unit, units

LOOKING_TOOLS = frozenset({"glob", "grep", "read"})
WRITING_TOOLS = frozenset({"write", "edit"})
MOST_QUESTIONS = 12
MOST_UNITS = 400
MOST_EARLIER = 100
MOST_LOOKED_BACK = 6
MOST_SAID = 300
LONGEST_EARLIER = 20_000


@dataclass(frozen=True)
class Heard:
    """A sentence of the turn with the message it stands in."""

    unit: Unit
    said: Said


class State:
    """Where the turn stands."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.turn: Turn = read_turn(request)
        self.tools = {tool["name"] for tool in request.tools}
        self.all_stores: list[Store] = read_stores(request.system)
        self.can_look = self.tools >= LOOKING_TOOLS
        self.stores = self.all_stores if self.can_look else []
        self.writable = [s for s in self.stores if s.is_writable and self.tools >= WRITING_TOOLS]

    @cached_property
    def heard(self) -> list[Heard]:
        """Every sentence of the turn; of a very long one the beginning and the end."""
        return [
            Heard(unit, said) for said in self.turn.said for unit in units(said.text, MOST_UNITS)
        ]

    def kinds(self) -> set[str]:
        return {each.unit.kind for each in self.heard}

    @cached_property
    def statements(self) -> list[Told]:
        return [Told(each.unit, each.said) for each in self.heard if each.unit.kind == "statement"]

    @property
    def is_cut(self) -> bool:
        """Whether more was stated than is kept."""
        return len(self.statements) > len(self.told) + self.secrets

    @cached_property
    def told(self) -> list[Told]:
        """The statements that will be kept."""
        kept = [told for told in self.statements if not told.has_secret]
        return kept[:MOST_STATEMENTS]

    @property
    def secrets(self) -> int:
        return sum(1 for told in self.statements if told.has_secret)

    @cached_property
    def questions(self) -> list[Question]:
        asked: list[Question] = []
        before = self._last_words_before()
        for each in self.heard:
            if each.unit.kind == "question":
                for part in parts(each.unit.text):
                    asked.append(ask(part, before))
                    before = part
            elif each.unit.kind == "statement":
                before = each.unit.text
        return list({question.text: question for question in asked}.values())[:MOST_QUESTIONS]

    def _last_words_before(self) -> str:
        """The last thing said before this turn that a question may point back to."""
        for said in reversed(self.turn.earlier[-MOST_LOOKED_BACK:]):
            text = said.text[-500:]
            if any(not word.is_common for word in words(text)):
                return text
        return ""

    @property
    def wants_overview(self) -> bool:
        return "overview" in self.kinds()

    @cached_property
    def found(self) -> Found:
        return looking.read_found(self.turn)

    @cached_property
    def index_texts(self) -> dict[str, str]:
        reads = {path: self.turn.last_read(path) for path in self.found.indexes}
        return {path: read.result for path, read in reads.items() if read}

    def next_calls(self) -> list[ToolCall]:
        """The tool calls of the next step; none when it is time to answer."""
        if not self.stores or not (self.questions or self._may_save() or self.wants_overview):
            return []
        for step in (self._look, self._read_index, self._read_files):
            if calls := step():
                return calls
        return saving.next_calls(self.filings, self.turn)

    def _may_save(self) -> bool:
        return bool(self.told and self.writable)

    def _look(self) -> list[ToolCall]:
        if self.turn.of("glob"):
            return self._look_for_index()
        texts = [f"{subject_of(each.unit.text).phrase} {each.unit.text}" for each in self.told]
        return looking.look(self.stores, self.questions, texts if self._may_save() else [])

    def _look_for_index(self) -> list[ToolCall]:
        """A listing that was cut may have left the index out."""
        cut = {call.input.get("path") for call in self.turn.cut_globs}
        known = {call.input.get("path") for call in self.turn.of("glob") if is_for_index(call)}
        known |= {posixpath.dirname(path) for path in self.found.indexes}
        return [
            ("glob", {"pattern": INDEX, "path": store.mount})
            for store in self.stores
            if store.mount in cut - known
        ]

    def _read_index(self) -> list[ToolCall]:
        if not (self.questions or self.wants_overview):
            return []
        return self._read(self.found.indexes[: len(self.stores)])

    def _read_files(self) -> list[ToolCall]:
        if self.turn.of("write", "edit"):
            return []
        chosen = looking.choose_files(self.found, self.questions, self.index_texts)
        if self.wants_overview:
            chosen += self.found.files[: looking.MOST_FILES]
        chosen = list(dict.fromkeys(chosen))[: looking.MOST_FILES]
        if self._may_save():
            chosen += saving.candidates(self.told, self.found)[: looking.MOST_FILES]
        return self._read(list(dict.fromkeys(chosen)))

    def _read(self, paths: list[str]) -> list[ToolCall]:
        """Reads of the files that this turn has not tried yet."""
        tried = {call.input.get("file_path") for call in self.turn.of("read")}
        return [("read", {"file_path": path}) for path in paths if path not in tried]

    @cached_property
    def files(self) -> list[File]:
        """The files as they were before this turn wrote anything."""
        first = self._first_write()
        texts: dict[str, str] = {}
        for call in self.turn.of("read"):
            if not call.is_error and (first is None or call.step < first):
                texts[str(call.input.get("file_path"))] = call.result
        return [File(path, text, tuple(parse(path, text))) for path, text in texts.items()]

    @cached_property
    def filings(self) -> list[Filing]:
        if not self._may_save():
            return []
        files = [file for file in self.files if not looking.is_index(file.path)]
        return saving.plan(self.told, files, self.found, self.writable)

    @cached_property
    def notes(self) -> list[Note]:
        """Everything an answer may quote: the files read and what the person said."""
        known = self._memory_notes()
        said = [note for note in self.said_before if not known_in(fact_of(note), known)]
        return [*known, *said]

    def _memory_notes(self) -> list[Note]:
        return [
            note
            for file in self.files
            if not looking.is_index(file.path)
            for note in file.notes
            if note.shape != "meta"
        ]

    @cached_property
    def said_before(self) -> list[Note]:
        """The statements of this conversation as notes without a file."""
        earlier = [
            Told(unit, said)
            for said in self.turn.earlier[-MOST_EARLIER:]
            for unit in units(said.text[:LONGEST_EARLIER])
            if unit.kind == "statement"
        ]
        found: list[Note] = []
        for subject, members in saving.subjects_of([*earlier, *self.statements][-MOST_SAID:]):
            for told in members:
                text = " ".join([told.unit.text, *(line.strip() for line in told.unit.block)])
                context = (subject.phrase,)
                found.append(Note("", len(found), text, "prose", told.said.day, context))
        return found

    @cached_property
    def children(self) -> Children:
        """What stands below a list item, by the file and line of the item."""
        found: Children = {}
        for file in self.files:
            parent = None
            for note in file.notes:
                if parent and note.indent > parent.indent:
                    found.setdefault((parent.path, parent.line), []).append(note)
                elif note.shape == "bullet":
                    parent = note if note.is_compound else None
        return found

    def failed_looks(self) -> list[Call]:
        """What could not be searched or read; reads after a failed write are part of saving."""
        first = self._first_write()
        looks = self.turn.of("glob", "grep", "read")
        return [call for call in looks if call.is_error and (first is None or call.step < first)]

    def _first_write(self) -> int | None:
        return min((call.step for call in self.turn.of("write", "edit")), default=None)

    def answers(self) -> list[Answer]:
        index = Index(self.notes)
        return [answer(question, index) for question in self.questions]
