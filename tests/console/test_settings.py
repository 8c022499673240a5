import re
from pathlib import Path

import pytest
from django.conf import settings as active

from console import settings

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
    with pytest.raises(settings.ImproperlyConfigured, match="PORT must be .*'eight'"):
        read("PORT")


def test_tests_never_use_the_data_folder_of_the_checkout():
    assert ROOT not in active.HOME.parents
