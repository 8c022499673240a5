"""Which of two statements of a store says more, was said first, or may be the other's twin."""

import math
from collections import Counter

from sessions.providers.builtin.changes import names_its_subject, read_change
from sessions.providers.builtin.facts import SHARED, Fact
from sessions.providers.builtin.items import Item
from sessions.providers.builtin.notes import path_key

TELLING = 5  # stems: a statement this long with a name in it means the same in any file


def amount(item: Item) -> int:
    return len(item.fact.bag)


def rank(item: Item) -> tuple[int, float]:
    """What says more stays; of two alike the one in the file that is named for it."""
    name = path_key(item.path)
    return amount(item), len(name & item.fact.bag) / len(name) if name else 0.0


def says_more(item: Item, other: Item) -> bool:
    return amount(item) > amount(other)


def rare_stems(fact: Fact, counts: Counter[str]) -> list[str]:
    """The rarest stems of a statement: two that are the same share at least one of these.

    When one statement holds all stems of the other and at most a fifth more, leaving that fifth
    out of either still leaves a stem in common.
    """
    if not fact.bag:
        return [fact.letters]
    ordered = sorted(fact.bag, key=lambda stem: (counts[stem], stem))
    spare = len(ordered) - math.ceil(SHARED * len(ordered))
    return ordered[: spare + 1]


def may_be_same(item: Item, other: Item) -> bool:
    """A quick look before the careful one: neither is gone, and one holds all words of the other.

    What is fixed in the store can only take in a finding.
    """
    if other.is_gone or (item.path and other.path and (item.is_fixed or other.is_fixed)):
        return False
    bag, others = item.fact.bag, other.fact.bag
    return (bag <= others or others <= bag) and _comparable(item, other)


def _comparable(item: Item, other: Item) -> bool:
    """ "Flight at 9:00" under two trips is two facts; a finding has no place yet."""
    if not item.path or not other.path:
        return True
    if item.place == other.place and item.context == other.context:
        return True
    small = min(item, other, key=amount)
    return amount(small) >= TELLING and bool(small.fact.names)


def is_older(item: Item, newer: Item) -> bool:
    """Whether an item was said first. Of one day, values tell, or the order within one file.

    A change that names the old value needs no order: what still says that value is outdated.
    """
    if item is newer or item.said != newer.said:
        return item.said < newer.said
    change, before = read_change(newer.fact), read_change(item.fact)
    if change and change.old and not (before and before.is_explicit):
        return True
    if change and before and change.old and before.old:
        return change.goes_on_from(before) and not before.goes_on_from(change)
    return (item.place == newer.place or not newer.path) and item.order < newer.order


def within_reach(newer: Item, found: list[tuple[Item, str]]) -> list[tuple[Item, str]]:
    """ "The talk moved" means the talk of its own file, or the only talk there is."""
    if names_its_subject(newer.fact):
        return found
    here = [each for each in found if newer.path and each[0].place == newer.place]
    places = {item.place for item, _ in found if item.path}
    return here or (found if len(places) <= 1 and not newer.path else [])
