"""`manage.py issue_key NAME`: make an API key and print it, alone, so that a script can take it."""

from django.core.management.base import BaseCommand, CommandError, CommandParser

from console import accounts
from console.models import Role, Workspace


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


def find_workspace(slug: str | None) -> Workspace:
    slugs = list(Workspace.objects.values_list("slug", flat=True))
    if not slugs:
        raise CommandError("There is no workspace yet; start the console once with `make run`.")
    if slug is None and len(slugs) > 1:
        raise CommandError(f"Which workspace? Say --workspace with one of: {', '.join(slugs)}.")
    if slug is not None and slug not in slugs:
        raise CommandError(f"There is no workspace {slug!r}; there is: {', '.join(slugs)}.")
    return Workspace.objects.get(slug=slug or slugs[0])
