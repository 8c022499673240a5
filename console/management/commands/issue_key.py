"""`manage.py issue_key NAME`: make an API key and print it, alone, so that a script can take it."""

from django.core.management.base import BaseCommand, CommandError, CommandParser

from console import accounts
from console.management.workspaces import find_workspace
from console.models import Role


class Command(BaseCommand):
    help = "Make an API key and print its secret; it cannot be read again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="which program will use it")
        parser.add_argument("--role", choices=Role.values, default=Role.EDITOR)
        parser.add_argument("--workspace", metavar="SLUG", help="needed when there are several")

    def handle(self, *, name: str, role: str, workspace: str | None, **options) -> None:
        if not 1 <= len(name) <= 100:
            raise CommandError("The name must have 1 to 100 characters.")
        _, secret = accounts.issue_key(find_workspace(workspace), name, role)
        self.stdout.write(secret)
