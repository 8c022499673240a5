from django.urls import path

from memory import edit_views, file_views, history_views, redaction_views, use_views, views

app_name = "memory"
urlpatterns = [
    path("", views.store_list, name="stores"),
    path("new", views.store_new, name="store_new"),
    path("recent", views.recent, name="recent"),
    path("at", views.mounted, name="mounted"),
    path("<str:store_id>/", views.store, name="store"),
    path("<str:store_id>/edit", views.store_edit, name="store_edit"),
    path("<str:store_id>/archive", views.store_archive, name="store_archive"),
    path("<str:store_id>/delete", views.store_delete, name="store_delete"),
    path("<str:store_id>/tree", views.tree, name="tree"),
    path("<str:store_id>/at", views.at, name="at"),
    path("<str:store_id>/history", history_views.store_history, name="store_history"),
    path("<str:store_id>/use", use_views.store_use, name="store_use"),
    path("<str:store_id>/search", views.store_search, name="store_search"),
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
