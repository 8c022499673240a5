"""What the tests of dreaming share: a model that dreams to order, and a dream it has finished."""

import pytest

from dreaming.models import Dream
from memory.models import Store
from tests.dreaming.dreamer import Dreamer, begin, carry_out, talked
from tests.factories import make_store

BEFORE = {
    "/talk.md": "# Talk\n\nThe talk is at noon.\nAlice speaks.\n",
    "/old.md": "The office has a blue door.\n",
    "/people/alice.md": "Alice likes tea.\n",
}
WRITES = {
    "/talk.md": "# Talk\n\nThe talk is at two o'clock now.\nAlice speaks.\n",
    "/old.md": None,
    "/people/bob.md": "Bob is the new host.\n",
}


@pytest.fixture
def dreamer(settings):
    with Dreamer(dict(WRITES)) as dreamer:
        dreamer.settle_in(settings)
        yield dreamer


@pytest.fixture
def store(workspace) -> Store:
    return make_store(name="Notes", files=BEFORE)


@pytest.fixture
def dream(store, dreamer) -> Dream:
    """A dream that has completed: one file changed, one new, one removed, and the index."""
    said = talked(
        "The talk is at two o'clock now.", "Bob is the new host.", stores=[store], title="Planning"
    )
    return carry_out(begin(store, [said]))
