"""The bodies that the API takes, with the rules a schema can state (wire contract §8–§12).

Absent and null differ: what was not sent is not in `model_fields_set`.
"""

from typing import Annotated, Any, Literal, Self, get_args

from ninja import Schema
from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)
from pydantic.json_schema import SkipJsonSchema

from console.queries import Metadata, MetadataPatch, Says
from sessions.api.blocks import Returned, Said

MOST_EVENTS = 1000  # sent at once
MOST_BLOCKS = 1000  # of one message


class Body(Schema):
    model_config = ConfigDict(extra="forbid", strict=True)


Name = Annotated[str, StringConstraints(min_length=1, max_length=256)]
AgentDescription = Annotated[str, Says(maxLength=2048)]
SystemPrompt = Annotated[str, Says(maxLength=100_000)]
NotOffered = Annotated[list[dict], Says("Not offered by this server: empty or null.", maxItems=0)]
Version = Annotated[int, Field(ge=1)]


class Effort(Body):
    type: Literal["low", "medium", "high", "xhigh", "max"]


class ModelChoice(Body):
    id: Name
    effort: Literal["low", "medium", "high", "xhigh", "max"] | Effort | None = None
    speed: Literal["standard", "fast"] | None = None
    inference_geo: str | None = None


class Policy(Body):
    type: Literal["always_allow", "always_ask", "auto"]


class ToolDefaults(Body):
    enabled: bool | None = None
    permission_policy: Policy | None = None


class ToolConfig(Body):
    name: Literal["bash", "edit", "read", "write", "glob", "grep"]
    type: Annotated[str | None, Says("The same as `name`.")] = None
    enabled: bool | None = None
    permission_policy: Policy | None = None

    @model_validator(mode="after")
    def _is_of_one_tool(self) -> Self:
        if self.type not in (None, self.name):
            raise ValueError("the `type` of a tool's configuration is its `name`")
        return self


class WebToolConfig(ToolConfig):
    """Of a tool that this server does not offer."""

    name: Literal["web_fetch", "web_search"]
    enabled: Annotated[bool | None, Says("Not true.")] = None
    allowed_domains: list[str] | None = None
    blocked_domains: list[str] | None = None
    max_content_tokens: int | None = None
    url_sources: dict | None = None
    user_location: dict | None = None


AnyToolConfig = Annotated[ToolConfig | WebToolConfig, Field(discriminator="name")]
TOOLS, WEB_TOOLS = (
    set(get_args(kind.model_fields["name"].annotation)) for kind in (ToolConfig, WebToolConfig)
)


class Toolset(Body):
    type: Literal["agent_toolset_20260401"]
    default_config: ToolDefaults | None = None
    configs: Annotated[list[AnyToolConfig], Field(max_length=16)] | None = None


class CustomTool(Body):
    type: Literal["custom"]
    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,128}$")]
    description: str
    input_schema: Annotated[
        dict[str, Any], Says(required=["type"], properties={"type": {"const": "object"}})
    ]

    @field_validator("input_schema")
    @classmethod
    def _is_of_an_object(cls, schema: dict[str, Any]) -> dict[str, Any]:
        if schema.get("type") != "object":
            raise ValueError('the type of an `input_schema` must be "object"')
        return schema


AnyTool = Annotated[Toolset | CustomTool, Field(discriminator="type")]
Tools = Annotated[list[AnyTool], Field(max_length=256)]


class ExecutionIdentity(Body):
    """Whose rights the agent's runs have; `aws_role` is not offered."""

    type: Literal["service_account", "aws_role"]
    role_arn: str | None = None


class AgentCreate(Body):
    name: Name
    model: Name | ModelChoice
    description: AgentDescription | None = None
    system: SystemPrompt | None = None
    tools: Tools | None = None
    skills: NotOffered | None = None
    mcp_servers: NotOffered | None = None
    multiagent: Annotated[dict, Says(maxProperties=0)] | None = None
    metadata: Metadata | None = None
    execution_identity: ExecutionIdentity | None = None


