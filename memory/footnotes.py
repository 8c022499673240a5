"""Footnotes as people write them: `[^1]` in a text, and `[^1]: its words` on a line of their own.

The library would take that line for the address of a link, and show its words nowhere. They are shown
where they stand, after their mark.
"""

import re
from xml.etree import ElementTree

from markdown import Markdown
from markdown.blockprocessors import BlockProcessor
from markdown.inlinepatterns import InlineProcessor
from markdown.util import AtomicString

NAME = r"\[\^([^\[\]\s]{1,40})\]"
NOTE = re.compile(rf" {{0,3}}{NAME}:[ \t]+(?=\S)")


class Note(BlockProcessor):
    """The words of a footnote, a paragraph that begins with its mark. Collects the `names`."""

    def __init__(self, md: Markdown) -> None:
        super().__init__(md.parser)
        self.names: set[str] = set()

    def test(self, parent: ElementTree.Element, block: str) -> bool:
        return bool(NOTE.match(block))

    def run(self, parent: ElementTree.Element, blocks: list[str]) -> None:
        block = blocks.pop(0)
        found = NOTE.match(block)
        self.names.add(found[1])
        note = ElementTree.SubElement(parent, "p")
        mark = ElementTree.SubElement(note, "sup")
        mark.text = AtomicString(found[1])
        mark.tail = f" {block[found.end() :]}"


class Mark(InlineProcessor):
    """`[^1]` in a text is raised where a note has that name; else it may be anything, say `[^a-z]`."""

    def __init__(self, md: Markdown, notes: Note) -> None:
        super().__init__(NAME, md)
        self.notes = notes

    def handleMatch(self, found, data):
        if found[1] not in self.notes.names:
            return None, None, None
        mark = ElementTree.Element("sup")
        mark.text = AtomicString(found[1])
        return mark, found.start(), found.end()
