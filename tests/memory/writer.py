"""A process of its own that adds lines to a memory: `python -m tests.memory.writer <id> <name> <n>`.

It reads, adds a line and writes back, expecting what it read; refused, it reads again. Every line
is of its own: a writer who asks for what stands there already is told yes (wire contract §6), so
two who count up alike would both take the same step for theirs.

Programs and agents add a line in the same way, each by what they have: one try, which says whether
it was accepted. Any answer but yes and "somebody was faster" is an error.
"""

import sys

import django

django.setup()

from console.actors import Actor  # noqa: E402
from memory import stores  # noqa: E402
from memory.models import Memory  # noqa: E402

FIRST = "The diary\n"
"""What a text begins with that agents are to edit."""


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


def add_line_by_api(api, store_id: str, memory_id: str, line: str) -> bool:
    """One try of a program; `api` is a `tests.factories.Api`."""
    where = f"/v1/memory_stores/{store_id}/memories/{memory_id}"
    seen = api.get(where).json()
    precondition = {"type": "content_sha256", "content_sha256": seen["content_sha256"]}
    change = {"content": seen["content"] + line, "precondition": precondition}
    answer = api.post(where, change)
    assert answer.status_code in {200, 409}, answer.content
    return answer.status_code == 200


def add_line_by_write(use, path: str, line: str) -> bool:
    """One try of an agent that reads a file and writes it anew; `use` calls its tools."""
    seen = use("read", file_path=path)
    return _was_accepted(use("write", file_path=path, content=seen.text + line))


def add_line_by_edit(use, path: str, line: str) -> bool:
    """One try of an agent that puts a line before the first, which nobody else touches."""
    edit = {"old_string": FIRST, "new_string": line + FIRST}
    return _was_accepted(use("edit", file_path=path, **edit))


def _was_accepted(result) -> bool:
    assert not result.is_error or "Nothing was written" in result.text, result.text
    return not result.is_error


if __name__ == "__main__":
    add_lines(sys.argv[1], sys.argv[2], int(sys.argv[3]))
