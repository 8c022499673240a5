"""What people type where money is: prices of models, budgets, the most of a month."""

from decimal import Decimal
from typing import Any

from django import forms

from sessions import spending


def _dollars(label: str) -> forms.DecimalField:
    return forms.DecimalField(min_value=0, max_value=99_999_999, decimal_places=4, label=label)


class PriceForm(forms.Form):
    """What a model costs, in US dollars per million tokens."""

    input = _dollars("Input")
    output = _dollars("Output")
    cache_read = _dollars("Input read from the cache")
    cache_write = _dollars("Input written to the cache")


class Cents(forms.DecimalField):
    """An amount that is typed in US dollars and taken in whole cents."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_value=999_999_999, decimal_places=2, **options)

    def clean(self, value: Any) -> int | None:
        dollars = super().clean(value)
        return None if dollars is None else int(dollars * 100)


class BudgetForm(forms.Form):
    """What a session may spend."""

    dollars = Cents(min_value=0)


class SpendingForm(forms.Form):
    """The most that a workspace may use in a month."""

    dollars = Cents(
        required=False,
        min_value=Decimal("0.01"),
        label="US dollars a month",
        help_text="At list price, or at the price set for a model. Models without one cost nothing.",
    )
    tokens = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=spending.MOST_TOKENS,
        label="Tokens a month",
        help_text="All that go in and come out, those read from a cache too.",
    )
