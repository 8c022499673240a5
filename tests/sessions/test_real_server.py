"""Sessions against real OpenAI-compatible servers: llama.cpp's own, and llama-cpp-python's.

Skipped unless LLAMA_SERVER or LLAMA_PYTHON names one; CONTRIBUTING.md tells how. The model is
random numbers, so what it says is gibberish; what is checked is everything around it.
"""

import contextlib

import pytest
from django.urls import reverse

from console import live
from console.models import ModelEndpoint
from dreaming.models import DreamStatus, Finding
from sessions import compaction, conversation, events, loop, tasks
from sessions.models import Session
from tests.dreaming import dreamer
from tests.factories import make_agent, make_session, make_store
from tests.sessions import tiny_model
from tests.sessions.fake_models import KEY
from tests.sessions.real_servers import MODEL, NAMED, WINDOW, running

if not NAMED:
    pytest.skip("LLAMA_SERVER and LLAMA_PYTHON name no real server", allow_module_level=True)

pytestmark = [pytest.mark.once, pytest.mark.django_db(transaction=True)]
BRIEF = {tiny_model.STOP: 3.0, tiny_model.SPACE: 6.0}  # an answer has some dozen tokens
ENDLESS = {tiny_model.STOP: 1e-9, tiny_model.SPACE: 6.0}
CALLING = BRIEF | {"<tool_call>": 9.0, '"': 9.0}
TIGHT = 4096  # tokens: the system prompt and the tools take half of it
its_own = pytest.mark.skipif("LLAMA_SERVER" not in NAMED, reason="LLAMA_SERVER names no program")


@pytest.fixture(scope="module", params=sorted(NAMED))
def server(request, tmp_path_factory):
    with running(request.param, tmp_path_factory.mktemp("llama"), likely=BRIEF) as server:
        yield server


@pytest.fixture(params=sorted(NAMED))
def start(request, tmp_path):
    """Start a server of one's own, with other words or another window."""
    with contextlib.ExitStack() as stack:
        yield lambda **how: stack.enter_context(running(request.param, tmp_path, **how))


@pytest.fixture
def start_its_own(tmp_path):
    with contextlib.ExitStack() as stack:
        yield lambda **how: stack.enter_context(running("LLAMA_SERVER", tmp_path, **how))


class Ear:
    """Hears the previews that live readers get; `at_first` is done when the first words come."""

    def __init__(self, monkeypatch):
        self.told, self.at_first, self.whisper = [], None, live.whisper
        monkeypatch.setattr(live, "whisper", self.hear)

    def hear(self, topic, payload):
        self.whisper(topic, payload)
        self.told.append(payload["event"])
        if payload["event"]["type"] == "event_delta" and self.at_first:
            act, self.at_first = self.at_first, None
            act()

    @property
    def text(self):
        deltas = [event["delta"] for event in self.told if event["type"] == "event_delta"]
        return "".join(delta["content"]["text"] for delta in deltas)


@pytest.fixture
def ear(monkeypatch):
    return Ear(monkeypatch)


def filled(server, **changes):
    typed = {"name": "Real", "protocol": "openai", "base_url": server.url, "api_key": KEY}
    return typed | {"models": [MODEL], "others": ""} | changes


def try_out(client, workspace, server, **changes):
    where = reverse("endpoint-test", args=[workspace.slug])
    return client.post(where, filled(server, **changes)).content.decode()


@pytest.fixture
def session_with(as_alice, workspace):
    """A session with the model of a server, which alice has added in Settings."""

    def make(server, **changes) -> Session:
        as_alice.post(reverse("endpoint-new", args=[workspace.slug]), filled(server, **changes))
        model = {"id": MODEL, "effort": None, "speed": "standard", "inference_geo": None}
        store = make_store(name="Notes", files={"/heron.md": "The heron is here.\n"})
        return make_session(agent=make_agent(model=model), stores=[store])

    return make


def work(session: Session, *said: str) -> Session:
    for words in said:
        conversation.say(session, words)
        run(session)
    return session


def run(session: Session) -> None:
    loop.run(session.primary.pk, tasks.CHAT)
    session.refresh_from_db()


def types(session):
    return [event.type for event in events.in_order(session.events.all())]


def errors(session):
    told = session.events.filter(type="session.error")
    return [event.payload["error"] for event in told]


def messages(session):
    said = session.events.filter(type="agent.message")
    return ["".join(block["text"] for block in event.payload["content"]) for event in said]


# -- Settings, Models -------------------------------------------------------------------------


def test_testing_lists_the_model(server, as_alice, workspace):
    page = try_out(as_alice, workspace, server)
    assert "It answers and lists 1 model." in page and MODEL in page
    assert "no tools" not in page


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"api_key": "sk-another-key-0000"}, "does not accept the key"),
        ({"base_url": "/v2"}, "it answers 404; check"),
    ],
)
def test_testing_says_what_is_wrong(server, as_alice, workspace, changes, said):
    if "base_url" in changes:
        changes = {"base_url": server.url.removesuffix("/v1") + changes["base_url"]}
    assert said in try_out(as_alice, workspace, server, **changes)


def test_the_window_is_learned_where_the_server_tells_it(server, session_with):
    session_with(server)
    [model] = ModelEndpoint.objects.get().served
    assert model["window"] == (WINDOW if server.kind == "LLAMA_SERVER" else None)


# -- A turn -----------------------------------------------------------------------------------


