"""What the commands have in common: finding the workspace that is meant."""

from django.core.management.base import CommandError

from console.models import Workspace


def find_workspace(slug: str | None) -> Workspace:
    """The workspace of this slug, or the only one there is. Raises `CommandError`."""
    slugs = list(Workspace.objects.values_list("slug", flat=True))
    if not slugs:
        raise CommandError("There is no workspace yet; start the console once with `make run`.")
    if slug is None and len(slugs) > 1:
        raise CommandError(f"Which workspace? Say --workspace with one of: {', '.join(slugs)}.")
    if slug is not None and slug not in slugs:
        raise CommandError(f"There is no workspace {slug!r}; there is: {', '.join(slugs)}.")
    return Workspace.objects.get(slug=slug or slugs[0])
