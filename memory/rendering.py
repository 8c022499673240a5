"""Markdown to HTML that is safe to show, whoever wrote it: agents write memories, and paste the web.

What comes out asks no other host for anything, runs nothing, and took a bounded time to make. A text
too large or too tangled for that is shown as it is, with a note that says so.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import nh3
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from memory import markup

MAX_LETTERS = 128_000
TOO_LONG = "Shown as plain text: it is too long to be rendered."
TOO_TANGLED = "Shown as plain text: its Markdown is too tangled to be rendered."

HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}
BLOCKS = {"blockquote", "hr", "li", "ol", "p", "pre", "ul"}
TABLES = {"table", "tbody", "td", "th", "thead", "tr"}
WORDS = {"a", "br", "code", "del", "em", "input", "strong"}
ATTRIBUTES = {
    "a": {"href", "title", "class"},
    "code": {"class"},
    "ol": {"start"},
    "td": {"align"},
    "th": {"align"},
    "input": {"type", "checked", "disabled"},  # only ours: raw HTML never gets this far
}
CLASS = re.compile(r"image|language-[\w#.+-]{1,40}")
ELSEWHERE = re.compile(r"\s*[/\\]\s*[/\\]")  # what a browser takes for //another.host

# Letters that turn the text around them or hide in it; tabs and line ends are what they seem.
TURNING = {code: f"⟨U+{code:04X}⟩" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}
HIDDEN = TURNING | {
    code: f"⟨U+{code:04X}⟩"
    for code in (*range(9), *range(11, 32), *range(127, 160), 0xAD, 0x200B, 0x200E, 0x200F, 0x2028)
    + (0x2029, 0x2060, 0xFEFF)
}

FRONT_MATTER = re.compile(r"---[ \t]*\n(.{0,4000}?)\n---[ \t]*(?:\n|\Z)", re.DOTALL)
FIELD = re.compile(r"([A-Za-z][\w .-]{0,60}):(?:[ \t]+(.*))?")

Link = Callable[[str], str | None]
"""Turns the relative address of a link into one that leads somewhere; None takes the link away."""


@dataclass(frozen=True)
class Rendering:
    """`html` to show, and a `note` when it is not what one would expect."""

    html: SafeString
    note: str = ""


def render(markdown: str, *, link: Link | None = None) -> Rendering:
    """Render a text. Absolute links leave the house only over http, https and mailto."""
    if len(markdown) > MAX_LETTERS:
        return Rendering(_plain(markdown), TOO_LONG)
    fields, text = front_matter(markdown.replace("\r\n", "\n"))
    try:
        html = _converted(text.translate(TURNING))
    except markup.TooTangled:
        return Rendering(_plain(markdown), TOO_TANGLED)
    return Rendering(_fields(fields) + _clean(html, link or _as_it_is))


def reveal(text: str) -> str:
    """Show the letters that hide, for those who want to see the text as it is stored."""
    return text.translate(HIDDEN)


def front_matter(text: str) -> tuple[list[tuple[str, str]], str]:
    """Split `key: value` lines between `---` from the top of a text."""
    found = FRONT_MATTER.match(text)
    fields = _pairs(found[1]) if found else None
    return (fields, text[found.end() :]) if fields else ([], text)


def _pairs(lines: str) -> list[tuple[str, str]] | None:
    pairs = []
    for line in lines.splitlines():
        if field := FIELD.fullmatch(line):
            pairs.append((field[1], _unquoted(field[2] or "")))
        elif pairs and line.startswith((" ", "\t", "-")):
            key, value = pairs[-1]
            pairs[-1] = (key, ", ".join(filter(None, [value, _unquoted(line.strip(" \t-"))])))
        elif line.strip() and not line.startswith("#"):
            return None
    return pairs


def _unquoted(value: str) -> str:
    value = value.strip()
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1] if quoted else value


def _fields(fields: list[tuple[str, str]]) -> SafeString:
    if not fields:
        return SafeString("")
    pairs = format_html_join(
        "", "<dt>{}</dt><dd>{}</dd>", ((reveal(k), reveal(v)) for k, v in fields)
    )
    return format_html('<dl class="facts front-matter">{}</dl>', pairs)


def _plain(text: str) -> SafeString:
    return format_html('<pre class="code wrap">{}</pre>', reveal(text))


def _converted(text: str) -> str:
    # Many short messages are shown at once, long documents one by one.
    return _short(text) if len(text) <= 8_000 else _long(text)


_short = lru_cache(maxsize=2048)(markup.convert)
_long = lru_cache(maxsize=32)(markup.convert)


def _clean(html: str, link: Link) -> SafeString:
    cleaned = nh3.clean(
        html,
        tags=HEADINGS | BLOCKS | TABLES | WORDS,
        attributes=ATTRIBUTES,
        attribute_filter=_attribute,
        url_schemes={"http", "https", "mailto"},
        url_relative=lambda url: None if ELSEWHERE.match(url) else link(url),
        link_rel="noopener noreferrer nofollow",
    )
    return mark_safe(cleaned)  # noqa: S308 - this is the line that makes it safe


def _attribute(tag: str, name: str, value: str) -> str | None:
    if name == "class" and not CLASS.fullmatch(value):
        return None
    return value


def _as_it_is(url: str) -> str:
    return url
