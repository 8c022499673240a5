"""What a workspace has used in a month, and the most it may: tokens, money, or both.

A month is one of UTC. Tokens are all of a request's, those of the cache too; money is counted as
`budgets` counts it, so a model without a price counts none. Both are kept in one row per month,
added to when a reply is stored: asking whether something is left reads two rows.
"""

from dataclasses import dataclass

from django.db import connection
from django.utils import timezone

from console import rows
from console.models import Workspace
from memory.paths import Invalid
from sessions.models import MonthSpent, SpendingLimit

CENT = 10_000_000  # nano-dollars
MOST_CENTS = 10**11
MOST_TOKENS = 10**15


@dataclass(frozen=True)
class Standing:
    """A month's use beside the limit; None where nothing is limited. Money is in nano-dollars."""

    tokens: int
    cost: int
    most_tokens: int | None
    most_cents: int | None

    @property
    def is_spent(self) -> bool:
        most_cost = None if self.most_cents is None else self.most_cents * CENT
        pairs = ((self.tokens, self.most_tokens), (self.cost, most_cost))
        return any(most is not None and used >= most for used, most in pairs)

    @property
    def dollars(self) -> float:
        return self.cost / (100 * CENT)

    @property
    def most_dollars(self) -> float | None:
        return None if self.most_cents is None else self.most_cents / 100


def this_month() -> str:
    return f"{timezone.now():%Y-%m}"


ADD = (
    f"INSERT INTO {MonthSpent._meta.db_table} AS known (workspace_id, month, tokens, cost)"  # noqa: S608 - of constants
    " VALUES (%s, %s, %s, %s) ON CONFLICT (workspace_id, month)"
    " DO UPDATE SET tokens = known.tokens + excluded.tokens, cost = known.cost + excluded.cost"
)


def add(workspace_id: str, tokens: int, cost: int) -> None:
    """Count a request; last in its transaction, for others wait for the row."""
    workspace = Workspace._meta.pk.get_prep_value(workspace_id)
    with connection.cursor() as cursor:
        cursor.execute(ADD, [workspace, this_month(), tokens, cost])


def standing(workspace_id: str) -> Standing:
    """What is used this month, and the most that may be."""
    limit = SpendingLimit.objects.filter(workspace=workspace_id).first() or SpendingLimit()
    spent = MonthSpent.objects.filter(workspace=workspace_id, month=this_month()).first()
    spent = spent or MonthSpent()
    return Standing(spent.tokens, spent.cost, limit.tokens, limit.cents)


def is_spent(workspace_id: str) -> bool:
    """Whether nothing in the workspace may ask a model any more this month."""
    # First the limit: most workspaces have none, and then there is nothing else to read.
    key = Workspace._meta.pk.get_prep_value(workspace_id)
    if not rows.find(SpendingLimit, "workspace_id = %s", key):
        return False
    return standing(workspace_id).is_spent


def set_limit(workspace: Workspace, *, tokens: int | None, cents: int | None) -> None:
    """Set the most of a month; None does not limit. What had to wait goes on soon. Raises `Invalid`."""
    if tokens is not None and not 1 <= tokens <= MOST_TOKENS:
        raise Invalid(f"The tokens must be 1 to {MOST_TOKENS:,}.")
    if cents is not None and not 1 <= cents <= MOST_CENTS:
        raise Invalid("The money must be more than 0.")
    mine = SpendingLimit.objects.filter(workspace=workspace)
    if tokens is None and cents is None:
        mine.delete()
        return
    SpendingLimit.objects.update_or_create(
        workspace=workspace, defaults={"tokens": tokens, "cents": cents}
    )


def past(workspace: Workspace) -> list[MonthSpent]:
    """The months before this one, latest first."""
    return list(workspace.months.exclude(month=this_month())[:11])