class AgentUpdate(Body):
    version: Version | None = None
    name: Name | SkipJsonSchema[None] = None  # null is refused in words
    model: Name | ModelChoice | SkipJsonSchema[None] = None
    description: AgentDescription | None = None
    system: SystemPrompt | None = None
    tools: Tools | None = None
    skills: NotOffered | None = None
    mcp_servers: NotOffered | None = None
    multiagent: Annotated[dict, Says(maxProperties=0)] | None = None
    metadata: MetadataPatch | None = None
    execution_identity: ExecutionIdentity | None = None


class AgentRef(Body):
    type: Literal["agent"]
    id: str
    version: Version | None = None


class AgentOverrides(Body):
    type: Literal["agent_with_overrides"]
    id: str
    version: Version | None = None
    model: Name | ModelChoice | SkipJsonSchema[None] = None
    system: SystemPrompt | None = None
    tools: Tools | None = None
    skills: NotOffered | None = None
    mcp_servers: NotOffered | None = None


class StoreResource(Body):
    type: Literal["memory_store"]
    memory_store_id: str
    access: Literal["read_write", "read_only"] | None = None
    instructions: Annotated[str, StringConstraints(max_length=4096)] | None = None


def _is_store(resource: Any) -> Any:
    if isinstance(resource, dict) and resource.get("type") in ("file", "github_repository"):
        raise ValueError("files and repositories are not offered by this server: leave them out")
    return resource


Resource = Annotated[StoreResource, BeforeValidator(_is_store)]


class UserMessage(Body):
    type: Literal["user.message"]
    content: Annotated[list[Said], Field(min_length=1, max_length=MOST_BLOCKS)]


class UserInterrupt(Body):
    type: Literal["user.interrupt"]
    session_thread_id: str | None = None


class CustomToolResult(Body):
    type: Literal["user.custom_tool_result"]
    custom_tool_use_id: str
    content: Annotated[list[Returned], Field(max_length=MOST_BLOCKS)] | None = None
    is_error: bool | None = None


class ToolConfirmation(Body):
    type: Literal["user.tool_confirmation"]
    tool_use_id: str
    result: Literal["allow", "deny"]
    deny_message: Annotated[str, StringConstraints(max_length=10_000)] | None = None


NOT_OFFERED = {
    "user.define_outcome": "outcomes are not offered by this server; say in a user.message what"
    " is wanted",
    "user.tool_result": "it belongs to self_hosted environments, which this server does not offer;"
    " a custom tool's call is answered with user.custom_tool_result",
    "system.message": "model_does_not_support_mid_conversation_system: say it in a user.message, or"
    " in the agent's system prompt",
}


def _is_offered(event: Any) -> Any:
    kind = event.get("type") if isinstance(event, dict) else None
    if isinstance(kind, str) and kind in NOT_OFFERED:
        raise ValueError(f"{kind}: {NOT_OFFERED[kind]}.")
    return event


AnyEvent = Annotated[
    UserMessage | UserInterrupt | CustomToolResult | ToolConfirmation,
    Field(discriminator="type"),
    BeforeValidator(_is_offered),
]
FirstEvent = Annotated[UserMessage, BeforeValidator(_is_offered)]


class Money(Body):
    """An amount in whole cents."""

    amount: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,12}$")]
    currency: Literal["USD"]


class Budget(Body):
    type: Literal["limit"]
    max_list_cost: Money

    @property
    def cents(self) -> int:
        return int(self.max_list_cost.amount)


class SessionCreate(Body):
    agent: str | Annotated[AgentRef | AgentOverrides, Field(discriminator="type")]
    environment_id: str
    title: str | None = None
    metadata: Metadata | None = None
    resources: list[Resource] | None = None
    initial_events: Annotated[list[FirstEvent], Field(max_length=50)] | None = None
    vault_ids: Annotated[list[str], Says("Not offered: empty or null.", maxItems=0)] | None = None
    budget: Budget | None = None


class SessionAgentUpdate(Body):
    tools: Tools | None = None
    mcp_servers: NotOffered | None = None


class SessionUpdate(Body):
    title: str | None = None
    metadata: MetadataPatch | None = None
    agent: SessionAgentUpdate | None = None
    budget: Budget | None = None
    vault_ids: SkipJsonSchema[Any] = None  # refused in words


class EventsSend(Body):
    events: Annotated[list[AnyEvent], Field(min_length=1, max_length=MOST_EVENTS)]
