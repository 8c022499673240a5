import pytest
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest
from django.test import Client
from django.urls import path

from console import urls, views

SECRET = "/srv/reverie/secret.txt"


def breaks(request):
    raise RuntimeError(SECRET)


def suspects(request):
    raise SuspiciousOperation(SECRET)


urlpatterns = [
    *urls.urlpatterns,
    path("breaks", breaks),
    path("suspects", suspects),
]
handler400, handler403 = urls.handler400, urls.handler403
handler404, handler500 = urls.handler404, urls.handler500


@pytest.fixture
def visitor() -> Client:
    return Client(raise_request_exception=False)


@pytest.mark.urls(__name__)
@pytest.mark.parametrize(("where", "status"), [("/breaks", 500), ("/suspects", 400)])
def test_what_goes_wrong_shows_a_page_and_no_reason(visitor, db, where, status):
    answer = visitor.get(where)
    assert answer.status_code == status
    assert f'<p class="error-code">{status}</p>' in answer.content.decode()
    assert SECRET not in answer.content.decode()


def test_an_address_that_is_not_there_says_so(visitor, db):
    answer = visitor.get("/nowhere")
    assert answer.status_code == 404
    assert "Nothing here" in answer.content.decode()


def test_the_error_page_needs_no_database():
    answer = views.server_error(HttpRequest())
    assert answer.status_code == 500


def test_a_program_gets_the_envelope_even_for_a_host_that_is_not_ours(visitor):
    answer = visitor.get("/v1/agents", headers={"host": "evil.example"})
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_a_host_that_is_not_ours_is_told_which_settings_name_it(visitor, caplog):
    page = visitor.get("/sign-in", headers={"host": "192.168.1.5:8000"})
    assert page.status_code == 400
    assert "PUBLIC_URL or ALLOWED_HOSTS" in page.content.decode()
    assert all(record.exc_info is None for record in caplog.records)


def test_an_api_route_that_is_not_there_answers_in_the_envelope(visitor):
    answer = visitor.get("/v1/vaults/x")
    assert answer.status_code == 404
    assert answer.json()["error"]["message"] == "There is no route /v1/vaults/x."


def test_a_form_from_a_page_that_is_too_old_asks_for_a_reload(alice):
    strict = Client(enforce_csrf_checks=True)
    sent = {"username": "alice", "password": "correct horse"}
    answer = strict.post("/sign-in", sent, headers={"referer": "http://testserver/w/lab/?q=1"})
    assert answer.status_code == 403
    assert "This form has expired" in answer.content.decode()
    assert 'href="/w/lab/?q=1"' in answer.content.decode()


def test_every_answer_forbids_foreign_and_inline_scripts(visitor, db):
    for where in ("/sign-in", "/nowhere", "/v1/nowhere"):
        policy = visitor.get(where)["Content-Security-Policy"]
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy


def test_health_is_told_to_anyone(visitor, db):
    assert visitor.get("/healthz").content == b"ok\n"
