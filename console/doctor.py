"""What is configured, what can be reached, what is missing: the checks behind `manage.py doctor`."""

import asyncio
import platform
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

import django
import httpx
import redis
from django.conf import settings
from django.db import DatabaseError, connection

from console import broker, endpoints, live, preparation
from console.environment import own_url
from console.models import ModelEndpoint, User
from console.sandbox import probe

LITTLE_SPACE = 500 * 1000**2  # bytes
OLDEST_POSTGRES = 15
PATIENCE = 3  # seconds for anything that has to answer


class Verdict(StrEnum):
    OK = "ok"
    NOTE = "note"  # worth knowing; Reverie works without
    BROKEN = "broken"


@dataclass(frozen=True)
class Finding:
    """What one look at one part told; when it is not well, `text` says what to do."""

    verdict: Verdict
    subject: str
    text: str


def examine() -> Iterator[Finding]:
    """Look at every part in turn. Never raises for what it finds; never shows a key."""
    yield Finding(
        Verdict.OK, "Versions", f"Python {platform.python_version()}, Django {django.__version__}"
    )
    yield from data_folder()
    yield from database()
    yield from doorbell()
    yield from processes()
    yield from wake_ups()
    yield from models()
    yield from owners_endpoints()
    yield from static_files()
    yield from sandbox()
    yield from exposure()


def data_folder() -> Iterator[Finding]:
    subject = "Data folder"
    try:
        with tempfile.TemporaryFile(dir=settings.HOME):
            free = shutil.disk_usage(settings.HOME).free
    except OSError as error:
        why = error.strerror or "it cannot be used"
        yield Finding(
            Verdict.BROKEN,
            subject,
            f"{settings.HOME}: {why}. Give this user the right to write there, or set REVERIE_HOME.",
        )
        return
    yield Finding(Verdict.OK, subject, f"{settings.HOME} is writable")
    if free < LITTLE_SPACE:
        left = f"only {free // 1000**2} MB are free: make room before it is full."
        yield Finding(Verdict.NOTE, subject, left)


def database() -> Iterator[Finding]:
    subject = "Database"
    try:
        connection.ensure_connection()
        yield _database_version()
        waiting = preparation.migrations_to_run()
        if waiting:
            todo = f"{waiting} migrations are still to run: run `manage.py migrate`."
            yield Finding(Verdict.BROKEN, subject, todo)
        elif not User.objects.exists():
            text = "nobody can sign in yet: the first `make run` makes the owner."
            yield Finding(Verdict.NOTE, "People", text)
    except DatabaseError as error:
        said = str(error).strip().splitlines()[:1]
        todo = "Check DATABASE_URL and that the server runs."
        yield Finding(Verdict.BROKEN, subject, f"cannot be used: {''.join(said)} {todo}")


def _database_version() -> Finding:
    number = ".".join(map(str, connection.get_database_version()))
    if settings.SQLITE:
        return Finding(
            Verdict.OK, "Database", f"SQLite {number}, {settings.DATABASES['default']['NAME']}"
        )
    host = connection.settings_dict["HOST"] or "a local socket"
    if connection.get_database_version()[0] < OLDEST_POSTGRES:
        text = f"PostgreSQL {number} is too old: {OLDEST_POSTGRES} or newer is needed."
        return Finding(Verdict.BROKEN, "Database", text)
    return Finding(Verdict.OK, "Database", f"PostgreSQL {number} at {host}")


def doorbell() -> Iterator[Finding]:
    subject = "Doorbell"
    if not settings.REDIS_URL:
        folder = settings.CELERY_BROKER_TRANSPORT_OPTIONS["path"]
        yield Finding(Verdict.OK, subject, f"embedded, in {folder}")
        return
    try:
        with _redis() as server:
            version = server.info("server")["redis_version"]
        yield Finding(Verdict.OK, subject, f"Redis {version} answers")
    except (redis.RedisError, ValueError):
        todo = "Redis does not answer. Check REDIS_URL and that the server runs."
        yield Finding(Verdict.BROKEN, subject, todo)


def _redis() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE
    )


def processes() -> Iterator[Finding]:
    """Without a worker a running console takes messages and never answers them."""
    is_served, workers = _is_served(), _workers()
    where = f"{settings.HOST}:{settings.PORT}"
    if is_served:
        yield Finding(Verdict.OK, "Web", f"answers at {where}")
    else:
        todo = f"nothing answers at {where}: start it with `make run`."
        yield Finding(Verdict.NOTE, "Web", todo)
    if workers:
        yield Finding(Verdict.OK, "Worker", f"{workers} listening")
    elif workers is None:
        yield Finding(Verdict.NOTE, "Worker", "cannot be seen from here.")
    else:
        todo = "none is listening: `make run` starts one, or `celery -A console worker`."
        yield Finding(Verdict.BROKEN if is_served else Verdict.NOTE, "Worker", todo)


