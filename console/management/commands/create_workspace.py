"""`manage.py create_workspace NAME --owner USERNAME`: another island on the same server."""

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from console import accounts, preparation
from console.models import User, Workspace


class Command(BaseCommand):
    help = (
        "Make a workspace with an owner, who gets an account and a password if there is none yet."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="what people call it")
        parser.add_argument("--owner", metavar="USERNAME", required=True)

    def handle(self, *, name: str, owner: str, **options) -> None:
        if not 1 <= len(name) <= Workspace._meta.get_field("name").max_length:
            raise CommandError("The name must have 1 to 100 characters.")
        try:
            workspace, user, password = _create(name, owner)
        except accounts.BadName as error:
            raise CommandError(f"--owner: {error}") from None
        self.stdout.write(f"{workspace} is at /w/{workspace.slug}/; {user} owns it.")
        if password:
            self.stdout.write(f"The password of {user} is {password}. It is shown only now.")


@transaction.atomic
def _create(name: str, owner: str) -> tuple[Workspace, User, str | None]:
    user, password = accounts.account_of(owner)
    workspace = accounts.create_workspace(name, owner=user)
    preparation.furnish(workspace)
    return workspace, user, password
