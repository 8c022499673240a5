"""What a request to the API costs over a bare ASGI request, and over Django's stock handler."""

import time
from collections.abc import Iterator

from tests.bench.rig import Rig, serving
from tests.bench.ruler import Ruler, median
from tests.bench.wire import Wire

ROUNDS, WARM_UP = 150, 10


def measure(rig: Rig, ruler: Ruler) -> None:
    store = f"/v1/memory_stores/{rig.console.store}"
    paths = {"plain": "/healthz", "key": store, "list": f"{store}/memories?limit=20"}
    listed = rig.console.wire.ask("GET", paths["list"])["data"]
    if len(listed) != 20:
        raise RuntimeError(f"The list has {len(listed)} items.")
    with serving("django.core.asgi:get_asgi_application", "--factory") as stock_url:
        bare, ours = rig.floor.wire, rig.console.wire
        stock = Wire(stock_url, **rig.console.key)
        requests = {"bare": (bare, bare.request("GET", "/echo"))}
        for name, path in paths.items():
            requests[name] = (ours, ours.request("GET", path))
            requests[f"stock {name}"] = (stock, stock.request("GET", path))
        samples: dict[str, list[float]] = {name: [] for name in requests}
        for number in range(ROUNDS + WARM_UP):
            for name, took in _round(requests):
                if number >= WARM_UP:
                    samples[name].append(took)
    _report(ruler, samples)


def _round(requests: dict[str, tuple[Wire, bytes]]) -> Iterator[tuple[str, float]]:
    for name, (wire, request) in requests.items():
        begun = time.perf_counter()
        wire.send(request)
        yield name, (time.perf_counter() - begun) * 1000


def _report(ruler: Ruler, samples: dict[str, list[float]]) -> None:
    ruler.section("api", f"{ROUNDS} GETs of each by one client. Floor: a bare ASGI request")
    bare = samples["bare"]
    plain = ruler.row(
        "without a key: /healthz, which asks the database one thing", samples["plain"], bare
    )
    key = ruler.row("with a key: one store", samples["key"], bare)
    page = ruler.row("with a key: a list of 20 memories", samples["list"], bare)
    ruler.row("  the floor of it: a bare ASGI request", bare)
    for name in ("plain", "key", "list"):
        ruler.row(f"Django's stock ASGI handler: {name}", samples[f"stock {name}"], bare)
    ruler.target("plain API request over a bare one", plain, 8, "×")
    ruler.target("API request with a key over a bare one", key, 20, "×")
    ruler.target("API list of 20 over a bare request", page, 45, "×")
    for name in ("plain", "key"):
        faster = median(samples[f"stock {name}"]) / median(samples[name])
        ruler.target(f"Django's stock handler over ours, {name}", faster, 2, "×", at_least=True)
