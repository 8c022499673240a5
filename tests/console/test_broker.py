"""The embedded broker loses nothing, with real publishers and real workers."""

import multiprocessing
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from kombu import Connection

import console.celery  # noqa: F401  (registers the transport)
from console import bells, broker
from tests.patience import wait_until

pytestmark = pytest.mark.once
PYTHON = [sys.executable, "-W", "ignore", "-m"]
WORKER = (
    "celery -A tests.console.queue_app -q worker -P threads -c 2"
    " --without-gossip --without-mingle --without-heartbeat"
)


class Post:
    """A queue folder with its publishers and workers, each a process."""

    def __init__(self, folder: Path) -> None:
        self.notes = folder / "notes"
        self.notes.mkdir()
        self.environment = {**os.environ, "QUEUE": str(folder / "queue"), "NOTES": str(self.notes)}
        self.processes = []

    def start(self, command: str) -> subprocess.Popen:
        process = subprocess.Popen([*PYTHON, *command.split()], env=self.environment)
        self.processes.append(process)
        return process

    def worker(self) -> subprocess.Popen:
        return self.start(f"{WORKER} -n w{len(self.processes)}")

    def publish(self, *arguments) -> subprocess.Popen:
        return self.start(f"tests.console.queue_app {' '.join(map(str, arguments))}")

    def has(self, count: int, kind: str, seconds: float = 20) -> bool:
        """Wait for so many notes of this kind."""
        return wait_until(lambda: len(list(self.notes.glob(f"*.{kind}.*"))) >= count, seconds)

    def names(self, kind: str) -> list[str]:
        return sorted(note.name.split(".")[0] for note in self.notes.glob(f"*.{kind}.*"))


@pytest.fixture
def post(tmp_path):
    post = Post(tmp_path)
    yield post
    for process in post.processes:
        process.kill()
        process.wait()


def test_two_publishers_and_two_workers_lose_and_double_nothing(post):
    post.worker(), post.worker()
    publishers = [post.publish("a", 200), post.publish("b", 200)]
    assert [publisher.wait() for publisher in publishers] == [0, 0]
    assert post.has(400, "done")
    assert post.names("done") == sorted(f"{prefix}{n}" for prefix in "ab" for n in range(200))


def test_tasks_of_a_killed_worker_are_run_by_another(post):
    victim, _ = post.worker(), post.worker()
    post.publish("a", 6, 1.0)
    assert wait_until(lambda: list(post.notes.glob(f"*.started.{victim.pid}")), 20)
    victim.kill()
    assert wait_until(lambda: set(post.names("done")) == {f"a{n}" for n in range(6)}, 20)


def test_messages_wait_for_a_worker_and_for_their_time(post):
    post.publish("soon", 1).wait()
    post.worker()
    assert post.has(1, "done")
    published = time.time()
    post.publish("later", 1, 0, 1.0).wait()
    assert post.has(2, "done")
    assert next(post.notes.glob("later0.started.*")).stat().st_mtime >= published + 1


def test_a_worker_that_is_told_to_stop_does_so_at_once(post):
    worker = post.worker()
    post.publish("a", 1)
    assert post.has(1, "done")
    worker.terminate()
    assert worker.wait(timeout=10) == 0


# -- In this process ----------------------------------------------------------------------


def connect(folder: Path) -> Connection:
    return Connection("embedded://", transport_options={"path": str(folder)})


@pytest.fixture
def queue(tmp_path):
    with connect(tmp_path) as connection, connection.SimpleQueue("letters") as queue:
        yield queue


def test_a_rejected_message_comes_back_only_when_requeued(queue):
    queue.put("letter")
    queue.get(timeout=1).requeue()
    queue.get(timeout=1).reject()
    assert queue.qsize() == 0
    with pytest.raises(queue.Empty):
        queue.get(timeout=0.1)


