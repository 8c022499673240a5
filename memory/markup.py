"""Markdown to HTML, within a budget. The HTML is not safe yet: `rendering` cleans it.

The library is strict where people and agents are not: it wants four spaces for a nested list and an
empty line before a list or a fence. `Tidy` brings the text into that form first, line by line.
"""

import re
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from html import unescape
from urllib.parse import quote, unquote
from xml.etree import ElementTree

from django.utils.html import escape
from markdown import Markdown
from markdown.blockprocessors import BlockProcessor
from markdown.extensions.tables import TableExtension
from markdown.inlinepatterns import BacktickInlineProcessor, InlineProcessor
from markdown.preprocessors import Preprocessor
from markdown.treeprocessors import Treeprocessor
from markdown.util import AtomicString

from memory import footnotes, highlight

DEPTH = 12  # lists and quotes nested deeper than this are shown at this depth
FENCE = re.compile(r"( *)(`{3,}|~{3,}) *([\w#.+-]*)[^`]*$")
QUOTE = re.compile(r" {0,3}> ?")
QUOTES = re.compile(rf"((?: {{0,3}}>){{{DEPTH}}})(?: {{0,3}}>)+")
ITEM = re.compile(r"( *)([-*+]|\d{1,9}[.)])(?: +(.*)|$)")
TABLE = re.compile(r" {0,3}(?=.*-)(?=.*\|)[ |:-]+$")
RULE = re.compile(r" {0,3}([-*_])(?: *\1){2,} *$")
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

# What a step costs, in units of about a microsecond; a dense document of 100 kB costs some 100,000.
# The library is quadratic on some texts; a clock would judge them otherwise on a busy day.
BUDGET = 170_000
A_LINE, A_FENCE, A_BLOCK, A_NODE, A_MATCH, A_MISS = 1, 25, 20, 14, 22, 2.5
A_LETTER_OF_BLOCK, A_LETTER_SCANNED, A_LETTER_COPIED = 0.05, 0.15, 0.00005

TOKENS = 4_000  # of source code to be coloured in one text; the rest of its code is left plain


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


class TooTangled(Exception):
    """The text would take longer to convert than a reader should wait."""


class Budget:
    def __init__(self) -> None:
        self.refill()

    def refill(self) -> None:
        self.left, self.tokens = BUDGET, TOKENS

    def spend(self, units: float) -> None:
        self.left -= units
        if self.left < 0:
            raise TooTangled


