"""The shapes of the answers about models, agents, sessions and events (wire contract §4, §8–§13)."""

from typing import Annotated, Any, Literal

from console.queries import Says
from console.shapes import NotRequired, Page, Time, TypedDict
from sessions.models import Access, Status

Metadata = dict[str, str]


class Model(TypedDict):
    type: Literal["model"]
    id: str
    display_name: str
    created_at: Time
    lifecycle: Literal["active", "deprecated", "retired"]
    line: str | None
    max_input_tokens: int | None
    max_tokens: int | None
    deprecated_at: Time | None
    retires_at: Time | None
    capabilities: dict[str, Any] | None


class Models(TypedDict):
    """Unlike all other lists, this one is turned by `after_id` and `before_id`."""

    data: list[Model]
    has_more: bool
    first_id: str | None
    last_id: str | None


# -- Agents


class ChosenEffort(TypedDict):
    type: Literal["low", "medium", "high", "xhigh", "max"]


class ChosenModel(TypedDict):
    id: str
    effort: ChosenEffort | None
    speed: Literal["standard", "fast"]
    inference_geo: str | None


class PermissionPolicy(TypedDict):
    type: Literal["always_allow", "always_ask", "auto"]


class DefaultConfig(TypedDict):
    enabled: bool
    permission_policy: PermissionPolicy


class OneConfig(DefaultConfig):
    type: str
    name: str


class ToolsetInUse(TypedDict):
    type: Literal["agent_toolset_20260401"]
    default_config: DefaultConfig
    configs: list[OneConfig]


class CustomToolInUse(TypedDict):
    type: Literal["custom"]
    name: str
    description: str
    input_schema: dict[str, Any]


class Identity(TypedDict):
    type: Literal["service_account"]


class ThreadAgent(TypedDict):
    """An agent as a thread has it."""

    type: Literal["agent"]
    id: str
    version: int
    name: str
    description: str | None
    model: ChosenModel
    system: str | None
    tools: list[ToolsetInUse | CustomToolInUse]
    skills: list[dict[str, Any]]
    mcp_servers: list[dict[str, Any]]
    execution_identity: Identity


class SessionAgent(ThreadAgent):
    """An agent as it was when the session was made, and as the session changed it."""

    multiagent: dict[str, Any] | None


class Agent(SessionAgent):
    metadata: Metadata
    created_at: Time
    updated_at: Time
    archived_at: Time | None


# -- Environments


class NetworkingInUse(TypedDict):
    type: Literal["unrestricted", "limited"]
    allowed_hosts: NotRequired[list[str]]
    allow_mcp_servers: NotRequired[bool]
    allow_package_managers: NotRequired[bool]


class PackagesInUse(TypedDict):
    type: Literal["packages"]
    apt: list[str]
    cargo: list[str]
    gem: list[str]
    go: list[str]
    npm: list[str]
    pip: list[str]


class ShellInUse(TypedDict):
    enabled: bool
    timeout_seconds: int
    memory_mb: int
    processes: int
    disk_mb: int


class EnvironmentInUse(TypedDict):
    type: Literal["cloud"]
    networking: NetworkingInUse
    packages: PackagesInUse
    bash: ShellInUse


class Environment(TypedDict):
    type: Literal["environment"]
    id: str
    name: str
    description: str | None
    config: EnvironmentInUse
    metadata: Metadata
    scope: Literal["organization"]
    created_at: Time
    updated_at: Time
    archived_at: Time | None


class DeletedEnvironment(TypedDict):
    type: Literal["environment_deleted"]
    id: str


# -- Sessions


class MountedStore(TypedDict):
    type: Literal["memory_store"]
    memory_store_id: str
    access: Literal[tuple(Access.values)]
    instructions: str | None
    name: str
    description: str
    mount_path: str


class Stats(TypedDict):
    active_seconds: float
    duration_seconds: float


class ThreadStats(Stats):
    startup_seconds: float | None


class Amount(TypedDict):
    amount: Annotated[str, Says("Whole cents.")]
    currency: Literal["USD"]


class CacheCreation(TypedDict):
    ephemeral_5m_input_tokens: int
    ephemeral_1h_input_tokens: int


class Usage(TypedDict):
    input_tokens: int
    output_tokens: int
    cache_read_input_tokens: NotRequired[int]
    cache_creation: NotRequired[CacheCreation]
    active_seconds: NotRequired[float]
    list_cost: NotRequired[Annotated[Amount, Says("Absent while nobody knows the price.")]]


