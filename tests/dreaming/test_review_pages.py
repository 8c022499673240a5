"""The review in the browser: files, verdicts, evidence, approval; then adoption, receipt, undo."""

import re

import pytest

from dreaming import adoption, review
from dreaming.models import ReviewState, Verdict
from dreaming.review import Proposal
from memory import stores
from memory.stores import Act
from sessions import agents
from tests.dreaming.conftest import BEFORE
from tests.dreaming.dreamer import begin, carry_out, talked
from tests.factories import TESTER, make_agent, make_dream, make_session

pytestmark = [pytest.mark.django_db, pytest.mark.once]
HTMX = {"HX-Request": "true"}
TWO = "# Talk\n\nThe talk is at two o'clock now.\nAlice speaks.\n"


@pytest.fixture
def at(dream) -> str:
    return dream.get_absolute_url()


def shown(answer, status: int = 200) -> str:
    assert answer.status_code == status, answer.status_code
    return answer.content.decode()


def write(store, path, text):
    stores.write(store, path, text, act=Act(TESTER))


def texts(store) -> dict[str, str]:
    return {memory.path: memory.content for memory in store.memories.with_text()}


def state(dream) -> str:
    dream.review.refresh_from_db()
    return dream.review.state


# -- Looking ------------------------------------------------------------------------------


def test_the_top_says_what_happened_and_what_undecided_means(as_alice, at):
    text = shown(as_alice.get(f"{at}review"))
    assert "1 file changed, 2 new, 1 removed · 2 findings, 2 verified" in text
    assert "undecided files count as accepted" in text
    assert "Approve all" in text


def test_files_stand_in_the_order_of_risk(as_alice, at):
    text = shown(as_alice.get(f"{at}review"))
    names = re.findall(r'class="tree-row".*?class="name">(.*?)<', text)
    assert names == ["/old.md", "/talk.md", "/people/bob.md", "/index.md"]


def test_changed_words_are_marked_and_every_change_can_be_left_out(as_alice, at):
    text = shown(as_alice.get(f"{at}review"))
    assert "The talk is at <del>noon</del>." in text
    assert "<ins>two o" in text
    assert text.count("Leave out") == 1


def test_a_viewer_sees_everything_and_decides_nothing(as_vera, at):
    text = shown(as_vera.get(f"{at}review"))
    assert "<del>noon</del>" in text
    assert "Approve" not in text
    assert 'name="verdict"' not in text


def test_findings_stand_below_the_lines_they_support(as_alice, at):
    text = shown(as_alice.get(f"{at}review"))
    assert "1 finding behind the new lines" in text
    assert text.count("?event=sevt_") == 2
    assert "without a source" not in text


def test_a_line_nobody_said_is_marked(as_alice, dreamer, store):
    dreamer.writes = {"/talk.md": BEFORE["/talk.md"] + "Lunch is free for everybody.\n"}
    dream = carry_out(begin(store, [talked("Bob is the new host.")]))
    text = shown(as_alice.get(f"{dream.get_absolute_url()}review"))
    assert "1 line without a source" in text
    assert re.search(r'class="added is-marked".*?Lunch is free', text)


def test_what_would_stand_nowhere_comes_first(as_alice, at):
    text = shown(as_alice.get(f"{at}review/gone"))
    assert "1 line would stand nowhere afterwards" in text
    assert "The office has a blue door." in text
    assert "1 line put differently" in text


def test_a_line_that_is_kept_is_no_loss(as_alice, at, dream):
    review.decide(dream, "/old.md", Verdict.REJECT, by=TESTER)
    assert "No line is lost" in shown(as_alice.get(f"{at}review/gone"))


def test_only_the_first_files_are_rendered_at_once(as_alice, dreamer, store):
    dreamer.writes = {f"/many/{n:02}.md": f"Fact number {n}.\n" for n in range(15)}
    dream = carry_out(begin(store, [talked("Write many files.")]))
    text = shown(as_alice.get(f"{dream.get_absolute_url()}review"))
    assert text.count("diff-table") == 10
    assert text.count('class="diff review-file is-closed"') == 6
    path = f"{dream.get_absolute_url()}review/file?path=/many/14.md"
    assert "Fact number 14." in shown(as_alice.get(path, headers=HTMX))


def test_a_file_that_only_moved_is_recognised(as_alice, dreamer, store):
    dreamer.writes = {"/old.md": None, "/archive/old.md": BEFORE["/old.md"]}
    dream = carry_out(begin(store, [talked("Move it.")]))
    text = shown(as_alice.get(f"{dream.get_absolute_url()}review"))
    assert "moved to /archive/old.md" in text
    assert "moved from /old.md" in text


