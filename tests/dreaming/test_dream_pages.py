"""The pages of dreams until they are reviewed: list, launch, progress, the slot on the home page."""

import pytest

from dreaming import adoption, dreams, pipeline, review, subagents, tasks
from dreaming.models import Dream, Finding
from memory import stores
from memory.models import StoreState
from sessions import conversation
from tests.conftest import signed_in
from tests.dreaming.dreamer import MODEL, begin, carry_out, talked
from tests.factories import TESTER, finish, make_dream, make_session, make_store, make_user

pytestmark = pytest.mark.django_db
AT = "/w/lab/dreams/"
HTMX = {"HX-Request": "true"}


def page(client, path="", **options) -> str:
    answer = client.get(f"{AT}{path}", **options)
    assert answer.status_code == 200, answer.status_code
    return answer.content.decode()


# -- The list -----------------------------------------------------------------------------


def test_an_empty_list_says_what_dreaming_is_and_what_to_do(as_bob):
    text = page(as_bob)
    assert "A dream reads past sessions" in text
    assert "Start a dream" in text


def test_a_viewer_sees_the_list_without_the_ways_to_change_it(as_vera, dream):
    text = page(as_vera)
    assert "Notes" in text
    assert "New dream" not in text


def test_the_list_shows_what_waits_for_a_review(as_bob, dream):
    text = page(as_bob)
    assert "Review waiting" in text
    assert f"{AT}{dream.pk}/review" in text


def test_the_list_filters_by_status_and_by_store(as_bob, workspace):
    make_dream(store=make_store(name="Failed notes"), status="failed")
    waiting = make_store(name="Waiting notes")
    make_dream(store=waiting)
    assert "Waiting notes" not in page(as_bob, "?status=failed")
    assert "Failed notes" not in page(as_bob, f"?store={waiting.pk}")
    assert "No dream fits" in page(as_bob, "?status=canceled")


def test_the_list_asks_no_more_queries_for_more_dreams(
    as_bob, workspace, django_assert_max_num_queries
):
    for _ in range(12):
        make_dream(status="failed")
    with django_assert_max_num_queries(11):
        page(as_bob)


def test_htmx_gets_the_table_alone(as_bob, workspace):
    make_dream()
    text = page(as_bob, headers=HTMX)
    assert text.lstrip().startswith('<div id="dreams"')
    assert "every 4s" in text


def test_the_home_page_names_what_needs_somebody(as_bob, dream, store):
    begin(store, [talked("One.")])
    finish(make_dream(), status="failed", error_message="The model <b>refused</b>.")
    text = page(as_bob, "attention")
    assert "waits for its review" in text
    assert "Waiting for a worker" in text
    assert "The model &lt;b&gt;refused&lt;/b&gt;." in text


def test_an_adoption_that_was_undone_is_not_called_new(as_bob, dream):
    review.approve(dream, by=TESTER)
    assert "not adopted yet" in page(as_bob, "attention")
    adoption.undo(adoption.adopt(dream, "same_store", by=TESTER), by=TESTER)
    for text in (page(as_bob, "attention"), page(as_bob)):
        assert "doption undone" in text or "adoption was undone" in text
        assert "not adopted" not in text


def test_the_home_page_says_so_when_nothing_does(as_bob, workspace):
    assert "no review waits and no dream runs." in page(as_bob, "attention")


# -- Starting one -------------------------------------------------------------------------


def wanted(source, *sessions, **changes) -> dict:
    ids = [session.pk for session in sessions]
    return {"store": source.pk, "sessions": ids, "model": MODEL, "instructions": "", **changes}


def test_without_a_store_the_form_says_what_to_do_first(as_bob, workspace):
    assert "Create a store" in page(as_bob, "new")


def test_without_a_session_the_form_says_so(as_bob, store):
    assert "No session to read yet" in page(as_bob, "new")


def test_the_form_begins_with_what_the_link_names(as_bob, store):
    session = talked("The talk is at two.", title="Planning")
    text = page(as_bob, f"new?store={store.pk}&session={session.pk}")
    assert f'<option value="{store.pk}" selected>' in text
    assert f'value="{session.pk}" id="pick-{session.pk}"' in text
    assert "Notes (3 files," in text
    assert text.count(" checked>") == 1


def test_sessions_that_used_the_store_come_first(as_bob, store):
    talked("Used it.", stores=[store], title="Used the store")
    talked("Did not.", title="Used nothing")
    text = page(as_bob, f"new?store={store.pk}")
    assert text.index("Used the store") < text.index("Used nothing")


def test_a_session_that_was_dreamt_over_is_marked(as_bob, dream, store):
    text = page(as_bob, f"new?store={store.pk}")
    assert "data-dreamt" in text
    assert "data-dreamt" not in page(as_bob, f"new?store={make_store(name='Other').pk}")


def test_dreams_own_sessions_and_silent_ones_are_not_offered(as_bob, dream):
    make_session(title="Nothing said")
    text = page(as_bob, "new")
    assert "Planning" in text
    assert "Nothing said" not in text
    assert "Dream over Notes</label>" not in text


