"""Verbs on people, workspaces and keys."""

import secrets
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify

from console import ids
from console.models import ApiKey, Membership, Role, User, Workspace


@dataclass(frozen=True)
class FirstSignIn:
    """What the very first start prints: the only time this password can be read."""

    owner: User
    password: str
    workspace: Workspace


@transaction.atomic
def first_start() -> FirstSignIn | None:
    """Make the owner and a workspace, once; None when somebody is here already."""
    if User.objects.exists():
        return None
    owner, password = create_user("owner")
    workspace = create_workspace("My workspace", owner=owner)
    return FirstSignIn(owner, password, workspace)


class BadName(ValueError):
    """No username; the message says what one may hold."""


def create_user(username: str) -> tuple[User, str]:
    """Make an account; the password is returned here and can never be read again. Raises `BadName`."""
    user, password = User(username=User.normalize_username(username)), new_password()
    try:
        user.clean_fields(exclude=["password"])
    except ValidationError as error:
        raise BadName(" ".join(error.messages)) from None
    user.set_password(password)
    user.save()
    return user, password


def account_of(username: str) -> tuple[User, str | None]:
    """The person of this username, in any case, or a new account with its password. Raises `BadName`."""
    user = User.objects.filter(username__iexact=username).first()
    return (user, None) if user else create_user(username)


def new_password() -> str:
    """A password to read out once: 16 letters and digits that nobody confuses, 93 random bits."""
    return "".join(secrets.choice(ids.ALPHABET) for _ in range(16))


@transaction.atomic
def create_workspace(name: str, *, owner: User) -> Workspace:
    """Make a workspace; its slug is free and readable."""
    base = slugify(name)[:50] or "workspace"
    slug, number = base, 2
    while Workspace.objects.filter(slug=slug).exists():
        slug, number = f"{base}-{number}", number + 1
    workspace = Workspace.objects.create(name=name, slug=slug)
    join(workspace, owner, Role.OWNER)
    return workspace


def hold(workspace_id: str) -> Workspace:
    """Lock the workspace until the transaction ends: of what it has but one, two would be made at once."""
    return Workspace.objects.select_for_update(no_key=True).get(pk=workspace_id)


def join(workspace: Workspace, user: User, role: str) -> Membership:
    """Give the person this role in the workspace, whatever it was before."""
    membership, _ = Membership.objects.update_or_create(
        workspace=workspace, user=user, defaults={"role": Role(role)}
    )
    return membership


class AlreadyMember(Exception):
    """The person is in the workspace; their role can be changed."""


@dataclass(frozen=True)
class Newcomer:
    """A member just added; `password` is there when an account was made, to be read once."""

    membership: Membership
    password: str | None


@transaction.atomic
def invite(workspace: Workspace, username: str, role: str) -> Newcomer:
    """Add the person of this username, with a new account if there is none. Raises `AlreadyMember`."""
    hold(workspace.pk)
    user, password = account_of(username)
    if workspace.memberships.filter(user=user).exists():
        raise AlreadyMember(f"{user.username} is a member already. Change the role in the list.")
    return Newcomer(join(workspace, user, role), password)


class LastOwner(Exception):
    """A workspace without an owner could never be managed again."""


@transaction.atomic
def leave(membership: Membership) -> None:
    """Take the person out of the workspace. Raises `LastOwner`."""
    _keep_an_owner(membership)
    membership.delete()


@transaction.atomic
def change_role(membership: Membership, role: str) -> None:
    """Raises `LastOwner`."""
    if role != Role.OWNER:
        _keep_an_owner(membership)
    membership.role = Role(role)
    membership.save(update_fields=["role"])


def _keep_an_owner(membership: Membership) -> None:
    hold(membership.workspace_id)
    owners = membership.workspace.memberships.filter(role=Role.OWNER)
    if not owners.exclude(pk=membership.pk).exists():
        raise LastOwner("A workspace needs an owner. Make someone else owner first.")


def issue_key(
    workspace: Workspace, name: str, role: str, *, by: User | None = None
) -> tuple[ApiKey, str]:
    """Make an API key; the secret is returned here and can never be read again."""
    secret = f"rvr_{secrets.token_urlsafe(32)}"
    key = ApiKey.objects.create(
        workspace=workspace,
        name=name,
        role=Role(role),
        digest=ApiKey.digest_of(secret),
        hint=secret[-4:],
        created_by=by,
    )
    return key, secret


def revoke_key(key: ApiKey) -> None:
    """Stop the key for good; doing it twice changes nothing."""
    ApiKey.objects.live().filter(pk=key.pk).update(revoked_at=timezone.now())
