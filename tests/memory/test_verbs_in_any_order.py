"""Verbs in any order, over stores and copies of them: what `invariants` says is true after each."""

import io
import zipfile

import pytest
from django.db import transaction
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from memory import change_sets, folders, redaction, stores, transfer
from memory.archives import Archive
from memory.models import ChangeSet, StoreState
from memory.paths import Invalid
from memory.stores import Act, Conflict, Occupied, Refused, sha256
from tests.factories import TESTER, make_store
from tests.memory import invariants

pytestmark = pytest.mark.django_db
ACT = Act(TESTER)
NO = (Conflict, Occupied, Refused, Invalid, change_sets.NeedsPerson)

PLACES = ["/a", "/a/b", "/a/b/c", "/b", "/c/d", "/c/e"]
CONTENTS = ["", "one", "two\n", "zwei Ä\r\n"]
FILES = {"/a/b/c": "one", "/b": "", "/c/d": "one", "/c/e": "two\n"}
FOLDERS = ["/a/", "/a/b/", "/c/", "/d/"]

some_path = st.sampled_from(PLACES)
some_text = st.sampled_from(CONTENTS) | st.integers(0, 999).map(str)  # shared ones and others
any_number = st.integers(0, 30)


def texts(store):
    return dict(store.memories.values_list("path", "blob__content"))


def moved(tree, folder, to):
    """A tree after a folder in it got another path."""
    return {
        to + path.removeprefix(folder) if path.startswith(folder) else path: text
        for path, text in tree.items()
    }


def has_clashes(tree):
    return any(other.startswith(f"{path}/") for path in tree for other in tree)


