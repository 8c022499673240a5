"""What a turn writes into the log, in the shapes of the wire contract's §12."""

from dataclasses import asdict

from sessions.events import Entry
from sessions.models import Event, Status, Thread
from sessions.providers.base import ProviderError, Reply

USAGE_KEYS = (
    "input_tokens",
    "output_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
)


def heard(start: Event, reply: Reply, *, thinking: str, message: str) -> list[Entry]:
    """The reply but for its calls; thoughts and message under the ids of their previews."""
    thoughts = [block for block in reply.content if "thinking" in block["type"]]
    texts = [block for block in reply.content if block["type"] == "text" and block["text"]]
    entries = []
    if thoughts:
        entries.append(Entry("agent.thinking", private={"blocks": thoughts}, id=thinking))
    if texts:
        content = [{"type": "text", "text": block["text"]} for block in texts]
        entries.append(Entry("agent.message", {"content": content}, id=message))
    return [*entries, span_end(start, is_error=False, usage=asdict(reply.usage))]


def span_start() -> Entry:
    """The beginning of a model request."""
    return Entry("span.model_request_start")


def span_end(
    start: Event, *, is_error: bool, usage: dict | None = None, condenses: bool = False
) -> Entry:
    """The end of a model request; without usage nothing is known to have been used.

    One that `condenses` asked for a summary of older turns, and answered nobody.
    """
    none = dict.fromkeys(USAGE_KEYS, 0)
    payload = {"model_request_start_id": start.pk, "is_error": is_error}
    told = {**payload, "model_usage": usage or none}
    return Entry("span.model_request_end", told, private={"condenses": True} if condenses else None)


def status_entries(thread: Thread, status: str, private: dict | None = None) -> list[Entry]:
    """The events that tell a status: the session's (primary thread only) and the thread's.

    What ends is told of the thread first: after a session's end programs listen no more.
    """
    named = {"session_thread_id": thread.pk, "agent_name": thread.name}
    own = Entry(f"session.thread_status_{status}", named, private=private)
    if thread.parent_id:
        return [own]
    whole = Entry(f"session.status_{status}")
    return [own, whole] if status == Status.TERMINATED else [whole, own]


def result(call: Event, text: str, is_error: bool, facts: dict | None = None) -> Entry:
    custom = call.type == "agent.custom_tool_use"
    key = "custom_tool_use_id" if custom else "tool_use_id"
    type = "user.custom_tool_result" if custom else "agent.tool_result"
    content = [{"type": "text", "text": text}]
    return Entry(type, {key: call.pk, "content": content, "is_error": is_error}, private=facts)


def error(type: str, message: str, retry: str) -> Entry:
    error = {"type": type, "message": message, "retry_status": {"type": retry}}
    return Entry("session.error", {"error": error})


def is_empty(reply: Reply) -> bool:
    return not (reply.text.strip() or reply.tool_calls or reply.stop_reason == "refusal")


def empty(reply: Reply) -> ProviderError:
    used_up = reply.stop_reason == "max_tokens"
    return ProviderError(
        "model_request_failed_error",
        "The model used all its output tokens without answering; choose a model that thinks less."
        if used_up
        else "The model answered with nothing at all.",
        retryable=not used_up,
    )
