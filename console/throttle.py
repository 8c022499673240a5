"""Slows the guessing of passwords down: a few wrong tries, then a pause.

Tries count for a name at an address, and for an address whatever the names: else one could try a
common password on everybody. The counts live in a cache of their own in each web process, so with
several a guesser gets as many times the tries.
"""

import hashlib
import ipaddress

from django.core.cache import caches

TRIES = 10
TRIES_OF_AN_ADDRESS = 100  # a whole office may share one
PAUSE_SECONDS = 300
NETWORK = 64  # bits of an IPv6 address that name a household, which can take any of the rest


def is_paused(username: str, address: str) -> bool:
    limits = _limits(username, address)
    counts = caches["throttle"].get_many(limits)
    return any(counts.get(key, 0) >= most for key, most in limits.items())


def note_failure(username: str, address: str) -> None:
    for key in _limits(username, address):
        caches["throttle"].add(key, 0, PAUSE_SECONDS)
        caches["throttle"].incr(key)


def forget(username: str, address: str) -> None:
    """The right password was given. What the address tried on others still counts."""
    caches["throttle"].delete(_key(username, _network(address)))


def _limits(username: str, address: str) -> dict[str, int]:
    network = _network(address)
    return {_key(username, network): TRIES, _key("", network): TRIES_OF_AN_ADDRESS}


def _key(username: str, network: str) -> str:
    # A digest, because a cache key may hold neither every letter nor 150 of them.
    name = f"{username.casefold()}\n{network}".encode()
    return f"sign-in:{hashlib.sha256(name).hexdigest()}"


def _network(address: str) -> str:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if found.version == 4:
        return address
    return str(found.ipv4_mapped or ipaddress.ip_network((found, NETWORK), strict=False))
