"""Slows the guessing of passwords down: a few wrong tries, then a pause.

The counts live in Django's cache. With several web processes and a cache of its own in each, a
guesser gets as many times the tries; a shared cache ends that.
"""

import hashlib

from django.core.cache import cache

TRIES = 10
PAUSE_SECONDS = 300


def is_paused(username: str, address: str) -> bool:
    return cache.get(_key(username, address), 0) >= TRIES


def note_failure(username: str, address: str) -> None:
    key = _key(username, address)
    cache.add(key, 0, PAUSE_SECONDS)
    cache.incr(key)


def forget(username: str, address: str) -> None:
    cache.delete(_key(username, address))


def _key(username: str, address: str) -> str:
    # A digest, because a cache key may hold neither every letter nor 150 of them.
    name = f"{username.casefold()}\n{address}".encode()
    return f"sign-in:{hashlib.sha256(name).hexdigest()}"
