"""What models cost a workspace, and how much it may spend."""

from django.db import models

from console.models import Workspace


class ModelPrice(models.Model):
    """What a model costs a workspace, in US dollars per million tokens."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="model_prices")
    model = models.CharField(max_length=256)
    input = models.DecimalField(max_digits=12, decimal_places=4)
    output = models.DecimalField(max_digits=12, decimal_places=4)
    cache_read = models.DecimalField(max_digits=12, decimal_places=4)
    cache_write = models.DecimalField(max_digits=12, decimal_places=4)

    class Meta:
        ordering = ["model"]
        constraints = [models.UniqueConstraint(fields=["workspace", "model"], name="one_price")]

    def __str__(self) -> str:
        return self.model


class SpendingLimit(models.Model):
    """The most that a workspace may use in a month; None does not limit."""

    workspace = models.OneToOneField(Workspace, models.CASCADE, related_name="spending_limit")
    tokens = models.PositiveBigIntegerField(null=True)
    cents = models.PositiveBigIntegerField(null=True)

    def __str__(self) -> str:
        return f"Limit of {self.workspace}"


class MonthSpent(models.Model):
    """What all requests of a workspace have used in one month."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="months")
    month = models.CharField(max_length=7, help_text="As 2026-11, in UTC.")
    tokens = models.PositiveBigIntegerField(default=0)
    cost = models.PositiveBigIntegerField(default=0, help_text="At list price, in nano-dollars.")

    class Meta:
        ordering = ["-month"]
        constraints = [models.UniqueConstraint(fields=["workspace", "month"], name="one_month")]

    def __str__(self) -> str:
        return f"{self.workspace} in {self.month}"

    @property
    def cost_dollars(self) -> float:
        return self.cost / 10**9