def test_an_unfinished_dream_leads_back_to_its_page(as_alice, workspace):
    dream = make_dream()
    answer = as_alice.get(f"{dream.get_absolute_url()}review")
    assert answer.headers["Location"] == dream.get_absolute_url()


def test_a_file_the_dream_does_not_change_is_a_404(as_alice, at):
    assert as_alice.get(f"{at}review/file?path=/people/alice.md").status_code == 404


# -- Deciding -----------------------------------------------------------------------------


def decide(client, at, path, verdict, **more):
    return client.post(
        f"{at}review/decide", {"path": path, "verdict": verdict, **more}, headers=HTMX
    )


def test_a_verdict_answers_with_the_file_the_bar_and_the_row(as_alice, at, dream):
    answer = decide(as_alice, at, "/old.md", "reject")
    text = shown(answer)
    assert "Rejected: this file stays." in text
    assert '<b class="nums">1</b> of 4 decided' in text
    assert text.count('hx-swap-oob="true"') == 2
    assert answer.headers["HX-Trigger"] == "decided"
    assert Proposal(dream).change("/old.md").verdict == "reject"


def test_a_verdict_can_be_taken_back(as_alice, at, dream):
    decide(as_alice, at, "/old.md", "reject")
    decide(as_alice, at, "/old.md", "clear")
    assert not dream.review.decisions.exists()


def test_without_scripts_a_verdict_leads_back_to_the_file(as_alice, at):
    answer = as_alice.post(f"{at}review/decide", {"path": "/old.md", "verdict": "accept"})
    assert re.fullmatch(rf"{at}review#file-\w+", answer.headers["Location"])


def test_the_editor_holds_the_proposed_text(as_alice, at):
    text = shown(as_alice.get(f"{at}review/file?path=/talk.md&edit=1", headers=HTMX))
    assert "two o&#x27;clock" in text
    assert 'data-max="102400"' in text
    assert "<html" in shown(as_alice.get(f"{at}review/file?path=/talk.md&edit=1"))


def test_the_editor_of_a_removed_file_holds_what_would_go(as_alice, at):
    text = shown(as_alice.get(f"{at}review/file?path=/old.md&edit=1", headers=HTMX))
    assert "The office has a blue door." in text


def test_an_edit_is_kept_with_the_files_own_line_ends(as_alice, at, dream):
    text = shown(decide(as_alice, at, "/talk.md", "edit", content="At two.\r\nSharp.\r\n"))
    assert "Edited by" in text
    assert Proposal(dream).change("/talk.md").shown.content == "At two.\nSharp.\n"


def test_a_text_too_large_stays_in_the_editor(as_alice, at, dream):
    answer = decide(as_alice, at, "/talk.md", "edit", content="é" * 51_201)
    text = shown(answer, 422)
    assert "102,402 bytes" in text
    assert text.count("é") == 51_201
    assert not dream.review.decisions.exists()


def test_leaving_a_change_out_keeps_the_others(as_alice, dreamer, store):
    lines = [f"Rule {n} holds.\n" for n in range(20)]
    write(store, "/rules.md", "".join(lines))
    dreamer.writes = {"/rules.md": "".join(["New first.\n", *lines[1:-1], "New last.\n"])}
    dream = carry_out(begin(store, [talked("Tidy.")]))
    seen = Proposal(dream).change("/rules.md").seen
    at = dream.get_absolute_url()
    text = shown(decide(as_alice, at, "/rules.md", "reject", hunk="2", seen=seen))
    assert text.count("Leave out") == 1
    outcome = Proposal(dream).change("/rules.md").outcome.content
    assert outcome == "".join(["New first.\n", *lines[1:]])
    stale = decide(as_alice, at, "/rules.md", "reject", hunk="1", seen=seen)
    assert "changed since you loaded it" in shown(stale, 409)


@pytest.mark.parametrize(
    "body",
    [
        {"path": "/talk.md", "verdict": "maybe"},
        {"path": "/talk.md", "verdict": "reject", "hunk": "99", "seen": "now"},
        {"path": "/talk.md", "verdict": "reject", "hunk": "x" * 9000, "seen": "now"},
    ],
)
def test_nonsense_is_refused_in_place(as_alice, at, dream, body):
    body = {**body, "seen": Proposal(dream).change("/talk.md").seen}
    answer = as_alice.post(f"{at}review/decide", body, headers=HTMX)
    assert 'role="alert"' in shown(answer, 422)
    assert not dream.review.decisions.exists()


def test_an_editor_may_not_decide(as_bob, at):
    assert decide(as_bob, at, "/old.md", "reject").status_code == 403
    for verb in ("approve", "reject", "reopen"):
        assert as_bob.post(f"{at}review/{verb}").status_code == 403


