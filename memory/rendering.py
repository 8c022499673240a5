"""Markdown to HTML that is safe to show, whoever wrote it: agents write memories, and paste the web.

What comes out asks no other host for anything, runs nothing, and took a bounded time to make. A text
too large or too tangled for that is shown as it is, with a note that says so.
"""

import re
import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from html import unescape

import nh3
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from memory import front_matter, highlight, markup
from memory.markup import Heading

MAX_LETTERS = 128_000
TOO_LONG = "Shown as plain text: it is too long to be rendered."
TOO_TANGLED = "Shown as plain text: its Markdown is too tangled to be rendered."

HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}
BLOCKS = {"blockquote", "hr", "li", "ol", "p", "pre", "ul"}
TABLES = {"table", "tbody", "td", "th", "thead", "tr"}
WORDS = {"a", "br", "code", "del", "em", "input", "span", "strong", "sup"}
ATTRIBUTES = {
    "a": {"href", "title", "class"},
    "code": {"class"},
    "span": {"class"},
    "ol": {"start"},
    "td": {"align"},
    "th": {"align"},
    "input": {"type", "checked", "disabled"},  # only ours: raw HTML never gets this far
}
WITH_ANCHORS = ATTRIBUTES | {heading: {"id"} for heading in HEADINGS}
CLASS = re.compile(rf"image|language-[\w#.+-]{{1,40}}|{'|'.join(highlight.CLASSES)}")
OUTLINE = 4  # headings; fewer are seen at a glance
# Which addresses to look up. Too many or too few harm nobody: `_sanitised` decides what becomes of each.
HREF = re.compile(r' href="([^"#][^"]*)"')
SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:")
ELSEWHERE = re.compile(r"\s*[/\\]\s*[/\\]")  # what a browser takes for //another.host

# Letters that turn the text around them or hide in it; tabs and line ends are what they seem.
TURNING = {code: f"⟨U+{code:04X}⟩" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}
HIDDEN = TURNING | {
    code: f"⟨U+{code:04X}⟩"
    for code in (*range(9), *range(11, 32), *range(127, 160), 0xAD, 0x200B, 0x200E, 0x200F, 0x2028)
    + (0x2029, 0x2060, 0xFEFF)
}

Links = Callable[[Collection[str]], Mapping[str, str]]
"""Leads the relative addresses of a text somewhere; those it leaves out are no links any more.

An address with `MISSING` at its end is shown as one where nothing stands yet.
"""

# Nobody who writes a text can know it, so it stands only where we put it.
MISSING = f"#{secrets.token_hex(16)}"
MARKED = '" class="missing" title="Nothing stands there yet'


@dataclass(frozen=True)
class Rendering:
    """`html` to show, its `headings`, and a `note` when it is not what one would expect."""

    html: SafeString
    note: str = ""
    headings: tuple[Heading, ...] = ()

    @property
    def outline(self) -> tuple[Heading, ...]:
        """The headings, when they are enough to be worth a table of contents."""
        return self.headings if len(self.headings) >= OUTLINE else ()


def render(markdown: str, *, links: Links | None = None, anchors: bool = False) -> Rendering:
    """Render a text. Absolute links leave the house only over http, https and mailto.

    `anchors` lets addresses name its headings: only one text of a page may have them.
    """
    if len(markdown) > MAX_LETTERS:
        return Rendering(_plain(markdown), TOO_LONG)
    fields, text = front_matter.split(markdown.replace("\r\n", "\n"))
    try:
        converted = _converted(text.translate(TURNING))
    except markup.TooTangled:
        return Rendering(_plain(markdown), TOO_TANGLED)
    html = _fields(fields) + _clean(converted.html, links or _as_they_are, anchors)
    return Rendering(html, headings=converted.headings if anchors else ())


def reveal(text: str) -> str:
    """Show the letters that hide, for those who want to see the text as it is stored."""
    return text.translate(HIDDEN)


def _fields(fields: list[tuple[str, str]]) -> SafeString:
    if not fields:
        return SafeString("")
    pairs = format_html_join(
        "", "<dt>{}</dt><dd>{}</dd>", ((reveal(k), reveal(v)) for k, v in fields)
    )
    return format_html('<dl class="facts front-matter">{}</dl>', pairs)


def _plain(text: str) -> SafeString:
    return format_html('<pre class="code wrap">{}</pre>', reveal(text))


def _converted(text: str) -> markup.Converted:
    # Many short messages are shown at once, long documents one by one. Kept in the process, by the
    # hash of the text: it never goes stale, and asking another process would cost as much as many
    # of these texts. Where links lead depends on the store, so they come later.
    return _short(text) if len(text) <= 8_000 else _long(text)


_short = lru_cache(maxsize=2048)(markup.convert)
_long = lru_cache(maxsize=32)(markup.convert)


def _clean(html: str, links: Links, anchors: bool) -> SafeString:
    asked = {unescape(href) for href in HREF.findall(html)}
    asked = {url for url in asked if not (SCHEME.match(url) or ELSEWHERE.match(url))}
    led = links(asked) if asked else {}
    cleaned = _sanitised(html, led.get, anchors).replace(f'{MISSING}"', f'{MARKED}"')
    return mark_safe(cleaned)  # noqa: S308 - `_sanitised` makes it safe


def _sanitised(html: str, link: Callable[[str], str | None], anchors: bool) -> str:
    def relative(url: str) -> str | None:
        if url.startswith("#"):
            return f"#{markup.anchor(url[1:])}" if anchors else None
        return None if ELSEWHERE.match(url) else link(url)

    return nh3.clean(
        html,
        tags=HEADINGS | BLOCKS | TABLES | WORDS,
        attributes=ATTRIBUTES if not anchors else WITH_ANCHORS,
        attribute_filter=_attribute,
        url_schemes={"http", "https", "mailto"},
        url_relative=relative,
        link_rel="noopener noreferrer nofollow",
    )


def _attribute(tag: str, name: str, value: str) -> str | None:
    if name == "class" and not CLASS.fullmatch(value):
        return None
    return value


def _as_they_are(urls: Collection[str]) -> dict[str, str]:
    return {url: url for url in urls if not url.startswith(markup.WIKI)}