def test_a_turn_is_previewed_counted_and_ended(server, session_with, ear):
    session = work(session_with(server), "Where is the heron?", "And now?")
    assert types(session)[-1] == "session.status_idle" and not errors(session)
    said = messages(session)
    assert len(said) == 2 and ear.text == "".join(said)
    ends = session.events.filter(type="span.model_request_end")
    counted = [event.payload["model_usage"] for event in ends]
    asked = [sum(usage.values()) - usage["output_tokens"] for usage in counted]
    assert 500 < asked[0] < asked[1] < WINDOW
    assert all(usage["output_tokens"] for usage in counted)


def test_stop_ends_the_answer_and_frees_the_server(start, session_with, ear):
    session = session_with(start(likely=ENDLESS))
    for words in ("Where is the heron?", "And now?"):
        ear.at_first = lambda: conversation.stop(session)
        work(session, words)
        assert session.status == "idle" and not errors(session)
    assert len(ear.text) < 20_000  # had it gone on, the second would have waited for the first


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"api_key": "sk-another-key-0000"}, "check the key of “Real” in Settings"),
        ({"base_url": "/v2"}, "check the models of “Real” in Settings and the address of “Real”"),
    ],
)
def test_a_turn_says_at_once_what_a_person_must_change(server, session_with, changes, said):
    if "base_url" in changes:
        changes = {"base_url": server.url.removesuffix("/v1") + changes["base_url"]}
    session = work(session_with(server, **changes), "Where is the heron?")
    [error] = errors(session)
    assert said in error["message"] and error["retry_status"]["type"] == "exhausted"
    assert session.status == "idle"


def test_a_server_killed_in_its_answer_is_tried_again_then_given_up(
    start, session_with, ear, settings
):
    settings.MODEL_MAX_RETRIES = 1
    server = start(likely=ENDLESS)
    session = session_with(server)
    ear.at_first = server.process.kill
    work(session, "Where is the heron?")
    assert session.status == "rescheduling"
    session.threads.update(retry_at=session.created_at)
    run(session)
    assert session.status == "idle" and not messages(session)
    broken, gone = errors(session)
    assert "broke off in the middle of its answer" in broken["message"]
    assert "Cannot connect" in gone["message"] and "Is it up?" in gone["message"]
    assert [error["retry_status"]["type"] for error in (broken, gone)] == ["retrying", "exhausted"]


# -- The window -------------------------------------------------------------------------------


def test_a_conversation_that_the_server_finds_too_long_is_condensed(start, session_with):
    # The owner claims a window that the server does not have: only its error tells.
    session = session_with(start(likely=BRIEF, window=TIGHT), context_window="200000")
    work(session, *["reeds and water " * 40] * 6)
    assert compaction.TYPE in types(session) and not errors(session)
    assert len(messages(session)) == 6
    assert types(session)[-1] == "session.status_idle"


def test_a_message_that_can_never_fit_is_told(start, session_with):
    session = session_with(start(likely=BRIEF, window=TIGHT), context_window="200000")
    work(session, "reeds and water " * 1_000)
    [error] = errors(session)
    assert error["type"] == "compaction_limit_reached_error"
    assert str(TIGHT) in error["message"] and "start a new session" in error["message"]


# -- Tools ------------------------------------------------------------------------------------


@its_own
def test_calls_that_the_grammar_forces_are_run_and_answered(start_its_own, session_with):
    session = session_with(start_its_own(likely=CALLING))
    for _ in range(8):  # three in four answers hold a call, for all their gibberish
        work(session, "Where is the heron?")
        if session.events.filter(type="agent.tool_use").exists():
            break
    assert session.status == "idle" and not errors(session)
    calls = session.events.filter(type="agent.tool_use")
    results = session.events.filter(type="agent.tool_result")
    assert calls and {call.pk for call in calls} == {
        result.payload["tool_use_id"] for result in results
    }
    known = {"read", "write", "edit", "glob", "grep", "bash"}
    assert all(call.payload["name"] in known for call in calls)
    assert all("_unparsed" not in call.payload["input"] for call in calls)


@its_own
def test_a_template_that_hides_the_tools_is_told(start_its_own, session_with, as_alice, workspace):
    server = start_its_own(likely=BRIEF, template=tiny_model.PLAIN)
    assert "Agents would have no tools" in try_out(as_alice, workspace, server)
    assert messages(work(session_with(server), "Where is the heron?"))  # it takes them all the same


@its_own
def test_a_server_that_takes_no_tools_is_said_to_be_one(start_its_own, session_with):
    session = session_with(start_its_own(likely=BRIEF, options=("--no-jinja",)))
    work(session, "Where is the heron?")
    [error] = errors(session)
    assert "takes no tools" in error["message"] and "llama.cpp: --jinja" in error["message"]


# -- A dream ----------------------------------------------------------------------------------


@its_own
@pytest.mark.parametrize("likely", [BRIEF, CALLING], ids=["in words", "with calls"])
def test_gibberish_dreams_nothing_up(start_its_own, session_with, likely):
    session = session_with(start_its_own(likely=likely))
    for words in ("The heron has left.", "It is by the pond."):
        conversation.say(session, words)
    store = session.attachments.get().store
    dream = dreamer.carry_out(dreamer.begin(store, [session], model=MODEL))
    assert dream.status == DreamStatus.COMPLETED, dream.error_message
    assert not Finding.objects.filter(transcript__dream=dream, verified=True)
    heron = dream.output_store.memories.get(path="/heron.md")
    assert heron.blob.content == "The heron is here.\n"
    assert dream.session.output_tokens and dream.summary
