"""Adoption: what was approved becomes what sessions read, merged, once, and undone as one."""

import pytest

from dreaming import adoption, review
from dreaming.adoption import NeedsPerson, Refused
from dreaming.models import Adoption, ReviewState, Verdict
from memory import stores
from memory.models import StoreState
from memory.stores import Act
from sessions import agents
from sessions.models import DefaultStore
from tests.dreaming.conftest import BEFORE
from tests.factories import TESTER, make_agent, make_session

pytestmark = pytest.mark.django_db
SAME, NEW = Adoption.Mode.SAME_STORE, Adoption.Mode.NEW_STORE
TWO = "# Talk\n\nThe talk is at two o'clock now.\nAlice speaks.\n"


@pytest.fixture
def approved(dream):
    review.approve(dream, by=TESTER)
    dream.refresh_from_db()
    return dream


def adopt(dream, mode=SAME, **options):
    return adoption.adopt(dream, mode, by=TESTER, **options)


def write(store, path, text):
    stores.write(store, path, text, act=Act(TESTER))


def texts(store) -> dict[str, str]:
    found = {memory.path: memory.content for memory in store.memories.with_text()}
    found.pop("/index.md", None)
    return found


AFTER = {
    "/talk.md": TWO,
    "/people/alice.md": BEFORE["/people/alice.md"],
    "/people/bob.md": "Bob is the new host.\n",
}


def test_into_the_same_store_keeps_its_id_and_makes_one_change_set(approved, store):
    done = adopt(approved)
    assert texts(store) == AFTER
    assert done.store == store
    assert done.change_set.versions.count() == 4
    assert done.counts == {"added": 2, "changed": 1, "removed": 1, "merged": 0, "unchanged": 0}
    approved.review.refresh_from_db()
    assert approved.review.state == ReviewState.ADOPTED


def test_adopting_twice_writes_once(approved, store):
    adopt(approved)
    versions = store.versions.count()
    with pytest.raises(Refused, match="adopted already"):
        adopt(approved)
    assert store.versions.count() == versions


def test_what_was_approved_is_what_is_adopted(dream, store):
    review.decide(dream, "/old.md", Verdict.REJECT, by=TESTER)
    review.decide(dream, "/talk.md", Verdict.EDIT, by=TESTER, content="At two, sharp.\n")
    review.approve(dream, by=TESTER)
    adopt(dream)
    assert texts(store) == {**AFTER, "/old.md": BEFORE["/old.md"], "/talk.md": "At two, sharp.\n"}


def test_nothing_is_adopted_before_it_is_approved(dream):
    with pytest.raises(Refused, match="not been approved"):
        adopt(dream)


def test_what_was_written_meanwhile_is_merged_not_dropped(approved, store):
    write(store, "/talk.md", BEFORE["/talk.md"] + "Bring slides.\n")
    write(store, "/new.md", "Written today.\n")
    done = adopt(approved)
    assert texts(store)["/talk.md"] == TWO + "Bring slides.\n"
    assert texts(store)["/new.md"] == "Written today.\n"
    assert done.counts["merged"] == 1


def test_a_real_overlap_needs_a_person_and_changes_nothing_until_then(approved, store):
    write(store, "/talk.md", BEFORE["/talk.md"].replace("noon", "three"))
    with pytest.raises(NeedsPerson) as caught:
        adopt(approved)
    assert [merge.path for merge in caught.value.conflicts] == ["/talk.md"]
    assert texts(store)["/old.md"] == BEFORE["/old.md"]
    adopt(approved, resolutions={"/talk.md": "theirs"})
    assert texts(store)["/talk.md"] == TWO


@pytest.mark.parametrize(
    ("choice", "text"),
    [
        ("ours", BEFORE["/talk.md"].replace("noon", "three")),
        ("theirs", TWO),
        ({"content": "At half past two.\n"}, "At half past two.\n"),
    ],
)
@pytest.mark.parametrize("mode", [SAME, NEW])
def test_a_person_settles_an_overlap(approved, store, mode, choice, text):
    write(store, "/talk.md", BEFORE["/talk.md"].replace("noon", "three"))
    done = adopt(approved, mode, resolutions={"/talk.md": choice})
    assert texts(done.store)["/talk.md"] == text


def test_the_preview_writes_nothing(approved, store):
    versions = store.versions.count()
    assert adoption.preview(approved).counts == {"take": 4, "merge": 0, "keep": 0, "conflict": 0}
    assert store.versions.count() == versions


def test_an_unknown_mode_is_refused(approved):
    with pytest.raises(Refused, match="same_store or new_store"):
        adopt(approved, "sideways")


# -- As a new store -------------------------------------------------------------------------


def test_a_new_store_becomes_active_and_the_old_one_stays_as_it_was(approved, store):
    done = adopt(approved, NEW)
    assert done.store == approved.output_store
    done.store.refresh_from_db()
    assert done.store.state == StoreState.ACTIVE
    assert texts(done.store) == AFTER
    assert texts(store) == BEFORE


def test_a_new_store_holds_what_the_old_one_got_meanwhile(approved, store):
    write(store, "/new.md", "Written today.\n")
    assert texts(adopt(approved, NEW).store)["/new.md"] == "Written today.\n"


