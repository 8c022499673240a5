"""The bodies and queries that the API takes. Absent and null mean the same here: keep what is."""

from typing import Annotated, Literal

from ninja import Schema
from pydantic import ConfigDict, StringConstraints

from console.queries import Says

View = Annotated[
    Literal["basic", "full"],
    Says("Texts come with `full`; with `basic` they are null."),
]
Folder = Annotated[str, Says("Only what stands in this folder; starts and ends in /.")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Body(Schema):
    model_config = ConfigDict(extra="forbid")


class StoreCreate(Body):
    name: str
    description: str | None = None
    metadata: dict[str, str] | None = None


class StoreUpdate(Body):
    name: str | None = None
    description: str | None = None
    metadata: dict[str, str | None] | None = None


class MemoryCreate(Body):
    """`content` has to be there, if only as "" or null, which mean an empty text."""

    path: str
    content: str | None


class Precondition(Body):
    type: Literal["content_sha256"]
    content_sha256: Sha256


class MemoryUpdate(Body):
    content: str | None = None
    path: str | None = None
    precondition: Precondition | None = None


class Restore(Body):
    precondition: Precondition | None = None


class MergedText(Body):
    content: str | None


Resolutions = Annotated[
    dict[str, Literal["ours", "theirs"] | MergedText],
    Says("Settles conflicts by path; null as content means no file."),
]


class UndoChangeSet(Body):
    resolutions: Resolutions = {}
    dry_run: bool = False


def expected(precondition: Precondition | None) -> str | None:
    return precondition.content_sha256 if precondition else None
