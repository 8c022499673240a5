"""What models cost here, and what a session may spend."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST
from django_htmx.http import trigger_client_event

from console.access import require, workspace_view
from console.htmx import status_of, wants_fragment
from console.models import Role
from memory.paths import Invalid
from sessions import budgets, spending, updates
from sessions.conversation import Refused
from sessions.models import BUDGET_REACHED, Status
from sessions.money_forms import BudgetForm, PriceForm, SpendingForm


@workspace_view(role="owner")
def price(request, workspace):
    """Set what a model costs, or go back to the list's price."""
    asked = request.POST or request.GET
    model = asked.get("model", "")
    if not 0 < len(model) <= 256 or "\0" in model:
        raise Http404("No such model")
    if "forget" in request.POST:
        return _set(request, workspace, model, None)
    own, listed = budgets.prices(workspace).get(model), budgets.list_price(model)
    known = own or listed
    form = PriceForm(request.POST or None, initial=dict(known.__dict__) if known else {})
    if request.method == "POST" and form.is_valid():
        return _set(request, workspace, model, budgets.Price(**form.cleaned_data))
    context = {"form": form, "model": model, "list_price": listed, "is_own": bool(own)}
    return render(request, "sessions/price.html", context, status=status_of(form))


def _set(request, workspace, model: str, price: budgets.Price | None):
    budgets.set_price(workspace, model, price)
    messages.success(request, f"The price of {model} is set.")
    return redirect("models", workspace.slug)


@workspace_view
def monthly(request, workspace):
    """What the workspace has used this month, and the most it may."""
    now = spending.standing(workspace.pk)
    dollars = None if now.most_dollars is None else f"{now.most_dollars:.2f}"
    initial = {"tokens": now.most_tokens, "dollars": dollars}
    form = SpendingForm(request.POST or None, initial=initial)
    if request.method == "POST":
        require(request, Role.OWNER)
        if form.is_valid():
            given = form.cleaned_data
            spending.set_limit(workspace, tokens=given["tokens"], cents=given["dollars"])
            if spending.is_spent(workspace.pk):
                said = (
                    "The budget is saved. More than that is used already, so turns and dreams wait."
                )
                messages.warning(request, said)
            else:
                said = "The budget is saved. What waited for it goes on in a moment."
                messages.success(request, said)
            return redirect("sessions:monthly", workspace.slug)
    context = {
        "form": form,
        "now": now,
        "past": spending.past(workspace),
        "stalled": workspace.sessions.filter(
            status=Status.IDLE, idle_reason=BUDGET_REACHED
        ).count(),
    }
    return render(request, "sessions/monthly.html", context, status=status_of(form))


def _in_words(refusal: Exception) -> str:
    """Without the reason's name, which programs read."""
    words = str(refusal).partition(": ")[2] or str(refusal)
    return words[:1].upper() + words[1:]


@workspace_view(role="editor")
@require_POST
def budget(request, workspace, pk):
    """Raise or lower a session's budget."""
    session = get_object_or_404(workspace.sessions, pk=pk)
    form = BudgetForm(request.POST)
    error = "" if form.is_valid() else "A budget is a number of dollars, more than 0."
    if not error:
        try:
            updates.update(session, budget_cents=form.cleaned_data["dollars"])
        except (Invalid, Refused) as refusal:
            error = _in_words(refusal)
    if wants_fragment(request):
        said = {"tone": "warn", "text": error} if error else {"tone": "ok", "text": "Budget set."}
        return trigger_client_event(HttpResponse(status=204), "toast", said)
    if error:
        messages.error(request, error)
    return redirect(session)
