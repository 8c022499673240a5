"""Settings as the environment has them. What makes no sense is refused in a sentence that names it."""

import os
import zoneinfo
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

HIGHEST_PORT = 65_535
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
# A server that is gone without a word, or a network that swallows everything, is given up after
# these seconds (the last in milliseconds); the kernel's own patience is a quarter of an hour.
POSTGRES_PATIENCE = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}


def env(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def env_bool(name: str, default: bool = False) -> bool:
    value = env(name, str(default)).lower()
    if value not in {"true", "1", "yes", "on", "false", "0", "no", "off"}:
        raise ImproperlyConfigured(f"{name} must be true or false, not {value!r}.")
    return value in {"true", "1", "yes", "on"}


def env_int(name: str, default: int, *, least: int = 1, most: int = 1_000_000) -> int:
    value = env(name, str(default))
    try:
        number = int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.") from None
    if not least <= number <= most:
        raise ImproperlyConfigured(f"{name} must be {least} to {most:,}, not {value}.")
    return number


def env_list(name: str, default: str = "") -> list[str]:
    return [part.strip() for part in env(name, default).split(",") if part.strip()]


def env_url(name: str, schemes: tuple[str, ...], default: str = "", *, bare: bool = False) -> str:
    """An address, without a slash at its end; empty where there is none. A bare one has no path."""
    url = env(name, default).rstrip("/")
    try:
        parts = urlsplit(url)
        is_well = parts.scheme in schemes and bool(parts.hostname) and (parts.port or 1) > 0
        is_well = is_well and not (bare and (parts.path or parts.query or "@" in parts.netloc))
    except ValueError:
        is_well = False
    if url and not is_well:
        # Not what was given: it may hold a password.
        begins = " or ".join(f"{scheme}://" for scheme in schemes)
        ends = " and ends after host and port" if bare else ""
        raise ImproperlyConfigured(f"{name} must be an address that begins with {begins}{ends}.")
    return url


def host_of(url: str) -> str:
    """The host as it stands in a request, an IPv6 address in brackets."""
    return urlsplit(url).netloc.removesuffix(f":{urlsplit(url).port}").lower()


def own_url(host: str, port: int) -> str:
    """Where this machine reaches what listens there."""
    name = {"0.0.0.0": "localhost", "::": "localhost"}.get(host, host)  # noqa: S104
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def env_zone(name: str, default: str) -> str:
    zone = env(name, default)
    try:
        zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ImproperlyConfigured(
            f"{name} must be a time zone such as Europe/Berlin, not {zone!r}."
        ) from None
    return zone


def env_level(name: str, default: str) -> str:
    level = env(name, default).upper()
    if level not in LEVELS:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(LEVELS)}, not {level!r}.")
    return level


def env_folder(name: str, default: Path) -> Path:
    """A folder of ours, made when it is not there: then nobody else may look into it."""
    folder = Path(env(name, str(default))).resolve()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(unusable(folder, error.strerror, name)) from None
    return folder


def unusable(path: Path, why: str | None, name: str = "REVERIE_HOME") -> str:
    """What to do about a file or folder of the data folder, which the setting `name` names."""
    return (
        f"{path} cannot be used{f': {why}' if why else ''}. Give this user the right to write there"
        f" and room on the disk, or set {name} to another folder."
    )


def env_database(name: str, file: Path) -> dict[str, Any]:
    """Django's description of the database: of that at the address, or else of the SQLite file.

    The file is no address: in one, a `#`, a `?` and a `%` of its path would mean something.
    """
    url = env(name)
    if not url:
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": str(file), "CONN_MAX_AGE": 600}
    try:
        database = dj_database_url.parse(url, conn_max_age=600, conn_health_checks=True)
    except (dj_database_url.ParseError, dj_database_url.UnknownSchemeError, ValueError):
        database = {"ENGINE": ""}
    if database["ENGINE"].endswith("postgresql"):
        database["OPTIONS"] = {**POSTGRES_PATIENCE, **database.get("OPTIONS", {})}
    elif not database["ENGINE"].endswith("sqlite3"):
        raise ImproperlyConfigured(
            f"{name} must look like postgres://user:password@host:5432/name, with special"
            " characters of the password percent-encoded (%23 for #). Empty, it means SQLite."
        )
    return database