class AnyOrder(RuleBasedStateMachine):
    """Compares each store with a dictionary; everything is rolled back in the end."""

    def __init__(self):
        super().__init__()
        self.example = transaction.atomic()
        self.example.__enter__()
        self.trees, self.before = {make_store(files=FILES): FILES}, {}

    def teardown(self):
        transaction.set_rollback(True)
        self.example.__exit__(None, None, None)

    # -- How a verb is called

    def pick(self, number):
        return list(self.trees)[number % len(self.trees)]

    def change(self, store, verb, expected, *, in_archive=False):
        """Call a verb; it leaves the tree `expected` (None: whatever the store says) or refuses."""
        versions = store.versions.count()
        try:
            made = verb()
        except NO:
            assert store.versions.count() == versions
            return None
        assert in_archive or not store.is_archived or store.versions.count() == versions
        self.trees[store] = texts(store) if expected is None else expected
        return made

    def act(self, store, verb, expected):
        """Call a verb that makes a change set, and remember what stood before it."""
        before = self.trees[store]
        if change_set := self.change(store, verb, expected):
            self.before[change_set.pk] = before

    # -- Verbs for one memory

    @rule(number=any_number, path=some_path, text=some_text, seen=st.none() | some_text)
    def write(self, number, path, text, seen):
        store = self.pick(number)
        tree = self.trees[store]
        expected = None if seen is None else sha256(seen)
        made = self.change(
            store,
            lambda: stores.write(store, path, text, act=ACT, expected=expected),
            tree | {path: text},
        )
        if made and seen is not None:
            assert tree.get(path) in (seen, text)
        if made is None and not store.is_archived:
            assert has_clashes(tree | {path: text}) or tree.get(path) != seen

    @rule(number=any_number, path=some_path, text=some_text)
    def add(self, number, path, text):
        store = self.pick(number)
        tree = self.trees[store]
        if self.change(store, lambda: stores.add(store, path, text, act=ACT), tree | {path: text}):
            assert path not in tree

    @rule(number=any_number, path=some_path, to=some_path, text=st.none() | some_text)
    def update(self, number, path, to, text):
        store = self.pick(number)
        if memory := store.memories.filter(path=path).first():
            tree = dict(self.trees[store])
            old = tree.pop(path)
            self.change(
                store,
                lambda: stores.update(memory, path=to, content=text, act=ACT),
                tree | {to: old if text is None else text},
            )

    @rule(number=any_number, path=some_path)
    def remove(self, number, path):
        store = self.pick(number)
        if memory := store.memories.filter(path=path).first():
            tree = {other: text for other, text in self.trees[store].items() if other != path}
            # Also in an archive: what is to be redacted has to be taken away first.
            self.change(store, lambda: stores.remove(memory, act=ACT), tree, in_archive=True)

    @rule(number=any_number, choice=any_number)
    def restore(self, number, choice):
        store = self.pick(number)
        if not (versions := list(store.versions.order_by("pk"))):
            return
        version = versions[choice % len(versions)]
        now = store.memories.filter(pk=version.memory_id).first()
        tree = {p: text for p, text in self.trees[store].items() if not now or p != now.path}
        self.change(
            store, lambda: stores.restore(version, act=ACT), tree | {version.path: version.content}
        )

    @rule(number=any_number, choice=any_number, everywhere=st.booleans())
    def redact(self, number, choice, everywhere):
        store = self.pick(number)
        heads = store.memories.values("head")
        past = store.versions.exclude(blob=None).exclude(pk__in=heads)
        # What stands now can only be refused: it is asked for when there is nothing else.
        if not (versions := list(past) or list(store.versions.all())):
            return
        version = versions[choice % len(versions)]
        verb = redaction.redact_everywhere if everywhere else redaction.redact
        try:
            verb(version, by=TESTER)
        except Refused:
            held = any(version.content in tree.values() for tree in self.trees.values())
            assert held
            return
        version.refresh_from_db()
        assert version.content is None

    # -- Verbs for many

    @rule(number=any_number, folder=st.sampled_from(FOLDERS), to=st.sampled_from(FOLDERS))
    def rename_folder(self, number, folder, to):
        store = self.pick(number)
        seen = folders.digest(folders.chosen(store, [folder]))
        self.act(
            store,
            lambda: folders.rename(store, folder, to, by=TESTER, seen=seen),
            moved(self.trees[store], folder, to),
        )

    @rule(number=any_number, folder=st.sampled_from([*FOLDERS, "/"]))
    def remove_folder(self, number, folder):
        store = self.pick(number)
        seen = folders.digest(folders.chosen(store, [folder]))
        tree = {p: text for p, text in self.trees[store].items() if not p.startswith(folder)}
        self.act(store, lambda: folders.remove(store, [folder], by=TESTER, seen=seen), tree)

    @rule(number=any_number, files=st.dictionaries(some_path, some_text, min_size=1, max_size=3))
    def bring_in(self, number, files):
        store = self.pick(number)
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as file:
            for path, text in files.items():
                file.writestr(path[1:], text)
        archive, options = Archive(packed), transfer.Options("files", strip=False)
        reading = archive.read()
        coming = {i.path: files[i.path] for i in transfer.plan(store, reading, options).writes}

        def verb():
            outcome = transfer.bring_in(store, archive, reading, options, by=TESTER, source="a zip")
            return outcome.change_set

        self.act(store, verb, self.trees[store] | coming)

    @rule(choice=any_number)
    def undo(self, choice):
        made = list(ChangeSet.objects.filter(store__state=StoreState.ACTIVE)[:3])
        if not made:
            return
        change_set = made[choice % len(made)]
        store = next(store for store in self.trees if store == change_set.store)
        is_newest = store.versions.first().change_set_id == change_set.pk
        expected = self.before[change_set.pk] if is_newest else None
        now = self.trees[store]
        undone = self.change(
            store, lambda: change_sets.undo(change_set, by=TESTER).change_set, expected
        )
        if undone:
            self.before[undone.pk] = now
        elif is_newest and not change_set.is_undone:
            assert store.versions.exclude(redacted_at=None).exists()

    # -- Verbs for stores

    @rule(number=any_number)
    def clone(self, number):
        source = self.pick(number)
        if len(self.trees) < 3:
            state = StoreState.ACTIVE
            copy = stores.clone(source, name="Copy", description="", state=state, by=TESTER)
            assert change_sets.heads(copy).keys() == change_sets.heads(source).keys()
            assert texts(copy) == texts(source)
            assert change_sets.first_versions(copy) == change_sets.heads(source)
            self.trees[copy] = dict(self.trees[source])

    @rule(number=any_number)
    def archive(self, number):
        if len(self.trees) > 1 and not any(store.is_archived for store in self.trees):
            store = self.pick(number)
            tree = self.trees.pop(store)
            self.trees[stores.archive(store)] = tree

    @rule(number=any_number)
    def delete_store(self, number):
        if len(self.trees) > 1:
            store = self.pick(number)
            del self.trees[store]
            stores.delete_store(store)

    # -- What is true after each

    @invariant()
    def the_stores_are_the_dictionaries(self):
        for store, tree in self.trees.items():
            assert texts(store) == tree

    @invariant()
    def what_is_always_true_is_true(self):
        invariants.check()


def test_verbs_in_any_order_keep_stores_versions_and_texts_in_step():
    bounds = settings(
        max_examples=8,
        stateful_step_count=25,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],  # to shrink what failed would take minutes
    )
    run_state_machine_as_test(AnyOrder, settings=bounds)
