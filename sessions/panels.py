"""What stands around a transcript: whether the agent works, and what it did to its memory."""

from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Q, QuerySet
from django.db.models.fields.json import KT

from console.models import Role
from sessions import budgets, transcript
from sessions.models import (
    BUDGET_REACHED,
    FAILED,
    REQUIRES_ACTION,
    Attachment,
    Event,
    Session,
    Status,
    Thread,
)
from sessions.reading.places import Place, Places

LATEST = 12  # files named per store; the rest is counted
LETTERS = {"created": "A", "changed": "M", "removed": "D", "read": ""}


@dataclass(frozen=True)
class State:
    """Where a thread stands; `closed` says why it takes no message, if it takes none."""

    status: str
    began_at: datetime | None
    retry_at: datetime | None
    closed: str
    awaits: bool = False  # idle, because a program has to answer a custom tool's call
    failed: bool = False  # idle, because the last turn was given up
    asking: tuple[str, ...] = ()  # calls that wait for permission
    spent: bool = False  # idle, because the session's own budget is used up

    @property
    def label(self) -> str:
        return Status(self.status).label

    @property
    def is_busy(self) -> bool:
        return self.status in (Status.RUNNING, Status.RESCHEDULING)

    @property
    def can_try_again(self) -> bool:
        return self.failed and not self.closed

    @property
    def can_decide_at_once(self) -> bool:
        return len(self.asking) > 1 and not self.closed

    @property
    def can_stop(self) -> bool:
        return (self.is_busy or self.awaits) and not self.closed


def state(session: Session, thread: Thread, role: Role, began_at: datetime | None) -> State:
    closed, end = _why_closed(session, thread, role), transcript.last_end(thread)
    why = transcript.reason(end) if end else ""
    asking = _asking(thread, end) if end and why == REQUIRES_ACTION else ()
    spent = why == BUDGET_REACHED and session.budget_cents is not None and not closed
    told = (closed, why == REQUIRES_ACTION, why == FAILED, asking, spent)
    return State(thread.status, began_at, thread.retry_at, *told)


def _asking(thread: Thread, end: Event) -> tuple[str, ...]:
    held = thread.events.filter(pk__in=end.payload["stop_reason"].get("event_ids", []))
    return tuple(held.filter(type="agent.tool_use").order_by("seq").values_list("pk", flat=True))


def _why_closed(session: Session, thread: Thread, role: Role) -> str:
    if session.reads_id:
        return "What is worth keeping is looked for here; it takes no messages."
    if session.is_dream:
        return "A dream works here; it takes no messages."
    if thread.parent_id:
        return "This is a sub-agent's work; it takes no messages."
    if session.archived_at or session.is_over:
        return "This session has ended. Its transcript stays; to go on, start a new one."
    if not role.includes(Role.EDITOR):
        return "You may read here. To write, ask an owner of the workspace for the role of editor."
    return ""


def is_unpriced(session: Session) -> bool:
    """Whether nobody knows what the session costs; what was counted with a price stays known."""
    return not session.cost and budgets.price_of(session.workspace, session.model) is None


@dataclass
class FileUse:
    """What became of one file; `event` touched it last, `version` is the last one made of it."""

    place: Place
    event: str
    deed: str = "read"
    times: int = 0
    version: str = ""

    @property
    def letter(self) -> str:
        return LETTERS[self.deed]


@dataclass
class StoreUse:
    """An attached store with the files the session touched, latest first."""

    attachment: Attachment
    url: str
    files: list[FileUse] = field(default_factory=list)

    @property
    def latest(self) -> list[FileUse]:
        return self.files[:LATEST]

    @property
    def more(self) -> int:
        return max(0, len(self.files) - LATEST)


def memory_use(session: Session, places: Places) -> list[StoreUse]:
    """Which files of which attached store the session read and wrote."""
    uses = {
        attachment.mount_path: StoreUse(attachment, place.url)
        for attachment in session.attachments.all()
        if (place := places.find(attachment.mount_path))
    }
    for file in _files(session, places).values():
        if file.place.mount in uses:
            uses[file.place.mount].files.append(file)
    return list(uses.values())


def _files(session: Session, places: Places) -> dict[Place, FileUse]:
    answers = dict(answers_of(session).values_list("call", "private"))
    files: dict[Place, FileUse] = {}
    for call in _calls(session):
        if call["pk"] not in answers:
            continue
        if call["tool"] == "bash":
            _add_command(files, call["pk"], answers[call["pk"]] or {}, places)
            continue
        if place := places.find(call["path"] or ""):
            use = files.setdefault(place, FileUse(place, call["pk"]))
            use.times += 1
            _add_earlier(use, call["tool"], answers[call["pk"]] or {})
    return files


def _add_command(files: dict[Place, FileUse], call: str, facts: dict, places: Places) -> None:
    """Take in what a command changed, each file as the file tools would have done it."""
    for change in facts.get("changed", []):
        if place := places.find(change["path"]):
            use = files.setdefault(place, FileUse(place, call))
            use.times += 1
            tool = "remove" if change["deed"] == "removed" else "write"
            made = {"version": change["version"], "created": change["deed"] == "created"}
            _add_earlier(use, tool, made)


def _add_earlier(use: FileUse, tool: str, facts: dict) -> None:
    """Take in an earlier deed: the latest change decides, and what was created here stays new."""
    if tool == "read":
        return
    use.version = use.version or facts.get("version", "")
    deed = "removed" if tool == "remove" else "created" if facts.get("created") else "changed"
    if use.deed == "read" or (use.deed == "changed" and deed == "created"):
        use.deed = deed


def _calls(session: Session) -> QuerySet[Event]:
    tools = ("read", "write", "edit", "remove", "bash")
    calls = session.events.filter(type="agent.tool_use", payload__name__in=tools).order_by("-seq")
    return calls.annotate(path=KT("payload__input__file_path"), tool=KT("payload__name")).values(
        "pk", "path", "tool"
    )


def answers_of(session: Session) -> QuerySet[Event]:
    """Results of tools that did something, with the ids of their calls as `call`."""
    # A command may fail after it has changed files.
    counts = Q(payload__is_error=False) | Q(private__changes__gt=0)
    results = session.events.filter(counts, type="agent.tool_result")
    return results.order_by().annotate(call=KT("payload__tool_use_id"))