def test_two_people_review_at_once_and_the_second_sees_the_news(as_alice, at, dream):
    seen = Proposal(dream).digest()
    review.decide(dream, "/old.md", Verdict.REJECT, by=TESTER)
    text = shown(as_alice.post(f"{at}review/approve", {"seen": seen}), 409)
    assert "The review changed since you loaded it." in text
    assert state(dream) == ReviewState.OPEN


def test_approving_needs_what_was_seen(as_alice, at, dream):
    assert as_alice.post(f"{at}review/approve").status_code == 409
    assert state(dream) == ReviewState.OPEN


def test_approving_leads_to_the_adoption(as_alice, at, dream):
    answer = as_alice.post(f"{at}review/approve", {"seen": Proposal(dream).digest()})
    assert answer.headers["Location"] == f"{at}adopt"
    assert state(dream) == ReviewState.APPROVED


def test_what_stands_in_the_way_is_said_before_anybody_tries(as_alice, dreamer, store):
    dreamer.writes = {"/old.md": None, "/old.md/note.md": "A folder now.\n"}
    dream = carry_out(begin(store, [talked("Tidy up.")]))
    review.decide(dream, "/old.md", Verdict.REJECT, by=TESTER)
    text = shown(as_alice.get(f"{dream.get_absolute_url()}review"))
    assert "would be a file and a folder" in text
    assert re.search(r'class="button primary" disabled', text)


def test_rejecting_and_reopening(as_alice, at, dream):
    assert as_alice.post(f"{at}review/reject").status_code == 302
    assert state(dream) == ReviewState.REJECTED
    assert "Rejected" in shown(as_alice.get(f"{at}review"))
    as_alice.post(f"{at}review/reopen")
    assert state(dream) == ReviewState.OPEN


def test_an_approved_review_takes_no_verdict(as_alice, at, dream):
    review.approve(dream, by=TESTER)
    assert "reopen it" in shown(decide(as_alice, at, "/old.md", "reject"), 409)


# -- Adoption -----------------------------------------------------------------------------


@pytest.fixture
def approved(dream, at) -> str:
    review.approve(dream, by=TESTER)
    return at


def test_the_preview_says_what_will_happen_where(as_alice, approved, store):
    agents.set_default_stores(make_agent(), [(store, "read_write", "")])
    make_session(stores=[store])
    text = shown(as_alice.get(f"{approved}adopt"))
    assert "1 agent that attaches it by default goes on as before." in text
    assert "2 open sessions see the new texts at once." in text
    assert re.search(r"Taken as approved</dt><dd>4</dd>", text)


def test_nothing_is_adopted_unapproved(as_alice, at, dream, store):
    answer = as_alice.get(f"{at}adopt", follow=True)
    assert "Finish its review first." in answer.content.decode()
    as_alice.post(f"{at}adopt", {"mode": "same_store"})
    assert texts(store) == BEFORE


def test_adopting_ends_with_a_receipt(as_alice, alice, approved, dream, store):
    answer = as_alice.post(f"{approved}adopt", {"mode": "same_store"}, follow=True)
    text = shown(answer)
    assert answer.redirect_chain[-1][0] == f"{approved}receipt"
    assert alice.name in text
    assert dream.adoptions.get().digest in text
    assert "Undo" in text
    assert texts(store)["/talk.md"] == TWO


def test_adopting_needs_a_mode(as_alice, approved, store):
    text = shown(as_alice.post(f"{approved}adopt", {"mode": "sideways"}), 422)
    assert "same_store or new_store" in text
    assert texts(store) == BEFORE


def test_a_reviewer_is_needed_to_adopt_and_undo(as_bob, approved, dream, store):
    assert "Adopting needs the role reviewer." in shown(as_bob.get(f"{approved}adopt"))
    assert as_bob.post(f"{approved}adopt", {"mode": "same_store"}).status_code == 403
    adoption.adopt(dream, "same_store", by=TESTER)
    assert as_bob.post(f"{approved}undo").status_code == 403
    assert texts(store)["/talk.md"] == TWO


@pytest.fixture
def overlapping(approved, store) -> str:
    write(store, "/talk.md", BEFORE["/talk.md"].replace("noon", "three"))
    return approved


def test_a_conflict_shows_both_texts_and_asks(as_alice, overlapping, store):
    text = shown(as_alice.get(f"{overlapping}adopt"))
    assert "Both sides changed these" in text
    assert "<del>three</del>" in text
    text = shown(as_alice.post(f"{overlapping}adopt", {"mode": "same_store"}), 409)
    assert "somebody has to decide: /talk.md" in text


