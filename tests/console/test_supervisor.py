"""What the supervisor does with children that misbehave; they are small scripts here."""

import asyncio
import os
import signal
import socket
import time

import pytest

from console import supervisor

pytestmark = pytest.mark.once


@pytest.fixture
def supervise(tmp_path, monkeypatch):
    """Supervise one child that runs this script; return the exit code and what was said."""

    def run(script: str, *, meanwhile=None) -> tuple[int, list[str]]:
        monkeypatch.setattr(supervisor, "MANAGE", tmp_path / "child.py")
        (tmp_path / "child.py").write_text(script)
        said = []

        async def main():
            with socket.create_server(("127.0.0.1", 0)) as listener:
                house = supervisor.Supervisor(["web"], listener, said.append)
                if meanwhile:
                    asyncio.get_running_loop().create_task(meanwhile())
                async with asyncio.timeout(20):
                    return await house.run("ready")

        return asyncio.run(main()), said

    return run


def test_a_child_that_never_stays_up_ends_it_all(supervise, monkeypatch):
    monkeypatch.setattr(supervisor, "FIRST_PAUSE", 0.01)
    code, said = supervise("raise SystemExit(3)")
    assert code == 1
    assert said[0].startswith("The web ended (with exit code 3). It starts again in")
    assert said[-1] == "The web does not stay up; see above. Giving up."


SOUND_ONCE = """
import pathlib, time
lives = pathlib.Path({!r})
with lives.open("a") as note:
    note.write("x")
time.sleep(0.5 if len(lives.read_text()) == 1 else 0)
"""


def test_a_child_that_was_well_before_is_started_for_as_long_as_it_takes(
    supervise, monkeypatch, tmp_path
):
    monkeypatch.setattr(supervisor, "FIRST_PAUSE", 0.0)
    monkeypatch.setattr(supervisor, "SOUND", 0.45)
    monkeypatch.setattr(supervisor, "PATIENCE", 3)
    lives = tmp_path / "lives"

    async def wait_for_many_lives():
        while not lives.exists() or len(lives.read_text()) < 8:
            await asyncio.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    code, said = supervise(SOUND_ONCE.format(str(lives)), meanwhile=wait_for_many_lives)
    assert code == 0
    assert not any("Giving up" in line for line in said)


STUBBORN = """
import os, pathlib, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path({!r}).write_text(str(os.getpid()))
time.sleep(60)
"""


@pytest.mark.parametrize("signals, grace", [(1, 0.3), (2, 60)])
def test_a_child_that_will_not_end_is_killed_in_the_end_or_at_the_second_signal(
    supervise, monkeypatch, tmp_path, signals, grace
):
    monkeypatch.setattr(supervisor, "GRACE", grace)
    note = tmp_path / "pid"

    async def tell_to_stop():
        while not note.exists():
            await asyncio.sleep(0.05)
        for _ in range(signals):
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(0.2)

    begun = time.monotonic()
    code, _ = supervise(STUBBORN.format(str(note)), meanwhile=tell_to_stop)
    assert code == 0
    assert time.monotonic() - begun < 5
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)
