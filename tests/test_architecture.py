"""Imports point one way: between the apps, and between the layers inside each app."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.once
ROOT = Path(__file__).resolve().parent.parent

# A module may import from its own line and from the lines above it. A package counts as one module.
APPS = ["console", "memory", "sessions", "dreaming"]
LAYERS = {
    "console": """
        environment
        settings ids apps
        models
        rows sandbox vault
        trouble actors htmx middleware templatetags throttle endpoints bells broker live
        live_datagrams live_postgres celery scheduler tasks
        accounts access
        palette
        forms queries
        mistakes
        shapes
        api
        openapi
        views endpoint_views
        urls
        bridge asgi
        preparation roles supervisor
        doctor
        management
    """,
    "memory": """
        apps
        models
        paths words front_matter highlight footnotes budget tidy markup rendering alignment diffs merge conflicts listing
        literals grams
        ranking
        patterns
        globs
        indexing
        tasks reading tables
        blobs usage zip_names
        manifest zips archives layouts packing
        search stores
        redaction change_sets bulk folders samples transfer uploads past blame
        trees history links index_check page results choices wire templatetags palette
        forms history_forms transfer_forms folder_forms shapes
        views file_views edit_views history_views redaction_views use_views past_views transfer_views
        change_views search_views folder_views api
        urls
        management
    """,
    "sessions": """
        apps
        models
        tidings events transcript compaction context shells permissions leases listening memo providers tools
        spending trades
        budgets telling
        counting asking
        stalled held
        loop
        agents defaults foreign
        imported
        importing
        tasks
        conversation opening updates afterthoughts
        reading page palette panels news feeds wire shapes
        record
        forms agent_forms environment_forms money_forms
        views reply_views agent_views environment_views money_views record_views import_views api stream
        urls
        management
    """,
    "dreaming": """
        apps
        models
        transcripts findings indexing prompts hunks
        keeping
        subagents
        pipeline
        extraction
        tasks
        dreams review adoption
        evidence losses cards progress wire shapes palette
        forms views review_views adoption_views extraction_views api
        urls
    """,
}


def files(app: str) -> Iterator[tuple[str, Path]]:
    """The app's source files, each with the module (or package) of the app it belongs to."""
    for path in sorted((ROOT / app).rglob("*.py")):
        first = path.relative_to(ROOT / app).parts[0].removesuffix(".py")
        if first not in {"migrations", "__init__"}:
            yield first, path


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """What a file imports of ours, as (app, module)."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for app, module, *_ in (f"{name}.".split(".") for name in names):
            if app in APPS:
                yield app, module


def layer(app: str, module: str) -> int:
    for number, modules in enumerate(LAYERS[app].splitlines()):
        if module in modules.split():
            return number
    pytest.fail(f"{app}.{module} has no place yet: put it on its line of LAYERS.")


@pytest.mark.parametrize("app", APPS)
def test_apps_import_only_the_apps_below_them(app):
    for _, path in files(app):
        for other, module in imports(path):
            below = APPS.index(other) <= APPS.index(app)
            assert below, (
                f"{path.relative_to(ROOT)} imports {other}.{module}, which stands above it."
            )


@pytest.mark.parametrize("app", APPS)
def test_modules_import_only_the_layers_below_them(app):
    for module, path in files(app):
        for other in {name for owner, name in imports(path) if owner == app and name != module}:
            below = layer(app, other) <= layer(app, module)
            assert below, f"{path.relative_to(ROOT)} imports {app}.{other}, which stands above it."


@pytest.mark.parametrize("app", APPS)
def test_every_module_has_its_place_in_the_layers(app):
    for module, _ in files(app):
        layer(app, module)
