"""What model requests cost at list price, and the budget that ends a session's spending (contract §10).

Money is counted in nano-dollars, whole numbers: a price of one dollar per million tokens is a
thousand of them per token. The wire shows whole cents.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from console import rows
from console.models import Workspace
from sessions import spending
from sessions.models import ModelPrice, Session
from sessions.providers.base import Usage
from sessions.spending import CENT


@dataclass(frozen=True)
class Price:
    """US dollars per million tokens."""

    input: Decimal
    output: Decimal
    cache_read: Decimal
    cache_write: Decimal

    def cost(self, usage: Usage) -> int:
        """Nano-dollars of one request."""
        dollars = (
            self.input * usage.input_tokens
            + self.output * usage.output_tokens
            + self.cache_read * usage.cache_read_input_tokens
            + self.cache_write * usage.cache_creation_input_tokens
        )
        return round(dollars * 1000)


def _price(*dollars: str) -> Price:
    return Price(*map(Decimal, dollars))


FREE = _price("0", "0", "0", "0")
# Anthropic's list of November 2026: input, output, cache hits, five-minute cache writes. The first
# beginning that fits counts. Haiku 5.5 costs more from 100,000 tokens of prompt on; that is left out.
LIST = {
    "claude-fable-5-1": _price("10", "50", "0.25", "12.5"),
    "claude-mythos-5-1": _price("10", "50", "0.25", "12.5"),
    "claude-fable-5": _price("10", "50", "1", "12.5"),
    "claude-mythos-5": _price("10", "50", "1", "12.5"),
    "claude-opus-5-5": _price("4", "20", "0.2", "5"),
    "claude-opus-5": _price("5", "25", "0.5", "6.25"),
    "claude-opus-4-5": _price("5", "25", "0.5", "6.25"),
    "claude-opus-4-6": _price("5", "25", "0.5", "6.25"),
    "claude-opus-4-7": _price("5", "25", "0.5", "6.25"),
    "claude-opus-4-8": _price("5", "25", "0.5", "6.25"),
    "claude-opus-4": _price("15", "75", "1.5", "18.75"),
    "claude-sonnet-5-5": _price("2", "10", "0.1", "2.5"),
    "claude-sonnet-5": _price("2", "10", "0.2", "2.5"),
    "claude-sonnet-4": _price("3", "15", "0.3", "3.75"),
    "claude-haiku-5-5": _price("0.1", "0.5", "0.01", "0.125"),
    "claude-haiku-4-5": _price("1", "5", "0.1", "1.25"),
}


def list_price(model: str) -> Price | None:
    """What we believe a model costs; None for one whose price we cannot know."""
    if model == "builtin":
        return FREE
    return next((price for start, price in LIST.items() if model.startswith(start)), None)


def prices(workspace: Workspace) -> dict[str, Price]:
    """The prices that the workspace has set itself, by the model's id."""
    return {row.model: _own(row) for row in ModelPrice.objects.filter(workspace=workspace)}


def price_of(workspace: Workspace, model: str) -> Price | None:
    """The workspace's own price of a model, else the list's; None when nobody knows it."""
    own = rows.find(ModelPrice, "workspace_id = %s AND model = %s", rows.key(workspace), model)
    return _own(own[0]) if own else list_price(model)


def _own(row: ModelPrice) -> Price:
    return Price(row.input, row.output, row.cache_read, row.cache_write)


def set_price(workspace: Workspace, model: str, price: Price | None) -> None:
    """Set what a model costs here, for requests from now on; None goes back to the list's price."""
    mine = ModelPrice.objects.filter(workspace=workspace, model=model)
    if price is None:
        mine.delete()
        return
    ModelPrice.objects.update_or_create(
        workspace=workspace, model=model, defaults=dict(price.__dict__)
    )


def is_spent(session: Session) -> bool:
    """Whether the session may ask no model any more: its own budget, or its workspace's month.

    Asked before every request, and what is under way is not counted yet: a limit can be passed by
    the requests that are at work at once, one for each worker's thread, and by no more.
    """
    return is_own_spent(session) or spending.is_spent(session.workspace_id)


def is_own_spent(session: Session) -> bool:
    """Whether the session's own budget is used up; reads the row anew, for both sides change."""
    if session.budget_cents is None:
        return False
    row = Session.objects.values("budget_cents", "cost").get(pk=session.pk)
    return row["budget_cents"] is not None and row["cost"] >= row["budget_cents"] * CENT


def wire_budget(cents: int | None) -> dict[str, Any] | None:
    return None if cents is None else {"type": "limit", "max_list_cost": _amount(cents)}


def wire_cost(nano_dollars: int) -> dict[str, str]:
    return _amount((nano_dollars + CENT // 2) // CENT)


def _amount(cents: int) -> dict[str, str]:
    return {"amount": str(cents), "currency": "USD"}


def wire_usage(session: Session) -> dict[str, Any]:
    """A session's tokens, time and cost so far, as the wire contract's §10 has them."""
    usage = {
        "input_tokens": session.input_tokens,
        "output_tokens": session.output_tokens,
        "cache_read_input_tokens": session.cache_read_input_tokens,
        "cache_creation": {
            "ephemeral_5m_input_tokens": session.cache_creation_input_tokens,
            "ephemeral_1h_input_tokens": 0,
        },
        "active_seconds": round(session.active_seconds, 3),
    }
    # Absent, not null, while nobody knows the model's price.
    if session.cost or list_price(session.model):
        usage["list_cost"] = wire_cost(session.cost)
    return usage
