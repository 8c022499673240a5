"""The budget of a workspace's month: counted as it is used, reached, raised, begun anew."""

from datetime import UTC, datetime

import pytest

from dreaming import tasks as dream_tasks
from sessions import budgets, conversation, spending, tasks
from sessions.models import MonthSpent, Session
from tests.dreaming.dreamer import Dreamer, begin, carry_out, talked
from tests.factories import make_session, make_store, make_workspace
from tests.sessions.test_budgets import DEAR, reason
from tests.sessions.test_loop import types, work

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = "/w/lab/settings/budget/"


def said(*texts: str) -> Session:
    session = make_session()
    for text in texts:
        conversation.say(session, text)
        work(session)
    session.refresh_from_db()
    return session


def go_on(session: Session) -> Session:
    """What the sweep and a worker do, if there is anything to do."""
    tasks.sweep()
    session.refresh_from_db()
    return work(session) if session.status == "running" else session


def test_all_sessions_of_a_workspace_count_into_its_month_and_no_others(workspace):
    budgets.set_price(workspace, "builtin", DEAR)
    sessions = said("Hello"), said("Hello", "Again")
    tokens = sum(each.input_tokens + each.output_tokens for each in sessions)
    now = spending.standing(workspace.pk)
    assert (now.tokens, now.cost) == (tokens, sum(each.cost for each in sessions))
    assert spending.standing(make_workspace().pk).tokens == 0


@pytest.mark.parametrize("limit", [{"tokens": 1, "cents": None}, {"tokens": None, "cents": 1}])
def test_a_spent_month_stops_every_session_and_raising_it_goes_on(workspace, limit):
    budgets.set_price(workspace, "builtin", DEAR)
    spending.set_limit(workspace, **limit)
    first = said("Hello")
    assert reason(first) == "end_turn"  # nothing was used before
    second = said("Hello")
    assert reason(second) == "budget_reached" and "agent.message" not in types(second)
    assert go_on(second).status == "idle"
    spending.set_limit(workspace, tokens=10**9, cents=10**6)
    assert reason(go_on(second)) == "end_turn" and "agent.message" in types(second)


def test_a_new_month_goes_on_by_itself(workspace):
    spending.set_limit(workspace, tokens=1, cents=None)
    said("Hello")
    stopped = said("Hello")
    assert reason(stopped) == "budget_reached"
    MonthSpent.objects.update(month="2026-01")
    assert reason(go_on(stopped)) == "end_turn"


def test_a_session_whose_own_budget_is_spent_does_not_go_on_with_the_month(workspace):
    spending.set_limit(workspace, tokens=1, cents=None)
    said("Hello")
    stopped = said("Hello")
    Session.objects.filter(pk=stopped.pk).update(budget_cents=1, cost=budgets.CENT)
    spending.set_limit(workspace, tokens=None, cents=None)
    assert go_on(stopped).status == "idle"


def test_a_dream_waits_for_the_budget_and_does_not_fail(workspace, settings):
    store = make_store(name="Notes", files={"/talk.md": "The talk is at noon.\n"})
    with Dreamer({"/talk.md": "The talk is at one.\n"}) as dreamer:
        dreamer.settle_in(settings)
        spending.set_limit(workspace, tokens=1, cents=None)
        spending.add(workspace.pk, 1, 0)
        dream = carry_out(begin(store, [talked("The talk is at one.", stores=[store])]))
        dream_tasks.sweep()
        dream.refresh_from_db()
        assert (dream.status, dream.stage) == ("running", "read")
        spending.set_limit(workspace, tokens=10**9, cents=None)
        tasks.sweep()
        assert carry_out(dream).status == "completed"


def test_a_dream_that_waits_for_the_budget_can_be_cancelled(workspace, settings, as_bob):
    store = make_store(name="Notes", files={"/talk.md": "The talk is at noon.\n"})
    with Dreamer() as dreamer:
        dreamer.settle_in(settings)
        spending.set_limit(workspace, tokens=1, cents=None)
        spending.add(workspace.pk, 1, 0)
        dream = carry_out(begin(store, [talked("The talk is at one.", stores=[store])]))
        shown = as_bob.get(dream.get_absolute_url()).content.decode()
        assert "month’s budget is spent" in shown
        as_bob.post(f"{dream.get_absolute_url()}cancel")
        assert carry_out(dream).status == "canceled"
        dream.session.refresh_from_db()
        assert dream.session.archived_at


def test_months_are_counted_apart(workspace, monkeypatch):
    for day in (datetime(2026, 1, 31, 23, 59, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)):
        monkeypatch.setattr(spending.timezone, "now", lambda day=day: day)
        spending.add(workspace.pk, 5, 7)
    assert spending.standing(workspace.pk).tokens == 5
    assert [month.month for month in spending.past(workspace)] == ["2026-01"]


# -- On the pages -------------------------------------------------------------------------


def test_an_owner_sets_the_limits_and_everybody_sees_them(as_alice, as_vera, workspace):
    assert as_alice.post(PAGE, {"dollars": "12.50", "tokens": "2000000"}).status_code == 302
    now = spending.standing(workspace.pk)
    assert (now.most_cents, now.most_tokens) == (1250, 2_000_000)
    shown = as_vera.get(PAGE).content.decode()
    assert "of $12.50" in shown and "2M" in shown and '<form class="form' not in shown
    assert as_vera.post(PAGE, {}).status_code == 403
    as_alice.post(PAGE, {"dollars": "", "tokens": ""})
    assert spending.standing(workspace.pk).most_cents is None


def test_a_limit_below_what_is_used_is_not_said_to_let_anything_go_on(as_alice, workspace):
    spending.add(workspace.pk, 5, 7)
    spent = as_alice.post(PAGE, {"dollars": "", "tokens": "3"}, follow=True).content.decode()
    assert "turns and dreams wait" in spent and "goes on in a moment" not in spent
    raised = as_alice.post(PAGE, {"dollars": "", "tokens": "300"}, follow=True).content.decode()
    assert "goes on in a moment" in raised


@pytest.mark.parametrize("wrong", [{"dollars": "0"}, {"dollars": "-3"}, {"tokens": "many"}])
def test_a_limit_that_is_none_is_said_at_its_field(as_alice, workspace, wrong):
    answer = as_alice.post(PAGE, wrong)
    assert answer.status_code == 422 and "error" in answer.content.decode()


def test_a_spent_month_is_told_at_home_on_the_page_and_in_the_transcript(as_alice, workspace):
    spending.set_limit(workspace, tokens=1, cents=None)
    said("Hello")
    stopped = said("Hello")
    for where in (PAGE, "/w/lab/dreams/attention"):
        assert "month’s budget is spent" in as_alice.get(where).content.decode()
    shown = as_alice.get(stopped.get_absolute_url()).content.decode()
    assert "budget for this month is spent" in shown
