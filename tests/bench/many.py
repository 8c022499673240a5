"""What 2,000 streams cost that nothing happens on: memory, threads and database connections."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

from tests.bench.rig import Rig
from tests.bench.ruler import Ruler
from tests.bench.wire import PATIENCE, Wire

STREAMS = 2_000
FEW = 50  # what a process needs to serve streams at all is there by then
SETTLE = 1.5  # seconds; the hub looks after its streams once a second


def measure(rig: Rig, ruler: Ruler) -> None:
    talk = rig.console.session()
    [web] = rig.console.stack.children("--only web")
    ours = _cost(web, rig.console.stack.url, f"{talk.path}/stream", rig.console.key)
    bare = _cost(_serves(rig.floor.url), rig.floor.url, "/stream", {})
    ruler.section("many", f"{STREAMS:,} open streams on which nothing happens, in one process")
    ruler.fact("memory of each", ours["memory"], " kB")
    ruler.fact("  the floor of it: a bare ASGI stream", bare["memory"], " kB")
    ruler.target("memory over bare streams", ours["memory"] / bare["memory"], 2, "×")
    ruler.target("threads more than for a few streams", ours["threads"], 0)
    ruler.target("open files more than one for each stream", ours["files"], 0)


def _cost(process: int, url: str, path: str, headers: dict[str, str]) -> dict[str, float]:
    """What the process needs more for all streams than for a few; memory in kB for each."""
    with ExitStack() as streams:
        with ThreadPoolExecutor(FEW) as crowd:  # at once, so that all threads of a pool begin
            list(crowd.map(lambda _: _open(streams, url, path, headers), range(FEW)))
        time.sleep(SETTLE)
        few = _needs(process)
        for _ in range(STREAMS - FEW):
            _open(streams, url, path, headers)
        time.sleep(SETTLE)
        more = {name: number - few[name] for name, number in _needs(process).items()}
    added = STREAMS - FEW
    return {**more, "memory": more["memory"] / added, "files": more["files"] - added}


def _open(streams: ExitStack, url: str, path: str, headers: dict[str, str]) -> None:
    """Ask for a stream and wait until the server has begun it."""
    wire = Wire(url, **headers)
    connection = streams.enter_context(wire.socket)
    connection.settimeout(PATIENCE)
    connection.sendall(wire.request("GET", path))
    if b" 200 " not in connection.recv(4096).split(b"\r\n")[0]:
        raise RuntimeError("A stream was refused.")


def _needs(process: int) -> dict[str, float]:
    folder = Path(f"/proc/{process}")
    status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
    return {
        "memory": int(status["VmRSS"].split()[0]),
        "threads": int(status["Threads"]),
        "files": len(list((folder / "fd").iterdir())),
    }


def _serves(url: str) -> int:
    """The process that listens on the address's port."""
    port = f"\0--port\0{urlsplit(url).port}\0".encode()
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        if port in entry.read_bytes() + b"\0":
            return int(entry.parent.name)
    raise RuntimeError("The bare server has gone.")
