import json
from io import StringIO

import pytest
from django.core.management import call_command

from console import doctor, preparation
from console.doctor import Verdict
from tests import servers
from tests.console.answers import answering

KEY = "sk-very-secret"


def verdicts(findings) -> dict[str, str]:
    return {finding.subject: finding.verdict for finding in findings}


def about_openai(settings, url: str) -> doctor.Finding:
    settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY = url, KEY
    settings.OPENAI_MODELS = ["llama3.2"]
    return next(each for each in doctor.models() if each.subject == "OpenAI-compatible")


def test_a_house_in_order_has_nothing_broken(alice, settings):
    (settings.STATIC_ROOT / "staticfiles.json").touch()
    settings.PORT = servers.free_port()
    output = StringIO()
    call_command("doctor", stdout=output)
    assert "broken" not in output.getvalue()
    assert "not configured; set ANTHROPIC_API_KEY" in output.getvalue()


def test_something_broken_ends_with_exit_code_1(alice, settings, tmp_path):
    settings.STATIC_ROOT = tmp_path
    with pytest.raises(SystemExit) as ended:
        call_command("doctor", stdout=StringIO())
    assert ended.value.code == 1


def test_an_endpoint_that_lists_the_models_is_well(settings):
    with answering(200, json.dumps({"data": [{"id": "llama3.2"}]})) as url:
        assert about_openai(settings, url).verdict == Verdict.OK


def test_a_model_that_the_endpoint_does_not_list_is_noted(settings):
    with answering(200, json.dumps({"data": [{"id": "qwen"}]})) as url:
        finding = about_openai(settings, url)
    assert finding.verdict == Verdict.NOTE
    assert "does not list llama3.2; check OPENAI_MODELS" in finding.text


@pytest.mark.parametrize(
    ("status", "body", "advice"),
    [
        (401, "", "does not accept the key; check OPENAI_API_KEY"),
        (500, "", "answers 500; check OPENAI_BASE_URL"),
        (200, "<html>", "speaks another protocol; check OPENAI_BASE_URL"),
        (200, "[]", "speaks another protocol; check OPENAI_BASE_URL"),
    ],
)
def test_an_endpoint_that_cannot_be_used_says_which_setting_to_check(
    settings, status, body, advice
):
    with answering(status, body) as url:
        finding = about_openai(settings, url)
    assert finding.verdict == Verdict.BROKEN
    assert advice in finding.text
    assert KEY not in finding.text


def test_an_endpoint_that_is_down_says_so_without_its_password(settings):
    finding = about_openai(settings, f"http://me:{KEY}@127.0.0.1:{servers.free_port()}/v1")
    assert "cannot be reached; check OPENAI_BASE_URL" in finding.text
    assert KEY not in finding.text


def test_a_data_folder_that_is_not_there_is_broken(settings, tmp_path):
    settings.HOME = tmp_path / "gone"
    assert verdicts(doctor.data_folder()) == {"Data folder": Verdict.BROKEN}


def test_a_redis_that_is_down_is_broken(settings):
    settings.REDIS_URL = f"redis://127.0.0.1:{servers.free_port()}/0"
    assert verdicts(doctor.doorbell()) == {"Doorbell": Verdict.BROKEN}


def test_a_console_that_is_served_without_a_worker_is_broken(settings, tmp_path):
    settings.REDIS_URL = ""
    settings.CELERY_BROKER_TRANSPORT_OPTIONS = {"path": str(tmp_path)}
    with answering(200, "ok") as url:
        settings.PORT = int(url.split(":")[2].removesuffix("/v1"))
        assert verdicts(doctor.processes()) == {"Web": Verdict.OK, "Worker": Verdict.BROKEN}


def test_migrations_that_wait_are_broken(db, monkeypatch):
    monkeypatch.setattr(preparation, "migrations_to_run", lambda: 2)
    assert verdicts(doctor.database())["Database"] == Verdict.BROKEN


def test_passwords_over_plain_http_are_noted(settings):
    settings.HOST, settings.PUBLIC_URL = "0.0.0.0", "http://reverie.example.org"
    assert verdicts(doctor.exposure()) == {"Exposure": Verdict.NOTE}
