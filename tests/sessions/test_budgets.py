"""What a session costs and may cost: counted, reached, raised; prices of the list and one's own."""

from decimal import Decimal

import pytest

from sessions import budgets, conversation, events, updates
from sessions.models import Session
from sessions.providers.base import Usage
from tests.factories import make_agent, make_environment, make_session
from tests.sessions.test_api import error
from tests.sessions.test_loop import last, types, work

pytestmark = pytest.mark.django_db(transaction=True)
DEAR = budgets.Price(*map(Decimal, ("100", "100", "0", "0")))  # a cent for a hundred tokens


@pytest.fixture
def dear(workspace):
    budgets.set_price(workspace, "builtin", DEAR)


def limit(cents: int) -> dict:
    return {"type": "limit", "max_list_cost": {"amount": str(cents), "currency": "USD"}}


def create(api, **changes):
    body = {"agent": make_agent().pk, "environment_id": make_environment().pk}
    return api.post("/v1/sessions", {**body, **changes})


def with_budget(api, cents: int) -> Session:
    return Session.objects.get(pk=create(api, budget=limit(cents)).json()["id"])


def reason(session: Session) -> str:
    return last(session, "session.status_idle").payload["stop_reason"]["type"]


def test_a_session_counts_what_it_costs(api, workspace, dear):
    session = make_session()
    conversation.say(session, "Hello")
    work(session)
    tokens = session.input_tokens + session.output_tokens
    assert session.cost == tokens * 100_000
    shown = api.get(f"/v1/sessions/{session.pk}").json()
    cents = round(tokens / 100)
    assert shown["usage"]["list_cost"] == {"amount": str(cents), "currency": "USD"}
    assert shown["budget"] is None
    assert last(session, "session.usage").payload["usage"]["list_cost"]["amount"] == str(cents)


def test_a_spent_budget_stops_the_next_turn_and_raising_it_goes_on(api, dear):
    session = with_budget(api, 1)
    conversation.say(session, "Hello")
    assert reason(work(session)) == "end_turn" and session.cost >= budgets.CENT
    conversation.say(session, "Are you there?")
    assert reason(work(session)) == "budget_reached" and session.status == "idle"
    assert types(session).count("agent.message") == 1
    assert last(session, "session.usage").payload["budget"] == limit(1)
    conversation.say(session, "Hello?")
    assert reason(work(session)) == "budget_reached"
    raised = api.post(f"/v1/sessions/{session.pk}", {"budget": limit(10_000)}).json()
    assert raised["budget"] == limit(10_000) and raised["status"] == "running"
    assert last(session, "session.updated").payload == {"budget": limit(10_000)}
    assert reason(work(session)) == "end_turn"
    assert types(session).count("agent.message") == 3 and not events.queued(session.primary)


def test_removing_the_budget_goes_on_and_it_cannot_come_back(api, dear):
    session = with_budget(api, 1)
    for text in ("Hello", "Again"):
        conversation.say(session, text)
        work(session)
    path = f"/v1/sessions/{session.pk}"
    assert api.post(path, {"budget": None}).json()["budget"] is None
    assert reason(work(session)) == "end_turn"
    assert "budget_create_only" in error(api.post(path, {"budget": limit(5)}))


def test_a_budget_below_what_is_spent_is_refused(api, dear):
    session = with_budget(api, 1)
    conversation.say(session, "Hello")
    work(session)
    assert "budget_not_raised" in error(
        api.post(f"/v1/sessions/{session.pk}", {"budget": limit(1)})
    )


def test_a_model_without_a_price_takes_no_budget(api, workspace):
    model = {"id": "local-llama", "effort": None, "speed": "standard", "inference_geo": None}
    agent = make_agent(model=model).pk
    assert "model_not_budgetable" in error(create(api, agent=agent, budget=limit(5)))
    assert "list_cost" not in create(api, agent=agent).json()["usage"]
    budgets.set_price(workspace, "local-llama", DEAR)
    assert create(api, agent=agent, budget=limit(5)).json()["budget"] == limit(5)


@pytest.mark.parametrize("amount", ["0", "-5", "1.5", "x", ""])
def test_a_budget_is_a_whole_number_of_cents(api, amount):
    budget = {"type": "limit", "max_list_cost": {"amount": amount, "currency": "USD"}}
    error(create(api, budget=budget))


def test_an_archived_sessions_budget_stays_as_it_is(api, dear):
    session = with_budget(api, 1)
    for text in ("Hello", "Again"):
        conversation.say(session, text)
        work(session)
    conversation.archive(session)
    with pytest.raises(conversation.Refused):
        updates.update(session, budget_cents=500)


@pytest.mark.once
@pytest.mark.parametrize(
    ("model", "output"),
    [
        ("claude-opus-4-8", "25"),
        ("claude-opus-4-1-20250805", "75"),
        ("claude-opus-5-5", "20"),
        ("claude-sonnet-4-6", "15"),
        ("builtin", "0"),
        ("llama", None),
    ],
)
def test_the_list_knows_models_by_their_beginning(model, output):
    price = budgets.list_price(model)
    assert (price and price.output) == (output and Decimal(output))


@pytest.mark.once
def test_cached_tokens_have_prices_of_their_own():
    price = budgets.list_price("claude-sonnet-4-6")
    usage = Usage(1000, 1000, cache_read_input_tokens=1000, cache_creation_input_tokens=1000)
    assert price.cost(usage) == 1000 * (3000 + 15000 + 300 + 3750)


# -- On the pages -------------------------------------------------------------------------

FORM = {
    "model": "builtin",
    "input": "3",
    "output": "15",
    "cache_read": "0.3",
    "cache_write": "3.75",
}


def test_an_owner_sets_a_price_and_takes_it_back(as_alice, workspace):
    where = f"/w/{workspace.slug}/models/price"
    assert "US dollars" in as_alice.get(where, {"model": "builtin"}).content.decode()
    as_alice.post(where, FORM)
    assert budgets.price_of(workspace, "builtin").output == 15
    listed = as_alice.get(f"/w/{workspace.slug}/models").content.decode()
    assert "$3.00 · $15.00" in listed and "own" in listed
    as_alice.post(where, {"model": "builtin", "forget": "1"})
    assert budgets.price_of(workspace, "builtin") == budgets.FREE


@pytest.mark.parametrize("changes", [{"input": "-1"}, {"output": "dear"}, {"cache_read": ""}])
def test_a_price_that_is_no_price_is_said_at_its_field(as_alice, workspace, changes):
    answer = as_alice.post(f"/w/{workspace.slug}/models/price", {**FORM, **changes})
    assert answer.status_code == 422 and "error" in answer.content.decode()
    assert budgets.prices(workspace) == {}


def test_an_editor_sets_no_prices(as_bob, workspace):
    assert as_bob.post(f"/w/{workspace.slug}/models/price", FORM).status_code == 403


def test_a_budget_is_shown_and_raised_on_the_sessions_page(api, as_bob, dear):
    session = with_budget(api, 1)
    for text in ("Hello", "Again"):
        conversation.say(session, text)
        work(session)
    page = as_bob.get(session.get_absolute_url()).content.decode()
    assert "The budget is spent" in page and "of $0.01" in page
    as_bob.post(f"{session.get_absolute_url()}budget", {"dollars": "0.001"})
    as_bob.post(f"{session.get_absolute_url()}budget", {"dollars": "50"})
    assert reason(work(session)) == "end_turn" and session.budget_cents == 5000
    assert "The budget is now $50.00" in as_bob.get(session.get_absolute_url()).content.decode()
