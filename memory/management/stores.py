"""What the commands have in common: finding the store that is meant."""

from django.core.management.base import CommandError

from console.models import Workspace
from memory.models import Store


def find_store(workspace: Workspace, named: str) -> Store:
    """The store of this id, or the only one of this name. Raises `CommandError`."""
    stores = workspace.stores.select_related("workspace")
    found = list(stores.filter(pk=named) or stores.filter(name=named))
    if not found:
        raise CommandError(f"There is no store {named!r} in the workspace {workspace.slug}.")
    if len(found) > 1:
        ids = ", ".join(store.pk for store in found)
        raise CommandError(f"Several stores are called {named!r}. Say which by its id: {ids}.")
    return found[0]