@pytest.mark.parametrize(
    ("choice", "own", "text"),
    [
        ("ours", "", BEFORE["/talk.md"].replace("noon", "three")),
        ("theirs", "", TWO),
        ("edit", "Half past\r\ntwo.\r\n", "Half past\ntwo.\n"),
    ],
)
def test_a_conflict_is_settled_in_the_form(as_alice, overlapping, store, choice, own, text):
    body = {"mode": "same_store", "path-0": "/talk.md", "choice-0": choice, "text-0": own}
    assert as_alice.post(f"{overlapping}adopt", body).status_code == 302
    assert texts(store)["/talk.md"] == text


def test_a_choice_that_cannot_be_written_is_kept_in_the_form(as_alice, overlapping, store):
    own = "Mine. " * 20_000
    body = {"mode": "new_store", "path-0": "/talk.md", "choice-0": "edit", "text-0": own}
    text = shown(as_alice.post(f"{overlapping}adopt", body), 422)
    assert "a memory holds at most" in text
    assert own.strip() in text
    assert re.search(r'value="new_store" checked', text)


def test_a_store_archived_meanwhile_leaves_the_other_way(as_alice, approved, store):
    stores.archive(store)
    text = shown(as_alice.get(f"{approved}adopt"))
    assert "is archived." in text
    assert re.search(r'value="new_store" checked', text)
    assert as_alice.post(f"{approved}adopt", {"mode": "new_store"}).status_code == 302


def test_a_store_deleted_meanwhile_leaves_the_other_way(as_alice, approved, store):
    stores.delete_store(store)
    assert "has been deleted" in shown(as_alice.get(f"{approved}adopt"))
    answer = as_alice.post(f"{approved}adopt", {"mode": "new_store"}, follow=True)
    assert "Adopted as the new store" in shown(answer)


def test_the_old_store_is_archived_on_request(as_alice, approved, store):
    as_alice.post(f"{approved}adopt", {"mode": "new_store", "archive_old": "on"})
    store.refresh_from_db()
    assert store.is_archived


# -- Receipt and undo -----------------------------------------------------------------------


@pytest.fixture
def adopted(dream, approved) -> str:
    adoption.adopt(dream, "same_store", by=TESTER)
    return approved


def test_an_adopted_review_is_closed_and_leads_to_its_receipt(as_alice, adopted):
    text = shown(as_alice.get(f"{adopted}review"))
    assert "Adopted" in text
    assert "See the receipt" in text
    assert "Approve" not in text
    assert as_alice.get(f"{adopted}adopt").headers["Location"] == f"{adopted}receipt"


def test_undo_says_what_stays_and_offers_adopting_again(as_alice, adopted, store):
    write(store, "/later.md", "By a session.\n")
    text = shown(as_alice.post(f"{adopted}undo", follow=True))
    assert "what was written since the adoption stays" in text
    assert "Adopt again" in text
    assert texts(store) == {**BEFORE, "/later.md": "By a session.\n"}


def test_undo_asks_where_later_writes_touch_the_same_lines(as_alice, adopted, store):
    later = TWO.replace("two o'clock now", "half past two")
    write(store, "/talk.md", later)
    text = shown(as_alice.post(f"{adopted}undo"), 409)
    assert "Later writes touch these" in text
    assert "Before the adoption" in text
    body = {"path-0": "/talk.md", "choice-0": "ours", "text-0": ""}
    shown(as_alice.post(f"{adopted}undo", body, follow=True))
    assert texts(store) == {**BEFORE, "/talk.md": later}


def test_undoing_what_is_not_adopted_says_so(as_alice, approved):
    answer = as_alice.post(f"{approved}undo", follow=True)
    assert "There is no adoption to undo." in shown(answer)


def test_an_archived_store_keeps_its_adoption(as_alice, adopted, store):
    stores.archive(store)
    assert "archived" in shown(as_alice.post(f"{adopted}undo"), 422)


def test_there_is_no_receipt_before_an_adoption(as_alice, approved):
    assert as_alice.get(f"{approved}receipt").headers["Location"] == approved


def test_a_receipt_outlives_its_store(as_alice, adopted, store):
    stores.delete_store(store)
    text = shown(as_alice.get(f"{adopted}receipt"))
    assert "a store deleted since" in text
    assert "has been deleted since" in shown(as_alice.post(f"{adopted}undo"), 422)


def test_earlier_adoptions_stay_on_record(as_alice, adopted, dream):
    adoption.undo(adoption.latest(dream), by=TESTER)
    dream.refresh_from_db()
    adoption.adopt(dream, "new_store", by=TESTER)
    assert "Earlier adoptions" in shown(as_alice.get(f"{adopted}receipt"))
