"""The shapes that answers share: pages, authors, times. What the OpenAPI document says about answers.

They are dicts, so nothing is checked or copied when a request is answered; the tests compare every answer
they get with the document (`tests/conformity.py`).
"""

from typing import (
    Annotated,
    Generic,
    Literal,
    NotRequired,  # pydantic's wish, before Python 3.12
    TypeVar,
)

from typing_extensions import TypedDict

from console.queries import Says

__all__ = ["Author", "Counts", "NotRequired", "Page", "Time", "TypedDict"]

T = TypeVar("T")
Time = Annotated[str, Says(format="date-time")]
Counts = dict[str, int]


class Page(TypedDict, Generic[T]):
    data: list[T]
    next_page: Annotated[str | None, Says("For the parameter `page`; null on the last page.")]


class UserActor(TypedDict):
    type: Literal["user_actor"]
    user_id: str


class ApiActor(TypedDict):
    type: Literal["api_actor"]
    api_key_id: str


class SessionActor(TypedDict):
    type: Literal["session_actor"]
    session_id: str


Author = UserActor | ApiActor | SessionActor | None
