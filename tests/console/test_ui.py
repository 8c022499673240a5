"""The look's ground: icons and files that exist, pages a strict policy lets through, words for numbers."""

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from django import forms
from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.template import Context, Template
from django.template.loader import render_to_string
from django.utils import timezone

from console import access
from console.templatetags import ui

pytestmark = pytest.mark.once

TEMPLATES = settings.BASE_DIR / "templates"
STATIC = settings.BASE_DIR / "static"
ICON = re.compile(r"""(?:\{% icon |\bicon=)["']([\w-]+)["']""")
QUOTED = re.compile(r"""["'`#]([a-z0-9-]+)["'`]""")
STATIC_FILE = re.compile(r"""\{% static ["']([^"']+)["']""")
FORBIDDEN = re.compile(
    r"""\s(?:style|on\w+|hx-on[\w:-]*)\s*=\s*["']|javascript:|<style|<script(?![^>]+\bsrc=)"""
)


def draw(source: str, **context) -> str:
    return Template(source).render(Context(context))


def in_templates(pattern: re.Pattern) -> list[str]:
    return sorted(
        {found for page in TEMPLATES.rglob("*.html") for found in pattern.findall(page.read_text())}
    )


def sprite() -> set[str]:
    return set(re.findall(r'<symbol id="([\w-]+)"', (STATIC / "vendor/icons.svg").read_text()))


# -- What the pages refer to -----------------------------------------------------------------


def test_every_icon_a_page_names_is_in_the_sprite():
    named = {
        *in_templates(ICON),
        *ui.TONE_ICONS.values(),
        *(icon for _, icon, _ in access.NAVIGATION),
    }
    assert named - sprite() == set()


def test_the_sprite_holds_nothing_that_no_page_names():
    sources = [*TEMPLATES.rglob("*.html"), *STATIC.glob("js/*.js")]
    for app in ("console", "memory", "sessions", "dreaming"):
        sources += (TEMPLATES.parent / app).rglob("*.py")
    named = {name for source in sources for name in QUOTED.findall(source.read_text())}
    assert sprite() - named == set()


def test_every_file_a_page_names_exists():
    assert [name for name in in_templates(STATIC_FILE) if not finders.find(name)] == []


@pytest.mark.parametrize("page", sorted(TEMPLATES.rglob("*.html")), ids=lambda page: page.name)
def test_no_page_needs_what_the_policy_forbids(page):
    assert FORBIDDEN.findall(page.read_text()) == []


def test_every_address_in_the_styles_resolves(tmp_path, settings):
    settings.STATIC_ROOT = tmp_path
    manifest = "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
    settings.STORAGES = {**settings.STORAGES, "staticfiles": {"BACKEND": manifest}}
    call_command("collectstatic", interactive=False, verbosity=0)
    assert (tmp_path / "staticfiles.json").exists()


def test_no_style_or_script_fetches_from_another_host():
    own = [*STATIC.glob("css/*.css"), *STATIC.glob("js/*.js")]
    hosts = {
        host
        for path in own
        for host in re.findall(r"(?<!xmlns=')https?://[\w.]+", path.read_text())
    }
    assert hosts == set()


# -- Where static/vendor comes from -------------------------------------------------------------


def test_the_lock_file_carries_no_addresses():
    lock = json.loads((settings.BASE_DIR / "package-lock.json").read_text())
    assert [name for name, entry in lock["packages"].items() if "resolved" in entry] == []


def test_each_package_comes_with_its_licence():
    packages = json.loads((settings.BASE_DIR / "package.json").read_text())["dependencies"]
    licences = {path.stem for path in Path(STATIC / "vendor/licences").glob("*.txt")}
    short = {name.replace("lucide-static", "lucide") for name in map(_short, packages)}
    assert short - licences == set()
    bundled = {"crelt", "lezer-common", "lezer-markdown", "marijn-find-cluster-break", "style-mod"}
    assert licences - short == bundled | {"w3c-keyname"}


def _short(package: str) -> str:
    family, _, name = package.removeprefix("@").partition("/")
    return f"{family}-{name}" if family in {"codemirror", "lezer"} else name or family


# -- Pages that must always work -------------------------------------------------------------------


@pytest.mark.parametrize("page", ["400.html", "403.html", "403_csrf.html", "404.html", "500.html"])
def test_an_error_page_needs_nothing_from_the_request(page):
    html = render_to_string(page)
    assert "data-error" in html
    assert "Go home" in html


