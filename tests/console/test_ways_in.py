from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.core.cache import caches
from django.test import Client
from django.urls import reverse

from console import accounts, tasks, throttle
from console.celery import app
from console.models import Role
from tests import factories

PASSWORD = "correct horse"


def sign_in(client, username="alice", password=PASSWORD, **more):
    return client.post(reverse("sign-in"), {"username": username, "password": password, **more})


def test_signing_in_leads_home(alice, client, workspace):
    answer = sign_in(client)
    assert answer["Location"] == "/"
    assert client.get("/")["Location"] == f"/w/{workspace.slug}/"


def test_signing_in_leads_back_to_where_one_wanted_to_go(alice, client, workspace):
    wanted = reverse("members", args=[workspace.slug])
    assert sign_in(client, next=wanted)["Location"] == wanted
    assert sign_in(Client(), next="https://example.org/")["Location"] == "/"


def test_a_wrong_password_keeps_the_name_and_says_why(alice, client):
    answer = sign_in(client, password="wrong")
    assert answer.status_code == 422
    assert 'value="alice"' in answer.content.decode()
    assert "do not match" in answer.content.decode()


def test_nobody_learns_whether_a_username_exists(alice, client):
    known, unknown = (sign_in(client, name, "wrong") for name in ("alice", "alicf"))
    assert known.content.decode().replace("alice", "alicf").count("do not match") == 1
    assert known.status_code == unknown.status_code


def test_too_many_wrong_tries_pause_even_the_right_password(alice, client):
    for _ in range(throttle.TRIES):
        sign_in(client, password="wrong")
    answer = sign_in(client)
    assert answer.status_code == 429
    assert "Too many wrong tries" in answer.content.decode()


def test_the_pause_holds_for_one_name_at_one_address(alice, bob, client):
    for _ in range(throttle.TRIES):
        sign_in(client, password="wrong")
    assert sign_in(client, "bob").status_code == 302
    assert sign_in(Client(REMOTE_ADDR="10.0.0.7")).status_code == 302


def test_an_address_that_tries_everybody_is_paused_too(alice, client, monkeypatch):
    monkeypatch.setattr(throttle, "TRIES_OF_AN_ADDRESS", 5)
    for number in range(5):
        sign_in(client, f"nobody{number}", "correct horse")
    assert sign_in(client).status_code == 429
    assert sign_in(Client(REMOTE_ADDR="10.0.0.7")).status_code == 302


def test_other_names_do_not_push_a_count_out(alice, client):
    for _ in range(throttle.TRIES):
        throttle.note_failure("alice", "127.0.0.1")
    for number in range(1000):
        throttle.note_failure(f"nobody{number}", f"10.0.0.{number % 250}")
    assert throttle.is_paused("alice", "127.0.0.1")


@pytest.mark.parametrize(
    ("address", "other", "is_one"),
    [
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:10.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("", "unix:", False),
    ],
)
def test_addresses_of_one_household_count_as_one(address, other, is_one):
    for _ in range(throttle.TRIES):
        throttle.note_failure("alice", address)
    assert throttle.is_paused("alice", other) == is_one


def test_the_right_password_forgets_the_wrong_ones(alice, client):
    for _ in range(throttle.TRIES - 1):
        sign_in(client, password="wrong")
    sign_in(client)
    assert not throttle.is_paused("alice", "127.0.0.1")


def test_the_pause_ends(alice, client):
    for _ in range(throttle.TRIES):
        sign_in(client, password="wrong")
    caches["throttle"].clear()
    assert sign_in(client).status_code == 302


def test_signing_out_takes_a_post(as_alice):
    assert as_alice.get(reverse("sign-out")).status_code == 405
    assert as_alice.post(reverse("sign-out"))["Location"] == reverse("sign-in")
    assert as_alice.get("/")["Location"] == reverse("sign-in")


def test_changing_the_password_signs_other_browsers_out(alice, as_alice):
    elsewhere = Client()
    elsewhere.force_login(alice)
    form = {"old_password": PASSWORD, "new_password1": "battery staple"}
    form["new_password2"] = form["new_password1"]
    assert as_alice.post(reverse("password"), form)["Location"] == "/"
    assert elsewhere.get(reverse("password")).status_code == 302
    assert as_alice.get(reverse("password")).status_code == 200


def test_a_weak_new_password_is_refused_with_a_reason(as_alice):
    form = {"old_password": PASSWORD, "new_password1": "short", "new_password2": "short"}
    answer = as_alice.post(reverse("password"), form)
    assert answer.status_code == 422
    assert "too short" in answer.content.decode()


def test_home_remembers_the_workspace_used_last(alice, as_alice, workspace):
    other = factories.make_workspace("Another place", owner=alice)
    as_alice.get(reverse("members", args=[workspace.slug]))
    assert as_alice.get("/")["Location"] == f"/w/{workspace.slug}/"
    as_alice.get(reverse("members", args=[other.slug]))
    assert as_alice.get("/")["Location"] == f"/w/{other.slug}/"


def test_whoever_is_in_no_workspace_is_told_whom_to_ask(alice, workspace, as_alice):
    accounts.join(workspace, factories.make_user("heir"), Role.OWNER)
    accounts.leave(alice.memberships.get())
    answer = as_alice.get("/")
    assert answer.status_code == 403
    assert "Ask an owner to add the username" in answer.content.decode()


def test_somebody_removed_is_out_at_once(alice, bob, as_bob, workspace):
    accounts.leave(bob.memberships.get())
    assert as_bob.get(reverse("members", args=[workspace.slug])).status_code == 404


def test_a_form_sent_too_late_leads_back_to_its_page_by_way_of_the_sign_in(client, workspace):
    rename = reverse("members", args=[workspace.slug])
    page = reverse("keys", args=[workspace.slug])
    answer = client.post(rename, headers={"referer": f"http://testserver{page}?name=x#end"})
    assert answer["Location"] == f"/sign-in?next={page}%3Fname%3Dx"
    answer = client.post(rename, headers={"referer": "https://example.org/"})
    assert answer["Location"] == f"/sign-in?next={rename}"


def test_sign_ins_that_have_expired_are_thrown_away(as_alice, as_bob):
    stale = Session.objects.get(pk=as_bob.session.session_key)
    stale.expire_date -= timedelta(days=30)
    stale.save()
    tasks.sweep_sign_ins()
    assert [kept.pk for kept in Session.objects.all()] == [as_alice.session.session_key]


def test_every_scheduled_task_is_known_to_the_workers(settings):
    app.loader.import_default_modules()
    assert {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()} <= set(app.tasks)
