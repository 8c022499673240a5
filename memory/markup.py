"""Markdown to HTML, within a `budget`. The HTML is not safe yet: `rendering` cleans it."""

import re
import threading
from dataclasses import dataclass
from html import unescape
from urllib.parse import quote, unquote
from xml.etree import ElementTree

from markdown import Markdown
from markdown.extensions.tables import TableExtension
from markdown.inlinepatterns import BacktickInlineProcessor, InlineProcessor
from markdown.treeprocessors import Treeprocessor
from markdown.util import AtomicString

from memory import footnotes
from memory.budget import A_NODE, Budget, Meter, TooTangled, charge
from memory.tidy import Tidy

TICKS = re.compile(r"`+")
TASK = re.compile(r"\[([ xX])\]\s+")
INSIDE = re.compile("\x02(?:(\\d+)|wzxhzdk:(\\d+))\x03")
HEADING = re.compile(r"h[1-6]")
ANCHOR = "s-"  # before the anchors of headings, so that none takes a name that the page uses
WIKI = "?wiki="  # an address that names a file as [[a wiki]] does
WIKI_LINK = r"\[\[([^\[\]|\n]{1,200})(?:\|([^\[\]\n]{1,200}))?\]\]"
# The library's own patterns for these two look behind themselves first, at every letter of a text;
# one that begins with what it looks for skips all others: for plain words that is 20 times faster.
OPENING = re.compile(r"\[(?<!!\[)")
CODE = r"[\\`](?:(?<=`)(?<!\\`)|(?<=\\)(?<!\\\\)(\\(?:\\{2})*)(?=`))"
BARE_URL = r"http(?<![\w/@.]http)s?://[^\s<>\"'`()\[\]\x02\x03]*[\w/#=&%+~-]"


@dataclass(frozen=True)
class Heading:
    """A heading of a text: its rank (1 to 6), the anchor that leads to it, and its words."""

    level: int
    anchor: str
    title: str


@dataclass(frozen=True)
class Converted:
    html: str
    headings: tuple[Heading, ...] = ()


class Tasks(Treeprocessor):
    """Turns `[ ]` and `[x]` at the beginning of list items into boxes."""

    def __init__(self, md: Markdown, budget: Budget) -> None:
        super().__init__(md)
        self.budget = budget

    def run(self, root: ElementTree.Element) -> None:
        for node in root.iter():
            self.budget.spend(A_NODE)
            if node.tag == "li":
                self._tick(node if (node.text or "").strip() else next(iter(node), node))

    def _tick(self, node: ElementTree.Element) -> None:
        task = TASK.match(node.text or "")
        if task is None or node.tag not in {"li", "p"}:
            return
        box = ElementTree.Element("input", type="checkbox", disabled="")
        if task[1] != " ":
            box.set("checked", "")
        box.tail = node.text[task.end() :]
        node.text = ""
        node.insert(0, box)


class Images(Treeprocessor):
    """An image would be a request to another host: a link with its description stands for it."""

    def run(self, root: ElementTree.Element) -> None:
        for image in list(root.iter("img")):
            source = image.get("src", "")
            image.tag, image.text = "a", AtomicString(image.get("alt") or source)
            image.attrib = {"href": source, "class": "image"}


class Headings(Treeprocessor):
    """Gives every heading an anchor, and keeps the list of them."""

    def run(self, root: ElementTree.Element) -> None:
        self.found: list[Heading] = []
        taken: dict[str, int] = {}
        for node in root.iter():
            if HEADING.fullmatch(node.tag):
                self._name(node, taken)

    def _name(self, node: ElementTree.Element, taken: dict[str, int]) -> None:
        title = INSIDE.sub(self._meant, "".join(node.itertext())).strip()
        name = slug(title) or "section"
        number = taken[name] = taken.get(name, -1) + 1
        anchor = ANCHOR + (f"{name}-{number}" if number else name)
        node.set("id", anchor)
        self.found.append(Heading(int(node.tag[1]), anchor, title))

    def _meant(self, found: re.Match) -> str:
        """What stood where the library set a letter or an entity aside."""
        letter, number = found[1], found[2]
        return (
            chr(int(letter)) if letter else unescape(self.md.htmlStash.rawHtmlBlocks[int(number)])
        )


