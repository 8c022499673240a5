import pytest
from django.test import Client
from django.urls import reverse

from console import accounts
from console.models import Role, User
from tests import factories
from tests.together import together


@pytest.fixture
def page(workspace) -> str:
    return reverse("members", args=[workspace.slug])


def role_of(user, workspace) -> str:
    return workspace.memberships.get(user=user).role


def change(client, workspace, user, role):
    where = reverse("change-role", args=[workspace.slug, user.pk])
    return client.post(where, {"role": role})


def remove(client, workspace, user):
    return client.post(reverse("remove-member", args=[workspace.slug, user.pk]))


def test_everyone_sees_who_is_a_member_and_only_owners_manage(page, as_alice, as_bob):
    assert "Add a member" in as_alice.get(page).content.decode()
    seen_by_bob = as_bob.get(page).content.decode()
    assert "alice" in seen_by_bob
    assert "Add a member" not in seen_by_bob


def test_a_new_person_gets_an_account_and_a_password_shown_once(page, as_alice, workspace):
    answer = as_alice.post(page, {"username": "nora", "role": "reviewer"})
    password = answer.context["newcomer"].password
    assert password in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert password not in as_alice.get(page).content.decode()
    assert Client().login(username="nora", password=password)
    assert role_of(User.objects.get(username="nora"), workspace) == Role.REVIEWER


def test_somebody_with_an_account_is_added_and_keeps_the_password(page, as_alice, eve, workspace):
    answer = as_alice.post(page, {"username": "EVE", "role": "viewer"})
    assert answer.context["newcomer"].password is None
    assert role_of(eve, workspace) == Role.VIEWER
    assert Client().login(username="eve", password="correct horse")


@pytest.mark.parametrize(
    ("username", "why"),
    [("bob", "is a member already"), ("no spaces", "valid username"), ("", "required")],
)
def test_what_cannot_be_added_is_kept_and_explained(page, as_alice, bob, username, why):
    answer = as_alice.post(page, {"username": username, "role": "owner"})
    assert answer.status_code == 422
    assert why in answer.content.decode()
    assert answer.context["form"]["username"].value() == username
    assert answer.context["form"]["role"].value() == "owner"


def test_a_role_changes_at_once(as_alice, as_bob, bob, workspace):
    change(as_alice, workspace, bob, Role.VIEWER)
    assert role_of(bob, workspace) == Role.VIEWER


def test_a_role_nobody_knows_is_a_bad_request(as_alice, bob, workspace):
    assert change(as_alice, workspace, bob, "emperor").status_code == 400
    assert role_of(bob, workspace) == Role.EDITOR


@pytest.mark.parametrize("act", [remove, lambda *who: change(*who, Role.VIEWER)])
def test_the_last_owner_stays(act, as_alice, alice, workspace):
    answer = act(as_alice, workspace, alice)
    assert answer.status_code == 409
    assert "A workspace needs an owner" in answer.content.decode()
    assert role_of(alice, workspace) == Role.OWNER


def test_an_owner_may_go_when_another_stays(as_alice, alice, bob, workspace):
    change(as_alice, workspace, bob, Role.OWNER)
    remove(as_alice, workspace, alice)
    assert [each.user for each in workspace.memberships.all()] == [bob]


@pytest.mark.parametrize("act", [remove, lambda *who: change(*who, Role.OWNER)])
def test_an_editor_manages_nobody(act, as_bob, bob, alice, workspace):
    answer = act(as_bob, workspace, alice)
    assert answer.status_code == 403
    assert "needs the role owner; yours is editor" in answer.content.decode()
    assert role_of(alice, workspace) == Role.OWNER


def test_a_name_full_of_markup_stays_text(page, as_alice, workspace):
    villain = factories.make_user("villain", first_name="<script>alert(1)</script>")
    accounts.join(workspace, villain, Role.VIEWER)
    html = as_alice.get(page).content.decode()
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert" in html


def test_the_list_costs_the_same_for_many_members(page, as_alice, workspace, queries_of):
    few = queries_of(as_alice, page)
    for number in range(10):
        accounts.join(workspace, factories.make_user(f"extra{number}"), Role.VIEWER)
    assert queries_of(as_alice, page) == few


def test_whoever_removes_somebody_hears_of_the_keys_that_stay(as_alice, alice, bob, workspace):
    accounts.issue_key(workspace, "Bob's", Role.OWNER, by=bob)
    revoked, _ = accounts.issue_key(workspace, "Bob's old one", Role.OWNER, by=bob)
    accounts.revoke_key(revoked)
    page = as_alice.get(remove(as_alice, workspace, bob)["Location"]).content.decode()
    assert "keys that they made still work: 1." in page


@pytest.mark.django_db(transaction=True)
def test_somebody_invited_twice_at_once_is_one_member(page, alice, workspace):
    def invite() -> int:
        client = Client()
        client.force_login(alice)
        return client.post(page, {"username": "carol", "role": Role.EDITOR}).status_code

    assert sorted(together(invite, invite, invite)) == [200, 422, 422]
    assert workspace.memberships.filter(user__username="carol").count() == 1
