"""The list of sessions, page by page: by the time they were made, and with a way back (wire contract §3, §10)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from console.api import cursor_of, invalid, position_of, stamp
from console.ids import NOBODY
from console.queries import Between
from sessions import wire
from sessions.models import Session


@dataclass(frozen=True)
class Place:
    """Where in the list a page begins. Two sessions may be equally old, so the key belongs to it."""

    made: datetime
    key: str
    is_backwards: bool

    def beyond(self, newest_first: bool) -> Q:
        """What comes after it in this order."""
        way = "lt" if newest_first else "gt"
        same_or_beyond = Q(**{f"created_at__{way}e": self.made})
        return same_or_beyond & (
            Q(**{f"created_at__{way}": self.made}) | Q(**{f"pk__{way}": self.key})
        )


def page(
    rows: QuerySet[Session], created: Between, cursor: str | None, limit: int, order: str
) -> dict[str, Any]:
    """A page with `prev_page` beside `next_page`, as no other list has it."""
    place = _place(cursor, order)
    if place and not created.holds(place.made):
        raise invalid("`created_at` was moved past this `page`; start again without it.")
    is_backwards = place is not None and place.is_backwards
    newest_first = (order == "desc") != is_backwards
    rows = created.within(rows)
    rows = rows.filter(place.beyond(newest_first)) if place else rows
    sign = "-" if newest_first else ""
    found = list(rows.order_by(f"{sign}created_at", f"{sign}pk")[: limit + 1])
    shown, more = found[:limit], len(found) > limit
    # Whoever comes backwards, or to a later page, comes from somewhere.
    before, after = (more, True) if is_backwards else (place is not None, more)
    if is_backwards:
        shown.reverse()
    return {
        "data": [wire.session(session) for session in shown],
        "next_page": _cursor(shown[-1], order) if shown and after else None,
        "prev_page": _cursor(shown[0], order, back=1) if shown and before else None,
    }


def _cursor(session: Session, order: str, **way: int) -> str:
    return cursor_of(k="sessions", o=order, t=stamp(session.created_at), at=session.pk, **way)


def _place(cursor: str | None, order: str) -> Place | None:
    position = position_of(cursor)
    if not position:
        return None
    try:
        made = datetime.fromisoformat(position["t"])
        key = str(position["at"])
        ours = (position["k"], position["o"]) == ("sessions", order) and made.tzinfo
        if ours and Session._meta.pk.get_prep_value(key) != NOBODY:
            return Place(made, key, bool(position.get("back")))
    except (KeyError, TypeError, ValueError):
        pass  # a cursor of another list, or none at all
    raise invalid("`page` is not a cursor of this list; start again without it.")
