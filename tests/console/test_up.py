"""`manage.py up` starts everything, keeps it running, and leaves nothing behind."""

import contextlib
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from django.conf import settings

from tests.patience import wait_until
from tests.servers import free_port

pytestmark = [pytest.mark.stack, pytest.mark.once]
ROLES = ["scheduler", "web", "worker"]


class House:
    """A data folder, a port, and whatever `manage.py up` runs there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.log = folder / "log"
        self.starts = []

    def up(self, *arguments: str) -> subprocess.Popen:
        environment = os.environ | {
            "REVERIE_HOME": str(self.folder / "home"),
            "PORT": str(self.port),
            "DATABASE_URL": "",
            "REDIS_URL": "",
        }
        with self.log.open("a") as log:
            command = [sys.executable, settings.BASE_DIR / "manage.py", "up", *arguments]
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        self.starts.append(process)
        return process

    def says(self, words: str, seconds: float = 60) -> bool:
        """Wait until the log holds these words (a regular expression)."""
        return wait_until(lambda: re.search(words, self.log.read_text()), seconds)

    def healthz(self) -> int:
        return httpx.get(f"http://127.0.0.1:{self.port}/healthz", timeout=30).status_code

    def children(self) -> dict[str, int]:
        """The processes that live, by role."""
        listing = subprocess.run(
            ["ps", "-ww", "-eo", "pid=,args="], capture_output=True, text=True, check=True
        ).stdout
        home = f"REVERIE_HOME={self.folder / 'home'}"
        found = {}
        for pid, role in re.findall(
            r"^ *(\d+) .*manage\.py up --only (\w+)", listing, re.MULTILINE
        ):
            with contextlib.suppress(OSError):
                if home in Path(f"/proc/{pid}/environ").read_text().split("\0"):
                    found[role] = int(pid)
        return found


@contextlib.contextmanager
def a_house(folder: Path):
    house = House(folder)
    try:
        yield house
    finally:
        for process in house.starts:
            process.kill()
            process.wait()


@pytest.fixture
def house(tmp_path):
    with a_house(tmp_path) as house:
        yield house


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """One that runs for several tests; the last of them kills it."""
    with a_house(tmp_path_factory.mktemp("running")) as house:
        house.up()
        assert house.says("Ctrl-C stops it"), house.log.read_text()
        yield house


def stop(house: House, number: int) -> None:
    """Send the last start a signal: everything ends, and quietly."""
    assert sorted(house.children()) == ROLES
    house.starts[-1].send_signal(number)
    assert house.starts[-1].wait(10) == 0
    assert house.children() == {}
    assert "Traceback" not in house.log.read_text()


def test_the_first_start_prints_a_password_the_second_does_not_and_signals_end_both(house):
    house.up()
    assert house.says("Ctrl-C stops it"), house.log.read_text()
    assert house.healthz() == 200
    assert house.says(r"Sign in as owner with the password \S{16}")
    stop(house, signal.SIGINT)
    assert [path.name for path in (house.folder / "home").glob("*.sqlite3*")] == ["reverie.sqlite3"]
    house.log.write_text("")
    house.up()
    assert house.says("Ctrl-C stops it")
    assert house.says("Sign in as owner. For a new password")
    assert "with the password" not in house.log.read_text()
    stop(house, signal.SIGTERM)


def test_a_second_start_on_the_same_folder_is_refused(running):
    port, running.port = running.port, free_port()
    assert running.up().wait(30) == 1
    running.port = port
    assert running.says(f"is running on .*home already .process {running.starts[0].pid}")


def test_a_child_that_dies_is_started_again(running):
    before = running.children()
    for role in ("web", "worker"):
        os.kill(before[role], signal.SIGKILL)
        assert running.says(f"The {role} ended \\(by SIGKILL\\)", 5)
    assert running.healthz() == 200  # the connection waits for the new process
    assert wait_until(lambda: sorted(running.children()) == ROLES, 5)
    assert before["worker"] != running.children()["worker"]


def test_no_child_outlives_a_killed_supervisor(running):
    running.starts[0].kill()
    assert wait_until(lambda: not running.children(), 2)


def test_a_new_house_begins_with_a_sample_where_one_is_wanted(house):
    for said in ("with the password", "For a new password"):
        assert house.up("--only", "prepare", "--sample").wait(60) == 0
        assert house.says(said)
    with sqlite3.connect(house.folder / "home" / "reverie.sqlite3") as database:
        assert database.execute("SELECT count(*) FROM memory_store").fetchone() == (1,)


def test_a_taken_port_is_refused(house):
    with socket.create_server(("127.0.0.1", house.port)):
        assert house.up().wait(30) == 1
    assert house.says(f"Port {house.port} is taken; set PORT")
    assert "Traceback" not in house.log.read_text()


def test_the_set_up_can_be_done_by_itself_and_lets_no_other_user_read(house):
    home = house.folder / "home"
    home.mkdir(mode=0o755)
    (home / "reverie.sqlite3").touch(mode=0o644)  # by an earlier version, say
    assert house.up("--only", "prepare").wait(60) == 0
    private = [*home.glob("reverie.sqlite3*"), home / "secret_key", home / "static"]
    assert not any(path.stat().st_mode & 0o007 for path in private)
    assert house.says(r"Sign in as owner with the password \S{16}")
    assert (house.folder / "home" / "static" / "staticfiles.json").exists()
