"""The fake model server itself: what bigger tests rely on."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from sessions.providers.anthropic import Anthropic
from sessions.providers.base import ProviderError
from sessions.providers.http import Endpoint
from sessions.providers.openai import OpenAI
from tests.sessions.fake_models import KEY, FakeModels, Turn, make_request


def ask(fake, number):
    """Ask with model m0, m1, …: the even ones over one protocol, the odd ones over the other."""
    anthropic = Anthropic(Endpoint("ANTHROPIC", fake.url, KEY, timeout=20))
    openai = OpenAI(Endpoint("OPENAI", fake.openai_url, KEY, timeout=20))
    *_, reply = [anthropic, openai][number % 2].stream(make_request(model=f"m{number}"))
    return reply.text


def test_answers_can_be_made_from_what_is_asked_by_many_at_once():
    with FakeModels(respond=lambda request: Turn("I am ", request["model"], delay=0.01)) as fake:
        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda number: ask(fake, number), range(48)))
        assert answers == [f"I am m{number}" for number in range(48)]
        assert len(fake.requests) == 48


def test_what_is_scripted_comes_first():
    with FakeModels(respond=lambda request: Turn("made")) as fake:
        fake.script(Turn("scripted"))
        assert [ask(fake, 0), ask(fake, 1)] == ["scripted", "made"]


def test_a_script_that_runs_out_is_no_error_worth_retrying():
    with FakeModels() as fake, pytest.raises(ProviderError, match="no reply left") as caught:
        ask(fake, 0)
    assert not caught.value.retryable


def test_a_failed_assertion_in_respond_fails_the_test():
    def respond(request):
        raise AssertionError("unexpected question")

    failing = pytest.raises(AssertionError, match="unexpected question")
    with failing, FakeModels(respond) as fake, pytest.raises(ProviderError):
        ask(fake, 0)