def test_searching_keeps_what_is_chosen(as_bob, store):
    chosen = talked("About tea.", title="Tea")
    talked("About bees and honey.", title=None)
    talked("About nothing.", title="Weather")
    asked = {"store": store.pk, "sessions": [chosen.pk], "q": "bees"}
    text = as_bob.get(f"{AT}new", asked, headers=HTMX).content.decode()
    assert text.lstrip().startswith('<section class="field" id="candidates"')
    assert "About bees" in text
    assert "Weather" not in text
    assert f'value="{chosen.pk}"' in text and " checked>" in text


def test_an_editor_starts_a_dream(as_bob, bob, dreamer, store):
    sessions = [talked("One."), talked("Two.")]
    answer = as_bob.post(f"{AT}new", wanted(store, *sessions, instructions="Be\r\nbrief."))
    dream = Dream.objects.get()
    assert answer.headers["Location"] == dream.get_absolute_url()
    assert (dream.created_by, dream.instructions) == (bob.pk, "Be\nbrief.")
    assert dream.transcripts.count() == 2


def test_starting_rings_for_a_worker(as_bob, dreamer, store, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks() as callbacks:
        as_bob.post(f"{AT}new", wanted(store, talked("One.")))
    assert callbacks


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sessions": []}, "at least one session"),
        ({"sessions": ["sesn_011111"]}, "not one of the available choices"),
        ({"store": "memstore_0111"}, "not one of the available choices"),
        ({"store": ""}, "required"),
        ({"model": "nobody"}, "not one of the available choices"),
        ({"instructions": "x" * 4097}, "at most 4,096"),
    ],
)
def test_errors_keep_everything_typed(as_bob, dreamer, store, changes, words):
    session = talked("One.", title="Kept title")
    body = wanted(store, session, **{"instructions": "Kept words", **changes})
    answer = as_bob.post(f"{AT}new", body)
    text = answer.content.decode()
    assert answer.status_code == 422
    assert words in text
    assert "Kept title" in text
    assert (changes.get("instructions") or "Kept words") in text
    assert not Dream.objects.exists()


def test_what_only_the_verb_refuses_is_said_in_its_words(as_bob, dreamer, store):
    agent = make_session().agent
    sessions = [talked("One.", agent=agent) for _ in range(101)]
    answer = as_bob.post(f"{AT}new", wanted(store, *sessions))
    assert answer.status_code == 422
    assert "101 were chosen" in answer.content.decode()


def test_a_viewer_cannot_start_one(as_vera, store):
    assert as_vera.get(f"{AT}new").status_code == 403
    assert as_vera.post(f"{AT}new", {}).status_code == 403


def test_other_workspaces_stores_and_sessions_are_not_on_offer(as_eve, store):
    assert as_eve.get(f"{AT}new").status_code == 404


def test_a_dream_can_be_tried_again_with_the_same_inputs(as_bob, dream, store):
    Dream.objects.filter(pk=dream.pk).update(instructions="Keep it short.")
    text = page(as_bob, f"new?like={dream.pk}")
    assert "Keep it short." in text
    assert f'<option value="{store.pk}" selected>' in text
    assert " checked>" in text


# -- Progress -----------------------------------------------------------------------------


def test_a_waiting_dream_polls_and_can_be_cancelled(as_bob, dreamer, store):
    dream = begin(store, [talked("One.")])
    text = page(as_bob, f"{dream.pk}/")
    assert "Waiting for a worker" in text
    assert "every 2s" in text
    assert "Cancel this dream?" in text


def test_a_running_dream_listens_to_its_session(as_bob, dreamer, store):
    dream = begin(store, [talked("One is enough."), talked("Two is company.")])
    pipeline.advance(dream.pk)
    tasks.work(subagents.waiting(dream.pk)[0])
    dream.refresh_from_db()
    text = page(as_bob, f"{dream.pk}/")
    assert f"live?rings={dream.session_id}" in text
    assert "Reading the transcripts" in text
    assert "1 of 2" in text
    assert f"?thread={dream.transcripts.first().thread_id}" in text


def test_the_fragment_tells_of_new_findings_once(as_bob, dreamer, store):
    dream = begin(store, [talked("One is enough."), talked("Two is company.")])
    pipeline.advance(dream.pk)
    tasks.work(subagents.waiting(dream.pk)[0])
    found = Finding.objects.count()
    told = as_bob.get(f"{AT}{dream.pk}/progress?found={found + 1}", headers=HTMX)
    assert told.headers["HX-Trigger"] == "found"
    assert "HX-Trigger" not in as_bob.get(f"{AT}{dream.pk}/progress?found={found}").headers


def test_the_last_fragment_asks_for_all_findings_and_for_no_other(as_bob, dream):
    last = as_bob.get(f"{AT}{dream.pk}/progress?found=2", headers=HTMX)
    assert last.headers["HX-Trigger"] == "found"  # "nothing so far" becomes "nothing"
    text = last.content.decode()
    assert 'hx-swap-oob="true"' in text
    assert "hx-trigger" not in text


