"""The official SDK, unmodified, against a running server: every call of beta.dreams."""

import anthropic
import pytest

from console import accounts
from console.models import Role
from tests.dreaming.dreamer import MODEL, carry_out, talked
from tests.factories import the_workspace

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def beta(live_server, dreamer):
    key = accounts.issue_key(the_workspace(), "SDK", Role.OWNER)[1]
    options = {"api_key": key, "base_url": live_server.url, "max_retries": 0}
    with anthropic.Anthropic(**options) as client:
        yield client.beta.dreams


@pytest.fixture
def start(beta, store):
    def start(*sessions, **changes):
        inputs = [
            {"type": "memory_store", "memory_store_id": store.pk},
            {"type": "sessions", "session_ids": [session.pk for session in sessions]},
        ]
        return beta.create(**{"inputs": inputs, "model": MODEL, **changes})

    return start


def stored(dream):
    return carry_out(the_workspace().dreams.get(pk=dream.id))


def test_a_dream_from_beginning_to_end(beta, start):
    session = talked("Bob is the new host.")
    dream = start(session, instructions="Keep it short.")
    assert (dream.type, dream.status, dream.outputs) == ("dream", "pending", [])
    assert dream.inputs[1].session_ids == [session.pk]
    assert dream.output_behavior.type == "create_new"
    stored(dream)
    dream = beta.retrieve(dream.id)
    assert dream.status == "completed"
    assert dream.outputs[0].memory_store_id.startswith("memstore_")
    assert dream.session_id.startswith("sesn_")
    assert dream.usage.input_tokens > 0
    assert dream.ended_at.tzinfo
    assert dream.instructions == "Keep it short."
    assert beta.archive(dream.id).archived_at


def test_cancelling(beta, start):
    dream = start(talked("Bob is the new host."))
    assert beta.cancel(dream.id).status == "canceled"
    assert beta.cancel(dream.id).status == "canceled"
    stored(dream)
    assert beta.retrieve(dream.id).status == "canceled"


def test_lists_follow_their_pages_and_filters(beta, start):
    made = [start(talked("One.")) for _ in range(5)]
    assert [dream.id for dream in beta.list(limit=2)] == [dream.id for dream in made[::-1]]
    beta.cancel(made[0].id)
    assert [dream.id for dream in beta.list(statuses=["canceled"])] == [made[0].id]
    late = beta.list(created_at_gt=made[3].created_at, created_at_lt="2999-01-01T00:00:00Z")
    assert [dream.id for dream in late] == [made[4].id]
    beta.archive(made[0].id)
    assert len(list(beta.list(include_archived=True))) == len(list(beta.list())) + 1


def test_errors_arrive_as_the_sdks_own(beta, start, store):
    with pytest.raises(anthropic.NotFoundError):
        beta.retrieve("drm_011111111111")
    with pytest.raises(anthropic.BadRequestError, match="not offered"):
        behaviour = {"type": "update_existing", "memory_store_id": store.pk}
        start(talked("One."), output_behavior=behaviour)
    with pytest.raises(anthropic.BadRequestError, match="standard speed"):
        start(talked("One."), model={"id": MODEL, "speed": "fast"})
    dream = start(talked("One."))
    with pytest.raises(anthropic.BadRequestError) as caught:
        beta.archive(dream.id)
    assert caught.value.type == "invalid_request_error"
    assert caught.value.request_id.startswith("req_")
