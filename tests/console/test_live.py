"""Rings and whispers reach every hub, and whoever sends them is never held up."""

import asyncio
import os
import subprocess
import sys
import time
from contextlib import suppress

import pytest
from django.conf import settings
from django.db import connection, transaction

from console import live
from console.live import RING, WHISPER, Feed, Hub, Message

pytestmark = pytest.mark.django_db(transaction=True)
on_postgres = pytest.mark.skipif(settings.SQLITE, reason="about NOTIFY")


def watch(topics, *acts, messages=1, hub=None):
    """Subscribe, do the acts in a thread, and return the first messages after that."""

    async def main():
        watching = hub or Hub()
        try:
            async with asyncio.timeout(10), watching.subscribe(topics) as feed:
                for act in acts:
                    await asyncio.to_thread(act)
                return [await anext(feed) for _ in range(messages)]
        finally:
            await watching.stop()

    return asyncio.run(main())


@pytest.fixture
def no_ticks(monkeypatch):
    monkeypatch.setattr(live.carrier(), "tick", 3600)


def whisper_from_elsewhere():
    """Whisper from a new process, which knows this one only by its settings."""
    database = connection.settings_dict
    url = "postgres://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**database)
    program = "import django; django.setup(); from console import live; live.whisper('a', {'n': 7})"
    environment = {**os.environ, "DATABASE_URL": "" if settings.SQLITE else url}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)


def test_a_ring_reaches_those_who_watch_the_topic(no_ticks):
    told = watch(["sesn_2"], lambda: live.ring("sesn_1"), lambda: live.ring("sesn_2"))
    assert told == [Message(RING, "sesn_2", "")]


def test_a_transaction_rings_once_with_all_its_news(no_ticks):
    def act():
        with transaction.atomic():
            live.ring_after_commit("a", "Grüße 🌱", "two")
            live.ring_after_commit("a", "three")
        live.ring("b")

    told = [Message(RING, "a", "Grüße 🌱\ntwo\nthree"), Message(RING, "b", "")]
    assert watch(["a", "b"], act, messages=2) == told


def test_what_was_rolled_back_is_not_told(no_ticks):
    def act():
        with transaction.atomic():
            live.ring_after_commit("a", "one")
            with suppress(RuntimeError), transaction.atomic():
                live.ring_after_commit("a", "two")
                raise RuntimeError
            live.ring_after_commit("a", "three")

    assert watch(["a"], act) == [Message(RING, "a", "one\nthree")]


def test_a_ring_whose_news_are_too_long_or_unknown_is_bare(no_ticks):
    def act():
        with transaction.atomic():
            live.ring_after_commit("b")
            live.ring_after_commit("b", "news")

    told = watch(["a", "b"], lambda: live.ring("a", ["x" * 7000]), act, messages=2)
    assert told == [Message(RING, "a", ""), Message(RING, "b", "")]


def test_a_whisper_arrives_with_its_text(no_ticks):
    said = {"delta": "Grüße 🌱 \x00 \n"}
    assert watch(["a"], lambda: live.whisper("a", said)) == [Message(WHISPER, "a", said)]


def test_messages_cross_processes(no_ticks):
    assert watch(["a"], whisper_from_elsewhere)[0].payload == {"n": 7}


def test_whispers_do_not_wait_for_the_transaction_and_survive_it(no_ticks):
    def whisper_and_fail():
        try:
            with transaction.atomic():
                live.whisper("a", {"n": 1})
                raise RuntimeError
        except RuntimeError:
            connection.close()

    assert watch(["a"], whisper_and_fail)[0].payload == {"n": 1}


def test_every_feed_hears_and_messages_keep_their_order(no_ticks):
    async def main():
        hub = Hub()
        async with hub.subscribe(["a", "b"]) as one, hub.subscribe(["b"]) as other:
            for number in range(5):
                await asyncio.to_thread(live.whisper, "b", {"n": number})
            heard = [[(await anext(feed)).payload["n"] for _ in range(5)] for feed in (one, other)]
        await hub.stop()
        return heard

    assert asyncio.run(main()) == [[0, 1, 2, 3, 4]] * 2


def test_news_are_fast(no_ticks):
    def act():
        nonlocal rung
        rung = time.monotonic()
        live.ring("a")

    rung = 0.0
    watch(["a"], lambda: live.ring("warm-up"), act)
    assert time.monotonic() - rung < 1


def test_a_whisper_that_is_too_large_is_dropped(no_ticks):
    large = {"text": "x" * 7000}
    told = watch(["a"], lambda: live.whisper("a", large), lambda: live.ring("a"))
    assert told[0].kind == RING