def test_a_completed_dream_says_what_it_did_and_offers_the_review(as_bob, dream):
    text = page(as_bob, f"{dream.pk}/")
    assert "1 file changed, 2 new, 1 removed · 2 findings, 2 verified" in text
    assert "Review changes" in text
    assert "I tidied up." in text
    assert "sse-connect" not in text


def test_findings_link_to_the_very_event(as_bob, dream):
    finding = dream.transcripts.get().findings.first()
    text = page(as_bob, f"{dream.pk}/")
    assert f"/sessions/{finding.transcript.session_key}/?event={finding.event}" in text
    assert "Verified" in text


def test_doubtful_findings_say_why(as_bob, dream):
    findings = dream.transcripts.get().findings
    findings.filter(pk=findings.first().pk).update(verified=False, doubt="the quote is made up")
    text = page(as_bob, f"{dream.pk}/findings?only=doubtful")
    assert "Not verified: the quote is made up" in text
    assert text.count("<article") == 1


def test_a_finding_whose_session_is_gone_still_shows_its_quote(as_bob, dream):
    conversation.delete(dream.transcripts.get().session)
    text = page(as_bob, f"{dream.pk}/")
    assert "Bob is the new host." in text
    assert "its session has been deleted" in text


def test_a_failed_dream_says_why_and_offers_another_try(as_bob, dreamer, store):
    dream = begin(store, [talked("One.")])
    stores.archive(store)
    carry_out(dream)
    text = page(as_bob, f"{dream.pk}/")
    assert "The input store is gone or archived." in text
    assert f"?like={dream.pk}" in text


def test_a_cancelled_dream_says_its_draft_can_never_be_adopted(as_bob, dreamer, store):
    dream = begin(store, [talked("One.")])
    pipeline.advance(dream.pk)
    answer = as_bob.post(f"{AT}{dream.pk}/cancel", follow=True)
    carry_out(dream)
    assert "cancelled" in answer.content.decode()
    text = page(as_bob, f"{dream.pk}/")
    assert "can never be adopted" in text
    assert "Stopped" in text


def test_cancelling_too_late_says_so(as_bob, dream):
    answer = as_bob.post(f"{AT}{dream.pk}/cancel", follow=True)
    assert "already completed" in answer.content.decode()


def test_a_dream_that_changed_nothing_says_so(as_bob, dreamer, store):
    dreamer.writes = {}
    first = carry_out(begin(store, [talked("Nothing new.")]))
    index = review.Proposal(first).outcome()["/index.md"].content
    stores.write(store, "/index.md", index, act=stores.Act(TESTER))
    second = carry_out(begin(store, [talked("Nothing new.")]))
    text = page(as_bob, f"{second.pk}/")
    assert "This dream changed nothing." in text
    assert "Review changes" not in text


def test_a_dream_whose_draft_was_deleted_says_so(as_bob, dream):
    stores.set_state(dream.output_store, StoreState.ARCHIVED)
    stores.delete_store(dream.output_store)
    assert "The draft has been deleted." in page(as_bob, f"{dream.pk}/")
    assert as_bob.get(f"{AT}{dream.pk}/review").status_code == 302


def test_hostile_names_and_texts_are_only_text(as_bob, dreamer, workspace):
    evil = '<script>alert(1)</script>\u202e"'
    store = make_store(name=evil[:-1], files={"/a.md": "Text.\n"})
    dream = carry_out(begin(store, [talked(f"{evil} is worth keeping", title=evil)]))
    for path in ("", f"{dream.pk}/", f"{dream.pk}/review", f"{dream.pk}/review/gone", "new"):
        text = page(as_bob, path)
        assert "<script>alert" not in text
        assert "\u202e" not in text


def test_archiving_takes_a_dream_off_the_list(as_bob, dream):
    as_bob.post(f"{AT}{dream.pk}/archive")
    assert f"{AT}{dream.pk}/" not in page(as_bob)
    assert "Archived" in page(as_bob, f"{dream.pk}/")


def test_a_running_dream_cannot_be_archived(as_bob, dreamer, store):
    dream = begin(store, [talked("One.")])
    answer = as_bob.post(f"{AT}{dream.pk}/archive", follow=True)
    assert "still running" in answer.content.decode()
    dreams.cancel(dream)


def test_a_stranger_finds_no_dream(dream):
    stranger = signed_in(make_user("mallory"))
    assert stranger.get(f"{AT}{dream.pk}/").status_code == 404


def test_a_large_dream_takes_as_many_queries_as_a_small_one(
    as_bob, dreamer, store, django_assert_max_num_queries
):
    sessions = [talked(f"Fact number {number} is worth keeping.") for number in range(8)]
    dream = carry_out(begin(store, sessions))
    with django_assert_max_num_queries(25):
        page(as_bob, f"{dream.pk}/")
