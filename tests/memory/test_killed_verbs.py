"""A process killed between any two statements of a verb: all of it was done, or nothing."""

import os
import signal
import traceback
from collections.abc import Callable
from functools import partial

import pytest
from django.db import connection

from console import live
from memory import stores
from memory.models import Store
from tests.memory import invariants
from tests.memory.acts import MANY, SINGLE, WHOLE, make_past, picture, rows

pytestmark = pytest.mark.django_db(transaction=True)


def dies_at(number: int, work: Callable[[], object]) -> bool:
    """Do the work in a process that is killed before its statement `number`, if it has so many.

    Counted from the first transaction on; before and after a commit count too.
    """
    # Nothing open may be shared with the child: it would talk into the parent's connections.
    connection.close()
    live.carrier().close()
    child = os.fork()
    if not child:
        _be_killed(number, work)
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0
    return False


def _be_killed(number: int, work: Callable[[], object]) -> None:
    try:
        _kill_at(number)
        work()
        os._exit(0)
    finally:
        traceback.print_exc()
        os._exit(1)


def _kill_at(number: int) -> None:
    left, begun = number, False

    def step():
        nonlocal left, begun
        begun = begun or connection.in_atomic_block
        left -= begun
        if left == 0 and begun:
            os.kill(os.getpid(), signal.SIGKILL)

    def guard(execute, *query):
        step()
        return execute(*query)

    commit = connection.commit

    def commit_between_steps():
        step()
        commit()
        step()

    connection.execute_wrappers.append(guard)
    connection.commit = commit_between_steps


def start_anew() -> Store:
    for store in Store.objects.all():
        stores.delete_store(store)
    return make_past()


def check(verb: Callable[[Store], object], number: int, stride: int) -> None:
    store = start_anew()
    before, afters = rows(), []
    while dies_at(number, partial(verb, store)):
        if rows() != before:
            invariants.check()
            afters.append(picture())
            store = start_anew()
            before = rows()
        number += stride
    assert number > 3 and rows() != before
    invariants.check()
    assert all(after == picture() for after in afters)


@pytest.mark.parametrize(
    ("verbs", "stride"), [(SINGLE, 2), (WHOLE, 2), (MANY, 3)], ids=["memory", "store", "many"]
)
def test_a_verb_killed_between_any_two_statements_did_all_or_nothing(workspace, verbs, stride):
    stride *= 1 if connection.vendor == "sqlite" else 2  # PostgreSQL's run meets some of every kind
    for place, verb in enumerate(verbs.values()):
        check(verb, 1 + place % stride, stride)
