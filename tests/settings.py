"""The settings of the tests: the console's, in a data folder of their own and deaf to `.env`.

Each process (each xdist worker too) gets its own folder, so its own queue and its own bells.
`tests/run.py` chooses database and broker by DATABASE_URL and REDIS_URL; without them it is SQLite
and the embedded broker.
"""

import atexit
import os
import shutil
import tempfile

_home = tempfile.mkdtemp(prefix="reverie-")
atexit.register(shutil.rmtree, _home, ignore_errors=True)

os.environ |= {"REVERIE_HOME": _home, "PYTHON_DOTENV_DISABLED": "1", "TIME_ZONE": "UTC"}
for _name in [
    *("ALLOWED_HOSTS", "DEBUG", "HOST", "PORT", "PUBLIC_URL", "SECRET_KEY"),
    *("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "ANTHROPIC_MODELS"),
    *("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODELS"),
]:
    os.environ.pop(_name, None)

from console.settings import *  # noqa: E402, F403
from console.settings import DATABASES, HOME, SQLITE, STORAGES  # noqa: E402

# The processes that tests start are the real thing, not these settings.
os.environ["DJANGO_SETTINGS_MODULE"] = "console.settings"

if SQLITE:
    # A file, as in production: threads and other processes of a test must meet WAL and real locks.
    DATABASES["default"]["TEST"] = {"NAME": str(HOME / "test.sqlite3")}
(HOME / "static").mkdir()
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