class SpendingLimit(TypedDict):
    type: Literal["limit"]
    max_list_cost: Amount


class Session(TypedDict):
    type: Literal["session"]
    id: str
    status: Literal[tuple(Status.values)]
    title: str | None
    agent: SessionAgent
    environment_id: str
    resources: list[MountedStore]
    vault_ids: list[str]
    metadata: Metadata
    outcome_evaluations: list[dict[str, Any]]
    stats: Stats
    usage: Usage
    budget: SpendingLimit | None
    deployment_id: str | None
    created_at: Time
    updated_at: Time
    archived_at: Time | None


class SessionPage(Page[Session]):
    prev_page: str | None


class DeletedSession(TypedDict):
    type: Literal["session_deleted"]
    id: str


class SessionThread(TypedDict):
    type: Literal["session_thread"]
    id: str
    session_id: str
    parent_thread_id: str | None
    agent: ThreadAgent
    status: Literal[tuple(Status.values)]
    stats: ThreadStats | None
    usage: Usage | None
    workflow_run_id: str | None
    created_at: Time
    updated_at: Time
    archived_at: Time | None


# -- Events


class ModelUsage(TypedDict):
    input_tokens: int
    output_tokens: int
    cache_read_input_tokens: int
    cache_creation_input_tokens: int
    speed: NotRequired[str]


class StopReason(TypedDict):
    type: Literal["end_turn", "requires_action", "retries_exhausted", "budget_reached", "refusal"]
    event_ids: NotRequired[Annotated[list[str], Says("The calls that wait for an answer.")]]


class RetryStatus(TypedDict):
    type: Literal["retrying", "exhausted", "terminal"]


class EventError(TypedDict):
    type: str
    message: str
    retry_status: RetryStatus


Block = dict[str, Any]


class Event(TypedDict):
    """What an event says beyond these three depends on its type."""

    id: str
    type: Literal[
        "user.message",
        "user.interrupt",
        "user.tool_confirmation",
        "user.custom_tool_result",
        "agent.message",
        "agent.thinking",
        "agent.tool_use",
        "agent.tool_result",
        "agent.custom_tool_use",
        "agent.thread_context_compacted",
        "session.status_running",
        "session.status_idle",
        "session.status_rescheduled",
        "session.status_terminated",
        "session.thread_created",
        "session.thread_status_running",
        "session.thread_status_idle",
        "session.thread_status_rescheduled",
        "session.thread_status_terminated",
        "session.error",
        "session.updated",
        "session.usage",
        "span.model_request_start",
        "span.model_request_end",
    ]
    processed_at: Annotated[Time | None, Says("null while no turn has taken it up.")]
    content: NotRequired[Annotated[list[Block] | None, Says("What a message or a result holds.")]]
    withdrawn: NotRequired[
        Annotated[
            bool, Says("true: taken back while it waited, no turn has heard it. Our addition.")
        ]
    ]
    name: NotRequired[Annotated[str, Says("The tool that is called.")]]
    input: NotRequired[Annotated[dict[str, Any], Says("What the tool is called with.")]]
    evaluated_permission: NotRequired[Literal["allow", "ask", "deny"]]
    evaluation: NotRequired[dict[str, Any]]
    tool_use_id: NotRequired[Annotated[str, Says("The call that this answers.")]]
    custom_tool_use_id: NotRequired[Annotated[str, Says("The call that this answers.")]]
    is_error: NotRequired[bool | None]
    result: NotRequired[Literal["allow", "deny"]]
    deny_message: NotRequired[str | None]
    session_thread_id: NotRequired[str | None]
    agent_name: NotRequired[str]
    workflow_run_id: NotRequired[str | None]
    stop_reason: NotRequired[Annotated[StopReason, Says("Why the turn ended.")]]
    stop_details: NotRequired[dict[str, Any] | None]
    error: NotRequired[EventError]
    usage: NotRequired[Usage]
    budget: NotRequired[SpendingLimit | None]
    model_request_start_id: NotRequired[str]
    model_usage: NotRequired[ModelUsage]
    title: NotRequired[Annotated[str | None, Says("Of `session.updated`: what is new.")]]
    metadata: NotRequired[Metadata]
    agent: NotRequired[SessionAgent]


class SentEvents(TypedDict):
    data: list[Event]