def slug(title: str) -> str:
    """The name of a heading in addresses, as code hosts make it: `Talk (2026)` is `talk-2026`."""
    return re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", title.strip().lower()))[:80]


def anchor(fragment: str) -> str:
    """The anchor that a fragment of an address means, as people write it: `#talk-2026`."""
    return ANCHOR + slug(unquote(fragment))


class WikiLink(InlineProcessor):
    """`[[name]]` or `[[path|words]]`: which file that is only the store can say."""

    ANCESTOR_EXCLUDES = ("a",)

    def handleMatch(self, found, data):
        link = ElementTree.Element("a", href=WIKI + quote(found[1].strip(), safe="/#"))
        link.text = AtomicString((found[2] or found[1]).strip())
        return link, found.start(), found.end()


class BareUrl(InlineProcessor):
    """An address alone is a link too."""

    ANCESTOR_EXCLUDES = ("a",)

    def handleMatch(self, found, data):
        link = ElementTree.Element("a", href=found[0])
        link.text = AtomicString(found[0])
        return link, found.start(), found.end()


class CodeSpans(BacktickInlineProcessor):
    """Looks for the run of ticks that closes a run without trying every letter on the way.

    The group of `CODE` is an escaped run of backslashes before a tick, without the first of them.
    """

    def handleMatch(self, found, data):
        if found[1]:
            return found[0].replace("\\\\", self.ESCAPED_BSLASH), found.start(), found.end()
        return super().handleMatch(found, data)

    def find_code_spans(self, start: int, text: str) -> tuple[int, int | None]:
        opening = TICKS.match(text, start)
        for run in TICKS.finditer(text, opening.end()):
            if len(run[0]) == len(opening[0]):
                return opening.end(), run.start()
        return opening.end(), None


class Converter:
    """The library, set up once for a thread."""

    def __init__(self) -> None:
        self.budget = Budget()
        self.md = md = Markdown(
            extensions=[TableExtension(use_align_attribute=True), "sane_lists"],
            output_format="html",
        )
        # Nobody's HTML is trusted: without these two it comes out as the text it is.
        md.preprocessors.deregister("html_block")
        md.inlinePatterns.deregister("html")
        md.preprocessors.register(Tidy(md, self.budget), "tidy", 25)
        md.parser.blockprocessors.register(Meter(md, self.budget), "meter", 200)
        self.notes = footnotes.Note(md)
        md.parser.blockprocessors.register(self.notes, "footnote", 17)
        md.treeprocessors.register(Tasks(md, self.budget), "tasks", 30)
        md.treeprocessors.register(Images(md), "images", 15)
        self.headings = Headings(md)
        md.treeprocessors.register(self.headings, "headings", 12)
        md.inlinePatterns.register(WikiLink(WIKI_LINK, md), "wiki_link", 175)
        md.inlinePatterns.register(footnotes.Mark(md, self.notes), "footnote", 172)
        md.inlinePatterns.register(BareUrl(BARE_URL, md), "bare_url", 105)
        md.delimiters.add("~", "del", double=True)
        md.inlinePatterns.register(CodeSpans(CODE), "backtick", 190)
        for name in ("link", "reference", "short_reference"):
            md.inlinePatterns[name].compiled_re = OPENING
        charge(md.inlinePatterns, self.budget)

    def convert(self, text: str) -> Converted:
        self.budget.refill()
        self.notes.names.clear()
        self.headings.found = []  # a text of nothing but space has no tree
        html = self.md.reset().convert(text)
        return Converted(html, tuple(self.headings.found))


_thread = threading.local()


def convert(text: str) -> Converted:
    """Turn Markdown into HTML that still has to be cleaned. Raises `TooTangled`."""
    converter = getattr(_thread, "converter", None) or Converter()
    _thread.converter = None  # one that was interrupted is in no state to be used again
    try:
        converted = converter.convert(text)
    except RecursionError:
        raise TooTangled from None
    _thread.converter = converter
    return converted
