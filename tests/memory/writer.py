"""A process of its own that adds lines to a memory: `python -m tests.memory.writer <id> <name> <n>`.

It reads, adds a line and writes back, expecting what it read; refused, it reads again. Every line
is of its own: a writer who asks for what stands there already is told yes (wire contract §6), so
two who count up alike would both take the same step for theirs.
"""

import sys

import django

django.setup()

from console.actors import Actor  # noqa: E402
from memory import stores  # noqa: E402
from memory.models import Memory  # noqa: E402


def add_lines(memory_id: str, name: str, number: int) -> None:
    """Add so many lines, `<name> 0` first."""
    for line in range(number):
        while not _add_line(memory_id, f"{name} {line}\n"):
            pass


def _add_line(memory_id: str, line: str) -> bool:
    memory = Memory.objects.with_text().select_related("store").get(pk=memory_id)
    expected = stores.sha256(memory.content)
    act = stores.Act(Actor("user_writer", "Writer"))
    try:
        stores.update(memory, content=memory.content + line, expected=expected, act=act)
    except stores.Conflict:
        return False
    return True


if __name__ == "__main__":
    add_lines(sys.argv[1], sys.argv[2], int(sys.argv[3]))
