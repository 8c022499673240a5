"""The ten invariants of the design that have no better home; each test carries its name."""

import pytest

from console.actors import Actor
from dreaming import adoption, dreams, findings, pipeline, review, subagents
from dreaming import tasks as dream_tasks
from dreaming.transcripts import lines
from memory import change_sets, stores
from memory.models import Memory
from memory.stores import Act
from sessions import conversation, loop, opening, tasks
from tests import factories, story
from tests.factories import make_agent, make_session, make_store
from tests.sessions.fake_models import FakeModels, Raw

pytestmark = pytest.mark.django_db(transaction=True)
ANN = Actor("user_ann", "Ann")


def taught(store, *texts):
    """Sessions in which the built-in model was told something, with the store attached."""
    sessions = []
    for text in texts:
        session = make_session(stores=[store])
        conversation.say(session, text)
        loop.run(session.primary.pk, tasks.CHAT)
        sessions.append(session)
    return sessions


def dreamt(store, sessions, model="builtin"):
    """A dream taken to its end in this process, by the code that workers run."""
    dream = dreams.start(store.workspace, store, sessions, model=model, by=ANN)
    for _ in range(50):
        pipeline.advance(dream.pk)
        for thread_id in subagents.waiting(dream.pk):
            dream_tasks.work.run(thread_id)
        dream.refresh_from_db()
        if dream.is_over:
            break
    return dream


@pytest.fixture
def store(workspace):
    return make_store(name="cwc-memory", files={"/cafe.md": "# Cafe\n\n- It opens at 7:15.\n"})


@pytest.fixture
def dream(store):
    return dreamt(store, taught(store, story.TOLD, *story.MORE))


def texts(store):
    return {memory.path: memory.content for memory in store.memories.with_text()}


def test_no_write_without_a_version_and_no_silent_overwrite(store):
    memory = Memory.objects.get(path="/cafe.md")
    seen = stores.sha256(memory.content)
    changed = stores.write(store, "/cafe.md", "Ann's", act=Act(ANN), expected=seen)
    assert changed.head.content == "Ann's" and store.versions.count() == 2
    with pytest.raises(stores.Conflict):
        stores.write(store, "/cafe.md", "Ben's", act=Act(ANN), expected=seen)
    assert texts(store) == {"/cafe.md": "Ann's"} and store.versions.count() == 2


def test_a_dream_never_touches_its_input(store):
    sessions = taught(store, story.TOLD, *story.MORE)
    before = texts(store), store.versions.count()
    dream = dreamt(store, sessions)
    assert dream.status == "completed", dream.error_message
    assert (texts(store), store.versions.count()) == before
    assert dream.input_digest == change_sets.digest(change_sets.heads(store))
    with pytest.raises(conversation.Refused, match="draft"):
        opening.attach(make_session(), [opening.Mount(dream.output_store)])


def test_what_was_approved_is_what_is_adopted(store, dream):
    review.decide(dream, "/index.md", "edit", by=ANN, content="# By hand\n")
    approved = review.approve(dream, by=ANN)
    dream.refresh_from_db()
    proposal = review.approved(dream).outcome()
    stores.write(store, "/meanwhile.md", "Written during the review.\n", act=Act(ANN))
    adoption.adopt(dream, "same_store", by=ANN)
    now = texts(store)
    assert now.pop("/meanwhile.md") == "Written during the review.\n"
    assert now == {path: blob.content for path, blob in proposal.items()}
    assert approved.digest and now["/index.md"] == "# By hand\n"


def test_undoing_an_adoption_keeps_what_was_written_since(store, dream):
    before = texts(store)
    review.approve(dream, by=ANN)
    adopted = adoption.adopt(dream, "same_store", by=ANN)
    stores.write(store, "/since.md", "Since.\n", act=Act(ANN))
    adoption.undo(adopted, by=ANN)
    assert texts(store) == before | {"/since.md": "Since.\n"}


def test_a_quote_that_does_not_stand_in_the_event_is_not_verified(store):
    (session,) = taught(store, "The cafe opens at 7:15.")
    said = lines(session.events.order_by("seq"))
    event = next(line["event"] for line in said if line["role"] == "user")
    assert findings.check_quote(said, "opens at 7:15", event)[0] == ""
    assert "does not stand" in findings.check_quote(said, "opens at 8:00", event)[0]
    assert "no such event" in findings.check_quote(said, "opens at 7:15", "sevt_x")[0]


def test_a_dream_whose_transcript_could_not_be_read_fails_and_says_why(store, settings):
    settings.MODEL_MAX_RETRIES = 0
    sessions = taught(store, story.TOLD)
    with FakeModels(respond=lambda request: Raw(401, {"error": {"message": "no"}})) as fake:
        settings.OPENAI_BASE_URL, settings.OPENAI_MODELS = fake.openai_url, ["fake"]
        dream = dreamt(store, sessions, model="fake")
    assert dream.status == "failed" and "1 of 1 transcripts" in dream.error_message
    assert "OPENAI_API_KEY" in dream.error_message
    with pytest.raises(review.Refused):
        review.reviewable(dream)


def test_every_tenant_is_an_island(store, api):
    """Another workspace's id answers, word for word, as an id that does not exist."""
    elsewhere = factories.make_workspace()
    stranger = factories.make_api(elsewhere)
    session, agent = make_session(), make_agent()
    for path, pk in (
        ("/v1/memory_stores/{}", store.pk),
        ("/v1/sessions/{}", session.pk),
        ("/v1/agents/{}", agent.pk),
        ("/v1/sessions/{}/events", session.pk),
    ):
        assert api.get(path.format(pk)).status_code == 200
        foreign = stranger.get(path.format(pk))
        assert foreign.status_code == 404
        unknown = stranger.get(path.format("x" + pk[1:])).json()["error"]
        assert foreign.json()["error"]["message"] == unknown["message"].replace("x" + pk[1:], pk)
