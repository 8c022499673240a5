"""All settings, read from the environment; `.env.example` is their reference."""

import os
import secrets
from contextlib import suppress
from logging import LogRecord
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from dotenv import load_dotenv

from console.environment import (
    HIGHEST_PORT,
    env,
    env_bool,
    env_database,
    env_folder,
    env_int,
    env_level,
    env_list,
    env_url,
    env_zone,
    host_of,
    own_url,
    unusable,
)

BASE_DIR = Path(__file__).resolve().parent.parent
load_dotenv(BASE_DIR / ".env")

# The data folder holds what must survive: database, queue, secret key, live sockets.
HOME = env_folder("REVERIE_HOME", BASE_DIR / "var")


def secret_key() -> str:
    """Take SECRET_KEY from the environment, else keep one in the data folder."""
    if key := env("SECRET_KEY"):
        return key
    path = HOME / "secret_key"
    try:
        if not path.exists():
            _write_key(path)
        return path.read_text()
    except OSError as error:
        raise ImproperlyConfigured(unusable(path, error.strerror)) from None


def _write_key(path: Path) -> None:
    """Write it whole, then link it: two processes that start together end up with one key."""
    mine = HOME / f"secret_key.{os.getpid()}"
    try:
        mine.touch(mode=0o600)
        mine.write_text(secrets.token_urlsafe(50))
        with suppress(FileExistsError):
            path.hardlink_to(mine)
    finally:
        mine.unlink(missing_ok=True)


SECRET_KEY = secret_key()
# Former keys, the latest first: what they signed and sealed stays readable.
SECRET_KEY_FALLBACKS = env_list("SECRET_KEY_FALLBACKS")
DEBUG = env_bool("DEBUG")
HOST = env("HOST", "127.0.0.1")
PORT = env_int("PORT", 8000, most=HIGHEST_PORT)
PUBLIC_URL = env_url("PUBLIC_URL", ("http", "https"), own_url(HOST, PORT), bare=True)
# This machine asks itself whether it is well, by names that nobody can make lead elsewhere.
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]", host_of(PUBLIC_URL), *env_list("ALLOWED_HOSTS")]
# Whose word on the client's address and protocol counts; else anybody could dodge the throttle.
FORWARDED_ALLOW_IPS = env_list("FORWARDED_ALLOW_IPS", "127.0.0.1,::1")
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if PUBLIC_URL.startswith("https://") else []

# -- What the house is made of ------------------------------------------------------------
INSTALLED_APPS = [
    "console",
    "memory",
    "sessions",
    "dreaming",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_htmx",
]
MIDDLEWARE = [
    "console.middleware.RequestId",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "console.middleware.ContentSecurityPolicy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "console.urls"
ASGI_APPLICATION = "console.asgi.application"
# Paths that are long-lived streams: they run on the event loop, without Django and its threads.
STREAM_APPLICATIONS = [
    (r"^/v1/sessions/[^/]+/events/stream$", "sessions.stream.application"),
    (r"^/v1/sessions/[^/]+/threads/[^/]+/stream$", "sessions.stream.application"),
    (r"^/w/[^/]+/live$", "sessions.stream.application"),
]
WEB_THREADS = env_int("WEB_THREADS", 8)
# What the first start does after the owner's account exists; each is called with the workspace.
FIRST_START = ["sessions.defaults.first_start"]
# What it does besides if a sample is wanted; called with the workspace and its owner.
SAMPLE = "memory.samples.lay_out"
# Who brings entries for the palette; each is called with its `Seeker`.
PALETTE = [
    "console.palette.pages",
    "memory.palette.stores",
    "memory.palette.files",
    "sessions.palette.sessions",
    "sessions.palette.agents",
    "dreaming.palette.dreams",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": False,
        "OPTIONS": {
            "builtins": ["console.templatetags.ui"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "console.access.page_context",
            ],
        },
    }
]

# -- Database -----------------------------------------------------------------------------
DATABASES = {"default": env_database("DATABASE_URL", HOME / "reverie.sqlite3")}
SQLITE = DATABASES["default"]["ENGINE"].endswith("sqlite3")
if SQLITE:
    # IMMEDIATE: a transaction that reads first and writes later would otherwise lose its
    # turn to another writer and fail with "database is locked", however long it waits.
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = False
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": (
            "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;PRAGMA mmap_size=268435456;"
            "PRAGMA cache_size=-32000;PRAGMA temp_store=MEMORY;PRAGMA secure_delete=ON;"
        ),
    }
