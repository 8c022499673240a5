"""Real servers of llama.cpp with a tiny random model: started where the environment names them.

`LLAMA_SERVER` is llama.cpp's own program, `LLAMA_PYTHON` a Python that has `llama-cpp-python[server]`.
"""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.servers import free_port
from tests.sessions import tiny_model
from tests.sessions.fake_models import KEY

MODEL = "random-letters"
WINDOW = 16_384  # tokens: enough for the system prompt and all tools, letter by letter
READY_WITHIN = 60  # seconds
NAMED = {
    name: os.environ[name] for name in ("LLAMA_SERVER", "LLAMA_PYTHON") if os.environ.get(name)
}


@dataclass
class RealServer:
    """A server that runs. `process` may be killed; `kind` is the variable that named it."""

    kind: str
    url: str
    process: subprocess.Popen


@contextmanager
def running(
    kind: str,
    folder: Path,
    *,
    template: str = tiny_model.WITH_TOOLS,
    likely: dict[str, float] | None = None,
    window: int = WINDOW,
    options: tuple[str, ...] = (),
) -> Iterator[RealServer]:
    """Make a model in `folder`, serve it, and stop the server afterwards."""
    model = folder / "model.gguf"
    tiny_model.write(model, template=template, likely=likely or {})
    port = free_port()
    command = (_own if kind == "LLAMA_SERVER" else _python)(model, port, window)
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen([*command, *options], stdout=log, stderr=log, cwd=folder)
    try:
        server = RealServer(kind, f"http://127.0.0.1:{port}/v1", process)
        _wait_for(server, folder / "server.log")
        yield server
    finally:
        process.kill()
        process.wait(20)


def _own(model: Path, port: int, window: int) -> list[str]:
    where = ["--host", "127.0.0.1", "--port", str(port), "--api-key", KEY, "--alias", MODEL]
    what = ["--model", str(model), "--ctx-size", str(window), "--parallel", "1", "--threads", "1"]
    return [NAMED["LLAMA_SERVER"], *where, *what, "--seed", "1"]


def _python(model: Path, port: int, window: int) -> list[str]:
    where = ["--host", "127.0.0.1", "--port", str(port), "--api_key", KEY, "--model_alias", MODEL]
    what = ["--model", str(model), "--n_ctx", str(window), "--n_threads", "1", "--seed", "1"]
    return [NAMED["LLAMA_PYTHON"], "-m", "llama_cpp.server", *where, *what]


def _wait_for(server: RealServer, log: Path) -> None:
    until = time.monotonic() + READY_WITHIN
    while time.monotonic() < until and server.process.poll() is None:
        try:
            reply = httpx.get(f"{server.url}/models", headers={"Authorization": f"Bearer {KEY}"})
            if reply.status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise RuntimeError(f"The server did not come up:\n{log.read_text()[-3000:]}")