def test_an_acknowledged_message_leaves_no_row(queue, tmp_path):
    queue.put("letter")
    queue.get(timeout=1).ack()
    assert broker.Box(tmp_path)._execute("SELECT * FROM message") == []


def test_messages_come_in_the_order_they_were_sent(queue):
    for number in range(5):
        queue.put(number)
    assert [queue.get(timeout=1).payload for _ in range(5)] == [0, 1, 2, 3, 4]


def test_purging_removes_what_nobody_has_taken(queue):
    for number in range(3):
        queue.put(number)
    taken = queue.get(timeout=1)
    assert queue.clear() == 2
    taken.requeue()
    assert queue.qsize() == 1


def test_an_idle_consumer_uses_no_processor(queue):
    before = time.process_time()
    with pytest.raises(queue.Empty):
        queue.get(timeout=1)
    assert time.process_time() - before < 0.05


def test_a_new_message_wakes_the_consumer(queue, tmp_path):
    def send():
        with connect(tmp_path) as other, other.SimpleQueue("letters") as same:
            same.put(time.monotonic())

    threading.Timer(0.2, send).start()
    sent = queue.get(timeout=5).payload
    assert time.monotonic() - sent < 0.5


def test_an_acknowledgement_wakes_the_consumer_that_had_its_hands_full(queue):
    queue.consumer.qos(prefetch_count=1)
    queue.put("first"), queue.put("second")
    first = queue.get(timeout=1)
    threading.Timer(0.2, first.ack).start()
    begun = time.monotonic()
    assert queue.get(timeout=5).payload == "second"
    assert time.monotonic() - begun < 1


def test_many_threads_may_publish(queue, tmp_path):
    def publish():
        with connect(tmp_path) as connection, connection.SimpleQueue("letters") as same:
            for number in range(25):
                same.put(number)

    run_all([threading.Thread(target=publish) for _ in range(8)])
    assert queue.qsize() == 200


def test_a_forked_child_publishes_beside_its_parent(queue):
    def publish():
        for number in range(50):
            queue.put(number)

    child = multiprocessing.get_context("fork").Process(target=publish)
    queue.put("opens the file before the fork")
    run_all([child, threading.Thread(target=publish)])
    assert queue.qsize() == 101


def run_all(workers):
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def test_only_a_process_that_lives_keeps_its_messages(tmp_path):
    box, other = broker.Box(tmp_path), broker.Box(tmp_path)
    box.put("letters", "{}")
    box.take("letters")
    other.rescue()
    assert other.size("letters") == 0
    box._life.close()  # what the kernel does when a process ends
    other.rescue()
    assert other.size("letters") == 1


def test_rescuing_clears_away_the_locks_of_the_dead(tmp_path):
    (tmp_path / "1-dead.lock").touch()
    box = broker.Box(tmp_path)
    box.rescue()
    assert [lock.stem for lock in tmp_path.glob("*.lock")] == [box.owner]
    assert broker.consumers(tmp_path) == 1


# -- Bells --------------------------------------------------------------------------------


def test_ringing_removes_the_socket_of_a_dead_listener(tmp_path):
    bell = bells.Bell(tmp_path)
    bell._socket.close()  # as when its process is killed: the file stays
    bells.ring(tmp_path)
    assert not bell.path.exists()


def test_a_folder_with_a_long_name_has_its_sockets_elsewhere(tmp_path):
    folder = tmp_path / ("long" * 30)
    bell = bells.Bell(folder)
    bells.ring(folder, b"hello")
    assert bell.read() == b"hello"
    assert bell.path.parent.stat().st_mode & 0o777 == 0o700
    bell.close()
    bell.path.parent.rmdir()
    bells.socket_folder.cache_clear()


def test_ringing_for_a_deaf_listener_does_not_block(tmp_path):
    bell = bells.Bell(tmp_path)
    begun = time.monotonic()
    for _ in range(1000):
        bells.ring(tmp_path, b"x" * 7000)
    assert time.monotonic() - begun < 1
    bell.close()