# Tells web processes of news; PostgreSQL does it itself, from and to any machine.
LIVE_CARRIER = f"console.live_{'datagrams' if SQLITE else 'postgres'}.Carrier"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# -- People -------------------------------------------------------------------------------
AUTH_USER_MODEL = "console.User"
CSRF_FAILURE_VIEW = "console.views.csrf_failure"
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "sign-in"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
_CACHE = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
CACHES = {
    "default": _CACHE,
    # Roomy and apart: nobody shall push a count out by filling the cache with other things.
    "throttle": {**_CACHE, "LOCATION": "throttle", "OPTIONS": {"MAX_ENTRIES": 50_000}},
}
SESSION_COOKIE_NAME = "reverie"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PUBLIC_URL.startswith("https://")
SESSION_ENGINE = "django.contrib.sessions.backends.db"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 32 * 1024 * 1024  # wire contract §1.3
DATA_UPLOAD_MAX_NUMBER_FILES = 20_000  # a folder of files is sent as it is; the size is the limit

# -- Doorbell (Celery) --------------------------------------------------------------------
REDIS_URL = env_url("REDIS_URL", ("redis", "rediss"))
CELERY_BROKER_URL = REDIS_URL or "embedded://"
CELERY_BROKER_TRANSPORT_OPTIONS = (
    # A lease in the database decides who works; the broker only has to ring again soon.
    # A Redis that is silent must not hold a request for longer than people wait: the message is
    # stored by then, and a sweep finds it.
    {
        "visibility_timeout": 3600,
        "unacked_restore_interval": 1,
        "unacked_restore_throttle": 1,
        "socket_timeout": 3,
        "socket_connect_timeout": 3,
        "socket_keepalive": True,
    }
    if REDIS_URL
    else {"path": str(HOME / "queue")}
)
# Celery would close the connections before and after every task; see `console.celery`.
CELERY_DB_REUSE_MAX = 1_000_000_000
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0}
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = "UTC"
SWEEP_SECONDS = 3.0
# A sweep nobody ran in time is worth nothing: without a worker they would only pile up.
SWEEP = {"schedule": SWEEP_SECONDS, "options": {"expires": SWEEP_SECONDS * 3}}
HOURLY = {"schedule": 3600.0, "options": {"expires": 3600.0}}
# The tasks that sweep, and who knows whether there is anything for them: the scheduler asks first.
SWEEPS = {
    "sessions.tasks.sweep": "sessions.tasks.has_strays",
    "dreaming.tasks.sweep": "dreaming.tasks.has_strays",
    "dreaming.tasks.sweep_ends": "dreaming.tasks.has_ends",
    "memory.tasks.sweep": "memory.indexing.is_behind",
}
CELERY_BEAT_SCHEDULER = "console.scheduler:Scheduler"
CELERY_BEAT_SCHEDULE = {
    **{task: {"task": task, **SWEEP} for task in SWEEPS},
    "sweep sign-ins": {"task": "console.tasks.sweep_sign_ins", **HOURLY},
    "sweep uploads": {"task": "memory.tasks.sweep_uploads", **HOURLY},
    "sweep imports": {"task": "sessions.tasks.sweep_imports", **HOURLY},
}
WORKER_THREADS = env_int("WORKER_THREADS", 4)
DREAM_THREADS = env_int("DREAM_THREADS", max(1, WORKER_THREADS // 2))
# A worker that has not renewed its lease for this long is taken for dead.
LEASE_SECONDS = env_int("LEASE_SECONDS", 10)

# -- Model endpoints ----------------------------------------------------------------------
ANTHROPIC_BASE_URL = env("ANTHROPIC_BASE_URL", "https://api.anthropic.com").rstrip("/")
ANTHROPIC_API_KEY = env("ANTHROPIC_API_KEY")
ANTHROPIC_MODELS = env_list("ANTHROPIC_MODELS", "claude-opus-4-8,claude-sonnet-4-6")
OPENAI_BASE_URL = env("OPENAI_BASE_URL").rstrip("/")
OPENAI_API_KEY = env("OPENAI_API_KEY")
OPENAI_MODELS = env_list("OPENAI_MODELS")
# Whoever owns a workspace may make the server call addresses of their choice.
OWNERS_ADD_ENDPOINTS = env_bool("OWNERS_ADD_ENDPOINTS", default=True)
MODEL_TIMEOUT_SECONDS = env_int("MODEL_TIMEOUT_SECONDS", 120)
MODEL_MAX_RETRIES = env_int("MODEL_MAX_RETRIES", 4, least=0)

# -- Pages --------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
USE_I18N = False
TIME_ZONE = env_zone("TIME_ZONE", "UTC")
USE_TZ = True
STATIC_URL = "/static/"
STATIC_ROOT = HOME / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = DEBUG
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"


def _in_a_line(record: LogRecord) -> bool:
    """Strangers ask for all kinds of hosts: one line each is enough, without our stack."""
    record.exc_info = None
    return True


LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "in a line": {"()": "django.utils.log.CallbackFilter", "callback": _in_a_line},
    },
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env_level("LOG_LEVEL", "INFO")},
    "loggers": {
        "httpx": {"level": "WARNING"},
        "httpcore": {"level": "WARNING"},
        "celery": {"level": "WARNING"},
        "django.security.DisallowedHost": {"filters": ["in a line"]},
    },
}
