"""Brings Markdown into the form that the library wants, line by line.

The library is strict where people and agents are not: it wants four spaces for a nested list and an
empty line before a list or a fence.
"""

import re
from collections import deque

from django.utils.html import escape
from markdown import Markdown
from markdown.preprocessors import Preprocessor

from memory import footnotes, highlight
from memory.budget import A_FENCE, A_LINE, Budget

DEPTH = 12  # lists and quotes nested deeper than this are shown at this depth
FENCE = re.compile(r"( *+)(`{3,}+|~{3,}+) *+([\w#.+-]*+)[^`]*+$")
QUOTE = re.compile(r" {0,3}> ?")
QUOTES = re.compile(rf"((?: {{0,3}}>){{{DEPTH}}})(?: {{0,3}}>)+")
ITEM = re.compile(r"( *)([-*+]|\d{1,9}[.)])(?: +(.*)|$)")
TABLE = re.compile(r" {0,3}(?=.*-)(?=.*\|)[ |:-]+$")
RULE = re.compile(r" {0,3}([-*_])(?: *\1){2,} *$")


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