def test_half_an_emoji_does_no_harm(no_ticks):
    assert watch(["a"], lambda: live.whisper("a", {"text": "\ud83c"}))[0].payload == {"text": "?"}


def test_nobody_listening_is_no_error():
    live.ring("a")
    live.whisper("a", {})


def test_a_ring_that_got_lost_is_made_up_for(monkeypatch):
    monkeypatch.setattr(live.carrier(), "tick", 0.1)
    assert watch(["a"]) == [Message(RING, "a", "")]


@pytest.mark.skipif(not settings.SQLITE, reason="SQLite tells whether anything was committed")
def test_no_safety_rings_while_nothing_is_committed(monkeypatch):
    monkeypatch.setattr(live.carrier(), "tick", 0.05)

    async def main():
        hub = Hub()
        async with hub.subscribe(["a"]) as feed:
            await anext(feed)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    await anext(feed)
        await hub.stop()

    asyncio.run(main())


def test_stopping_the_hub_ends_the_feeds(no_ticks):
    async def main():
        hub = Hub()
        async with hub.subscribe(["a"]) as feed:
            asyncio.get_running_loop().call_later(0.05, asyncio.ensure_future, hub.stop())
            return [message async for message in feed]

    assert asyncio.run(main()) == []


def test_a_hub_starts_again_on_another_loop(no_ticks):
    hub = Hub()
    for _ in range(2):
        assert watch(["a"], lambda: live.ring("a"), hub=hub)


def test_a_stopped_hub_leaves_nothing_behind(no_ticks):
    watch(["a"], lambda: live.ring("a"))
    assert not list((settings.HOME / "live").glob("*.sock"))


# -- Feeds ---------------------------------------------------------------------------------


def test_a_second_ring_adds_nothing_to_one_that_waits():
    feed = Feed(["a", "b"])
    for topic in ("a", "b", "a"):
        feed.put(Message(RING, topic, ""))
    assert len(feed._messages) == 2


def test_no_ring_with_news_replaces_another():
    feed = Feed(["a"])
    rings = [Message(RING, "a", news) for news in ("one", "", "two", "two")]
    for message in rings:
        feed.put(message)
    assert list(feed._messages) == rings


@pytest.mark.parametrize("news", ["", "news"])
def test_a_full_feed_drops_whispers_and_keeps_rings(news):
    feed = Feed(["a"])
    for _ in range(1000):
        feed.put(Message(WHISPER, "a", {}))
    for _ in range(2):
        feed.put(Message(RING, "a", news))
    assert len(feed._messages) == live.FEED_SIZE + 1
    assert feed._messages[-1] == Message(RING, "a", "")


def test_a_reader_may_give_up_waiting_and_come_back():
    async def main():
        feed = Feed(["a"])
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await anext(feed)
        feed.put(Message(RING, "a", ""))
        return await anext(feed)

    assert asyncio.run(main()).kind == RING


def test_a_reader_waits_until_a_moment():
    async def main():
        feed, loop = Feed(["a"]), asyncio.get_running_loop()
        first = await feed.next(until=loop.time() + 0.01)
        feed.put(Message(RING, "a", ""))
        second = await feed.next(until=loop.time())
        feed.end()
        return first, second, await feed.next(until=loop.time() + 3600)

    assert asyncio.run(main()) == (None, Message(RING, "a", ""), None)


# -- PostgreSQL ----------------------------------------------------------------------------


@on_postgres
def test_the_hub_listens_again_after_its_connection_is_cut(no_ticks):
    async def main():
        watching = Hub()
        try:
            async with asyncio.timeout(10), watching.subscribe(["a"]) as feed:
                await asyncio.to_thread(cut_listeners)
                again = await anext(feed)  # nobody rang: it listens, and cannot know what it missed
                await asyncio.to_thread(live.whisper, "a", "heard")
                return again, await anext(feed)
        finally:
            await watching.stop()

    assert asyncio.run(main()) == (Message(RING, "a", ""), Message(WHISPER, "a", "heard"))


def cut_listeners():
    """Only those of this database: other tests run beside us on the same server."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE query LIKE 'LISTEN%' AND datname = current_database()"
        )
    connection.close()


@on_postgres
def test_sending_without_a_server_drops_the_message_quickly(monkeypatch):
    carrier = type(live.carrier())()
    nowhere = {"host": "127.0.0.1", "port": 1, "connect_timeout": 2}
    monkeypatch.setattr("console.live_postgres._parameters", lambda: nowhere)
    begun = time.monotonic()
    for _ in range(100):
        carrier.send("ring a", patient=True)
    assert time.monotonic() - begun < 1