def test_agents_attach_the_new_store_from_now_on(approved, store):
    agent = make_agent()
    agents.set_default_stores(agent, [(store, "read_only", "Look first.")])
    done = adopt(approved, NEW)
    default = agent.default_stores.get()
    assert (default.store, default.access) == (done.store, "read_only")
    assert done.switched == [agent.pk]


def test_the_old_store_can_be_archived_with_it(approved, store):
    done = adopt(approved, NEW, archive_old=True)
    store.refresh_from_db()
    assert store.is_archived
    assert done.archived_old


def test_an_archived_input_still_leaves_the_way_of_the_new_store(approved, store):
    stores.archive(store)
    with pytest.raises(Refused, match="archived"):
        adopt(approved)
    assert texts(adopt(approved, NEW).store) == AFTER


def test_a_deleted_input_still_leaves_the_way_of_the_new_store(approved, store):
    stores.delete_store(store)
    approved.refresh_from_db()
    with pytest.raises(Refused, match="deleted"):
        adopt(approved)
    done = adopt(approved, NEW)
    assert texts(done.store) == AFTER
    assert done.counts["changed"] == 1


def test_the_proposal_stays_what_the_dream_left_whatever_is_written_afterwards(approved):
    before = review.Proposal(approved).digest()
    done = adopt(approved, NEW)
    done.store.refresh_from_db()
    write(done.store, "/later.md", "By a session.\n")
    approved.refresh_from_db()
    assert review.Proposal(approved).digest() == before


# -- Undo -----------------------------------------------------------------------------------


def undo(done, **options):
    return adoption.undo(done, by=TESTER, **options)


def test_undo_brings_back_what_stood_there(approved, store):
    done = undo(adopt(approved))
    assert texts(store) == BEFORE
    assert done.undo_change_set.undoes == done.change_set
    approved.refresh_from_db()
    assert approved.review.state == ReviewState.APPROVED


def test_undo_keeps_what_was_written_since(approved, store):
    done = adopt(approved)
    write(store, "/later.md", "By a session.\n")
    write(store, "/talk.md", TWO + "Bring slides.\n")
    undo(done)
    assert texts(store) == {
        **BEFORE,
        "/later.md": "By a session.\n",
        "/talk.md": BEFORE["/talk.md"] + "Bring slides.\n",
    }


def test_undo_asks_a_person_where_later_writes_touch_the_same_lines(approved, store):
    done = adopt(approved)
    write(store, "/talk.md", TWO.replace("two o'clock now", "half past two"))
    with pytest.raises(NeedsPerson):
        undo(done)
    undo(done, resolutions={"/talk.md": "ours"})
    assert "half past two" in texts(store)["/talk.md"]
    assert texts(store)["/old.md"] == BEFORE["/old.md"]


def test_undoing_twice_is_refused(approved):
    done = undo(adopt(approved))
    with pytest.raises(Refused, match="undone already"):
        undo(done)


def test_after_an_undo_the_dream_can_be_adopted_again(approved, store):
    undo(adopt(approved))
    approved.refresh_from_db()
    adopt(approved)
    assert texts(store) == AFTER
    assert adoption.latest(approved).undone_at is None
    assert approved.adoptions.count() == 2


def test_a_change_set_undone_in_the_stores_history_counts_as_undone(approved, store):
    done = adopt(approved)
    undone = adoption.change_sets.undo(done.change_set, by=TESTER)
    assert undo(done).undo_change_set == undone.change_set


def test_undoing_a_new_store_gives_agents_the_old_one_back(approved, store):
    agent = make_agent()
    agents.set_default_stores(agent, [(store, "read_only", "")])
    done = undo(adopt(approved, NEW, archive_old=True))
    store.refresh_from_db()
    done.store.refresh_from_db()
    assert agent.default_stores.get().store == store
    assert not store.is_archived
    assert done.store.is_draft


def test_a_new_store_can_be_adopted_again_after_its_undo(approved, store):
    undo(adopt(approved, NEW))
    write(store, "/new.md", "Written today.\n")
    approved.refresh_from_db()
    again = adopt(approved, NEW)
    assert texts(again.store) == {**AFTER, "/new.md": "Written today.\n"}


def test_an_agent_that_attaches_both_is_left_with_the_old_one(approved, store):
    agent = make_agent()
    agents.set_default_stores(agent, [(store, "read_write", "")])
    done = adopt(approved, NEW)
    DefaultStore.objects.create(agent=agent, store=store)
    undo(done)
    assert [default.store for default in agent.default_stores.all()] == [store]


@pytest.mark.parametrize("use", ["written", "attached", "default"])
def test_a_new_store_in_use_stays_active_after_the_undo(approved, use):
    done = adopt(approved, NEW)
    done.store.refresh_from_db()
    if use == "written":
        write(done.store, "/later.md", "By a session.\n")
    elif use == "attached":
        make_session(stores=[done.store])
    else:
        agents.set_default_stores(make_agent(), [(done.store, "read_write", "")])
    undo(done)
    done.store.refresh_from_db()
    assert done.store.state == StoreState.ACTIVE
    with pytest.raises(Refused, match="in use"):
        adopt(type(approved).objects.get(pk=approved.pk), NEW)
