"""The bodies and queries that the API takes. Absent and null mean the same here: keep what is."""

from typing import Annotated, Literal

from ninja import Schema
from pydantic import ConfigDict, StringConstraints

from console.queries import Metadata, MetadataPatch, Says
from memory import paths

View = Annotated[
    Literal["basic", "full"],
    Says("Texts come with `full`; with `basic` they are null."),
]
FOLDER = r"^/([^/]+/)*$"
Folder = Annotated[
    str, Says("Only what stands in this folder; starts and ends in /.", pattern=FOLDER)
]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[
    str, Says("Without control characters.", minLength=1, maxLength=255, pattern=r"\S")
]
Description = Annotated[str, Says(maxLength=1024)]
Path = Annotated[
    str,
    Says(
        "A file's place: up to 20 parts and 1,024 bytes in normal form C, without . and .. and"
        " invisible characters.",
        pattern="^(/[^/]+){1,20}$",
        maxLength=paths.MAX_PATH_BYTES,
    ),
]
Content = Annotated[str, Says("At most 102,400 bytes.", maxLength=paths.MAX_CONTENT_BYTES)]


class Body(Schema):
    model_config = ConfigDict(extra="forbid", strict=True)


class StoreCreate(Body):
    name: Name
    description: Description | None = None
    metadata: Metadata | None = None


class StoreUpdate(Body):
    name: Name | None = None
    description: Description | None = None
    metadata: MetadataPatch | None = None


class MemoryCreate(Body):
    """`content` has to be there, if only as "" or null, which mean an empty text."""

    path: Path
    content: Content | None


class Precondition(Body):
    type: Literal["content_sha256"]
    content_sha256: Sha256


class MemoryUpdate(Body):
    content: Content | None = None
    path: Path | None = None
    precondition: Precondition | None = None


class Restore(Body):
    precondition: Precondition | None = None


class MergedText(Body):
    content: Content | None


Resolutions = Annotated[
    dict[str, Literal["ours", "theirs"] | MergedText],
    Says("Settles conflicts by path; null as content means no file."),
]


class UndoChangeSet(Body):
    resolutions: Resolutions = {}
    dry_run: bool = False


def expected(precondition: Precondition | None) -> str | None:
    return precondition.content_sha256 if precondition else None
