"""A message that still waits is taken back; a turn that failed is tried again."""

import pytest

from console.actors import Actor
from dreaming import transcripts
from sessions import afterthoughts, conversation, events, loop, record, tasks, transcript
from sessions.conversation import Refused
from sessions.models import Session, Status
from tests.factories import make_agent, make_api, make_session, make_store
from tests.sessions.fake_models import FakeModels, Raw, Turn

pytestmark = pytest.mark.django_db(transaction=True)
ALICE = Actor("user_01", "Alice")
HTMX = {"HX-Request": "true"}
NO_KEY = Raw(401, {"error": {"message": "Unknown key", "type": "authentication_error"}})


@pytest.fixture
def fake(settings):
    with FakeModels() as fake:
        settings.OPENAI_BASE_URL = fake.openai_url
        settings.OPENAI_MODELS = ["fake-model"]
        yield fake


@pytest.fixture
def session(workspace, fake):
    model = {"id": "fake-model", "effort": None, "speed": "standard", "inference_geo": None}
    return make_session(agent=make_agent(model=model), stores=[make_store()])


@pytest.fixture
def api(workspace):
    return make_api(workspace)


def work(session: Session) -> Session:
    loop.run(session.primary.pk, tasks.CHAT)
    session.refresh_from_db()
    return session


def failed(fake, session) -> Session:
    fake.script(NO_KEY)
    conversation.say(session, "When is the talk?")
    return work(session)


def asked(fake) -> str:
    return str(fake.requests[-1].json["messages"])


# -- Taken back -----------------------------------------------------------------------------------


def test_a_message_taken_back_is_never_heard(fake, session):
    fake.script(Turn("At noon."))
    conversation.say(session, "When is the talk?")
    waiting = conversation.say(session, "The code is 4711")
    afterthoughts.withdraw(session, waiting.pk, by=ALICE)
    work(session)
    assert "talk" in asked(fake) and "4711" not in asked(fake)
    assert len(fake.requests) == 1 and session.status == Status.IDLE
    log = list(events.in_order(session.events.all()))
    assert [line["text"] for line in transcripts.lines(log)] == ["When is the talk?", "At noon."]
    assert "4711" not in "".join(record.as_markdown(session))


def test_the_log_keeps_what_was_taken_back_without_a_gap(session, api):
    waiting = conversation.say(session, "The code is 4711")
    api.delete(f"/v1/sessions/{session.pk}/events/{waiting.pk}")
    work(session)
    places = [seq for pair in session.events.values_list("seq", "processed_seq") for seq in pair]
    assert sorted(place for place in places if place) == list(range(1, session.last_seq + 1))
    [listed] = [
        event
        for event in api.get(f"/v1/sessions/{session.pk}/events").json()["data"]
        if event["id"] == waiting.pk
    ]
    assert listed["withdrawn"] is True and listed["processed_at"]
    assert listed["content"][0]["text"] == "The code is 4711"
    assert session.status == Status.IDLE and session.idle_reason == "end_turn"


def test_taking_back_twice_is_once_and_what_was_heard_is_refused(fake, session, api):
    fake.script(Turn("At noon."))
    heard, waiting = (conversation.say(session, words) for words in ("When?", "Never mind"))
    for _ in range(2):
        afterthoughts.withdraw(session, waiting.pk, by=ALICE)
    work(session)
    with pytest.raises(Refused, match="has this message already"):
        afterthoughts.withdraw(session, heard.pk, by=ALICE)
    begin = session.events.filter(type="session.status_running").first()
    for event, status in ((heard.pk, 400), (begin.pk, 400), ("sevt_01nonsense", 404)):
        answer = api.delete(f"/v1/sessions/{session.pk}/events/{event}")
        assert answer.status_code == status, answer.json()


def test_a_waiting_message_can_be_removed_on_its_page(as_bob, as_vera, session):
    waiting = conversation.say(session, "The code is 4711")
    button = f"/events/{waiting.pk}/withdraw"
    page = session.get_absolute_url()
    assert button in as_bob.get(page).content.decode()
    assert button not in as_vera.get(page).content.decode()
    assert as_vera.post(f"{page}events/{waiting.pk}/withdraw").status_code == 403
    assert as_bob.post(f"{page}events/{waiting.pk}/withdraw", headers=HTMX).status_code == 204
    html = as_bob.get(page).content.decode()
    assert "removed a message before the agent had it" in html and "4711" not in html


# -- Tried again ----------------------------------------------------------------------------------


def test_a_failed_turn_is_tried_again_without_a_new_message(fake, session, api):
    failed(fake, session)
    fake.script(Turn("At noon."))
    answer = api.post(f"/v1/sessions/{session.pk}/retry")
    assert answer.status_code == 200 and answer.json()["status"] == "running"
    work(session)
    assert asked(fake).count("When is the talk?") == 1
    assert transcript.text_of(session.events.filter(type="agent.message").get()) == "At noon."
    assert session.events.filter(type="user.message").count() == 1
    assert session.idle_reason == "end_turn"


def test_what_fails_again_can_be_tried_again(fake, session):
    failed(fake, session)
    fake.script(NO_KEY)
    afterthoughts.try_again(session, by=ALICE)
    work(session)
    assert session.idle_reason == "retries_exhausted"
    fake.script(Turn("At noon."))
    afterthoughts.try_again(session, by=ALICE)
    assert work(session).idle_reason == "end_turn"


def test_a_new_message_after_a_failure_is_asked_about_once(fake, session):
    failed(fake, session)
    fake.script(Turn("At noon."))
    conversation.say(session, "Please try again")
    work(session)
    assert len(fake.requests) == 2 and "Please try again" in asked(fake)


def test_only_a_failed_turn_can_be_tried_again(fake, session, api):
    assert api.post(f"/v1/sessions/{session.pk}/retry").status_code == 400
    failed(fake, session)
    conversation.archive(session)
    with pytest.raises(Refused, match="archived"):
        afterthoughts.try_again(session, by=ALICE)


def test_the_page_and_the_list_say_that_a_turn_failed(fake, session, as_bob, as_vera):
    failed(fake, session)
    page = session.get_absolute_url()
    assert "Try again" in as_bob.get(page).content.decode()
    assert "Try again</button>" not in as_vera.get(page).content.decode()
    sessions = page.removesuffix(f"{session.pk}/")
    listed = as_bob.get(f"{sessions}?status=retries_exhausted", headers=HTMX).content.decode()
    assert session.pk in listed and "Failed" in listed
    home = "/w/lab/dreams/attention"
    assert "Its last turn failed" in as_vera.get(home).content.decode()
    fake.script(Turn("At noon."))
    assert as_bob.post(f"{page}retry", headers=HTMX).status_code == 204
    work(session)
    html = as_bob.get(page).content.decode()
    assert "Tried again by" in html and "Try again</button>" not in html
    assert "Its last turn failed" not in as_vera.get(home).content.decode()
