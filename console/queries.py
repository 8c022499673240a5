"""What programs and forms send: types that state their limits, and the names of queries on the wire.

Lists are written `types[]`, bounds `created_at[gte]`; routes know them as `types` and
`created_at_gte`, since Python has no brackets in names.
"""

import operator
import re
from datetime import UTC, datetime
from typing import Annotated, Any

from django.db.models import QuerySet
from django.http import HttpRequest, QueryDict
from django.utils.dateparse import parse_datetime
from ninja import Schema
from pydantic import BeforeValidator, Field

BOUND = re.compile(r"_(gte?|lte?)$")


def plain(query: QueryDict) -> QueryDict:
    """Give bracketed parameters plain names: `types[]` → `types`, `created_at[gte]` → `created_at_gte`."""
    plain = query.copy()
    for name in list(query):
        if name.endswith("[]"):
            plain.setlist(name[:-2], query.getlist(name) + query.getlist(name[:-2]))
        elif name.endswith("]"):
            plain.setlist(name[:-1].replace("[", "_"), query.getlist(name))
    return plain


def wire_name(name: str, *, is_list: bool = False) -> str:
    """The name that programs write: the way back from `plain`."""
    return f"{name}[]" if is_list else BOUND.sub(r"[\1]", name)


class Says:
    """Describes a value in the document, where the framework forgets a `Field`'s own description.

    `rules` are those of JSON Schema that a verb checks: it says better than a schema what is wrong.
    """

    def __init__(self, text: str = "", **rules: Any) -> None:
        self.words = {"description": text, **rules} if text else rules

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        return handler(core) | self.words


def whole_number(text: str | None) -> int | None:
    """The whole number that somebody sent, in a form or an address; None for anything else.

    Also for one of more than 18 digits, which no column of ours holds.
    """
    return int(text) if text and text.isdecimal() and len(text) <= 18 else None


def search_words(request: HttpRequest) -> str:
    """What somebody typed into a page's search; no text holds a NUL."""
    return request.GET.get("q", "").replace("\0", "").strip()


def limits(most: int) -> Any:
    return Annotated[int, Field(ge=1, le=most), Says(f"How many on one page, at most {most:,}.")]


Limit = limits(100)
LongLimit = limits(1000)
Cursor = Annotated[str, Says("`next_page` of the last answer; all else stays as it was.")]


_Key = Annotated[str, Says(minLength=1, maxLength=64)]
_Value = Annotated[str, Says(maxLength=512)]
Metadata = Annotated[dict[_Key, _Value], Says(maxProperties=16)]
MetadataPatch = Annotated[dict[str, _Value | None], Says("null takes a key away.")]


def _moment(value: Any) -> datetime:
    """Read an RFC 3339 time with a zone."""
    try:
        # A plus sign that was not percent-encoded arrives as a space.
        moment = parse_datetime(value.upper().replace(" ", "+"))
        if moment and moment.tzinfo:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):  # no such day; or none in UTC, before the year 1
        pass
    raise ValueError("this must be a time with a zone, like 2026-03-15T10:00:00Z")


Moment = Annotated[datetime, BeforeValidator(_moment)]


class Between(Schema):
    """The bounds of a time; a route takes them as `created: Query[Between]`."""

    created_at_gt: Moment | None = None
    created_at_gte: Moment | None = None
    created_at_lt: Moment | None = None
    created_at_lte: Moment | None = None

    def within(self, rows: QuerySet, column: str = "created_at") -> QuerySet:
        """Keep the rows whose `column` lies between."""
        given = self.model_dump(exclude_none=True)
        return rows.filter(
            **{name.replace("created_at_", f"{column}__"): moment for name, moment in given.items()}
        )

    def holds(self, moment: datetime) -> bool:
        """Whether the moment lies between."""
        within = {"gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le}
        given = self.model_dump(exclude_none=True)
        return all(
            within[name.removeprefix("created_at_")](moment, bound) for name, bound in given.items()
        )
