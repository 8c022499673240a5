"""Template tags for what memories are made of: paths, authors, sizes that changed."""

from urllib.parse import quote

from django import template
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from console.templatetags.ui import filesize, icon, since, visible
from memory.trees import Change

register = template.Library()

KINDS = {
    "user": ("user", "A person"),
    "apikey": ("key-round", "A program"),
    "sesn": ("bot", "An agent"),
}


@register.simple_tag(takes_context=True)
def author(
    context: dict, actor: str | None, name: str | None, event: str | None = ""
) -> SafeString:
    """Show who did it, by public id and name; an agent leads to the place in its session.

    People and programs lead to what else they did in the store, on pages that are about one.
    """
    prefix = (actor or "").partition("_")[0]
    symbol, kind = KINDS.get(prefix, ("circle-user", "Somebody"))
    slug, store = context["workspace"].slug, context.get("store")
    url = _session(slug, actor, event) if prefix == "sesn" else ""
    if store and prefix in {"user", "apikey"}:
        url = f"{reverse('memory:store_history', args=[slug, store.pk])}?by={actor}"
    shown = format_html('<span class="name">{}</span>', visible(name or "somebody"))
    if url:
        shown = format_html('<a href="{}">{}</a>', url, shown)
    drawn = icon(symbol, "small")
    return format_html('<span class="author with-icon" title="{}">{}{}</span>', kind, drawn, shown)


@register.simple_tag
def change_dot(change: Change | None) -> SafeString:
    """Mark what changed of late, and say when and by whom."""
    if change is None:
        return SafeString("")
    words = f"changed {since(change.when)} by {visible(change.by)}"
    drawn = '<span class="dot accent" title="{0}"><span class="visually-hidden">, {0}</span></span>'
    return format_html(drawn, words)


def _session(slug: str, session: str, event: str | None) -> str:
    try:
        url = reverse("sessions:session", args=[slug, session])
    except NoReverseMatch:
        return ""
    return f"{url}?event={event}#{event}" if event else url


@register.filter
def folders(path: str) -> list[tuple[str, str]]:
    """The folders above a path: name, and the path with its slash."""
    names = path.strip("/").split("/")[:-1]
    return [(name, "/" + "/".join(names[: at + 1]) + "/") for at, name in enumerate(names)]


@register.filter
def basename(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]


@register.filter
def pathquote(path: str) -> str:
    return quote(path)


@register.filter
def signed(delta: int) -> str:
    """Write a difference in bytes: +1.2 kB, −340 B."""
    return f"{'+' if delta > 0 else '−'}{filesize(abs(delta))}" if delta else "±0 B"
