"""The sample store: notes of an invented team, to look around in."""

from pathlib import Path

from django.db import transaction

from console.actors import Actor
from console.models import User, Workspace
from memory import stores
from memory.models import Store
from memory.stores import Act

FOLDER = Path(__file__).parent / "sample"
NAME = "Sample: a small team’s notes"
ABOUT = (
    "An example to look around in: how a team works, who is who, what was decided. Keep it, change"
    " it or delete it."
)


@transaction.atomic
def lay_out(workspace: Workspace, by: User) -> Store:
    """Make the sample store. It is ours, so nobody is warned of it as of files that were imported."""
    store = stores.create(workspace, NAME, description=ABOUT)
    act = Act(Actor.user(by))
    for file in sorted(FOLDER.rglob("*.md")):
        stores.add(
            store, f"/{file.relative_to(FOLDER).as_posix()}", file.read_text("utf-8"), act=act
        )
    return store
