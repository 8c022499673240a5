"""The bodies that environments' routes take (wire contract §9)."""

from typing import Annotated, Any, Literal

from pydantic import Field

from console.queries import Metadata, MetadataPatch, Says
from sessions import shells
from sessions.api.bodies import Body, Name


class Unrestricted(Body):
    type: Literal["unrestricted"]


class Limited(Body):
    type: Literal["limited"]
    allowed_hosts: list[str] | None = None
    allow_mcp_servers: bool | None = None
    allow_package_managers: bool | None = None


Networking = Annotated[Unrestricted | Limited, Field(discriminator="type")]


class Packages(Body):
    type: Literal["packages"] = "packages"
    apt: list[str] | None = None
    cargo: list[str] | None = None
    gem: list[str] | None = None
    go: list[str] | None = None
    npm: list[str] | None = None
    pip: list[str] | None = None


def _limit(name: str) -> Any:
    least, most = shells.RANGES[name]
    return Annotated[int, Says(minimum=least, maximum=most)] | None


class Shell(Body):
    """Whether sessions here have `bash`, and within which limits; an addition of this server."""

    enabled: bool | None = None
    timeout_seconds: _limit("timeout_seconds") = None
    memory_mb: _limit("memory_mb") = None
    processes: _limit("processes") = None
    disk_mb: _limit("disk_mb") = None


class EnvironmentConfig(Body):
    type: Literal["cloud", "self_hosted"] = "cloud"
    networking: Networking | None = None
    packages: Packages | None = None
    bash: Shell | None = None


Scope = Annotated[
    Literal["organization", "account"],
    Says("Everybody in the workspace may use it.", enum=["organization"]),
]


class EnvironmentCreate(Body):
    name: Name
    config: EnvironmentConfig | None = None
    description: str | None = None
    metadata: Metadata | None = None
    scope: Scope | None = None


class EnvironmentUpdate(Body):
    name: Name | None = None
    config: EnvironmentConfig | None = None
    description: str | None = None
    metadata: MetadataPatch | None = None
    scope: Scope | None = None