def _is_served() -> bool:
    url = f"{own_url(settings.HOST, settings.PORT)}/healthz"
    try:
        return httpx.get(url, timeout=PATIENCE, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def _workers() -> int | None:
    """How many workers wait for the doorbell; None when that cannot be known."""
    if not settings.REDIS_URL:
        return broker.consumers(Path(settings.CELERY_BROKER_TRANSPORT_OPTIONS["path"]))
    try:
        with _redis() as server:
            return sum(client["cmd"] == "brpop" for client in server.client_list())
    except (redis.RedisError, ValueError):
        return None


def wake_ups() -> Iterator[Finding]:
    subject, carrier = "Live wake-ups", "datagrams" if settings.SQLITE else "PostgreSQL NOTIFY"
    if asyncio.run(_heard_itself()):
        yield Finding(Verdict.OK, subject, f"{carrier} arrive")
    else:
        todo = "do not arrive: pages would lag by seconds."
        if not settings.SQLITE:
            todo += " A pooler in between must pool sessions, not transactions."
        yield Finding(Verdict.BROKEN, subject, f"{carrier} {todo}")


async def _heard_itself() -> bool:
    hub, topic = live.Hub(), "doctor"
    try:
        async with asyncio.timeout(PATIENCE + 3), hub.subscribe([topic]) as feed:
            live.whisper(topic, {})
            async for message in feed:
                if message.kind == live.WHISPER:
                    return True
    except TimeoutError:
        pass
    finally:
        await hub.stop()
    return False


def models() -> Iterator[Finding]:
    yield Finding(Verdict.OK, "Built-in model", "ready; extractive, no language model")
    for endpoint in endpoints.from_environment():
        if endpoint.is_configured:
            yield _endpoint(endpoint)
        else:
            text = f"not configured; set {endpoint.setting} to use it."
            yield Finding(Verdict.NOTE, endpoint.name, text)


def owners_endpoints() -> Iterator[Finding]:
    """Those that owners added in Settings; a database that is away was told of above."""
    with suppress(DatabaseError):
        for row in ModelEndpoint.objects.select_related("workspace"):
            finding = _endpoint(endpoints.from_row(row))
            yield replace(finding, subject=f"{row} of {row.workspace}")


def _endpoint(endpoint: endpoints.Endpoint) -> Finding:
    try:
        known = endpoints.probe(endpoint, seconds=PATIENCE)
    except endpoints.Unwell as trouble:
        return Finding(Verdict.BROKEN, endpoint.name, str(trouble))
    strange = [model for model in endpoint.models if model not in known]
    if not endpoint.models or strange:
        todo = f"it does not list {', '.join(strange)}" if strange else "no model is named"
        text = f"{endpoint.address} answers, but {todo}; check {endpoint.place('models')}."
        return Finding(Verdict.NOTE, endpoint.name, text)
    return Finding(
        Verdict.OK, endpoint.name, f"{endpoint.address} answers; {', '.join(endpoint.models)}"
    )


def static_files() -> Iterator[Finding]:
    if (settings.STATIC_ROOT / "staticfiles.json").exists():
        yield Finding(Verdict.OK, "Static files", "collected")
    else:
        todo = "not collected: `make run` does it, or `manage.py collectstatic --no-input`."
        yield Finding(Verdict.BROKEN, "Static files", todo)


def sandbox() -> Iterator[Finding]:
    subject = "Sandbox"
    if trouble := probe.trouble():
        yield Finding(Verdict.NOTE, subject, f"{trouble} {probe.WITHOUT}")
    else:
        yield Finding(Verdict.OK, subject, "bubblewrap works; agents may use `bash`")


def exposure() -> Iterator[Finding]:
    if settings.DEBUG:
        text = "DEBUG is on: errors show the source to everyone. Only for development."
        yield Finding(Verdict.NOTE, "Exposure", text)
    is_local = settings.HOST in {"127.0.0.1", "localhost", "::1"}
    if not is_local and not settings.PUBLIC_URL.startswith("https://"):
        text = (
            f"listens on {settings.HOST} without HTTPS: passwords and keys cross the network in the"
            " clear. Put a TLS proxy in front and set PUBLIC_URL=https://…"
        )
        yield Finding(Verdict.NOTE, "Exposure", text)
