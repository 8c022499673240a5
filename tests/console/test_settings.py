import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings as active
from django.core.exceptions import ImproperlyConfigured

from console import environment, settings

pytestmark = pytest.mark.once
ROOT = Path(settings.BASE_DIR)


def test_the_example_names_every_setting_that_is_read():
    source = (ROOT / "console/settings.py").read_text()
    read = set(re.findall(r"""\benv(?:_\w+)?\(\s*"([A-Z_]+)\"""", source))
    explained = set(re.findall(r"^#([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.M))
    assert read == explained


@pytest.mark.parametrize("read", [settings.env_bool, lambda name: settings.env_int(name, 1)])
def test_a_setting_that_makes_no_sense_is_named(monkeypatch, read):
    monkeypatch.setenv("PORT", "eight")
    with pytest.raises(ImproperlyConfigured, match="PORT must be .*'eight'"):
        read("PORT")


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("0", lambda: environment.env_int("X", 8)),
        ("70000", lambda: environment.env_int("X", 8000, most=environment.HIGHEST_PORT)),
        ("Mars/Base", lambda: environment.env_zone("X", "UTC")),
        ("loud", lambda: environment.env_level("X", "INFO")),
        ("reverie.example", lambda: environment.env_url("X", ("https",))),
        ("https://reverie.example/path", lambda: environment.env_url("X", ("https",), bare=True)),
        ("https://reverie.example:http", lambda: environment.env_url("X", ("https",))),
        ("hunter2", lambda: environment.env_database("X", Path("db"))),
        ("mysql://me:hunter2@host/name", lambda: environment.env_database("X", Path("db"))),
        ("postgres://me:hunter2#@host/name", lambda: environment.env_database("X", Path("db"))),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_and_no_password_is_shown(monkeypatch, given, read):
    monkeypatch.setenv("X", given)
    with pytest.raises(ImproperlyConfigured, match="^X must ") as refused:
        read()
    assert "hunter2" not in str(refused.value)


def test_no_letter_of_the_data_folders_name_leads_elsewhere(monkeypatch):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    file = Path("/srv/50%20 off?/#1 ümläute/reverie.sqlite3")
    assert environment.env_database("DATABASE_URL", file)["NAME"] == str(file)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://Reverie.Example", "reverie.example"),
        ("http://reverie.example:8443", "reverie.example"),
        ("http://[::1]:8000", "[::1]"),
    ],
)
def test_the_host_people_type_is_answered(url, host):
    assert environment.host_of(url) == host


def test_a_data_folder_that_is_made_is_nobody_elses(monkeypatch, tmp_path):
    monkeypatch.setenv("REVERIE_HOME", str(tmp_path / "a" / "home"))
    home = environment.env_folder("REVERIE_HOME", tmp_path)
    assert home.stat().st_mode & 0o777 == 0o700


def test_a_data_folder_that_cannot_be_used_is_told_in_one_line(tmp_path):
    (tmp_path / "file").touch()
    done = subprocess.run(
        [sys.executable, ROOT / "manage.py", "doctor"],
        env=os.environ | {"REVERIE_HOME": str(tmp_path / "file" / "home")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "file/home cannot be used: Not a directory. Give this user" in done.stderr


def test_tests_never_use_the_data_folder_of_the_checkout():
    assert ROOT not in active.HOME.parents
