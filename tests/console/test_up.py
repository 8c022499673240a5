"""`manage.py up` starts everything, keeps it running, and leaves nothing behind."""

import contextlib
import os
import re
import signal
import socket
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


@pytest.fixture
def house(tmp_path):
    house = House(tmp_path)
    yield house
    for process in house.starts:
        process.kill()
        process.wait()


@pytest.fixture
def running(house):
    house.up()
    assert house.says("Ctrl-C stops it"), house.log.read_text()
    return house


def test_the_first_start_prints_a_password_and_the_second_does_not(running):
    assert running.healthz() == 200
    assert running.says(r"Sign in as owner with the password \S{16}")
    running.starts[0].send_signal(signal.SIGINT)
    assert running.starts[0].wait(10) == 0
    running.log.write_text("")
    running.up()
    assert running.says("Ctrl-C stops it")
    assert running.says("Sign in as owner. For a new password")
    assert "with the password" not in running.log.read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_everything_quietly(running, number):
    assert sorted(running.children()) == ROLES
    running.starts[0].send_signal(number)
    assert running.starts[0].wait(10) == 0
    assert running.children() == {}
    assert "Traceback" not in running.log.read_text()


def test_no_child_outlives_a_killed_supervisor(running):
    running.starts[0].kill()
    assert wait_until(lambda: not running.children(), 2)


def test_a_child_that_dies_is_started_again(running):
    before = running.children()
    for role in ("web", "worker"):
        os.kill(before[role], signal.SIGKILL)
        assert running.says(f"The {role} ended \\(by SIGKILL\\)", 5)
    assert running.healthz() == 200  # the connection waits for the new process
    assert wait_until(lambda: sorted(running.children()) == ROLES, 5)
    assert before["worker"] != running.children()["worker"]


def test_a_second_start_on_the_same_folder_is_refused(running):
    running.port = free_port()
    assert running.up().wait(30) == 1
    assert running.says(f"is running on .*home already .process {running.starts[0].pid}")


def test_a_taken_port_is_refused(house):
    with socket.create_server(("127.0.0.1", house.port)):
        assert house.up().wait(30) == 1
    assert house.says(f"Port {house.port} is taken; set PORT")
    assert "Traceback" not in house.log.read_text()


def test_the_set_up_can_be_done_by_itself(house):
    assert house.up("--only", "prepare").wait(60) == 0
    assert house.says(r"Sign in as owner with the password \S{16}")
    assert (house.folder / "home" / "static" / "staticfiles.json").exists()
