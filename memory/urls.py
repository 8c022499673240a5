from django.urls import path

from memory import (
    change_views,
    edit_views,
    file_views,
    history_views,
    redaction_views,
    search_views,
    transfer_views,
    use_views,
    views,
)

app_name = "memory"
urlpatterns = [
    path("", views.store_list, name="stores"),
    path("new", views.store_new, name="store_new"),
    path("recent", views.recent, name="recent"),
    path("at", views.mounted, name="mounted"),
    path("import", transfer_views.import_new, name="import_new"),
    path("imports/<str:upload_id>", transfer_views.import_plan, name="import_plan"),
    path("imports/<str:upload_id>/text", transfer_views.import_text, name="import_text"),
    path("sample", transfer_views.store_sample, name="store_sample"),
    path("search", search_views.search, name="search"),
    path("<str:store_id>/", views.store, name="store"),
    path("<str:store_id>/edit", views.store_edit, name="store_edit"),
    path("<str:store_id>/archive", views.store_archive, name="store_archive"),
    path("<str:store_id>/delete", views.store_delete, name="store_delete"),
    path("<str:store_id>/tree", views.tree, name="tree"),
    path("<str:store_id>/at", views.at, name="at"),
    path("<str:store_id>/history", history_views.store_history, name="store_history"),
    path("<str:store_id>/use", use_views.store_use, name="store_use"),
    path("<str:store_id>/import", transfer_views.store_import, name="store_import"),
    path("<str:store_id>/export", transfer_views.store_export, name="store_export"),
    path("<str:store_id>/duplicate", transfer_views.store_duplicate, name="store_duplicate"),
    path(
        "<str:store_id>/changes/<str:change_set_id>/undo",
        change_views.change_undo,
        name="change_undo",
    ),
    path("<str:store_id>/search", search_views.store_search, name="store_search"),
    path("<str:store_id>/preview", edit_views.memory_preview, name="memory_preview"),
    path("<str:store_id>/files/new", edit_views.memory_new, name="memory_new"),
    path("<str:store_id>/files/<str:memory_id>", file_views.memory, name="memory"),
    path("<str:store_id>/files/<str:memory_id>/edit", edit_views.memory_edit, name="memory_edit"),
    path("<str:store_id>/files/<str:memory_id>/move", file_views.memory_move, name="memory_move"),
    path(
        "<str:store_id>/files/<str:memory_id>/delete",
        file_views.memory_delete,
        name="memory_delete",
    ),
    path(
        "<str:store_id>/files/<str:memory_id>/download",
        file_views.memory_download,
        name="memory_download",
    ),
    path(
        "<str:store_id>/files/<str:memory_id>/history",
        history_views.memory_history,
        name="memory_history",
    ),
    path(
        "<str:store_id>/files/<str:memory_id>/compare",
        history_views.memory_compare,
        name="memory_compare",
    ),
    path("<str:store_id>/versions/<str:version_id>", history_views.version, name="version"),
    path(
        "<str:store_id>/versions/<str:version_id>/restore",
        history_views.version_restore,
        name="version_restore",
    ),
    path(
        "<str:store_id>/versions/<str:version_id>/redact",
        redaction_views.version_redact,
        name="version_redact",
    ),
]
