"""The bodies that the dreams' routes take."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from console.queries import Says
from dreaming.dreams import MAX_INSTRUCTIONS, MAX_SESSIONS
from memory.api.bodies import Resolutions
from sessions.api.bodies import Body


class StoreInput(Body):
    type: Literal["memory_store"]
    memory_store_id: str


class SessionsInput(Body):
    type: Literal["sessions"]
    session_ids: Annotated[list[str], Field(min_length=1, max_length=MAX_SESSIONS)]


class DreamModel(Body):
    id: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    speed: Literal["standard", "fast"] | None = None


class IntoNewStore(Body):
    type: Literal["create_new"]


class IntoTheSameStore(Body):
    """Not offered by this server: a dream's output is reviewed, then adopted."""

    type: Literal["update_existing"]
    memory_store_id: str | None = None


class DreamCreate(Body):
    inputs: Annotated[
        list[Annotated[StoreInput | SessionsInput, Field(discriminator="type")]],
        Says("One memory store and one entry with sessions.", minItems=2, maxItems=2),
    ]
    model: Annotated[str, StringConstraints(min_length=1, max_length=256)] | DreamModel
    instructions: (
        Annotated[str, StringConstraints(min_length=1, max_length=MAX_INSTRUCTIONS)] | None
    ) = None
    output_behavior: (
        Annotated[IntoNewStore | IntoTheSameStore, Field(discriminator="type")] | None
    ) = None


class Decide(Body):
    path: str
    verdict: Literal["accept", "reject", "edit"]
    hunk_id: str | None = None
    content: str | None = None


class Approve(Body):
    waive: list[str] | None = None
    digest: str | None = None


class Adopt(Body):
    mode: Literal["same_store", "new_store"]
    archive_old: bool = False
    dry_run: bool = False
    resolutions: Resolutions | None = None


class UndoAdoption(Body):
    resolutions: Resolutions | None = None