class Tidy(Preprocessor):
    """Re-indents lists, sets fenced code aside, and puts empty lines where the library wants them.

    `open` holds the open list items, outermost first: the columns of their marker and their text,
    and whether they are numbered.
    """

    def __init__(self, md: Markdown, budget: Budget) -> None:
        super().__init__(md)
        self.budget = budget

    def run(self, lines: list[str]) -> list[str]:
        self.budget.spend(A_LINE * len(lines))
        self.open: list[tuple[int, int, bool]] = []
        self.done: list[str] = []
        self.parted = False  # whether an empty line stood since the last list item
        rest = deque(lines)
        while rest:
            self._line(rest.popleft(), rest)
        return self.done

    def _line(self, line: str, rest: deque[str]) -> None:
        if not line.strip():
            self.done.append("")
            self.parted = True
        elif QUOTE.match(line):
            self._quote(line, rest)
        elif fence := FENCE.match(line):
            self._fence(fence, rest)
        elif (item := ITEM.match(line)) and not RULE.match(line):
            self._item(line, item)
        else:
            self._text(line)

    def _quote(self, line: str, rest: deque[str]) -> None:
        column = len(line) - len(line.lstrip(" "))
        self._close(column)
        lines = [line]
        while rest and QUOTE.match(rest[0]):
            lines.append(rest.popleft())
        inner = [QUOTE.sub("", QUOTES.sub(r"\1", each), count=1) for each in lines]
        quoted = Tidy(self.md, self.budget).run(inner)
        self.done += [f"{self._indent()}> {each}" for each in quoted]

    def _fence(self, fence: re.Match, rest: deque[str]) -> None:
        self.budget.spend(A_FENCE)
        column, mark = len(fence[1]), fence[2]
        end = re.compile(rf" *{mark[0]}{{{len(mark)},}} *$")
        code = []
        while rest and not end.match(line := rest.popleft()):
            code.append(line[min(column, len(line) - len(line.lstrip(" "))) :])
        self._close(column)
        language = f' class="language-{escape(fence[3])}"' if fence[3] else ""
        text = self._coloured("\n".join(code).rstrip("\n") + "\n", fence[3])
        block = self.md.htmlStash.store(f"<pre><code{language}>{text}</code></pre>")
        self.done += ["", self._indent() + block, "", ""]

    def _coloured(self, code: str, language: str) -> str:
        html, tokens = highlight.html(code, language, self.budget.tokens)
        self.budget.tokens -= tokens
        return html

    def _item(self, line: str, item: re.Match) -> None:
        column, mark = len(item[1]), item[2]
        sibling = self._close(column)
        begins = not self.open and not sibling
        in_text = bool(self.done and self.done[-1])
        if begins and (column > 3 or (in_text and mark[:-1] not in {"", "1"})):
            self._text(line)
            return
        numbered = len(mark) > 1
        if in_text and (begins or self.parted or (sibling and sibling[2] != numbered)):
            self.done.append("")
        start = item.start(3) if item[3] else column + len(mark) + 1
        self.open = [*self.open[: DEPTH - 1], (column, start, numbered)]
        self.parted = False
        self.done.append(f"{self._indent(-1)}{mark.replace(')', '.')} {item[3] or ''}")

    def _text(self, line: str) -> None:
        column = len(line) - len(line.lstrip(" "))
        if self.done and not self.done[-1]:
            self._close(column)
        if TABLE.match(line) and self.done and "|" in self.done[-1]:
            self.done.insert(-1, "")
        if footnotes.NOTE.match(line) and self.done and self.done[-1]:
            self.done.append("")
        if self.open:
            line = self._indent() + line[min(column, self.open[-1][1]) :]
        self.done.append(line)

    def _close(self, column: int) -> tuple[int, int, bool] | None:
        """Close the items whose text cannot begin at `column` (two columns in are enough).

        Returns the outermost one closed.
        """
        closed = None
        while self.open and column < min(self.open[-1][0] + 2, self.open[-1][1]):
            closed = self.open.pop()
        return closed

    def _indent(self, extra: int = 0) -> str:
        return "    " * (len(self.open) + extra)


class Meter(BlockProcessor):
    """First in line for every block: it counts, and takes none."""

    def __init__(self, md: Markdown, budget: Budget) -> None:
        super().__init__(md.parser)
        self.budget = budget

    def test(self, parent: ElementTree.Element, block: str) -> bool:
        self.budget.spend(A_BLOCK + A_LETTER_OF_BLOCK * len(block))
        return False


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


def metered(method: Callable, cost: Callable, budget: Budget) -> Callable:
    """Let the method of an inline pattern do its work, and charge for what it had to read."""

    def call(*arguments):
        result = method(*arguments)
        budget.spend(cost(result, *arguments))
        return result

    return call


def of_match(result: tuple, found: re.Match, data: str) -> float:
    return A_MISS if result[0] is None else A_MATCH + A_LETTER_COPIED * len(data)


def of_brackets(result: tuple, data: str, index: int) -> float:
    return A_LETTER_SCANNED * (result[-2] - index)


def of_search(result: re.Match | None, data: str, start: int) -> float:
    return A_MISS * 2 + A_LETTER_SCANNED * ((result.start() if result else len(data)) - start)


METERED = {
    "handleMatch": of_match,
    "getText": of_brackets,
    "getLink": of_brackets,
    "search": of_search,
}


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
        for pattern in md.inlinePatterns:
            self._meter(pattern)

    def _meter(self, pattern: InlineProcessor) -> None:
        for name, cost in METERED.items():
            if method := getattr(pattern, name, None):
                setattr(pattern, name, metered(method, cost, self.budget))

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
