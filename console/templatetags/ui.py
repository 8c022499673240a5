"""Template tags and filters that every page may use: icons, badges, fields, plain-word numbers."""

import unicodedata
from datetime import datetime, timedelta
from functools import lru_cache

from django import forms, template
from django.forms.boundfield import BoundField
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()

MINUTE, HOUR, DAY = 60, 3600, 86400
STEPS = (("d", DAY), ("h", HOUR), ("min", MINUTE))

# A word for a state means the same on every page; its tone does too. True: something moves.
STATES = {
    "neutral": "idle queued pending archived rescheduled kept moved skipped cancelled canceled terminated revoked",
    "accent": "draft reviewing review awaiting_review reworded merged edited",
    "info": "running reading verifying started processing streaming consolidating",
    "ok": "active completed approved adopted accepted done ok verified passed",
    "warn": "paused waiting warn superseded partial stale requires_action conflict undone",
    "danger": "failed error lost rejected dropped danger blocked unsourced",
}
TONES = {state: tone for tone, states in STATES.items() for state in states.split()}
LIVE = frozenset(STATES["info"].split())
TONE_ICONS = {
    "info": "info",
    "ok": "circle-check",
    "warn": "triangle-alert",
    "danger": "octagon-alert",
}
MESSAGE_TONES = {"success": "ok", "warning": "warn", "error": "danger", "debug": "info"}


@register.simple_tag
@lru_cache(1000, typed=True)  # typed: what is marked safe equals the same text that is not
def icon(name: str, size: str = "", label: str = "", **attributes: str) -> SafeString:
    """Draw an icon of the sprite; with `label` it speaks, without it is decoration."""
    classes = " ".join(filter(None, ["icon", size, attributes.get("class", "")]))
    voice = format_html('role="img" aria-label="{}"', label) if label else 'aria-hidden="true"'
    return format_html(
        '<svg class="{}" {}><use href="{}#{}"></use></svg>',
        classes,
        SafeString(voice),
        static("vendor/icons.svg"),
        name,
    )


@register.simple_tag
def badge(state: str, text: str = "") -> SafeString:
    """Show a state as a pill; the word is always there, colour only helps."""
    tone = TONES.get(str(state), "neutral")
    live = " is-live" if state in LIVE else ""
    words = text or str(state).replace("_", " ").capitalize()
    return format_html('<span class="badge dot {}{}">{}</span>', tone, live, words)


@register.filter
def tone(tags: str) -> str:
    """Turn the tags of a Django message into one of our four tones."""
    last = str(tags).split()[-1:] or ["info"]
    return MESSAGE_TONES.get(last[0], "info")


@register.filter
def tone_icon(value: str) -> str:
    """Name the icon of a tone, or of a Django message's tags."""
    return TONE_ICONS.get(value) or TONE_ICONS[tone(value)]


@register.inclusion_tag("components/_field.html")
def field(bound: BoundField, counter: str = "", max: int | None = None) -> dict:
    """Show a form field with its label, hint, errors and, on request, a counter.

    `counter` is "bytes" or "chars"; `max` falls back to the field's own `max_length`.
    """
    attrs = {}
    if counter:
        attrs = {"data-counter": counter, "data-max": max or bound.field.max_length or ""}
    widget = bound.field.widget
    return {
        "field": bound,
        "control": bound.as_widget(attrs=attrs),
        "counter": counter,
        "is_check": isinstance(widget, forms.CheckboxInput),
        "is_choice": isinstance(widget, forms.RadioSelect | forms.CheckboxSelectMultiple),
    }


@register.filter
def filesize(size: int | None) -> str:
    """Write a number of bytes as people say it: 1.2 kB."""
    size = size or 0
    return f"{size} B" if size < 1000 else _scaled(size, (" kB", " MB", " GB"))


@register.filter
def compact(number: float | None) -> str:
    """Write a count in at most four characters: 12.4k."""
    number = number or 0
    return f"{number:g}" if abs(number) < 1000 else _scaled(number, ("k", "M", "G"))


@register.filter
def dollars(amount: float | None) -> str:
    """Write an amount of US dollars: $1.50, and $0.0042 where cents would say nothing."""
    amount = float(amount or 0)
    whole = f"{amount:,.2f}"
    return (
        f"${whole}" if abs(amount - float(whole.replace(",", ""))) < 0.00005 else f"${amount:,.4f}"
    )


def _scaled(number: float, units: tuple[str, ...]) -> str:
    power = 1
    while abs(number) / 1000**power >= 999.5 and power < len(units):
        power += 1
    return _short(number / 1000**power) + units[power - 1]


def _short(number: float) -> str:
    return f"{number:.0f}" if number >= 99.95 else f"{number:.1f}".removesuffix(".0")


@register.filter
def duration(seconds: float | None) -> str:
    """Write a length of time given in seconds: 40 ms, 1.2 s, 3 min 04 s, 2 h 05 min."""
    if seconds is None:
        return "–"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.5:
        return f"{_short(seconds)} s"
    minutes, rest = divmod(round(seconds), MINUTE)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"


@register.filter
def ago(when: datetime | None) -> SafeString | str:
    """Write a moment relative to now; the browser keeps it fresh and shows the full date on hover."""
    if when is None:
        return "–"
    return _time(when, since(when), "ago")


def since(when: datetime) -> str:
    """The same in mere words."""
    return _distance(timezone.now() - when, when)


@register.filter
def moment(when: datetime | None) -> SafeString | str:
    """Write a date and time; the browser turns it into the reader's own time zone."""
    if when is None:
        return "–"
    return _time(when, f"{timezone.localtime(when):%d %b %Y, %H:%M}", "moment")


@register.filter
def instant(when: datetime) -> SafeString:
    """Write a date and time to the second, where many things happen within a minute."""
    return _time(when, f"{timezone.localtime(when):%d %b %Y, %H:%M:%S}", "instant")


def _time(when: datetime, words: str, style: str) -> SafeString:
    return format_html(
        '<time datetime="{}" title="{}" data-time="{}">{}</time>',
        when.isoformat(timespec="seconds"),
        f"{when:%d %B %Y, %H:%M:%S %Z}",
        style,
        words,
    )


def _distance(gap: timedelta, when: datetime) -> str:
    seconds = abs(gap.total_seconds())
    if seconds < 45:
        return "just now"
    if seconds >= 30 * DAY:
        return f"{when:%d %b %Y}"
    unit, length = next(step for step in STEPS if seconds >= step[1] or step is STEPS[-1])
    words = f"{max(1, int(seconds / length))} {unit}"
    return f"{words} ago" if gap.total_seconds() > 0 else f"in {words}"


@register.filter
def initials(name: str) -> str:
    """Take the first letters of the first and the last word."""
    words = str(name).replace("@", " ").replace(".", " ").replace("_", " ").split()
    letters = [word[0] for word in words if word[0].isalnum()]
    return "".join(letters[:1] + letters[-1:][: len(letters) - 1]).upper() or "?"


@register.filter
def visible(text: str) -> str:
    """Show control, format and bidirectional characters, which could disguise a name, as code points."""
    return "".join(_shown(character) for character in str(text))


@register.filter
def visible_text(text: str) -> str:
    """The same for a text of several lines: line ends and tabs are no disguise there."""
    return "".join(letter if letter in "\n\t" else _shown(letter) for letter in str(text))


def _shown(character: str) -> str:
    hidden = unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    return f"⟨U+{ord(character):04X}⟩" if hidden else character