def test_the_style_guide_shows_every_component():
    html = render_to_string("console/style_guide.html")
    for component in [
        "diff-table",
        "transcript",
        "composer",
        "tree",
        "stackable",
        "steps",
        "dialog",
    ]:
        assert re.search(rf'class="[^"]*\b{component}\b', html)


# -- Tags ---------------------------------------------------------------------------------------------


def test_an_icon_is_decoration_unless_it_has_a_name():
    assert 'aria-hidden="true"' in draw('{% icon "x" %}')
    assert 'role="img" aria-label="Close"' in draw('{% icon "x" label="Close" %}')


def test_a_badge_always_says_the_word():
    assert (
        draw('{% badge "requires_action" %}')
        == '<span class="badge dot warn">Requires action</span>'
    )
    assert draw('{% badge "running" %}') == '<span class="badge dot info is-live">Running</span>'
    assert draw('{% badge "<b>" %}') == '<span class="badge dot neutral">&lt;b&gt;</span>'


class NoteForm(forms.Form):
    path = forms.CharField(help_text="Like notes/a.md")
    text = forms.CharField(required=False, max_length=4096, widget=forms.Textarea)
    access = forms.ChoiceField(choices=[("r", "Read"), ("w", "Write")], widget=forms.RadioSelect)
    keep = forms.BooleanField(required=False)


def test_a_field_with_an_error_points_to_it():
    html = draw("{% field form.path %}", form=NoteForm({"path": ""}))
    assert 'aria-describedby="id_path_helptext id_path_error"' in html
    assert 'aria-invalid="true"' in html
    assert 'id="id_path_error"' in html


def test_a_counter_knows_its_limit():
    html = draw('{% field form.text counter="chars" %}', form=NoteForm())
    assert 'data-counter="chars" data-max="4096"' in html
    assert '<output class="counter" for="id_text">' in html
    assert "optional" in html


def test_a_group_of_choices_has_a_name():
    html = draw("{% field form.access %}", form=NoteForm())
    assert 'role="group" aria-labelledby="id_access_label"' in html


def test_a_checkbox_stands_inside_its_label():
    html = draw("{% field form.keep %}", form=NoteForm())
    assert re.search(
        r'<label class="check"><input type="checkbox"[^>]*><span>Keep</span></label>', html
    )


# -- Words for numbers -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (None, "0 B"),
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (1234, "1.2 kB"),
        (102_400, "102 kB"),
    ]
    + [(999_600, "1 MB"), (1_234_567, "1.2 MB"), (5_000_000_000_000, "5000 GB")],
)
def test_sizes(size, words):
    assert ui.filesize(size) == words


@pytest.mark.parametrize(
    ("number", "words"), [(None, "0"), (7, "7"), (999, "999"), (12_430, "12.4k"), (2_000_000, "2M")]
)
def test_counts(number, words):
    assert ui.compact(number) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "–"), (0.04, "40 ms"), (1.23, "1.2 s"), (59.98, "1 min 00 s"), (184, "3 min 04 s")]
    + [(119.7, "2 min 00 s"), (7500, "2 h 05 min")],
)
def test_durations(seconds, words):
    assert ui.duration(seconds) == words


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (10, "just now"),
        (50, "1 min ago"),
        (3599, "59 min ago"),
        (7200, "2 h ago"),
        (3 * 86400, "3 d ago"),
        (-7300, "in 2 h"),
    ],
)
def test_moments_are_told_from_now(before, words):
    html = ui.ago(timezone.now() - timedelta(seconds=before))
    assert html.endswith(f'data-time="ago">{words}</time>')


def test_nothing_happened_yet_is_a_dash():
    assert ui.ago(None) == ui.moment(None) == "–"


@pytest.mark.parametrize(
    ("name", "letters"),
    [("Alice", "A"), ("Alice B. Kovacs", "AK"), ("bob@example.org", "BO"), ("", "?"), ("‮", "?")],
)
def test_initials(name, letters):
    assert ui.initials(name) == letters


def test_a_disguised_name_is_shown_for_what_it_is():
    assert ui.visible("a\u202egpj.exe\u200b\n") == "a⟨U+202E⟩gpj.exe⟨U+200B⟩⟨U+000A⟩"
    assert ui.visible_text("a\n\tb\u202e") == "a\n\tb⟨U+202E⟩"
    assert ui.visible("Pécs 東京 שלום") == "Pécs 東京 שלום"
